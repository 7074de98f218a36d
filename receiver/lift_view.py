"""One lift as a maintenance firm looks at it: its box, last trips, how they change over weeks, signal, what happened.

Read from the last commit, bounded: the newest RECENT_MAX records of telemetry whole, and of the TREND_SPAN before them
every n-th, so that at most TREND_MAX are decoded. The medians of a day then come from the trips that were looked at;
`every` says how many stand for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection, func, select

from edge_agent.wire_values import Measure, Record, Stream, SystemKind
from receiver import tables as t
from receiver.dating import BootContacts, Moment, when
from receiver.decoding import decoded
from receiver.incident_rows import IncidentView, contacts_near, load_view
from receiver.incidents import IncidentKey
from receiver.visit_view import CommissionedView, VisitView, load_visits

RECENT_MAX = 200
TRIPS_MAX = 50
TREND_SPAN = 40_000
TREND_MAX = 800
INCIDENTS_MAX = 30
DAY_MS = 86_400_000
"""Some 500 trips on a working day: the span is a quarter of a year, the newest records some hours. Ours."""

_R = t.record.c


@dataclass(frozen=True, slots=True)
class TripView:
    """A trip as the box told it. at_ms: Unix time, the latest it can have ended. `None`: not told."""

    at_ms: int
    from_landing: int | None
    to_landing: int | None
    moving: int | None  # -1 down, 1 up
    distance_mm: int | None
    time_ms: int | None
    speed_mmps: int | None  # the largest
    accel_mmps2: int | None  # peaks, 10 Hz-filtered
    decel_mmps2: int | None
    jerk_mmps3: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """Medians over the trips of a day that were looked at. start_ms: its beginning, UTC."""

    start_ms: int
    looked_at: int
    speed_mmps: float | None
    accel_mmps2: float | None
    decel_mmps2: float | None
    jerk_mmps3: float | None


@dataclass(frozen=True, slots=True)
class LiftView:
    """See the module. health: the newest heartbeat, with when it came; signal: dBm by landing, newest."""

    device: bytes
    lift_no: str | None
    firmware: str | None
    first_contact_ms: int | None
    last_contact_ms: int
    test_ms: int | None
    trips: tuple[TripView, ...]
    days: tuple[Day, ...]
    every: int
    health: tuple[int, Record] | None
    signal_dbm: tuple[tuple[int, int], ...]
    incidents: tuple[IncidentView, ...]
    visits: tuple[VisitView, ...]
    commissionings: tuple[CommissionedView, ...]


def load_lift(db: Connection, device: bytes) -> LiftView | None:
    """None: this box has never sent anything."""
    at = t.device.c
    columns = select(at.log, at.lift_no, at.firmware, at.last_contact_ms, at.test_ms)
    row = db.execute(columns.where(at.dev == device)).one_or_none()
    if row is None:
        return None
    recent = _records(db, device, row.log, 1, None, RECENT_MAX)
    newest = max((record.seqno for _, record in recent), default=0)
    every = max(1, -(-min(newest, TREND_SPAN) // TREND_MAX))
    spread = recent if newest <= RECENT_MAX else _records(db, device, row.log, every, newest - TREND_SPAN, TREND_MAX)
    dated = _Dates(db, device)
    trips = [trip_of(record, dated.of(record, at_ms)) for at_ms, record in recent if record.kind == SystemKind.TRIP]
    older = [trip_of(record, dated.of(record, at_ms)) for at_ms, record in spread if record.kind == SystemKind.TRIP]
    beats = [(at_ms, record) for at_ms, record in recent if record.kind == SystemKind.HEARTBEAT]
    visits, commissionings = load_visits(db, device, dated.of)
    first = select(func.min(t.contact.c.first_arrived_ms)).where(t.contact.c.dev == device)
    return LiftView(
        device=device,
        lift_no=row.lift_no,
        firmware=row.firmware,
        first_contact_ms=db.execute(first).scalar_one(),
        last_contact_ms=row.last_contact_ms,
        test_ms=row.test_ms,
        trips=tuple(trips[:TRIPS_MAX]),
        days=days_of(older),
        every=every,
        health=beats[0] if beats else None,
        signal_dbm=signal_by_landing(record for _, record in spread),
        incidents=_incidents(db, device),
        visits=visits,
        commissionings=commissionings,
    )


def trip_of(record: Record, at_ms: int) -> TripView:
    """A trip out of its record. Source: `edge_agent/records.py`, `draft_of_trip`: what has no field is in the note."""
    found = {measured.measure: measured.value for measured in record.measures or ()}
    said = dict(word.partition("=")[::2] for word in (record.note or "").split(" "))
    place = record.place
    return TripView(
        at_ms=at_ms,
        from_landing=_whole(said.get("from")),
        to_landing=None if place is None else place.floor,
        moving=None if place is None else place.moving,
        distance_mm=_whole(said.get("distance_mm")),
        time_ms=_whole(said.get("time_ms")),
        speed_mmps=found.get(Measure.SPEED),
        accel_mmps2=found.get(Measure.ACC_Z),
        decel_mmps2=_whole(said.get("decel_mmps2")),
        jerk_mmps3=found.get(Measure.JERK),
    )


def days_of(trips: Iterable[TripView]) -> tuple[Day, ...]:
    """One row a day with a trip, oldest first."""
    by_day: dict[int, list[TripView]] = {}
    for trip in trips:
        by_day.setdefault(trip.at_ms // DAY_MS, []).append(trip)
    return tuple(
        Day(
            start_ms=day * DAY_MS,
            looked_at=len(of_day),
            speed_mmps=_median(trip.speed_mmps for trip in of_day),
            accel_mmps2=_median(trip.accel_mmps2 for trip in of_day),
            decel_mmps2=_median(trip.decel_mmps2 for trip in of_day),
            jerk_mmps3=_median(trip.jerk_mmps3 for trip in of_day),
        )
        for day, of_day in sorted(by_day.items())
    )


def signal_by_landing(newest_first: Iterable[Record]) -> tuple[tuple[int, int], ...]:
    """Landing and signal strength in dBm, the newest word of each landing."""
    found: dict[int, int] = {}
    for record in newest_first:
        if record.kind != SystemKind.SIGNAL_COVERAGE or record.place is None or record.place.floor is None:
            continue
        told = [each.value for each in record.measures or () if each.measure is Measure.SIGNAL_STRENGTH]
        if told:
            found.setdefault(record.place.floor, told[0])
    return tuple(sorted(found.items()))


class _Dates:
    """Dates records of one box; the contacts of a boot are read once."""

    def __init__(self, db: Connection, device: bytes) -> None:
        self._db, self._device = db, device
        self._contacts: dict[tuple[int, int], Sequence[BootContacts]] = {}

    def of(self, record: Record, arrived_ms: int) -> int:
        """Unix time, the latest that it can have been."""
        boot = record.log, record.stamp.boot
        if boot not in self._contacts:
            self._contacts[boot] = contacts_near(self._db, self._device, *boot)
        stamp = record.stamp
        moment = Moment(stamp.boot, stamp.up_ms, stamp.wall_ms, stamp.unc_ms or 0)
        return when(moment, arrived_ms, self._contacts[boot]).latest_ms


def _records(
    db: Connection, device: bytes, log: int, every: int, after: int | None, count: int
) -> list[tuple[int, Record]]:
    """Telemetry, newest first, with when it arrived."""
    asked = select(_R.body, _R.arrived_ms).where(
        _R.dev == device, _R.log == log, _R.stream == int(Stream.TELEMETRY), _R.seqno % every == 0
    )
    if after is not None:
        asked = asked.where(_R.seqno > after)
    rows = db.execute(asked.order_by(_R.seqno.desc()).limit(count))
    return [(row.arrived_ms, decoded(bytes(row.body))) for row in rows]


def _incidents(db: Connection, device: bytes) -> tuple[IncidentView, ...]:
    at = t.incident.c
    rows = db.execute(
        select(at.dev, at.log, at.stream, at.seqno)
        .where(at.dev == device)
        .order_by(at.is_open.desc(), at.stored_ms.desc())
        .limit(INCIDENTS_MAX)
    )
    keys = [IncidentKey(bytes(row.dev), row.log, Stream(row.stream), row.seqno) for row in rows]
    views = [load_view(db, key) for key in keys]
    return tuple(view for view in views if view is not None)


def _whole(word: str | None) -> int | None:
    """A whole number of at most nine digits out of a note; None for anything else."""
    if word is None or len(word) > 10 or not word.removeprefix("-").isdecimal():
        return None
    return int(word)


def _median(values: Iterable[int | None]) -> float | None:
    found = [value for value in values if value is not None]
    return float(median(found)) if found else None
