"""What a modem answers to AT commands, from what it finds at a moment. Pure; any bytes may be said to it.

Written apart from `drivers.at_answers`, so that a mistake there does not cancel out here.
Source: 3GPP TS 27.007: +CPIN (8.3), +CSQ (8.5), +CESQ (8.69), +CREG (7.2), +CGREG (10.1.20), +CEREG (10.1.22), +CMEE
(9.1), +CME ERROR (9.2); ITU-T V.250 6.2.4 (E0). From memory, unverified.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.readings import ModemReport, Registration, SimState

COMMAND_BYTES_MAX = 512

_PINS = {SimState.READY: "READY", SimState.PIN_NEEDED: "SIM PIN", SimState.PUK_NEEDED: "SIM PUK"}
_CME = {SimState.ABSENT: 10, SimState.BROKEN: 13, SimState.BUSY: 14, SimState.UNKNOWN: 100}
_STATUS = {
    Registration.NOT_SEARCHING: 0,
    Registration.HOME: 1,
    Registration.SEARCHING: 2,
    Registration.DENIED: 3,
    Registration.UNKNOWN: 4,
    Registration.ROAMING: 5,
    Registration.EMERGENCY_ONLY: 8,
}


class ModemAnswers:
    """Bytes in, bytes out. State: the beginning of a command, echo, and whether errors are numbered."""

    def __init__(self, report: Callable[[], ModemReport]) -> None:
        self._report = report
        self.power_cycle()

    def power_cycle(self) -> None:
        """Pulled out and put in again: it echoes, and its errors have no numbers."""
        self._held = b""
        self._has_echo = True
        self._numbers_errors = False

    def answers(self, received: bytes) -> list[bytes]:
        """What it says, an answer to each command that these bytes end."""
        self._held += received
        out: list[bytes] = []
        while b"\r" in self._held:
            raw, _, self._held = self._held.partition(b"\r")
            echo = raw + b"\r" if self._has_echo else b""
            command = raw.strip().decode("ascii", errors="replace").upper()
            if command:
                out.append(echo + f"\r\n{self._answer(command)}\r\n".encode("ascii"))
        self._held = self._held[-COMMAND_BYTES_MAX:]
        return out

    def _answer(self, command: str) -> str:
        if command in ("ATE0", "ATE1"):
            self._has_echo = command == "ATE1"
            return "OK"
        if command in ("AT+CMEE=0", "AT+CMEE=1"):
            self._numbers_errors = command.endswith("1")
            return "OK"
        if command == "AT":
            return "OK"
        report = self._report()
        status = _STATUS[report.registration]
        match command:
            case "AT+CPIN?":
                return self._card(report.sim)
            case "AT+CSQ":
                level = 99 if report.rssi_dbm is None else (report.rssi_dbm + 113) // 2
                return f"+CSQ: {level},99\r\n\r\nOK"
            case "AT+CESQ":
                level = 255 if report.rsrp_dbm is None else report.rsrp_dbm + 141
                return f"+CESQ: 99,99,255,255,255,{level}\r\n\r\nOK"
            case "AT+CEREG?" | "AT+CGREG?" | "AT+CREG?":
                return f"{command[2:-1]}: 0,{status}\r\n\r\nOK"
            case _:
                return "ERROR"

    def _card(self, sim: SimState) -> str:
        if sim in _PINS:
            return f"+CPIN: {_PINS[sim]}\r\n\r\nOK"
        return f"+CME ERROR: {_CME[sim]}" if self._numbers_errors else "ERROR"
