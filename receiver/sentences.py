"""Every sentence the receiver says on standard error, in one place; foreign text is made safe to print."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from edge_agent.wire_values import Act, Notice, Phase, Record, Stream
from receiver.incidents import ALARM_KIND_MAX

_ACTS = {
    Act.SHOWN: "seen",
    Act.TAKEN_OVER: "taken over",
    Act.HELP_SENT: "help sent",
    Act.ON_SITE: "on site",
    Act.CLOSED: "closed",
    Act.FALSE_ALARM: "called a false alarm",
    Act.REMOTE_RESET: "remote reset asked",
}
_PHASES = {
    Phase.RAISED: "raised",
    Phase.UPDATED: "updated",
    Phase.CONDITION_GONE: "condition gone",
    Phase.ENDED: "ended at the lift",
    Phase.TEST: "test",
}


def printable(text: str) -> str:
    """Foreign text without anything that could move a cursor or forge a line."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def lift_name(device: bytes, lift_no: str | None) -> str:
    """How a lift is called in a sentence."""
    return f"box {device.hex()}" if lift_no is None else f"lift {printable(lift_no)}"


def title_of(kind: int) -> str:
    """English title of an alarm kind; the number where this receiver does not know it."""
    try:
        return CATALOGUE[AlarmKind(kind)].title_en
    except (ValueError, KeyError):
        return f"alarm kind {kind}"


def stored(record: Record, lift_no: str | None) -> str:
    """A record of an incident is on disk."""
    phase = _PHASES[record.phase or Phase.RAISED]
    percent = "" if record.percent is None else f", someone inside {record.percent} %"
    incident = record.seqno if record.incident is None else record.incident
    what = "alarm" if record.kind <= ALARM_KIND_MAX else "fault"
    return (
        f"stored {what}: {title_of(record.kind)}, {phase}, {lift_name(record.device, lift_no)}, "
        f"incident {incident}{percent}"
    )


def tested(record: Record, lift_no: str | None) -> str:
    """A test walked the path of an alarm."""
    return f"test alarm arrived from {lift_name(record.device, lift_no)}"


def told(notice: Notice, kind: int, device: bytes, lift_no: str | None) -> str:
    """A person did something."""
    by = "" if notice.who is None else f" by {printable(notice.who)}"
    eta = "" if notice.eta_min is None else f", there in {notice.eta_min} min"
    return f"{_ACTS[notice.act]}{by}: {title_of(kind)}, {lift_name(device, lift_no)}{eta}"


def heard(device: bytes, lift_no: str | None, upto: int) -> str:
    """The box has acted on notices."""
    return f"{lift_name(device, lift_no)} has heard what was done, up to notice {upto}"


def first_contact(device: bytes) -> str:
    """A box never seen before."""
    return f"first contact with box {device.hex()}"


def refused(device: bytes, lift_no: str | None, count: int, problem: str) -> str:
    """Items of a batch were no good."""
    return f"{lift_name(device, lift_no)} sent {count} record(s) that were refused: {printable(problem)}"


def broken(device: bytes, lift_no: str | None, stream: Stream, seqno: int) -> str:
    """A record that does not follow the one before it."""
    return (
        f"CHAIN BROKEN: record {seqno} of stream {int(stream)} of {lift_name(device, lift_no)} does not follow the one "
        "before it, or is not the one that a checkpoint names; compare with `edge-agent outbox verify` at the box"
    )


def conflict(device: bytes, lift_no: str | None, stream: Stream, seqno: int) -> str:
    """Two records under one number."""
    return (
        f"CONFLICT: {lift_name(device, lift_no)} sent another record under number {seqno} of stream {int(stream)}; "
        "two boxes with one identity, or a restored card; both are kept"
    )
