"""A modem served on a pseudo-terminal, for a program that asks it by AT commands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from edge_agent.readings import ModemReport
from sim.buses_pty import PtyPort
from sim.modbus_frames import Mishap, Spoiled
from sim.modem_answers import ModemAnswers

_LISTEN_S = 0.05


class ModemPort:
    """One modem at `path`. report: what it finds just now; spoiled: what is wrong with its answers just now.

    Errors: OSError where no terminal or no link can be made.
    """

    def __init__(self, path: Path, report: Callable[[], ModemReport]) -> None:
        self._port = PtyPort(path)
        self.path = path
        self._answers = ModemAnswers(report)
        self.spoiled: Spoiled | None = None
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="modem", daemon=True)
        self._thread.start()

    @property
    def is_plugged_in(self) -> bool:
        """False while it is pulled out."""
        return self._port.is_plugged_in

    def plug_in(self) -> None:
        """Put it back. Raises OSError."""
        self._answers.power_cycle()
        self._port.plug_in()

    def unplug(self) -> None:
        """Pull it out."""
        self._port.unplug()

    def close(self) -> None:
        """Stop serving. Calling it twice is allowed."""
        self._is_closed.set()
        self._thread.join(timeout=2.0)
        self._port.close()

    def _serve(self) -> None:
        while not self._is_closed.is_set():
            for answer in self._answers.answers(self._port.read(_LISTEN_S)):
                self._say(answer, self.spoiled)

    def _say(self, answer: bytes, spoiled: Spoiled | None) -> None:
        match spoiled.mishap if spoiled is not None else None:
            case Mishap.SILENT:
                return
            case Mishap.HALF_REPLY:
                answer = answer[: len(answer) // 2]
            case Mishap.LATE if spoiled is not None:
                self._is_closed.wait(spoiled.late_s)
            case _:
                pass
        self._port.write(answer)
