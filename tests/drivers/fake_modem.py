"""A modem on a pseudo-terminal: it tells the truth, lies, dawdles, falls silent, restarts, or is pulled out."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.drivers.pty_line import PtyLine

WELL = {
    "ATE0": "OK",
    "AT+CMEE=1": "OK",
    "AT+CPIN?": "+CPIN: READY\r\n\r\nOK",
    "AT+CSQ": "+CSQ: 17,99\r\n\r\nOK",
    "AT+CESQ": "+CESQ: 99,99,255,255,20,45\r\n\r\nOK",
    "AT+CEREG?": "+CEREG: 0,1\r\n\r\nOK",
    "AT+CGREG?": "+CGREG: 0,1\r\n\r\nOK",
    "AT+CREG?": "+CREG: 0,1\r\n\r\nOK",
}


class FakeModem:
    """Answers each command with a text; `answers` and `late_s` may change while it runs. Echoes until told not to."""

    def __init__(self, folder: Path, answers: dict[str, str]) -> None:
        self.line = PtyLine(folder, "modem")
        self.answers = dict(answers)
        self.commands: list[str] = []
        self.late_s: dict[str, float] = {}
        self.has_echo = True
        self._lock = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def restart(self) -> None:
        self.has_echo = True
        self.line.write(b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n")

    def pull_out(self) -> None:
        with self._lock:
            self.line.pull_out()

    def plug_in(self) -> None:
        with self._lock:
            self.has_echo = True
            self.line.plug_in()

    def close(self) -> None:
        self._is_over = True
        self._thread.join(5)
        self.line.close()

    def _serve(self) -> None:
        received = b""
        while not self._is_over:
            with self._lock:
                if self.line.is_plugged_in:
                    received += self.line.sent(0.01)
                    received = self._answer(received)
                else:
                    received = b""
            time.sleep(0.001)

    def _answer(self, received: bytes) -> bytes:
        """Answers each whole command, and gives back the rest."""
        while b"\r" in received:
            raw, _, received = received.partition(b"\r")
            command = raw.decode("ascii").strip()
            self.commands.append(command)
            if self.has_echo:
                self.line.write(raw + b"\r")
            if command == "ATE0":
                self.has_echo = False
            time.sleep(self.late_s.pop(command, 0.0))
            answer = self.answers.get(command, "ERROR")
            if answer:
                self.line.write(b"\r\n" + answer.encode("latin-1") + b"\r\n")
        return received
