"""The watchers of the steps that need little: what is open, how the box stands, the door lines, presence, the test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import acos, degrees, sqrt

from calibration.session_live import Gauge, Live, Question
from calibration.session_tells import Answer, Finding, Found, Stored
from calibration.words import Said, StepName, said
from edge_agent.detect.signal import Frame, FrameCutter
from edge_agent.readings import AccelFrame, Reading, Signal, SignalEdge, Tick
from edge_agent.settings import Settings

NS_PER_S = 1_000_000_000
GRAVITY_MPS2 = 9.80665
GRAVITY_OFF_MPS2 = 0.6
MOUNT_S, NOISE_S, WINDOW_FRAMES = 10.0, 30.0, 40
RATE_OFF_PERCENT = 5.0
PRESENCE_PLACES = ("back_left", "back_right", "front_left", "front_right", "middle", "outside")
DOOR_LINES = (Signal.DOOR_OPEN, Signal.DOOR_CLOSED, Signal.DOOR_OPEN_REAR, Signal.DOOR_CLOSED_REAR)


class BaseWatcher:
    """What all have in common: time since the first reading, and an instruction that stays."""

    def __init__(self, step: StepName, settings: Settings) -> None:
        self.step, self.settings = step, settings
        self.first_ns: int | None = None
        self.now_ns = 0

    def push(self, reading: Reading) -> None:
        """Take a reading."""
        if self.first_ns is None:
            self.first_ns = reading.t_ns
        self.now_ns = max(self.now_ns, reading.t_ns)
        self.take(reading)

    def take(self, reading: Reading) -> None:
        """For the step itself."""

    def tell(self, finding: Finding) -> None:
        """Take what is no reading."""

    def instruction(self) -> Said:
        """What to do now."""
        return said(f"{self.step.value}.do")

    def questions(self) -> tuple[Question, ...]:
        """What is to be confirmed."""
        return ()

    @property
    def seconds(self) -> float:
        """Since the first reading."""
        return 0.0 if self.first_ns is None else (self.now_ns - self.first_ns) / NS_PER_S

    def live(self) -> Live:
        """What is seen."""
        return self.seen((), 1.0)

    def seen(self, gauges: Iterable[Gauge], share: float, lacks: Said | None = None) -> Live:
        """With the time."""
        share = min(1.0, max(0.0, share))
        return Live(tuple(gauges), self.seconds, share, lacks if share < 1.0 else None)


def source_names(settings: Settings) -> tuple[str, ...]:
    """The sources of these settings by the names that their drivers have."""
    wired = {
        "accelerometer": settings.accelerometer,
        "pressure": settings.pressure,
        "door_contacts": settings.contacts,
        "controller": settings.controller,
        "supply": settings.supply,
        "modem": settings.modem,
    }
    return tuple(name for name, chosen in wired.items() if chosen is not None)


class WiringWatcher(BaseWatcher):
    """Which sources were opened and heard so far."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.WIRING, settings)
        self._found: dict[str, Found] = {}

    def tell(self, finding: Finding) -> None:
        if isinstance(finding, Found):
            self._found[finding.source] = finding

    def live(self) -> Live:
        names = source_names(self.settings)
        gauges = []
        for name in names:
            found = self._found.get(name)
            value = None if found is None else float(found.count)
            gauges.append(Gauge(f"source.{name}", value, "", is_good=None if found is None else not found.problem))
        missing = [name for name in names if name not in self._found]
        lacks = said("wiring.looking", source=f"source.{missing[0]}") if missing else None
        return self.seen(gauges, 1.0 - len(missing) / max(1, len(names)), lacks)


class _FramesWatcher(BaseWatcher):
    """Follows the last two seconds of acceleration in frames of 50 ms."""

    needs_s = MOUNT_S

    def __init__(self, step: StepName, settings: Settings) -> None:
        super().__init__(step, settings)
        self._cutter = FrameCutter()
        self.frames: deque[Frame] = deque(maxlen=WINDOW_FRAMES)
        self.samples_count, self.span_ns = 0, 0
        self._first_sample_ns: int | None = None

    def take(self, reading: Reading) -> None:
        if isinstance(reading, AccelFrame):
            if self._first_sample_ns is None:
                self._first_sample_ns = reading.t_ns
            self.samples_count += len(reading.times_ns)
            self.span_ns = int(reading.times_ns[-1]) - self._first_sample_ns
            self.frames.extend(self._cutter.push(reading))
        elif isinstance(reading, Tick):
            self.frames.extend(self._cutter.complete(reading.t_ns))

    def mean(self) -> tuple[float, float, float] | None:
        """Specific force in the axes of the box, m/s2."""
        if not self.frames:
            return None
        count = len(self.frames)
        x, y, z = (sum(getattr(frame, axis) for frame in self.frames) for axis in ("x_mps2", "y_mps2", "z_mps2"))
        return x / count, y / count, z / count

    def roughness_mps2(self) -> float | None:
        """Root mean square inside the frames."""
        if not self.frames:
            return None
        return sqrt(sum(frame.roughness_mps2**2 for frame in self.frames) / len(self.frames))

    def waits(self, gauges: Iterable[Gauge]) -> Live:
        """Enough once the time is over."""
        left = said("wait.seconds", seconds=max(0, round(self.needs_s - self.seconds)))
        lacks = said(f"{self.step.value}.no_samples") if self.samples_count == 0 else left
        return self.seen(gauges, self.seconds / self.needs_s if self.samples_count else 0.0, lacks)


