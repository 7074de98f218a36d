"""What is in an outbox after the power went, and whether it is what was told. Runs in the machine and outside."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Severity
from edge_agent.durable_file import replace_file
from edge_agent.outbox import Bounds, Outbox
from edge_agent.outbox_reading import OutboxReader
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Lost, Phase, Stamp, Stream, digest

DEVICE = b"lab-box."
MAIN = "main"
KEPT_COUNT = 64
BOUNDS = Bounds(telemetry_bytes=96 * 1024, kept_count=KEPT_COUNT)
"""Small, so that room is made within minutes and the power goes while it is."""

DIGEST_HEX = 8
FILE = "learned.json"
FILE_WORDS = 6_000  # 40 kB, as what a box has learned
TORN = -1


@dataclass(slots=True)
class Found:
    """An outbox after it was opened. records: "log stream number" to digest. lost: stream, first, last."""

    records: dict[str, str] = field(default_factory=dict)
    lost: list[tuple[int, int, int]] = field(default_factory=list)
    file: int = 0  # number of the small file beside the outbox; 0: not there
    wrong: list[str] = field(default_factory=list)  # what is wrong whatever was told


class Account:
    """What was told so far: the only thing that the judge believes."""

    def __init__(self) -> None:
        self.records: dict[str, str] = {}
        self._confirmed: dict[int, int] = {}
        self._file = 0

    def copy(self) -> Account:
        """As it is now."""
        account = Account()
        account.records, account._confirmed, account._file = dict(self.records), dict(self._confirmed), self._file
        return account

    def hear(self, line: str) -> None:
        """`committed LOG STREAM FIRST DIGEST...`, `replaced NUMBER`: it is done; `confirms STREAM UPTO`: may go."""
        words = line.split()
        if words[0] == "committed":
            for number, short in zip(itertools.count(int(words[3])), words[4:]):
                self.records[f"{words[1]} {words[2]} {number}"] = short
        elif words[0] == "confirms":
            self._confirmed[int(words[1])] = int(words[2])
        elif words[0] == "replaced":
            self._file = int(words[1])

    def missing(self, found: Found) -> Iterator[str]:
        """Each record that was told and is not there as told; none that may have gone: confirmed, or named as lost."""
        if found.file < self._file:
            yield f"the file is {'torn' if found.file == TORN else f'number {found.file}'}, told {self._file}"
        for place, short in self.records.items():
            kept = found.records.get(place)
            if kept == short:
                continue
            _, stream, number = (int(word) for word in place.split())
            if kept is not None:
                yield f"record {place} is another: {kept}, told {short}"
            elif number > self._confirmed.get(stream, 0) - KEPT_COUNT and not _is_named(found.lost, stream, number):
                yield f"record {place} is gone"


def _is_named(lost: Iterable[tuple[int, int, int]], stream: int, number: int) -> bool:
    return stream != Stream.ALARM and any(of == stream and first <= number <= last for of, first, last in lost)


def replace(folder: Path, number: int) -> None:
    """The small file beside the outbox, as keys, enrolment and what was learned are written."""
    replace_file(folder / FILE, _file_text(number))


def _file_text(number: int) -> str:
    return f"{number} " * FILE_WORDS


def _file_number(folder: Path) -> int:
    path = folder / FILE
    if not path.exists():
        return 0
    text = path.read_text(errors="replace")
    first = text.partition(" ")[0]
    return int(first) if first.isdigit() and text == _file_text(int(first)) else TORN


def open_outbox(path: Path, boot_id: str) -> Outbox:
    """As the agent opens it."""
    return Outbox.open(path, DEVICE, boot_id=boot_id, up_ms=1, destinations=(MAIN,), bounds=BOUNDS)


def examine(path: Path, boot_id: str) -> Found:
    """Open an outbox after a power cut, look at every record, and let it take one alarm more."""
    found = Found(file=_file_number(path.parent))
    if found.file == TORN:
        found.wrong.append("the small file is torn")
    if not path.exists():
        return found
    outbox = open_outbox(path, boot_id)
    try:
        if outbox.set_aside is not None:
            found.wrong.append("the outbox was damaged and set aside")
        present = _look(path, found)
        if present != set(outbox.untaken()):
            found.wrong.append(f"records say that {present} are open, the incidents {outbox.untaken()}")
        alarm = Alarm(1, AlarmKind.ENTRAPMENT, AlarmState.RAISED, Severity.CRITICAL, outbox.next_incident())
        draft = draft_of_alarm(alarm)
        assert draft is not None
        stored = outbox.append(draft, Stamp(outbox.boot, 2))
        if stored is None or outbox.record(stored.stream, stored.seqno) is None:
            found.wrong.append("it takes no new alarm")
    finally:
        outbox.close()
    with OutboxReader(path) as reader:
        found.wrong.extend(reader.problems())
    return found


def _look(path: Path, found: Found) -> set[int]:
    """Returns the opening numbers of the alarms that are present by their records."""
    present: set[int] = set()
    with OutboxReader(path) as reader:
        found.wrong.extend(reader.problems())
        for stream in Stream:
            for row in reader.records(stream):
                found.records[f"{reader.log_id} {int(stream)} {row.seqno}"] = digest(row.body).hex()[:DIGEST_HEX]
                record = row.record
                if record is None:
                    continue
                if isinstance(record.detail, Lost):
                    found.lost.append((int(record.detail.stream), record.detail.first, record.detail.last))
                if stream is Stream.ALARM and record.phase is Phase.RAISED:
                    present.add(row.seqno)
                elif stream is Stream.ALARM and record.phase in (Phase.CONDITION_GONE, Phase.ENDED):
                    present.discard(record.incident or row.seqno)
    return present
