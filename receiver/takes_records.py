"""The place where another engine plugs in: what the intake asks of whatever keeps records, and nothing else.

`receiver.store.Store` is one, over SQLite or PostgreSQL. Another one, for example a stream in front of it, is handed to
`Service(..., records=...)`. What it must keep is written at `TakesRecords.take_all` and held by
`tests/receiver/test_store_contract.py`, which another one joins with a line. A stream in front: docs/streams.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from receiver.taken import Arrival, Taken


class TakesRecords(Protocol):
    """See the module. Called by one thread, one call at a time; the event loop never waits in it."""

    def take_all(self, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
        """Store the batches of a group, in order, and say what became of each: as many answers as batches.

        What must hold, whatever dies between any two steps:

        1. An answer is given only after everything it says is durable: committed, or acknowledged by the stream as
           written to as many disks as are meant to survive. A box deletes what a mark covers.
        2. All of a group or none: `StoreUnavailable` says that nothing was answered. The boxes send again, so whatever
           of it was stored all the same must then be "had it", never twice.
        3. A record is known by (device, log, stream, number). The same bytes again are "had it"; other bytes under the
           same number are a conflict, the first stays, both are kept.
        4. What a key of the box does not open is refused and never stored; a key that is not here yet is "later".
        5. A mark is the highest number of a stream below which nothing is missing, after the group; gaps are named.
        6. No order is assumed: any permutation and duplication of the same batches ends in the same marks and records.
        7. Two receivers may be given records of one box at the same time; it ends as if one came after the other.

        8. Of a box that `receiver.revocation` names nothing is stored and nothing answered: `Taken.is_revoked`.

        Raises `StoreUnavailable`.
        """
        ...
