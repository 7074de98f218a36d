"""Drivers on a real USB serial adapter (kernel's ftdi_sio) that is pulled out and plugged in, inside the machine of
`labs/machine`. The far end and the hand at the plug are `hand.py`, outside. Started by `make lab-usb`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from drivers.modem import Modem
from drivers.protocol_files import load_serial_protocol
from drivers.serial_controller import SerialController
from drivers.serial_line import Parity, SerialLine
from drivers.serial_port import open_serial_port
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import ControllerReport, FaultReason, ModemReport, Reading, SourceFault
from edge_agent.source import Source

PORT = "/dev/ttyUSB0"
SHARE = Path("/lab")


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def ask(what: str) -> None:
    """Tell the hand outside: "unplug", "plug", "talk", "modem" or "hush"; returns when it is done."""
    (SHARE / "wish").write_text(what)
    end_s = time.monotonic() + 30.0
    while (SHARE / "wish").exists():
        assert time.monotonic() < end_s, f"nobody did: {what}"
        time.sleep(0.05)


def until(source: Source, kind: type[Reading], seconds: float) -> list[Reading]:
    end_s = time.monotonic() + seconds
    readings: list[Reading] = []
    while time.monotonic() < end_s:
        begun_s = time.monotonic()
        readings.extend(source.read(0.2))
        assert time.monotonic() - begun_s < 1.0, "a read lasted too long"
        if any(isinstance(reading, kind) for reading in readings):
            return readings
    raise AssertionError(f"no {kind.__name__} within {seconds} s, only {readings}")


def for_seconds(source: Source, seconds: float) -> list[Reading]:
    end_s = time.monotonic() + seconds
    readings: list[Reading] = []
    while time.monotonic() < end_s:
        readings.extend(source.read(0.2))
    return readings


def pulled_out_and_back(source: Source, kind: type[Reading]) -> None:
    source.open()
    until(source, kind, 10.0)
    for outage_s in (1.0, 10.0):
        ask("unplug")
        out = until(source, SourceFault, 5.0) + for_seconds(source, outage_s)
        reasons = [reading.reason for reading in out if isinstance(reading, SourceFault)]
        assert reasons in ([FaultReason.BUS_ERROR, FaultReason.ABSENT], [FaultReason.BUS_ERROR]), reasons
        ask("plug")
        begun_s = time.monotonic()
        back = until(source, kind, 12.0)
        print(f"  {source.name}: readings {time.monotonic() - begun_s:.1f} s after plugging in, {outage_s:g} s out")
        assert not [reading for reading in back if isinstance(reading, SourceFault) and reading.reason not in reasons]
    source.close()


def a_talking_controller_is_heard_pulled_out_and_heard_again() -> None:
    ask("talk")
    protocol = load_serial_protocol("liftsentence")
    pulled_out_and_back(SerialController(protocol, SerialLine(PORT), now_ns=now_ns), ControllerReport)


def a_modem_is_asked_pulled_out_and_asked_again() -> None:
    ask("modem")
    pulled_out_and_back(Modem(SerialLine(PORT, 115200), now_ns=now_ns, period_s=1.0), ModemReport)


def even_parity_opens_again_and_again() -> None:
    ask("hush")
    for _ in range(3):
        open_serial_port(SerialLine(PORT, 9600, parity=Parity.EVEN)).close()


def a_port_in_use_is_refused_in_words() -> None:
    ask("hush")
    first = open_serial_port(SerialLine(PORT))
    try:
        second = open_serial_port(SerialLine(PORT))
    except SourceUnavailable as error:
        words = str(error)
    else:
        second.close()
        words = ""
    first.close()
    assert "another program has the serial port" in words, words


CHECKS: tuple[Callable[[], None], ...] = (
    even_parity_opens_again_and_again,
    a_port_in_use_is_refused_in_words,
    a_talking_controller_is_heard_pulled_out_and_heard_again,
    a_modem_is_asked_pulled_out_and_asked_again,
)


def main() -> int:
    end_s = time.monotonic() + 30.0
    while not Path(PORT).exists() and time.monotonic() < end_s:
        time.sleep(0.1)
    failed = 0
    for check in CHECKS:
        words = check.__name__.replace("_", " ")
        try:
            check()
        except (AssertionError, OSError, SourceUnavailable) as error:
            failed += 1
            print(f"FAILED {words}: {type(error).__name__} {error}")
        else:
            print(f"ok {words}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
