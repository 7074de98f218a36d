"""Changes the key that seals records: introduces it by a record sealed with the old one, and uses it where it is known.

In: the wish for another key, records as they are committed, what each receiver has confirmed. Out: the record
`key_changed`, and for each receiver the key that seals. State: the later key, and where the record that introduces it
lies. A receiver that has not confirmed that record, or was set back behind it, gets the seals of the first key, which
names the box and is never given up. Source: design/wire.md section 5.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.agent_ways import Errand, Way
from edge_agent.delivery_seals import BoxSeals
from edge_agent.errors import OutboxError, UplinkError
from edge_agent.journal import Journal
from edge_agent.key_file import later_key_in, new_later_key
from edge_agent.records import RecordDraft, StoredRecord, draft_of_key_change
from edge_agent.wire import KeyChange, Notice, Stream, SystemKind, decode_record
from edge_agent.wire_sealing import SEED_BYTES, SigningKey

NS_PER_S = 1_000_000_000
AGAIN_NS = 60 * NS_PER_S
"""A record that introduces the key, and has not been seen committed after that long, is made once more. Ours."""


class Marks(Protocol):
    """What of the outbox is looked at."""

    @property
    def log_id(self) -> int:
        """The log whose numbers count."""
        ...

    def confirmed(self, destination: str, stream: Stream) -> int:
        """Up to where a receiver has everything."""
        ...


class KeyChanges:
    """See the module. Hears of committed records and new logs as the other watchers do."""

    def __init__(
        self,
        first: SigningKey,
        path: Path,
        marks: Marks,
        seals: Mapping[str, Sequence[BoxSeals]],
        draw: Callable[[int], bytes],
        journal: Journal,
    ) -> None:
        """path: the file of a later key. seals: by receiver. draw: secret random bytes."""
        self._first = first
        self._path = path
        self._marks = marks
        self._seals = seals
        self._draw = draw
        self._journal = journal
        self._commit: Callable[[RecordDraft, int, int], None] | None = None
        self._later = later_key_in(path)
        self._introduced: tuple[int, int] | None = None  # log and number of the record that introduces the later key
        self._asked_ns: int | None = None

    def commits_with(self, commit: Callable[[RecordDraft, int, int], None]) -> None:
        """Where records go: draft, and twice the time."""
        self._commit = commit

    def change(self, now_ns: int) -> None:
        """Make another key. Raises nothing: with a disk that refuses the old one goes on."""
        try:
            self._later = new_later_key(self._path, self._draw(SEED_BYTES))
        except OSError as error:
            sentence = f"The key of this box stays as it is: a new one cannot be kept ({error.strerror})"
            self._journal.tell(logging.WARNING, sentence)
            return
        self._introduced = self._asked_ns = None
        self._settle()
        self._introduce(now_ns)

    # ---- beside the lanes: it has no way of its own

    def ways(self) -> Mapping[str, Way]:
        """None."""
        return {}

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        """Nothing to send; but introduce the key where it is not, and see who knows it by now."""
        if self._later is not None:
            self._introduce(now_ns)
            self._settle()
        return ()

    def answered(self, way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """Never called."""
        raise AssertionError(f"an answer to a request that was never given out, on {way}")

    # ---- watching

    def appended(self, now_ns: int, stored: StoredRecord) -> None:
        """Was it the record that introduces the key?"""
        if stored.kind != SystemKind.KEY_CHANGED or self._later is None:
            return
        detail = decode_record(stored.body).detail
        if isinstance(detail, KeyChange) and detail.key == self._later.public.raw:
            self._introduced = self._marks.log_id, stored.seqno
            self._journal.tell(
                logging.INFO, f"Another key seals from now on where it is known: {self._later.public.text}"
            )

    def resumed(self, now_ns: int, seqno: int) -> None:
        """Alarms are none of its business."""

    def stored(self, destination: str, seqno: int) -> None:
        """Alarms are none of its business."""

    def told(self, notice: Notice) -> None:
        """Alarms are none of its business."""

    def begin_anew(self) -> None:
        """In another log the key is introduced once more."""
        self._introduced = self._asked_ns = None

    def _introduce(self, now_ns: int) -> None:
        """Once in each life and log: whether an earlier record still lies in the outbox need not be known."""
        if self._later is None or self._commit is None:
            return
        if self._introduced is not None and self._introduced[0] == self._marks.log_id:
            return
        if self._asked_ns is not None and now_ns - self._asked_ns < AGAIN_NS:
            return
        self._asked_ns = now_ns
        self._commit(draft_of_key_change(self._later.public.raw, self._first.public.fingerprint), now_ns, now_ns)

    def _settle(self) -> None:
        for destination, seals in self._seals.items():
            later = self._later if self._is_known_to(destination) else None
            for each in seals:
                each.seal_with(later)

    def _is_known_to(self, destination: str) -> bool:
        if self._introduced is None or self._introduced[0] != self._marks.log_id:
            return False
        try:
            return self._marks.confirmed(destination, Stream.FAULT) >= self._introduced[1]
        except OutboxError:
            return False  # the first key is always right
