"""Values for the tests of this room: hand-made ones, and every value that the schema allows."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, Severity, Witness
from edge_agent.outbox import Bounds, Outbox
from edge_agent.records import RecordDraft
from edge_agent.wire import (
    Act,
    Batch,
    Checkpoint,
    ClockFix,
    ClockSource,
    Gap,
    Head,
    Identity,
    IncidentRef,
    KeyChange,
    LaterField,
    Lost,
    LostReason,
    Mark,
    Measure,
    Measured,
    Notice,
    Part,
    Phase,
    Receipt,
    Record,
    Short,
    Stamp,
    Stream,
    SystemKind,
    Verdict,
    Want,
    WirePlace,
)

DEVICE = bytes.fromhex("a1b2c3d4e5f60718")
RECEIVER = b"receiver"
MAIN = "main"

FULL = Record(
    device=DEVICE,
    log=2654435769,
    stream=Stream.ALARM,
    seqno=41,
    kind=1,
    stamp=Stamp(17, 86412345, 1795459200123, 350),
    link=bytes.fromhex("2d711642b726b044"),
    phase=Phase.RAISED,
    place=WirePlace(floor=7, door=DoorState.CLOSED, moving=0, height_mm=21350, people=2),
    measures=(Measured(Measure.ACC_X, -12), Measured(Measure.ACC_Y, 45), Measured(Measure.ACC_Z, 3)),
    percent=93,
    evidence=23,
)
MINIMAL = replace(FULL, place=None, measures=None, percent=None, evidence=None)
UNSET = replace(MINIMAL, stamp=Stamp(17, 86412345))


def alarm(
    state: AlarmState = AlarmState.RAISED, *, incident: int = 1, kind: AlarmKind = AlarmKind.ENTRAPMENT, note: str = ""
) -> Alarm:
    """One stage of an incident, with signs, place and witnesses."""
    return Alarm(
        t_ns=1_000_000_000,
        kind=kind,
        state=state,
        severity=Severity.CRITICAL,
        incident=incident,
        evidence=(Evidence("standstill_s", 61.2),),
        witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
        place=Place(landing_index=4, is_between_landings=False, height_mm=13_400, door=DoorState.CLOSED),
        occupied_percent=97,
        note=note,
    )


def heartbeat(n: int = 0, note: str = "") -> RecordDraft:
    """A small telemetry record."""
    return RecordDraft(Stream.TELEMETRY, SystemKind.HEARTBEAT, measures=(Measured(Measure.TRIPS, n),), note=note)


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def open_outbox(
    folder: Path,
    *,
    destinations: tuple[str, ...] = (MAIN,),
    boot_id: str = "boot-1",
    bounds: Bounds | None = None,
    logs: tuple[int, ...] = (11, 22, 33, 44),
    device: bytes = DEVICE,
) -> Outbox:
    """The outbox in `folder`, with log ids in a known order."""
    drawn = iter(logs)
    return Outbox.open(
        folder / "outbox.db",
        device,
        boot_id=boot_id,
        up_ms=5_000,
        destinations=destinations,
        bounds=bounds,
        draw_log=lambda: next(drawn),
    )


_words = st.integers(0, (1 << 32) - 1)
_numbers = st.integers(1, (1 << 32) - 1)
_mvals = st.integers(-(1 << 31), (1 << 31) - 1)
_unix_ms = st.integers(1_500_000_000_000, 4_102_444_800_000)
_ids = st.binary(min_size=8, max_size=8)
_streams = st.sampled_from(Stream)
_floors = st.integers(-20, 200)


def texts(bytes_max: int) -> st.SearchStrategy[str]:
    """Text of 1..bytes_max bytes of UTF-8."""
    whole = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=bytes_max)
    return whole.filter(lambda text: len(text.encode()) <= bytes_max)


stamps = st.builds(Stamp, _numbers, st.integers(0, (1 << 48) - 1)) | st.builds(
    Stamp, _numbers, st.integers(0, (1 << 48) - 1), _unix_ms, _words
)
_places = st.builds(
    WirePlace,
    floor=st.none() | _floors,
    door=st.none() | st.sampled_from(DoorState),
    moving=st.none() | st.integers(-1, 1),
    height_mm=st.none() | st.integers(-100_000, 1_000_000),
    people=st.none() | st.integers(0, 99),
)
_measures = st.dictionaries(st.sampled_from(Measure), _mvals).map(
    lambda found: tuple(Measured(measure, found[measure]) for measure in sorted(found))
)
details = (
    st.builds(ClockFix, _unix_ms, _words, st.sampled_from(ClockSource), _mvals)
    | st.builds(Lost, _streams, _numbers, _numbers, st.sampled_from(LostReason))
    | st.builds(
        Checkpoint,
        st.lists(st.builds(Head, _streams, _numbers, st.binary(min_size=32, max_size=32)), min_size=1, max_size=4).map(
            tuple
        ),
        _words,
    )
    | st.builds(Identity, texts(32), texts(24), _ids)
    | st.builds(KeyChange, st.binary(min_size=32, max_size=33), _ids)
)
_later = st.dictionaries(st.integers(16, 19), st.booleans() | st.integers(-(1 << 64), (1 << 64) - 1)).map(
    lambda found: tuple(LaterField(key, found[key]) for key in sorted(found))
)
records = st.builds(
    Record,
    device=_ids,
    log=_words,
    stream=_streams,
    seqno=_numbers,
    kind=st.integers(1, 255),
    stamp=stamps,
    link=_ids,
    phase=st.none() | st.sampled_from(Phase),
    incident=st.none() | _numbers,
    place=st.none() | _places,
    measures=st.none() | _measures,
    percent=st.none() | st.integers(0, 100),
    evidence=st.none() | st.integers(0, 65_535),
    note=st.none() | texts(80),
    detail=st.none() | details,
    later=_later,
)
notices = st.builds(
    Notice,
    number=_numbers,
    act=st.sampled_from(Act),
    incident=st.builds(IncidentRef, _words, _streams, _numbers),
    at_ms=_unix_ms,
    who=st.none() | texts(32),
    eta_min=st.none() | st.integers(0, 1_440),
)
_digests = st.binary(min_size=16, max_size=16)
_file_places = st.integers(0, 1 << 26)
receipts = st.builds(
    Receipt,
    device=_ids,
    log=_words,
    verdicts=st.lists(st.sampled_from(Verdict), max_size=64).map(tuple),
    marks=st.lists(st.builds(Mark, _streams, _words), max_size=4).map(tuple),
    at_ms=_unix_ms,
    receiver=_ids,
    gaps=st.lists(st.builds(Gap, _streams, _numbers, _numbers), max_size=16).map(tuple),
    notices=st.lists(notices, max_size=3).map(tuple),
    ask_again_s=st.none() | st.integers(1, 3_600),
    answers=st.none() | _ids,
    want=st.none() | st.builds(Want, _digests, _file_places),
)
parts = st.builds(
    Part, device=_ids, digest=_digests, size=_file_places, offset=_file_places, data=st.binary(max_size=16_384)
)
batches = st.builds(
    Batch,
    device=_ids,
    items=st.lists(st.binary(min_size=16, max_size=1_024), min_size=1, max_size=3).map(tuple),
    stamp=stamps,
    acted_notice=st.none() | _words,
)
shorts = st.builds(
    Short,
    device=_ids,
    log=_words,
    seqno=_numbers,
    kind=st.integers(1, 255),
    phase=st.sampled_from(Phase),
    floor=_floors,
    age_s=st.integers(0, (1 << 24) - 1),
)
