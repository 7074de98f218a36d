"""The words for requests beside the lanes: what is sent, and what carries it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.delivery import Send
from edge_agent.delivery_evidence import Upload
from edge_agent.errors import UplinkError

Errand = Send | Upload


@dataclass(frozen=True, slots=True)
class Way:
    """A connection of its own, used by one thread. ask: a body for an answer; raises `UplinkError`."""

    ask: Callable[[bytes], bytes]
    close: Callable[[], None]


class Beside(Protocol):
    """Requests beside the lanes, each over a way of its own that can delay no lane; one under way on each."""

    def ways(self) -> Mapping[str, Way]:
        """The ways by name."""
        ...

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        """What is to be sent now, and on which way. Each must come back through `answered`."""
        ...

    def answered(self, way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        """What came of it."""
        ...
