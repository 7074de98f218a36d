"""The values of wire format 1: records and their parts, batches, receipts, notices; `wire` puts them in bytes.

Ranges and sizes are those of `alarm.cddl`; they are checked when a value is encoded or decoded, not when it is made.
`None`: the field is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from edge_agent.alarms import DoorState

DEVICE_ID_BYTES = 8
DIGEST_BYTES = 32
LINK_BYTES = 8
SEQNO_MAX = (1 << 32) - 1


class Stream(IntEnum):
    """Each stream of a log is numbered and chained by itself."""

    ALARM = 0
    FAULT = 1  # faults and system records
    TELEMETRY = 2
    DIAGNOSTICS = 3


class Phase(IntEnum):
    """Stage of an incident. Condition gone never ends an alarm by itself."""

    RAISED = 1
    UPDATED = 2
    CONDITION_GONE = 3
    ENDED = 4  # at the lift
    TEST = 5


class SystemKind(IntEnum):
    """Kinds of records that are no alarms. Source: design/alarms.md; the number is for ever."""

    STARTED = 64
    CLOCK_FIX = 65
    CHECKPOINT = 66
    RECORDS_LOST = 67
    CONFIGURATION_CHANGED = 68
    PERIODIC_TEST = 69  # on the alarm stream, so that it walks the path of an alarm
    KEY_CHANGED = 70
    COMMISSIONING = 73
    MAINTENANCE_VISIT = 74
    TRIP = 96
    HEARTBEAT = 97
    SIGNAL_COVERAGE = 101


class Measure(IntEnum):
    """Measured values in fixed whole units."""

    ACC_X = 0  # mm/s2
    ACC_Y = 1
    ACC_Z = 2
    JERK = 3  # mm/s3
    SPEED = 4  # mm/s
    VIBRATION = 5  # mm/s2, A95 peak to peak
    SOUND = 6  # 0.1 dB
    TEMPERATURE = 7  # 0.01 degC
    VOLTAGE = 8  # mV
    DOOR_MS = 9
    LEVEL_ERROR = 10  # mm
    STILL_S = 11
    SIGNAL_STRENGTH = 12  # dBm
    DISK_FREE = 13  # KiB
    TRIPS = 14
    CPU_TEMPERATURE = 15  # 0.01 degC


class LostReason(IntEnum):
    """Why records were deleted unsent."""

    NO_ROOM = 1
    TOO_OLD = 2
    DAMAGED_ON_DISK = 3
    REFUSED = 4  # by the receiver


class ClockSource(IntEnum):
    """Where the wall clock was set from."""

    NONE = 0
    NTP = 1
    RECEIVER = 2
    CELLULAR = 3
    RTC = 4
    GNSS = 5


class Verdict(IntEnum):
    """What the receiver did with one item of a batch. For diagnosis: only marks move a cursor."""

    STORED = 0
    HAD_IT = 1
    MALFORMED = 2
    NOT_ALLOWED = 3
    CONFLICT = 4  # same number, other bytes
    LATER = 5


class VisitAct(IntEnum):
    """What is told of a maintenance visit."""

    STARTED = 1
    FINISHED = 2
    FORGOTTEN = 3  # nobody finished it in time: alarms are told again


class Act(IntEnum):
    """What a person did about an incident."""

    SHOWN = 1
    TAKEN_OVER = 2
    HELP_SENT = 3
    ON_SITE = 4
    CLOSED = 5
    FALSE_ALARM = 6
    REMOTE_RESET = 7


@dataclass(frozen=True, slots=True)
class Stamp:
    """When, on the clock of the box: boot counter and ms since that boot (CLOCK_BOOTTIME).

    wall_ms: Unix time; unc_ms: half width of its uncertainty, about 95 %. Both or neither.
    """

    boot: int
    up_ms: int
    wall_ms: int | None = None
    unc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WirePlace:
    """Where the car was. moving: -1 down, 0 at rest, 1 up."""

    floor: int | None = None  # index of the landing, lowest is 0
    door: DoorState | None = None
    moving: int | None = None
    height_mm: int | None = None
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured value in the unit of its measure."""

    measure: Measure
    value: int


