"""What other programs follow: the journal as lines of JSON or as a CBOR sequence, and tables as CSV.

In: entries of the journal, views of incidents. Out: bytes. Nothing that a box or a person wrote is executed by whoever
opens it: in CSV a cell that a spreadsheet would take for a formula is quoted.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

from edge_agent.gate import write_item
from edge_agent.wire_values import Notice
from receiver.decoding import decoded
from receiver.incident_rows import IncidentView
from receiver.journal import Entry
from receiver.register import LiftRecord, Registered
from receiver.sentences import title_of

FEED_FORMAT = 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_line(entry: Entry) -> bytes:
    """One entry as one line; the record and its seal as hexadecimal bytes, with what they say beside."""
    tree: dict[str, object] = {
        "position": entry.position,
        "device": entry.device.hex(),
        "log": entry.log,
        "stream": int(entry.stream),
        "number": entry.seqno,
    }
    if entry.body is not None:
        record = decoded(entry.body)
        tree |= {
            "type": "record",
            "kind": record.kind,
            "phase": None if record.phase is None else record.phase.name.lower(),
            "incident": record.incident,
            "percent": record.percent,
            "note": record.note,
            "arrived_ms": entry.arrived_ms,
            "body": entry.body.hex(),
            "seal": None if entry.seal is None else entry.seal.hex(),
        }
    if entry.notice is not None:
        tree |= {"type": "notice", **_notice(entry.notice)}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def cbor_item(entry: Entry) -> bytes:
    """One entry as one item: [format, position, device, log, stream, number, arrived, record, seal, notice]."""
    notice = entry.notice
    said = None
    if notice is not None:
        eta_min = -1 if notice.eta_min is None else notice.eta_min
        said = [notice.number, int(notice.act), notice.at_ms, notice.who or "", eta_min]
    return write_item(
        [
            FEED_FORMAT,
            entry.position,
            entry.device,
            entry.log,
            int(entry.stream),
            entry.seqno,
            entry.arrived_ms or 0,
            entry.body or b"",
            entry.seal or b"",
            said or [],
        ]
    )


def incidents_csv(views: Iterable[IncidentView]) -> str:
    """Incidents as a table, times in Unix ms."""
    head = (
        "id", "device", "lift", "kind", "title", "state", "is_open", "raised_earliest_ms", "raised_latest_ms",
        "stored_ms", "occupied_percent", "taken_over_by", "taken_over_ms", "gone_ms", "ended_ms", "recovered_by_itself",
    )  # fmt: skip
    return table([head, *(_incident_row(view) for view in views)])


def lifts_csv(lifts: Iterable[Registered]) -> str:
    """The register as a table."""
    names = tuple(LiftRecord.__slots__)
    rows = (
        (*(getattr(lift.record, name) for name in names), lift.firm, " ".join(d.hex() for d in lift.devices))
        for lift in lifts
    )
    return table([(*names, "firm", "devices"), *rows])


def table(rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180, with what looks like a formula made plain text."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def _incident_row(view: IncidentView) -> Sequence[object]:
    incident = view.incident
    first, takeover = incident.first, incident.takeover
    assert first is not None
    return (
        str(incident.key),
        incident.key.device.hex(),
        view.lift_no,
        first.kind,
        title_of(first.kind),
        incident.state.value,
        int(incident.is_open),
        view.raised.earliest_ms,
        view.raised.latest_ms,
        view.stored_ms,
        view.occupied_percent,
        None if takeover is None else takeover.who,
        None if takeover is None else takeover.at_ms,
        None if view.gone is None else view.gone.latest_ms,
        None if view.ended is None else view.ended.latest_ms,
        int(view.recovered_by_itself),
    )


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "notice": notice.number,
        "act": notice.act.name.lower(),
        "at_ms": notice.at_ms,
        "who": notice.who,
        "eta_min": notice.eta_min,
    }
