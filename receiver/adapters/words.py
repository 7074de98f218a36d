"""Words of the adapters: what can be handed over, its facts, and what an adapter must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edge_agent.wire_values import Act, Phase, Record
from receiver.ways_out import WayError

Value = str | int | float | bool | list[str] | None
"""One fact about what is handed over."""

Facts = Mapping[str, Value]


class What(Enum):
    """What is handed over. The value is its name in mapping files: `[messages.raised]`."""

    RAISED = "raised"
    UPDATED = "updated"
    GONE = "gone"  # the condition, not the alarm
    ENDED = "ended"  # at the lift
    TEST = "test"  # a test walked the path of an alarm
    SHOWN = "shown"
    TAKEN_OVER = "taken_over"
    HELP_SENT = "help_sent"
    ON_SITE = "on_site"
    CLOSED = "closed"
    FALSE_ALARM = "false_alarm"
    REMOTE_RESET = "remote_reset"
    SNAPSHOT = "snapshot"  # of one lift, by the clock
    ONLINE = "online"  # of this receiver, by the clock
    FIGURES = "figures"  # a record of telemetry; only for adapters that say so


BY_THE_CLOCK = (What.SNAPSHOT, What.ONLINE)
OF_PHASE: Mapping[Phase, What] = {
    Phase.RAISED: What.RAISED,
    Phase.UPDATED: What.UPDATED,
    Phase.CONDITION_GONE: What.GONE,
    Phase.ENDED: What.ENDED,
    Phase.TEST: What.TEST,
}
OF_ACT: Mapping[Act, What] = {
    Act.SHOWN: What.SHOWN,
    Act.TAKEN_OVER: What.TAKEN_OVER,
    Act.HELP_SENT: What.HELP_SENT,
    Act.ON_SITE: What.ON_SITE,
    Act.CLOSED: What.CLOSED,
    Act.FALSE_ALARM: What.FALSE_ALARM,
    Act.REMOTE_RESET: What.REMOTE_RESET,
}


class HandoverError(WayError):
    """It was not taken.

    is_final: the other end said never. is_away: nobody could have said anything, so this is no try of this message;
    pause_s: how soon to come again then. is_later: the other end asked for patience, or its answer did not come.
    """

    def __init__(
        self,
        problem: str,
        *,
        is_final: bool = False,
        is_away: bool = False,
        is_later: bool = False,
        pause_s: float = 5.0,
    ) -> None:
        super().__init__(problem, is_final=is_final)
        self.is_away = is_away
        self.is_later = is_later
        self.pause_s = pause_s


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to hand over. key: the same each time, so that the other end can drop the second.

    record: where it is about one.
    """

    what: What
    key: str
    kind: int | None  # of the alarm or fault
    facts: Facts
    record: Record | None = None


class Adapter(Protocol):
    """One way to one other program."""

    @property
    def name(self) -> str:
        """As in the settings."""
        ...

    @property
    def language(self) -> str:
        """Of titles and texts: en or zh."""
        ...

    @property
    def at_once(self) -> int:
        """How many things may be on their way at one time."""
        ...

    @property
    def snapshot_s(self) -> int | None:
        """How often every lift is told as it is; None: never."""
        ...

    @property
    def online_s(self) -> int | None:
        """How often the other end hears that this receiver lives; None: never."""
        ...

    @property
    def wants_telemetry(self) -> bool:
        """Records of stream 2 are handed over, too."""
        ...

    def wants(self, what: What, kind: int | None) -> bool:
        """Whether this is told at all. kind None: not known yet, it is decided when its facts are there."""
        ...

    def code_of(self, kind: int) -> Value:
        """The other end's code of an alarm kind; None: it has none."""
        ...

    async def hand_over(self, telling: Telling) -> None:
        """Returns once the other end has it. Raises `HandoverError`."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...
