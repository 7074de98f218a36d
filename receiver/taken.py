"""What goes into the store, and what taking it in led to."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.wire_sealing import PublicKey
from edge_agent.wire_values import Batch, Notice, Receipt, Record
from receiver.incidents import IncidentKey


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch and the Unix time at which its request came in."""

    batch: Batch
    at_ms: int
    key: PublicKey | None = None  # as it came with the request


@dataclass(frozen=True, slots=True)
class Taken:
    """What one batch led to, after the commit.

    touched: incidents that look different now. said: sentences for the log. is_renamed: the box has another lift
    number than before. has_box_news: a new box, a conflict or a gap. is_revoked: nothing of it was looked at.
    """

    receipt: Receipt
    touched: tuple[IncidentKey, ...]
    said: tuple[str, ...]
    is_renamed: bool
    has_box_news: bool
    new: tuple[Record, ...] = ()  # what was stored, in the order of the batch
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class NoticeTaken:
    """A notice on disk; `is_new` False when the same was already the last word about this incident."""

    notice: Notice
    is_new: bool
    said: str


@dataclass(frozen=True, slots=True)
class Polled:
    """The answer to a box that asked for notices, and what that told us."""

    receipt: Receipt
    touched: tuple[IncidentKey, ...]
    said: str  # empty: nothing new


@dataclass(frozen=True, slots=True)
class PartTaken:
    """The answer to a part of a recording, and the incidents that look different now."""

    receipt: Receipt
    touched: tuple[IncidentKey, ...]
