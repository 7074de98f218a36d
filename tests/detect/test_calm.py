"""A car that stands and to which nothing happens is looked at less often; what happens then is told as soon as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.alarms import AlarmKind, Conclusion
from edge_agent.detect.detector import CALM_FRAMES, Detector
from edge_agent.detect.limits import Limits
from edge_agent.detect.rules.acceleration import ImpactRule
from edge_agent.detect.signal import FRAME_NS
from edge_agent.readings import ControllerDoor, ControllerReport, Direction, Mode, Reading, Signal, SignalEdge, Tick
from tests.detect.boxes import pieces_of
from tests.detect.scenes import Outcome, Scene

PARKED_S = 20.0


def looked_at(scene: Scene, others: list[Reading]) -> list[int]:
    """Numbers of the frames after which there was a new picture of the car."""
    detector = Detector(scene.installation, Limits())
    numbers: list[int] = []
    readings: list[Reading] = sorted(
        [*pieces_of(scene.block(), [5]), *scene.others, *others], key=lambda reading: reading.t_ns
    )
    for reading in readings:
        detector.step(reading)
        if detector.car is not None and (not numbers or detector.car.t_ns // FRAME_NS != numbers[-1]):
            numbers.append(detector.car.t_ns // FRAME_NS)
    return numbers


def report(t_s: float, **said: object) -> ControllerReport:
    words: dict[str, object] = {"floor": "1", "direction": Direction.NONE, "mode": Mode.NORMAL, **said}
    return replace(ControllerReport(round(t_s * 1e9)), **words)  # type: ignore[arg-type]


def frames(numbers: list[int], from_s: float, until_s: float) -> int:
    return sum(1 for number in numbers if from_s * 20 < number <= until_s * 20)


def scene_with_controller() -> Scene:
    return Scene(has_controller=True).stand(PARKED_S)


def test_a_parked_car_is_looked_at_four_times_a_second_and_a_controller_that_repeats_itself_changes_nothing() -> None:
    same: list[Reading] = [report(0.25 * k) for k in range(80)]
    assert frames(looked_at(scene_with_controller(), same), 10.0, 19.0) == 9 * 20 // CALM_FRAMES


@pytest.mark.parametrize(
    "news",
    [
        {"floor": "2"},
        {"direction": Direction.UP},
        {"mode": Mode.INSPECTION},
        {"door": ControllerDoor.OPEN},
        {"fault": 7},
        {"safety_circuit_closed": False},
        {"door_zone": False},
        {"passenger": True},
        {"speed_mps": 0.4},
        {"load_percent": 30.0},
    ],
)
def test_a_new_word_of_the_controller_is_judged_in_its_own_frame_and_for_a_second_every_frame(
    news: dict[str, object],
) -> None:
    said: list[Reading] = [report(0.25 * k) for k in range(48)]
    said += [report(12.07 + 0.25 * k, **news) for k in range(30)]
    numbers = looked_at(scene_with_controller(), said)
    assert frames(numbers, 12.05, 13.05) == 20
    assert frames(numbers, 14.0, 19.0) == 5 * 20 // CALM_FRAMES


def test_a_starting_car_is_looked_at_in_every_frame_until_it_has_stood_for_a_second() -> None:
    scene = Scene().stand(PARKED_S)
    begin_s, end_s = scene.trip(2)
    scene.stand(10.0)
    numbers = looked_at(scene, [])
    assert frames(numbers, begin_s + 1.0, end_s) == pytest.approx((end_s - begin_s - 1.0) * 20, abs=1)
    assert frames(numbers, scene.t_s - 5.0, scene.t_s) == pytest.approx(5.0 * 20 / CALM_FRAMES, abs=1)


def test_a_contact_that_changes_is_looked_at_at_once() -> None:
    scene = Scene().stand(PARKED_S)
    scene.open(3.0)
    scene.stand(5.0)
    assert frames(looked_at(scene, []), PARKED_S + 0.1, PARKED_S + 0.9) == 16


def test_a_knock_is_looked_at_in_its_own_frame() -> None:
    scene = Scene().stand(50.0)
    scene.shakes.append((40.0, (0.0, 40.0, -40.0, 40.0, -40.0, 0.0)))
    outcome = scene.run()
    (told_s,) = outcome.times_s(AlarmKind.IMPACT)
    assert told_s == pytest.approx(40.05 + ImpactRule.WAIT_NS / 1e9, abs=0.051)


def test_what_only_waits_for_its_time_is_told_at_most_a_quarter_of_a_second_late() -> None:
    """A box without accelerometer whose mains fail at 5 s: raised after the 2 s of the catalogue."""
    scene = Scene(signals=frozenset({Signal.MAINS}))
    detector = Detector(scene.installation, Limits())
    told: list[Conclusion] = []
    edges = {0: SignalEdge(0, Signal.MAINS, True), 50: SignalEdge(5 * 10**9, Signal.MAINS, False)}
    for tenth in range(100):
        for reading in (edges.get(tenth), Tick(tenth * 10**8)):
            told += [] if reading is None else list(detector.step(reading))
    (told_s,) = Outcome(tuple(told)).times_s(AlarmKind.MAINS_LOST)
    assert 7.0 <= told_s <= 7.25
