"""Short messages through the modem's AT port in PDU mode: sends one, lists and deletes those that came.

Device: any modem with +CMGS, +CMGL and +CMGD. The port is borrowed for each call (`drivers.modem_turns`).
Fault behaviour: every call raises `SourceUnavailable` where the modem is silent, refuses, resets or is pulled out; a
message under way is given up with ESC, so that the port never stays inside one.
Source: 3GPP TS 27.005 sections 3.2.3 (+CMGF), 3.4.1 (+CMGD), 3.4.2 (+CMGL), 3.5.1 (+CMGS). From memory, unverified.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.at_answers import AnswerReader, AtAnswer
from drivers.modem_turns import ModemTurns
from drivers.serial_port import PortLost, SerialPort
from edge_agent.errors import SourceUnavailable

BORROW_S = 5.0  # the source lends the port between two questions, each below a second
ANSWER_S = 2.0
PROMPT_S = 5.0
SENT_S = 30.0  # the network's time; 27.005 names none. Chosen.
LISTED_S = 10.0
QUIET_S = 0.1
PROMPT_BYTES_MAX = 4_096
MESSAGES_MAX = 64  # a SIM holds about as many
_END, _GIVE_UP = b"\x1a", b"\x1b"


class SmsModem:
    """See the module."""

    def __init__(
        self,
        turns: ModemTurns,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sent_s: float = SENT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._turns = turns
        self._monotonic_s = monotonic_s
        self._sent_s, self._answer_s = sent_s, answer_s

    def send(self, unit: bytes) -> None:
        """Hand a transport data unit to the network. Raises SourceUnavailable."""
        with self._turns.borrowed(BORROW_S) as port:
            try:
                self._prepare(port)
                port.write(f"AT+CMGS={len(unit)}\r".encode("ascii"))
                self._prompted(port)
                port.write(b"00" + unit.hex().upper().encode("ascii") + _END)
                answer = self._answer(port, self._sent_s)
                if answer is None:
                    self._give_up(port)
                if answer is None or not answer.is_ok:
                    raise _failed("the message was not sent", answer)
            except PortLost as lost:
                raise _lost(lost) from lost

    def inbox(self) -> tuple[bytes, ...]:
        """Messages that came, each with its service centre in front; they are deleted. Raises SourceUnavailable."""
        with self._turns.borrowed(BORROW_S) as port:
            try:
                self._prepare(port)
                answer = self._asked(port, "AT+CMGL=4", LISTED_S)
                if not answer.is_ok:
                    raise _failed("the messages cannot be listed", answer)
                found = _listed(answer)
                for index, _ in found:
                    self._asked(port, f"AT+CMGD={index}", self._answer_s)
                return tuple(pdu for _, pdu in found)
            except PortLost as lost:
                raise _lost(lost) from lost

    def _prepare(self, port: SerialPort) -> None:
        while port.read(QUIET_S):  # what was still on its way
            continue
        for command in ("ATE0", "AT+CMEE=1", "AT+CMGF=0"):
            answer = self._asked(port, command, self._answer_s)
            if not answer.is_ok:
                raise _failed(f"the modem refuses {command}", answer)

    def _asked(self, port: SerialPort, command: str, wait_s: float) -> AtAnswer:
        port.write(command.encode("ascii") + b"\r")
        answer = self._answer(port, wait_s)
        if answer is None:
            raise _failed(f"the modem does not answer {command}", None)
        return answer

    def _answer(self, port: SerialPort, wait_s: float) -> AtAnswer | None:
        reader = AnswerReader()
        until_s = self._monotonic_s() + wait_s
        while (left_s := until_s - self._monotonic_s()) > 0.0:
            answer = reader.feed(port.read(min(left_s, 1.0)))
            if answer is not None:
                return answer
        return None

    def _prompted(self, port: SerialPort) -> None:
        heard = b""
        until_s = self._monotonic_s() + PROMPT_S
        while (left_s := until_s - self._monotonic_s()) > 0.0 and len(heard) < PROMPT_BYTES_MAX:
            heard += port.read(min(left_s, 1.0))
            if heard.endswith(b"> ") or heard.endswith(b">"):
                return
            if b"ERROR" in heard and heard.endswith(b"\n"):
                break
        self._give_up(port)
        raise _failed("the modem asks for no message", None)

    def _give_up(self, port: SerialPort) -> None:
        """Leave a message that may be open. The line's end makes of the ESC a command of its own where none is open."""
        port.write(_GIVE_UP + b"\r")
        port.read(QUIET_S)


def _listed(answer: AtAnswer) -> list[tuple[int, bytes]]:
    """Place and bytes of each message: a +CMGL line, then its line in hex. What is neither is passed over."""
    found: list[tuple[int, bytes]] = []
    index: int | None = None
    for line in answer.lines:
        if line.startswith("+CMGL:"):
            number = line.removeprefix("+CMGL:").partition(",")[0].strip()
            index = int(number) if number.isdecimal() and len(number) < 6 else None
        elif index is not None:
            try:
                found.append((index, bytes.fromhex(line)))
            except ValueError:
                found.append((index, b""))  # no message that anybody could read: it only takes up room
            index = None
    return found[:MESSAGES_MAX]


def _failed(problem: str, answer: AtAnswer | None) -> SourceUnavailable:
    said = "" if answer is None else f" ({answer.final})"
    hint = "Check SIM card, contract and signal; `edge-agent status` says what the modem last gave"
    return SourceUnavailable(problem + said, subject="modem", hint=hint)


def _lost(lost: PortLost) -> SourceUnavailable:
    return SourceUnavailable(str(lost.strerror), subject="modem", hint="Check the modem's plug and its supply")
