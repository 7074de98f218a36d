"""When something happened at a box that may have no clock: always an interval, from when its batches arrived here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ATTEMPT_MS_MAX = 30_000
"""A body is at most this old when it arrives. Source: design/wire.md section 4, attempts up to 30 s."""

DRIFT_PPM_MAX = 100
"""A box's clock and ours part by at most this. Source: design/wire.md section 4."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A place on the clock of one box: boot counter and milliseconds since that boot; wall time where it had one."""

    boot: int
    up_ms: int
    wall_ms: int | None = None
    wall_unc_ms: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """A batch made at `up_ms` of the box reached us at `arrived_ms` (Unix time of the receiver)."""

    up_ms: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class BootContacts:
    """The first and the last batch that arrived from one boot of a box."""

    boot: int
    first: Contact
    last: Contact


@dataclass(frozen=True, slots=True)
class When:
    """Somewhere between two Unix times of the receiver, in ms. `earliest_ms` None: no lower bound is known."""

    earliest_ms: int | None
    latest_ms: int


def when(moment: Moment, arrived_ms: int, contacts: Sequence[BootContacts]) -> When:
    """Date a moment. arrived_ms: when the record of it came; contacts: those of the same box and log.

    event = arrival - (up at sending - up at the event), as wide as one attempt may last plus drift. A boot without
    contact is bracketed by its neighbours. A wall stamp narrows the interval where the two agree; where they do
    not, the receiver's own clock is believed. Source: design/wire.md section 4.
    """
    own = [contact for c in contacts if c.boot == moment.boot for contact in (c.first, c.last)]
    if own:
        found = _from_contacts(moment.up_ms, own)
        earliest_ms, latest_ms = found.earliest_ms, min(found.latest_ms, arrived_ms)
    else:
        earliest_ms, latest_ms = _between_boots(moment.boot, arrived_ms, contacts)
    if earliest_ms is not None and earliest_ms > latest_ms:
        earliest_ms = latest_ms
    return _narrowed_by_wall(moment, When(earliest_ms, latest_ms))


def _from_contacts(up_ms: int, contacts: Iterable[Contact]) -> When:
    nearest_first = sorted(contacts, key=lambda c: (abs(c.up_ms - up_ms), c.up_ms, c.arrived_ms))
    first = _from_contact(up_ms, nearest_first[0])
    earliest_ms, latest_ms = first.earliest_ms, first.latest_ms
    for contact in nearest_first[1:]:
        other = _from_contact(up_ms, contact)
        assert earliest_ms is not None
        assert other.earliest_ms is not None
        low, high = max(earliest_ms, other.earliest_ms), min(latest_ms, other.latest_ms)
        if low <= high:  # otherwise our own clock was set between the two: the nearer contact counts
            earliest_ms, latest_ms = low, high
    return When(earliest_ms, latest_ms)


def _from_contact(up_ms: int, contact: Contact) -> When:
    apart_ms = contact.up_ms - up_ms
    drift_ms = -(-abs(apart_ms) * DRIFT_PPM_MAX // 1_000_000)
    at_ms = contact.arrived_ms - apart_ms
    return When(at_ms - ATTEMPT_MS_MAX - drift_ms, at_ms + drift_ms)


def _between_boots(boot: int, arrived_ms: int, contacts: Sequence[BootContacts]) -> tuple[int | None, int]:
    before = [c.last.arrived_ms for c in contacts if c.boot < boot]
    starts_after = [c.first.arrived_ms - c.first.up_ms for c in contacts if c.boot > boot]
    return max(before) - ATTEMPT_MS_MAX if before else None, min([arrived_ms, *starts_after])


def _narrowed_by_wall(moment: Moment, found: When) -> When:
    if moment.wall_ms is None:
        return found
    wall_low, wall_high = moment.wall_ms - moment.wall_unc_ms, moment.wall_ms + moment.wall_unc_ms
    low = wall_low if found.earliest_ms is None else max(found.earliest_ms, wall_low)
    high = min(found.latest_ms, wall_high)
    return When(low, high) if low <= high else found
