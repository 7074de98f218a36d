"""The words for a serial line: port and settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_NUMBERED_PORT = re.compile(r"/dev/tty(USB|ACM)\d+")


class Parity(Enum):
    """Parity of a serial line."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A port and how bytes stand on it. Name the port by its id (/dev/serial/by-id/...), which survives replugging."""

    port: str
    baud_rate: int = 9600
    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1

    def __str__(self) -> str:
        return self.port

    @property
    def is_numbered(self) -> bool:
        """True if the name goes to whichever adapter is plugged in first."""
        return _NUMBERED_PORT.fullmatch(self.port) is not None
