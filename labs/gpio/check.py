"""The contacts driver on kernel GPIO lines with real edges (gpio-sim), inside the machine of `labs/machine`.

Started by `make lab-gpio`. Real gpiozero, real lgpio, real line events; only the voltage on the lines is simulated.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import lgpio
from gpiozero.pins.lgpio import LGPIOFactory

from drivers.door_contacts import ContactLine, DoorContacts
from drivers.gpio import Pull
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import FaultReason, Reading, SamplesLost, Signal, SignalEdge, SourceFault

CONFIG = Path("/sys/kernel/config/gpio-sim/lab")
OPEN, CLOSED = ContactLine(Signal.DOOR_OPEN, 5), ContactLine(Signal.DOOR_CLOSED, 6)
WARM_UP_S = 1.0  # lgpio's thread was seen to need this before its first edge


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def bank() -> Path:
    name = (CONFIG / "dev_name").read_text().strip()
    return Path("/sys/devices/platform") / name / (CONFIG / "bank0/chip_name").read_text().strip()


def put(pin: int, *, is_high: bool) -> None:
    """What is on the line from outside."""
    (bank() / f"sim_gpio{pin}" / "pull").write_text("pull-up" if is_high else "pull-down")


def plug(*, is_in: bool) -> None:
    (CONFIG / "live").write_text("1" if is_in else "0")


def opened() -> DoorContacts:
    put(5, is_high=True)
    put(6, is_high=True)
    source = DoorContacts("lgpio:0", [OPEN, CLOSED], now_ns=now_ns)
    source.open()
    read_for(source, WARM_UP_S)
    return source


def read_for(source: DoorContacts, seconds: float) -> list[Reading]:
    end_s = time.monotonic() + seconds
    readings: list[Reading] = []
    while time.monotonic() < end_s:
        begun_s = time.monotonic()
        readings.extend(source.read(0.1))
        assert time.monotonic() - begun_s < 1.0, "a read lasted too long"
    return readings


def while_toggling(
    source: DoorContacts, pin: int, count: int, gap_s: float
) -> tuple[list[Reading], list[tuple[int, int]]]:
    """What the driver gives while a contact changes `count` times, and a second longer; and when each change was made,
    from and until."""
    made_ns: list[tuple[int, int]] = []

    def toggle() -> None:
        for index in range(count):
            begun_ns = now_ns()
            put(pin, is_high=index % 2 == 1)
            made_ns.append((begun_ns, now_ns()))
            time.sleep(gap_s)

    hand = threading.Thread(target=toggle)
    hand.start()
    readings: list[Reading] = []
    while hand.is_alive():
        readings += read_for(source, 0.2)
    return readings + read_for(source, 1.2), made_ns


def edges(readings: list[Reading], signal: Signal) -> list[SignalEdge]:
    return [reading for reading in readings if isinstance(reading, SignalEdge) and reading.signal is signal]


def every_edge_arrives_with_the_time_at_which_the_kernel_saw_it() -> None:
    for gap_s in (0.01, 0.002):
        source = opened()
        readings, made_ns = while_toggling(source, 5, 100, gap_s)
        source.close()
        found = edges(readings, Signal.DOOR_OPEN)
        # A level read may be told before an edge that is older: the agent puts such things in order within 200 ms.
        back_ns = max(max(0, before.t_ns - after.t_ns) for before, after in itertools.pairwise(found))
        assert back_ns < 200_000_000
        stamps_ns = [edge.t_ns for edge in found]
        exact = sum(any(from_ns <= t_ns <= until_ns + 1_000_000 for t_ns in stamps_ns) for from_ns, until_ns in made_ns)
        print(f"  of 100 changes every {gap_s} s {exact} are told with their time, {len(found)} readings in all")
        assert len(found) >= 100
        assert exact == 100


def a_line_to_ground_is_the_state_that_the_settings_name() -> None:
    source = opened()
    put(6, is_high=False)
    found = edges(read_for(source, 0.5), Signal.DOOR_CLOSED)
    put(6, is_high=True)
    source.close()
    assert [edge.is_active for edge in found] == [True], found


def a_chattering_contact_ends_at_the_right_level_and_losses_are_counted() -> None:
    source = opened()
    readings, _ = while_toggling(source, 5, 3001, 0.0)
    source.close()
    found = edges(readings, Signal.DOOR_OPEN)
    lost = sum(reading.count for reading in readings if isinstance(reading, SamplesLost))
    print(f"  3001 changes back to back: {len(found)} edges, {lost} told as lost")
    assert found[-1].is_active, "the last level is low"
    assert not [reading for reading in readings if isinstance(reading, SourceFault)]


def hint_of_opening(source: DoorContacts) -> str:
    try:
        source.open()
    except SourceUnavailable as error:
        return error.hint
    return ""


def lines_that_another_program_holds_are_told_in_words() -> None:
    handle = lgpio.gpiochip_open(0)
    lgpio.gpio_claim_input(handle, 5)
    source = DoorContacts("lgpio:0", [OPEN], now_ns=now_ns)
    hint = hint_of_opening(source)
    lgpio.gpiochip_close(handle)
    assert "gpioinfo" in hint, hint or "a busy line was opened"
    source.open()
    source.close()


def a_pull_of_the_settings_is_taken() -> None:
    source = DoorContacts("lgpio:0", [ContactLine(Signal.MAINS, 7, False, Pull.DOWN)], now_ns=now_ns)
    source.open()
    put(7, is_high=True)
    found = edges(read_for(source, 1.5), Signal.MAINS)
    source.close()
    assert found[-1].is_active


def chip_numbers() -> list[int]:
    return [int(path.name.removeprefix("gpiochip")) for path in Path("/dev").glob("gpiochip*")]


def a_chip_pulled_out_is_a_fault_once_and_its_lines_work_again_afterwards() -> None:
    # Linux 6.1 keeps the number of a chip that went away with open lines: it comes back as another one.
    source = opened()
    plug(is_in=False)
    out = read_for(source, 10.0)
    reasons = [reading.reason for reading in out if isinstance(reading, SourceFault)]
    assert reasons == [FaultReason.BUS_ERROR, FaultReason.ABSENT], out
    plug(is_in=True)
    put(5, is_high=True)
    (number,) = chip_numbers()
    print(f"  gpiochip0 came back as gpiochip{number}")
    if number != 0:
        assert read_for(source, 6.0) == [], "the same trouble was told again"
        source.close()
        source = DoorContacts(f"lgpio:{number}", [OPEN], now_ns=now_ns)
        source.open()
    read_for(source, 6.0)
    put(5, is_high=False)
    begun_ns = now_ns()
    back = edges(read_for(source, 0.5), Signal.DOOR_OPEN)
    source.close()
    assert [edge.is_active for edge in back] == [True], back
    assert back[0].t_ns - begun_ns < 50_000_000, "the level read saw it, not the edge"


CHECKS: tuple[Callable[[], None], ...] = (
    every_edge_arrives_with_the_time_at_which_the_kernel_saw_it,
    a_line_to_ground_is_the_state_that_the_settings_name,
    a_chattering_contact_ends_at_the_right_level_and_losses_are_counted,
    lines_that_another_program_holds_are_told_in_words,
    a_pull_of_the_settings_is_taken,
    a_chip_pulled_out_is_a_fault_once_and_its_lines_work_again_afterwards,
)


def main() -> int:
    # gpiozero asks the board for its revision; this machine is none. Everything else of the factory is as it is.
    LGPIOFactory._get_revision = lambda _self: 0xA02082
    failed = 0
    for check in CHECKS:
        words = check.__name__.replace("_", " ")
        try:
            check()
        except (AssertionError, OSError, SourceUnavailable, lgpio.error) as error:
            failed += 1
            print(f"FAILED {words}: {type(error).__name__} {error}")
        else:
            print(f"ok {words}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