@dataclass(frozen=True, slots=True)
class LaterField:
    """A field (key 16..19) of a newer sender: kept, never interpreted."""

    key: int
    value: int | bool


@dataclass(frozen=True, slots=True)
class ClockFix:
    """The wall clock was set. step_ms: how far it jumped."""

    wall_ms: int
    unc_ms: int
    source: ClockSource
    step_ms: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Records first..last of a stream of this log were deleted unsent; for the mark they count as present."""

    stream: Stream
    first: int
    last: int
    reason: LostReason


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record of a stream and its full digest."""

    stream: Stream
    last: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The heads of all streams that have records, and how many records wait to be sent."""

    heads: tuple[Head, ...]
    queued: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Which lift, which software, which configuration."""

    lift_no: str
    firmware: str
    configuration: bytes  # first 8 bytes of its digest


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Another key seals from now on. key: raw, as `PublicKey` has it; replaces: fingerprint of the one before."""

    key: bytes
    replaces: bytes


@dataclass(frozen=True, slots=True)
class Commissioned:
    """The lift was commissioned. report: digest of the sealed report; the others count its steps by verdict."""

    report: bytes
    passed: int
    doubtful: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One stage of a maintenance visit. number: counts the visits of this box.

    items: first 8 bytes of the digest of the checklist. done, faulty: bit n (lowest first) stands for its item n + 1;
    faulty: looked at and found not in order.
    """

    number: int
    act: VisitAct
    lasted_s: int
    person: str
    items: bytes
    done: bytes = b""
    faulty: bytes = b""


Detail = ClockFix | Lost | Checkpoint | Identity | KeyChange | Commissioned | Visit


@dataclass(frozen=True, slots=True)
class Record:
    """What happened: made once, never changed. Key: (device, log, stream, seqno)."""

    device: bytes
    log: int
    stream: Stream
    seqno: int
    kind: int
    stamp: Stamp
    link: bytes  # first 8 bytes of the digest of the record before it in its stream
    phase: Phase | None = None
    incident: int | None = None  # seqno of the opening record; absent in the opener
    place: WirePlace | None = None
    measures: tuple[Measured, ...] | None = None  # ascending, each once
    percent: int | None = None
    evidence: int | None = None  # bit n: witness n
    note: str | None = None
    detail: Detail | None = None
    later: tuple[LaterField, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request carries. Each item is a sealed record and judged by itself."""

    device: bytes
    items: tuple[bytes, ...]
    stamp: Stamp  # when this body was built
    acted_notice: int | None = None  # highest notice acted on


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything of this stream up to here is on the receiver's disk, nothing missing. 0: nothing yet."""

    stream: Stream
    upto: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that the receiver misses."""

    stream: Stream
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class IncidentRef:
    """An incident: the key of its opening record, without the device."""

    log: int
    stream: Stream
    seqno: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person did, receiver to agent. number: counts per receiver and device."""

    number: int
    act: Act
    incident: IncidentRef
    at_ms: int  # Unix time
    who: str | None = None
    eta_min: int | None = None


@dataclass(frozen=True, slots=True)
class Want:
    """A recording around an alarm that the receiver asks for. digest: its first 16 bytes, as the alarm names it."""

    digest: bytes
    offset: int  # the receiver has everything before this byte


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a recording around an alarm. size: of the whole file; 0: the box keeps none under this digest."""

    device: bytes
    digest: bytes
    size: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver's answer: the only thing that lets the agent forget a record."""

    device: bytes
    log: int
    verdicts: tuple[Verdict, ...]  # in the order of the batch
    marks: tuple[Mark, ...]
    at_ms: int  # Unix time at the receiver
    receiver: bytes
    gaps: tuple[Gap, ...] = ()
    notices: tuple[Notice, ...] = ()
    ask_again_s: int | None = None
    answers: bytes | None = None  # first 8 bytes of SHA-256 over the batch
    want: Want | None = None


@dataclass(frozen=True, slots=True)
class Short:
    """A foretaste of an alarm for SMS and LoRaWAN, replaced when the record itself arrives."""

    device: bytes
    log: int
    seqno: int
    kind: int
    phase: Phase
    floor: int
    age_s: int
