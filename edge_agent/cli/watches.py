"""What the shell watches of the box itself, put together: disk and clock, restarts, storage, the lid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.agent_box_watch import BoxWatch, ShellWatch
from edge_agent.agent_restarts import RestartWatch
from edge_agent.agent_storage import StorageWatch
from edge_agent.alarms import OpenIncident
from edge_agent.box_health import bytes_of, free_bytes
from edge_agent.cli.state_folder import StateFolder
from edge_agent.clock import SystemClock
from edge_agent.errors import OutboxError
from edge_agent.outbox import Outbox
from edge_agent.outbox_volatile import Opened
from edge_agent.settings import LidSettings, Settings
from edge_agent.start_ledger import Start, StartLedger


@dataclass(frozen=True, slots=True)
class Numbers:
    """Incident numbers of what the shell watches; the core uses none of them."""

    box: tuple[int, int]
    restarts: int
    lid: tuple[int, int]

    COUNT = 5

    @classmethod
    def of(cls, first: int) -> Numbers:
        """Five from here on."""
        return cls((first, first + 1), first + 2, (first + 3, first + 4))


@dataclass(slots=True)
class RunEnd:
    """Ends this run in order once an agent is there to be told. stop: None before that."""

    outbox: Outbox
    stop: Callable[[], None] | None = None

    def now(self, is_urgent: bool) -> bool:
        """False: not now, an alarm is open; asked again later."""
        if self.stop is None:
            return False
        try:
            if not is_urgent and self.outbox.has_open_alarm():
                return False
        except OutboxError:
            return False
        self.stop()
        return True


@dataclass(frozen=True, slots=True)
class BoxParts:
    """What the watches look at. is_well: everything concluded is committed."""

    settings: Settings
    folder: StateFolder
    clock: SystemClock
    opened: Opened
    ledger: StartLedger
    start: Start
    started_ns: int
    end: RunEnd
    is_well: Callable[[], bool]


def watches_of(parts: BoxParts, numbers: Numbers, resumed: Sequence[OpenIncident]) -> tuple[ShellWatch, ...]:
    """All of them; a lid only where one is wired."""
    outbox, folder = parts.opened.outbox, parts.folder
    found: list[ShellWatch] = [
        BoxWatch(
            parts.clock,
            lambda: free_bytes(folder.path),
            lambda: bytes_of(Path(parts.settings.delivery.outbox)),
            lambda: outbox.counts.dropped_count,
            numbers.box,
            resumed,
            trouble="records wait in memory" if parts.opened.trouble else "",
        ),
        RestartWatch(
            parts.ledger, parts.start, parts.started_ns, numbers.restarts, resumed, lambda: parts.end.now(False)
        ),
        StorageWatch(
            folder.path,
            parts.is_well,
            parts.end.now,
            is_in_memory=bool(parts.opened.trouble),
            may_go_to_memory=folder.volatile is not None,
        ),
    ]
    if parts.settings.lid is not None:
        found.append(_lid(parts.settings.lid, parts.clock, numbers.lid, resumed))
    return tuple(found)


def _lid(
    settings: LidSettings, clock: SystemClock, incidents: tuple[int, int], resumed: Sequence[OpenIncident]
) -> ShellWatch:
    from drivers.gpio import Pull
    from drivers.lid import LidContact
    from edge_agent.agent_lid import LidWatch

    pull = Pull(settings.pull.value)
    contact = LidContact(settings.chip, settings.pin, pull, clock.now_ns, is_active_low=settings.is_active_low)
    return LidWatch(contact, incidents, resumed)
