"""One day of a campaign: draw a lift, live a day with it, run the real detection core over it, judge every alarm.

A day is known by the seed of the campaign and its own number; nothing else decides what happens in it. The box is
new, or settled: then it has learned from one ordinary day of the same lift, which is not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_agent.alarms import Alarm, AlarmState
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.readings import Reading
from sim.chance import branches
from sim.day import Day, live_day
from sim.diary import Answer, FalseAlarm, incidents
from sim.habits import draw_life
from sim.roughness import rough_from
from sim.sensors import joined, ordered, raw_readings
from sim.troubles import draw_troubles


@dataclass(frozen=True, slots=True)
class LivedDay:
    """One day with everything needed to run or record it."""

    seed: int
    number: int
    day: Day
    sensor_seed: int
    before: LivedDay | None = None  # from which a settled box has learned

    @property
    def duration_s(self) -> float:
        """Length of what is simulated."""
        return self.day.lift.now_s

    def raw_readings(self) -> Iterator[Reading]:
        """What the sensors gave, without ticks. The same at each call."""
        rng = np.random.default_rng(self.sensor_seed)
        return raw_readings(self.day.lift, self.day.life.box, rng, self.duration_s)

    def baselines(self) -> Baselines | None:
        """What the box has learned on the day before; None: it is new."""
        if self.before is None:
            return None
        detector = Detector(self.before.day.life.installation, Limits())
        for reading in ordered(joined(self.before.raw_readings())):
            detector.step(reading)
        return detector.baselines()

    def alarms(self) -> Iterator[Alarm]:
        """What the real detection core raises, clears and suspects."""
        detector = Detector(self.day.life.installation, Limits(), baselines=self.baselines())
        for reading in ordered(joined(self.raw_readings())):
            for conclusion in detector.step(reading):
                if isinstance(conclusion, Alarm):
                    yield conclusion


@dataclass(frozen=True, slots=True)
class DayResult:
    """What one day adds to the campaign; one line of its file. `run_s` of `24 h` were simulated."""

    number: int
    sensors: str
    drive: str
    knowledge: str
    parking: str
    rate_hz: float
    chip_noise_mps2: float
    trips: int
    calls: int
    run_s: float
    parked_run_s: float
    skipped_s: float
    events: tuple[tuple[str, int], ...]
    false: tuple[FalseAlarm, ...]
    answers: tuple[Answer, ...]
    suspected: int


def lived(seed: int, number: int, *, is_settled: bool = False) -> LivedDay:
    """Live day `number` of the campaign with this seed."""
    life_rng, plan_rng, story_rng, sensor_rng = branches(np.random.default_rng([seed, number]), 4)
    life = draw_life(life_rng, f"campaign-{seed}-{number}")
    day = live_day(life, story_rng, draw_troubles(life, plan_rng))
    before = _day_before(seed, number) if is_settled else None
    for kind, start_s in rough_from(day.lift).items():
        day.diary.allow((kind,), start_s, float("inf"))
    return LivedDay(seed, number, day, int(sensor_rng.integers(1 << 62)), before)


def _day_before(seed: int, number: int) -> LivedDay:
    """An ordinary day of the same lift with the same box."""
    life_rng = branches(np.random.default_rng([seed, number]), 4)[0]
    life = draw_life(life_rng, f"campaign-{seed}-{number}")
    story_rng, sensor_rng = branches(np.random.default_rng([seed, number, 1]), 2)
    return LivedDay(seed, number, live_day(life, story_rng, ()), int(sensor_rng.integers(1 << 62)))


def judged(lived_day: LivedDay, alarms: tuple[Alarm, ...]) -> DayResult:
    """The alarms of a day compared with what happened in it."""
    day, life = lived_day.day, lived_day.day.life
    stood = incidents(alarms)
    events = Counter(span.event for span in day.diary.spans)
    accel = life.box.accel
    return DayResult(
        number=lived_day.number,
        sensors=life.sensors.value,
        drive=life.spec.drive.value,
        knowledge=life.knowledge.value,
        parking=life.habits.parking.value,
        rate_hz=accel.rate_hz if accel is not None else 0.0,
        chip_noise_mps2=accel.noise_mps2 if accel is not None else 0.0,
        trips=len(day.lift.trips),
        calls=day.diary.calls,
        run_s=lived_day.duration_s,
        parked_run_s=day.diary.parked_s,
        skipped_s=day.diary.skipped_s,
        events=tuple(sorted(events.items())),
        false=day.diary.false_alarms(stood),
        answers=day.diary.answers(stood),
        suspected=sum(1 for alarm in alarms if alarm.state is AlarmState.SUSPECTED),
    )


def run_day(seed: int, number: int, *, is_settled: bool = False) -> DayResult:
    """Live, run and judge one day."""
    lived_day = lived(seed, number, is_settled=is_settled)
    return judged(lived_day, tuple(lived_day.alarms()))
