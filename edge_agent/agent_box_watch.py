"""What goes wrong with the box itself and no sensor of the lift tells: room on the disk, drops, a clock unset.

In: once a minute the free bytes, the bytes of the outbox, the records dropped since the start, the wall clock. Out: the
stages of `storage_low` and `clock_untrusted`. State: since when the clock has been unknown, which of the two stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.clock import Clock

NS_PER_S = 1_000_000_000
LOOK_NS = 60 * NS_PER_S
LOW_BYTES = 100 << 20
"""Source: chosen: the outbox's reserve and the ring of evidence (64 MiB) still find room above it."""
WELL_BYTES = 150 << 20
DROP_NS = 3600 * NS_PER_S  # so long after the last drop a box with room again is well: chosen
UNSET_NS = 24 * 3600 * NS_PER_S  # Source: alarm catalogue row 58


class ShellWatch(Protocol):
    """Something of the box itself that the shell watches between two turns of the core."""

    def work(self, now_ns: int) -> tuple[Alarm, ...]:
        """Stages that begin or end now. Takes milliseconds. Never raises."""
        ...


class BoxWatch:
    """See the module."""

    def __init__(
        self,
        clock: Clock,
        free_bytes: Callable[[], int | None],
        outbox_bytes: Callable[[], int],
        dropped: Callable[[], int],
        incidents: tuple[int, int],
        resumed: Sequence[OpenIncident] = (),
        *,
        trouble: str = "",
    ) -> None:
        """free_bytes: on the disk of the outbox; None: not known. incidents: of storage and clock, not of the core.

        trouble: why the outbox is not on the disk, in a few words; "": it is.
        """
        self._clock = clock
        self._free_bytes = free_bytes
        self._outbox_bytes = outbox_bytes
        self._dropped = dropped
        kinds = (AlarmKind.STORAGE_LOW, AlarmKind.CLOCK_UNTRUSTED)
        self._incident = dict(zip(kinds, incidents, strict=True))
        self._incident |= {each.kind: each.incident for each in resumed if each.kind in kinds}
        self._raised = {each.kind for each in resumed if each.kind in kinds}
        self._trouble = trouble
        self._look_ns = 0
        self._dropped_last = 0
        self._dropped_ns: int | None = None
        self._unset_ns: int | None = None  # since when the wall clock is not known; the start counts as known

    def work(self, now_ns: int) -> tuple[Alarm, ...]:
        """Stages that begin or end now."""
        if now_ns < self._look_ns:
            return ()
        self._look_ns = now_ns + LOOK_NS
        return tuple(stage for stage in (self._storage(now_ns), self._wall_clock(now_ns)) if stage is not None)

    def _storage(self, now_ns: int) -> Alarm | None:
        dropped, free_bytes = self._dropped(), self._free_bytes()
        if dropped > self._dropped_last:
            self._dropped_last, self._dropped_ns = dropped, now_ns
        has_dropped = self._dropped_ns is not None and now_ns - self._dropped_ns < DROP_NS
        mark = WELL_BYTES if AlarmKind.STORAGE_LOW in self._raised else LOW_BYTES
        is_low = bool(self._trouble) or (free_bytes is not None and free_bytes < mark)
        evidence = (Evidence("outbox_bytes", self._outbox_bytes()), Evidence("dropped_count", dropped))
        return self._stage(AlarmKind.STORAGE_LOW, now_ns, evidence, is_found=has_dropped or is_low)

    def _wall_clock(self, now_ns: int) -> Alarm | None:
        if self._clock.wall_estimate() is not None:
            self._unset_ns = None
            return self._stage(AlarmKind.CLOCK_UNTRUSTED, now_ns, (), is_found=False)
        if self._unset_ns is None:
            self._unset_ns = now_ns
        unset_ns = now_ns - self._unset_ns
        is_found = AlarmKind.CLOCK_UNTRUSTED in self._raised or unset_ns >= UNSET_NS
        evidence = (Evidence("unsynchronised_s", unset_ns // NS_PER_S),)
        return self._stage(AlarmKind.CLOCK_UNTRUSTED, now_ns, evidence, is_found=is_found)

    def _stage(self, kind: AlarmKind, now_ns: int, evidence: tuple[Evidence, ...], *, is_found: bool) -> Alarm | None:
        if is_found is (kind in self._raised):
            return None
        self._raised ^= {kind}
        state = AlarmState.RAISED if is_found else AlarmState.CLEARED
        note = self._trouble if kind is AlarmKind.STORAGE_LOW and is_found else ""
        return Alarm(now_ns, kind, state, CATALOGUE[kind].severity, self._incident[kind], evidence, note=note)
