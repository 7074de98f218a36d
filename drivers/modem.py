"""A cellular modem's signal, registration and SIM, asked by AT commands on a serial port of its own.

Device: any modem with a free AT port. Commands: only questions, and two settings of the port itself (no echo, numbered
errors); nothing that dials, sends, enters a PIN or changes the network.
Timing: one command a call, answered within `ANSWER_S`; a round of eight gives a status.
Fault behaviour: `Modem`.
Source: the commands: `drivers.at_answers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drivers.at_answers import (
    AnswerReader,
    AtAnswer,
    Registration,
    SimState,
    registration_of,
    rsrp_dbm_of,
    rssi_dbm_of,
    sim_of,
)
from drivers.serial_line import SerialLine
from drivers.serial_port import PortLost, SerialPort, open_serial_port
from edge_agent.errors import SourceUnavailable

ANSWER_S = 0.4  # with the quiet below the second that a call may block; the modem answers these from its memory
QUIET_S = 0.15  # nothing came for so long: a late answer is through
QUIET_ROUNDS_MAX = 3
UNANSWERED_MAX = 3  # commands in a row, then the port is opened anew


class Question(Enum):
    """What is asked in one round, in this order. The value is the command.

    The first two set up the port. They come in every round, because a modem that restarts forgets them.
    """

    NO_ECHO = "ATE0"
    NUMBERED_ERRORS = "AT+CMEE=1"
    SIM = "AT+CPIN?"
    RSSI = "AT+CSQ"
    RSRP = "AT+CESQ"
    LTE = "AT+CEREG?"
    PACKETS = "AT+CGREG?"
    CIRCUITS = "AT+CREG?"

    @property
    def prefix(self) -> str:
        """What the line begins with that answers it; empty for a setting."""
        return self.value[2:].rstrip("?") if self.value.startswith("AT+C") and "=" not in self.value else ""


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """What the modem said in one round. None: it does not know, or did not say."""

    t_ns: int
    sim: SimState
    registration: Registration
    rssi_dbm: int | None
    rsrp_dbm: int | None

    @property
    def trouble(self) -> str | None:
        """One sentence for the person who can fix it; None if the modem can send."""
        match self.sim:
            case SimState.ABSENT:
                return "no SIM card is found: check that it is in, and the right way round"
            case SimState.PIN_NEEDED:
                return "the SIM card asks for its PIN: switch the PIN off with a telephone"
            case SimState.PUK_NEEDED:
                return "the SIM card is locked and asks for its PUK: unlock it with a telephone"
            case SimState.BROKEN:
                return "the SIM card cannot be read: clean its contacts, or replace it"
            case SimState.READY | SimState.BUSY | SimState.UNKNOWN:
                pass
        match self.registration:
            case Registration.DENIED:
                return "the network refuses this SIM card: ask the provider whether the contract is active"
            case Registration.SEARCHING | Registration.NOT_SEARCHING:
                return "no network is found: check the aerial and its plug, and the signal at this landing"
            case Registration.EMERGENCY_ONLY:
                return "the network gives emergency calls only: another provider's cell, or no contract"
            case Registration.HOME | Registration.ROAMING | Registration.UNKNOWN:
                return None


class Modem:
    """Asks one question a call.

    A modem that does not answer is left alone until it was quiet, and the question is put again in the next round; its
    value is not said meanwhile. After three unanswered commands, or when the port went away, `step` raises
    SourceUnavailable and the next call opens the port anew.
    """

    def __init__(
        self,
        line: SerialLine,
        *,
        now_ns: Callable[[], int],
        open_port: Callable[[SerialLine], SerialPort] = open_serial_port,
    ) -> None:
        self._line, self._now_ns, self._open_port = line, now_ns, open_port
        self._port: SerialPort | None = None
        self._questions = tuple(Question)
        self._next = 0
        self._unanswered = 0
        self._answers: dict[Question, AtAnswer] = {}

    def open(self) -> None:
        """Open the port. Raises SourceUnavailable."""
        self.close()
        self._port = self._open_port(self._line)
        self._next = self._unanswered = 0
        self._answers.clear()

    def close(self) -> None:
        """Release the port. Never raises; calling it twice is allowed."""
        if self._port is not None:
            self._port.close()
        self._port = None

    def step(self) -> ModemStatus | None:
        """Ask one question; the status when a round is complete. Raises SourceUnavailable."""
        if self._port is None:
            self.open()
        assert self._port is not None, "opened"
        try:
            return self._ask_next(self._port)
        except PortLost as lost:
            self.close()
            raise SourceUnavailable(
                str(lost.strerror), subject=self._line.port, hint="Check the modem's plug and its supply"
            ) from lost

    def _ask_next(self, port: SerialPort) -> ModemStatus | None:
        question = self._questions[self._next]
        answer = self._asked(port, question)
        if answer is not None:
            self._answers[question] = answer
        else:
            self._answers.pop(question, None)
        self._next = (self._next + 1) % len(self._questions)
        return self._status() if self._next == 0 else None

    def _asked(self, port: SerialPort, question: Question) -> AtAnswer | None:
        """The answer; None if none came in time, or one to another question."""
        port.write(question.value.encode("ascii") + b"\r")
        reader = AnswerReader()
        end_ns = self._now_ns() + round(ANSWER_S * 1e9)
        answer = None
        while answer is None and (left_s := (end_ns - self._now_ns()) / 1e9) > 0:
            answer = reader.feed(port.read(left_s))
        is_its_own = answer is not None and (not answer.is_ok or answer.has(question.prefix))
        self._unanswered = 0 if is_its_own else self._unanswered + 1
        if is_its_own:
            return answer
        self._fall_quiet(port)
        if self._unanswered >= UNANSWERED_MAX:
            self.close()
            raise SourceUnavailable(
                f"the modem answers none of {UNANSWERED_MAX} commands",
                subject=self._line.port,
                hint="Check that this is its AT port, and power it off and on",
            )
        return None

    def _fall_quiet(self, port: SerialPort) -> None:
        for _ in range(QUIET_ROUNDS_MAX):
            if not port.read(QUIET_S):
                return

    def _status(self) -> ModemStatus:
        said = self._answers
        networks = (Question.LTE, Question.PACKETS, Question.CIRCUITS)
        registrations = [registration_of(said[question], question.prefix) for question in networks if question in said]
        return ModemStatus(
            self._now_ns(),
            sim=sim_of(said[Question.SIM]) if Question.SIM in said else SimState.UNKNOWN,
            registration=_best([registration for registration in registrations if registration is not None]),
            rssi_dbm=rssi_dbm_of(said[Question.RSSI]) if Question.RSSI in said else None,
            rsrp_dbm=rsrp_dbm_of(said[Question.RSRP]) if Question.RSRP in said else None,
        )


def _best(registrations: list[Registration]) -> Registration:
    """Registered anywhere is registered; else what the newest network says first."""
    for registration in (Registration.HOME, Registration.ROAMING):
        if registration in registrations:
            return registration
    known = [registration for registration in registrations if registration is not Registration.UNKNOWN]
    return known[0] if known else Registration.UNKNOWN
