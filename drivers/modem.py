"""A cellular modem as a source of `ModemReport`s: signal, registration, SIM; asked by AT commands on its own port.

Device: any modem with a free AT port. Commands: only questions, and two settings of the port itself (no echo, numbered
errors); nothing that dials, sends, enters a PIN or changes the network.
Timing: a round of eight questions every `period_s`; each is answered within `ANSWER_S`, most within 10 ms.
Fault behaviour: `Modem`. What a report means is for the core to judge.
Source: the commands: `drivers.at_answers`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum

from drivers.at_answers import AnswerReader, AtAnswer, registration_of, rsrp_dbm_of, rssi_dbm_of, sim_of
from drivers.modem_turns import ModemTurns
from drivers.outage import Outage
from drivers.serial_line import SerialLine
from drivers.serial_port import PortLost, SerialPort, open_serial_port
from edge_agent.errors import SettingsError
from edge_agent.readings import FaultReason, ModemReport, Reading, Registration, SimState

ANSWER_S = 0.4  # the modem answers these from its memory
QUIET_S = 0.15  # nothing came for so long: a late answer is through
QUIET_S_MAX = 0.6  # a port that never falls quiet is asked on
UNANSWERED_MAX = 3  # questions in a row, then the port is opened anew
PERIOD_S_MIN, PERIOD_S_MAX = 1.0, 3600.0
LENT_S = 0.05  # how often a lent port is asked for back


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


QUESTIONS = tuple(Question)


class Modem:
    """Asks one question after the other, never for longer than `read` may take.

    A question that is not answered leaves its value unsaid; the modem is then left alone until it was quiet, so that a
    late answer is not taken for the next. Outage: no report, and one `SourceFault`, again only when the reason changes:
    ABSENT the port cannot be opened, BUS_ERROR it went away, SILENT three questions in a row were not answered. The
    port is opened anew at once and then after growing waits of at most 5 s, inside `read`.
    """

    def __init__(
        self,
        line: SerialLine,
        *,
        now_ns: Callable[[], int],
        wait: Callable[[float], None] = time.sleep,
        period_s: float = 10.0,
        open_port: Callable[[SerialLine], SerialPort] = open_serial_port,
        name: str = "modem",
        turns: ModemTurns | None = None,
    ) -> None:
        """turns: who else may have the port, between two questions."""
        if not PERIOD_S_MIN <= period_s <= PERIOD_S_MAX:
            raise SettingsError(
                f"a modem is not asked every {period_s:g} s",
                subject=name,
                hint=f"Allowed: {PERIOD_S_MIN:g} to {PERIOD_S_MAX:g} s",
            )
        self._line, self._name, self._period_ns = line, name, round(period_s * 1e9)
        self._now_ns, self._wait, self._open_port = now_ns, wait, open_port
        self._outage = Outage(name, spread_key=line.port)
        self._port: SerialPort | None = None
        self._turns = turns
        self._begin()

    @property
    def name(self) -> str:
        """The name used in settings and faults."""
        return self._name

    @property
    def has_ended(self) -> bool:
        """Always False: a modem is live."""
        return False

    def open(self) -> None:
        """Open the port. Raises SourceUnavailable; whether the modem answers is for `read` to find out."""
        self.close()
        self._port = self._open_port(self._line)
        if self._turns is not None:
            self._turns.holds(self._port)
        self._begin()

    def read(self, timeout_s: float) -> Sequence[Reading]:
        """Ask and listen at most `timeout_s`; a report when a round is complete. Or try to bring the port back."""
        if self._port is None:
            return self._reopen(timeout_s)
        end_ns = self._now_ns() + round(timeout_s * 1e9)
        try:
            while True:
                found = self._step(self._port, end_ns)
                if found or self._port is None or self._now_ns() >= end_ns:
                    return found
        except PortLost as lost:
            self.close()
            hint = "Check the modem's plug and its supply"
            return self._outage.failed(self._now_ns(), FaultReason.BUS_ERROR, f"{lost.strerror}. {hint}")

    def close(self) -> None:
        """Release the port."""
        if self._turns is not None:
            self._turns.holds(None)
        if self._port is not None:
            self._port.close()
        self._port = None

    def _begin(self) -> None:
        self._answers: dict[Question, AtAnswer] = {}
        self._at = 0  # the next question of the round
        self._due_ns = 0  # when the first one of a round is asked
        self._reader: AnswerReader | None = None  # of the question that is out
        self._until_ns = 0  # its deadline
        self._quiet_until_ns: int | None = None
        self._quiet_end_ns = 0
        self._unanswered = 0

    def _step(self, port: SerialPort, end_ns: int) -> Sequence[Reading]:
        """One wait for bytes, or one question."""
        now_ns = self._now_ns()
        is_between = self._quiet_until_ns is None and self._reader is None
        if is_between and self._turns is not None and self._turns.is_lent():
            self._wait(min(LENT_S, self._left_s(end_ns, end_ns)))
        elif self._quiet_until_ns is not None:
            self._fall_quiet(port, self._quiet_until_ns, end_ns)
        elif self._reader is not None:
            return self._listen(port, self._reader, end_ns)
        elif self._at == 0 and now_ns < self._due_ns:
            port.read(self._left_s(self._due_ns, end_ns))  # news; and it notices when the modem is pulled out
        else:
            port.write(QUESTIONS[self._at].value.encode("ascii") + b"\r")
            self._reader, self._until_ns = AnswerReader(), self._now_ns() + round(ANSWER_S * 1e9)
            if self._at == 0:
                self._due_ns = now_ns + self._period_ns
        return ()

    def _fall_quiet(self, port: SerialPort, until_ns: int, end_ns: int) -> None:
        has_spoken = bool(port.read(self._left_s(until_ns, end_ns)))
        now_ns = self._now_ns()
        if now_ns >= self._quiet_end_ns or (not has_spoken and now_ns >= until_ns):
            self._quiet_until_ns = None
        elif has_spoken:
            self._quiet_until_ns = now_ns + round(QUIET_S * 1e9)

    def _listen(self, port: SerialPort, reader: AnswerReader, end_ns: int) -> Sequence[Reading]:
        answer = reader.feed(port.read(self._left_s(self._until_ns, end_ns)))
        now_ns = self._now_ns()
        if answer is None and now_ns < self._until_ns:
            return ()
        question = QUESTIONS[self._at]
        self._reader = None
        if answer is not None and (not answer.is_ok or answer.has(question.prefix)):
            self._unanswered = 0
            self._answers[question] = answer
            return self._next()
        self._unanswered += 1
        if self._unanswered >= UNANSWERED_MAX:
            self.close()
            return self._outage.failed(
                now_ns,
                FaultReason.SILENT,
                f"the modem answers none of {UNANSWERED_MAX} commands on {self._line}. "
                "Check that this is its AT port, and power it off and on",
            )
        self._quiet_until_ns = now_ns + round(QUIET_S * 1e9)
        self._quiet_end_ns = now_ns + round(QUIET_S_MAX * 1e9)
        return self._next()

    def _next(self) -> Sequence[Reading]:
        """On to the next question; the report of the round after the last one."""
        self._at = (self._at + 1) % len(QUESTIONS)
        if self._at:
            return ()
        report = report_of(self._answers, self._now_ns())
        self._answers.clear()
        self._outage.flowing(report.t_ns)
        return (report,)

    def _left_s(self, until_ns: int, end_ns: int) -> float:
        return max(0.0, (min(until_ns, end_ns) - self._now_ns()) / 1e9)

    def _reopen(self, timeout_s: float) -> Sequence[Reading]:
        end_ns = self._now_ns() + round(timeout_s * 1e9)
        return self._outage.open_again(self.open, end_ns, self._now_ns, self._wait)


def report_of(said: dict[Question, AtAnswer], t_ns: int) -> ModemReport:
    """What the answers of one round say; what was not answered is not said."""
    networks = (Question.LTE, Question.PACKETS, Question.CIRCUITS)
    registrations = [registration_of(said[question], question.prefix) for question in networks if question in said]
    return ModemReport(
        t_ns,
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
