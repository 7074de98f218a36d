"""What a modem's answers to AT commands mean: signal, registration, SIM. Pure; any bytes may come in.

Source: 3GPP TS 27.007: +CSQ (8.5), +CESQ (8.69), +CREG (7.2), +CGREG (10.1.20), +CEREG (10.1.22), +CPIN (8.3),
+CME ERROR (9.2). From memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.readings import Registration, SimState

LINE_BYTES_MAX = 512
LINES_MAX = 64

_FINAL = re.compile(r"OK|ERROR|NO CARRIER|\+CM[ES] ERROR: ?.*")
_CME_NUMBER = re.compile(r"\+CME ERROR: ?(\d{1,4})")
_INTEGERS = re.compile(r"-?\d{1,6}")
NO_SIM, SIM_PIN, SIM_PUK, SIM_FAILURE, SIM_BUSY, SIM_WRONG = 10, 11, 12, 13, 14, 15


_REGISTRATIONS = {
    0: Registration.NOT_SEARCHING,
    1: Registration.HOME,
    2: Registration.SEARCHING,
    3: Registration.DENIED,
    4: Registration.UNKNOWN,
    5: Registration.ROAMING,
    6: Registration.HOME,  # short messages only
    7: Registration.ROAMING,  # short messages only
    8: Registration.EMERGENCY_ONLY,
}
_SIM_WORDS = {
    "READY": SimState.READY,
    "SIM PIN": SimState.PIN_NEEDED,
    "SIM PIN2": SimState.PIN_NEEDED,
    "SIM PUK": SimState.PUK_NEEDED,
    "SIM PUK2": SimState.PUK_NEEDED,
}
_SIM_ERRORS = {
    NO_SIM: SimState.ABSENT,
    SIM_PIN: SimState.PIN_NEEDED,
    SIM_PUK: SimState.PUK_NEEDED,
    SIM_FAILURE: SimState.BROKEN,
    SIM_BUSY: SimState.BUSY,
    SIM_WRONG: SimState.BROKEN,
}


@dataclass(frozen=True, slots=True)
class AtAnswer:
    """The lines of one answer, the last one being final ("OK", "ERROR" ...)."""

    lines: tuple[str, ...]
    final: str

    @property
    def is_ok(self) -> bool:
        """True if the modem did what was asked."""
        return self.final == "OK"

    @property
    def error(self) -> int | None:
        """Number of a +CME ERROR."""
        found = _CME_NUMBER.fullmatch(self.final)
        return int(found.group(1)) if found is not None else None

    def has(self, prefix: str) -> bool:
        """True if a line begins so; of an empty prefix always."""
        return not prefix or self.line_of(prefix) is not None

    def line_of(self, prefix: str) -> str | None:
        """What stands behind "PREFIX:" in the last line that begins so."""
        head = f"{prefix}:"
        return next((line[len(head) :].strip() for line in reversed(self.lines) if line.startswith(head)), None)


@dataclass(slots=True)
class AnswerReader:
    """Bytes to one answer. State: the lines so far and a line's beginning, both bounded."""

    _lines: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def feed(self, data: bytes) -> AtAnswer | None:
        """The answer, once its final line has come."""
        self._rest += data
        while b"\n" in self._rest:
            raw, _, self._rest = self._rest.partition(b"\n")
            line = raw[:LINE_BYTES_MAX].decode("ascii", errors="replace").strip()
            if _FINAL.fullmatch(line):
                return AtAnswer(tuple(self._lines), line)
            if line:
                self._lines.append(line)
                del self._lines[:-LINES_MAX]
        self._rest = self._rest[-LINE_BYTES_MAX:]
        return None


def rssi_dbm_of(answer: AtAnswer) -> int | None:
    """Of +CSQ: -113 to -51 dBm; the ends mean "or less" and "or more". None where the modem does not know."""
    numbers = _numbers(answer.line_of("+CSQ"), 2)
    if numbers is None or not 0 <= numbers[0] <= 31:
        return None
    return -113 + 2 * numbers[0]


def rsrp_dbm_of(answer: AtAnswer) -> int | None:
    """Of +CESQ: -141 (less than -140) to -44 dBm. None where the modem does not know, or is not on LTE."""
    numbers = _numbers(answer.line_of("+CESQ"), 6)
    if numbers is None or not 0 <= numbers[5] <= 97:
        return None
    return -141 + numbers[5]


def registration_of(answer: AtAnswer, prefix: str) -> Registration | None:
    """Of +CREG, +CGREG or +CEREG. A line with one number is news that came in between, not the answer."""
    for line in reversed(answer.lines):
        numbers = _numbers(line[len(prefix) + 1 :], 2) if line.startswith(f"{prefix}:") else None
        if numbers is not None and 0 <= numbers[0] <= 5:
            return _REGISTRATIONS.get(numbers[1], Registration.UNKNOWN)
    return None


def sim_of(answer: AtAnswer) -> SimState:
    """Of +CPIN?: what it says, or the error that it gives."""
    word = answer.line_of("+CPIN")
    if answer.is_ok and word is not None:
        return _SIM_WORDS.get(word, SimState.UNKNOWN)
    return _SIM_ERRORS.get(answer.error, SimState.UNKNOWN) if answer.error is not None else SimState.UNKNOWN


def _numbers(text: str | None, least: int) -> Sequence[int] | None:
    """The leading whole numbers of "1, 2,x"; None if there are fewer than `least`."""
    numbers: list[int] = []
    for part in (text or "").split(","):
        if _INTEGERS.fullmatch(part.strip()) is None:
            break
        numbers.append(int(part))
    return numbers if len(numbers) >= least else None