class MountWatcher(_FramesWatcher):
    """Gravity, and the angle of the nearest axis to it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.MOUNT, settings)

    def live(self) -> Live:
        mean, roughness = self.mean(), self.roughness_mps2()
        if mean is None or roughness is None:
            return self.waits(())
        length = sqrt(sum(part * part for part in mean))
        tilt = degrees(acos(min(1.0, max(map(abs, mean)) / length))) if length else 0.0
        is_gravity = abs(length - GRAVITY_MPS2) <= GRAVITY_OFF_MPS2
        return self.waits(
            (
                Gauge("gauge.gravity", length, "m/s2", 8.0, 12.0, is_gravity),
                Gauge("gauge.tilt", tilt, "deg", 0.0, 45.0),
                Gauge("gauge.shake", roughness, "m/s2", 0.0, 1.0, roughness < 0.2),
            )
        )


class NoiseWatcher(_FramesWatcher):
    """Samples a second, and how rough they are."""

    needs_s = NOISE_S

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.NOISE, settings)

    def live(self) -> Live:
        chosen = self.settings.accelerometer
        if chosen is None or self.span_ns <= 0:
            return self.waits(())
        rate_hz = (self.samples_count - 1) / (self.span_ns / NS_PER_S)
        is_right = abs(rate_hz / chosen.rate_hz - 1.0) * 100.0 <= RATE_OFF_PERCENT
        gauges = [Gauge("gauge.rate", rate_hz, "Hz", 0.0, 1.5 * chosen.rate_hz, is_right)]
        roughness = self.roughness_mps2()
        if roughness is not None:
            gauges.append(Gauge("gauge.noise", roughness, "m/s2", 0.0, 0.5))
        return self.waits(gauges)


class PresenceWatcher(BaseWatcher):
    """One place of the car after the other; the person says when they have stood there."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.PRESENCE, settings)
        self._answered: set[str] = set()
        self._is_on: bool | None = None

    def take(self, reading: Reading) -> None:
        if isinstance(reading, SignalEdge) and reading.signal is Signal.PRESENCE:
            self._is_on = reading.is_active

    def tell(self, finding: Finding) -> None:
        if isinstance(finding, Answer):
            self._answered.add(finding.question)

    def _left(self) -> tuple[str, ...]:
        return tuple(place for place in PRESENCE_PLACES if f"place.{place}" not in self._answered)

    def instruction(self) -> Said:
        left = self._left()
        return said(f"presence.do.{left[0]}") if left else said("presence.done")

    def questions(self) -> tuple[Question, ...]:
        left = self._left()
        return (Question(f"place.{left[0]}", said(f"presence.ask.{left[0]}")),) if left else ()

    def live(self) -> Live:
        word = None if self._is_on is None else "on" if self._is_on else "off"
        left = self._left()
        lacks = said("presence.more", left=len(left))
        return self.seen((Gauge("line.presence", word),), 1.0 - len(left) / len(PRESENCE_PLACES), lacks)


class AlarmWayWatcher(BaseWatcher):
    """Which receivers have said that they have it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(StepName.TEST_ALARM, settings)
        self._stored: dict[str, Stored] = {}

    def tell(self, finding: Finding) -> None:
        if isinstance(finding, Stored):
            self._stored[finding.receiver] = finding

    def live(self) -> Live:
        names = [receiver.name for receiver in self.settings.delivery.receivers]
        gauges = []
        for name in names:
            stored = self._stored.get(name)
            value = None if stored is None else stored.after_s
            gauges.append(Gauge("gauge.receiver", value, "s", is_good=None if stored is None else stored.is_stored))
        missing = [name for name in names if name not in self._stored]
        lacks = said("test_alarm.waits", receiver=missing[0]) if missing else None
        return self.seen(gauges, 1.0 - len(missing) / max(1, len(names)), lacks)
