"""What is fitted at one simulated lift and how good it is: chip, mounting, switches, presence, controller link."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from edge_agent.readings import Signal
from sim.motion import FloatArray

CONTROLLER_FIELDS = frozenset(
    {
        "floor",
        "direction",
        "mode",
        "door",
        "fault",
        "safety_circuit",
        "door_zone",
        "passenger",
        "speed_mps",
        "load_percent",
    }
)
"""Names of the recording format, `controller.csv`."""

NICE_FIELDS = frozenset({"floor", "direction", "mode", "door", "fault", "speed_mps", "load_percent"})
"""What the NICE3000+ map tells (field/standards 5.2a)."""

_G = 9.81


class Chip(Enum):
    """Kind of accelerometer. Grades from data sheets as remembered, unverified."""

    ADXL345 = "adxl345"  # coarse: 3.9 mg a step, about 4 mg rms at 100 Hz
    LIS3DH = "lis3dh"
    ADXL355 = "adxl355"  # fine
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class ChipGrade:
    """Noise as rms in the band of a 100 Hz stream, step, full scale, spreads of offset, gain and rate, drift."""

    noise_mps2_100hz: float
    step_mps2: float
    range_mps2: float
    offset_mps2_sd: float
    gain_sd: float
    rate_error_sd: float
    drift_mps2_per_degc: float


GRADES: dict[Chip, ChipGrade] = {
    Chip.ADXL345: ChipGrade(0.035, 0.0039 * _G, 4 * _G, 0.25, 0.01, 0.015, 0.0010 * _G),
    Chip.LIS3DH: ChipGrade(0.016, 0.001 * _G, 2 * _G, 0.2, 0.01, 0.02, 0.0005 * _G),
    Chip.ADXL355: ChipGrade(0.0018, 3.9e-6 * _G, 2 * _G, 0.12, 0.003, 0.005, 0.00015 * _G),
    Chip.PHONE: ChipGrade(0.012, 0.0012, 4 * _G, 0.05, 0.003, 0.004, 0.0002 * _G),
}


@dataclass(frozen=True, slots=True)
class AccelSpec:
    """One accelerometer as mounted. `mounting` turns car axes into sensor axes; a real one is never quite straight."""

    rate_hz: float  # nominal
    rate_true: float  # true over nominal
    noise_mps2: float  # rms at this rate
    step_mps2: float
    range_mps2: float
    offset_mps2: FloatArray
    gain: FloatArray
    mounting: FloatArray
    stamp_jitter_s: float
    drift_mps2_per_degc: FloatArray  # of the offset


@dataclass(frozen=True, slots=True)
class ContactSpec:
    """Where the door switches stand and how long they bounce. Source: bounce 5-20 ms (from memory, unverified)."""

    closed_below: float
    open_above: float
    bounce_s: float
    repeat_s: float  # period of the level read


@dataclass(frozen=True, slots=True)
class PresenceSpec:
    """A passive infrared sensor: sees movement, holds for a while; who stands still disappears."""

    hold_s: float
    sure_peak_mps2: float  # a move that shakes the car this much is always seen
    door_wakes: float  # chance that a moving door is taken for a person
    glitches_per_h: float = 0.0  # it fires with nobody there: sun, warm air, insects


@dataclass(frozen=True, slots=True)
class ControllerSpec:
    """The link to the controller: how often it is polled, how late it knows, what it tells."""

    poll_hz: float
    delay_s: float
    fields: frozenset[str] = NICE_FIELDS


@dataclass(frozen=True, slots=True)
class PressureSpec:
    """Barometer. Source: 1 Pa is about 83 mm (field/products B2); noise and drift from memory, unverified."""

    base_hpa: float
    noise_hpa: float
    drift_hpa: float
    poll_hz: float = 10.0


@dataclass(frozen=True, slots=True)
class SupplySpec:
    """The battery of the box and the monitor in its lead. load_a: what the box draws. Guesses."""

    lasts_s: float  # a full battery that carries the box alone
    load_a: float = 0.35
    poll_hz: float = 1.0


@dataclass(frozen=True, slots=True)
class ModemSpec:
    """The mobile modem: how strong it hears the network at each landing, and how often it is asked. Guesses."""

    rssi_dbm: tuple[float, ...]  # one for each landing
    noise_db: float = 1.5
    period_s: float = 10.0


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """Everything fitted. `None` and absent signals: not there."""

    accel: AccelSpec | None
    contact: ContactSpec
    presence: PresenceSpec
    signals: frozenset[Signal] = field(default_factory=frozenset)
    controller: ControllerSpec | None = None
    pressure: PressureSpec | None = None
    supply: SupplySpec | None = None
    modem: ModemSpec | None = None


def draw_box(
    rng: np.random.Generator,
    *,
    chip: Chip | None,
    accel_rate_hz: float,
    signals: frozenset[Signal],
    controller_fields: frozenset[str] | None,
    has_pressure: bool,
) -> BoxSpec:
    """Draw one installation. chip None: no accelerometer. controller_fields None: no link."""
    return BoxSpec(
        accel=None if chip is None else draw_accel(rng, chip, accel_rate_hz),
        contact=ContactSpec(
            closed_below=float(rng.uniform(0.005, 0.03)),
            open_above=float(rng.uniform(0.95, 0.99)),
            bounce_s=float(rng.uniform(0.0, 0.02)),
            repeat_s=float(rng.uniform(1.0, 10.0)),
        ),
        presence=PresenceSpec(
            hold_s=float(rng.uniform(2.0, 10.0)),
            sure_peak_mps2=float(rng.uniform(0.03, 0.08)),
            door_wakes=float(rng.uniform(0.0, 0.15)),
        ),
        signals=signals,
        controller=None
        if controller_fields is None
        else ControllerSpec(float(rng.uniform(2.0, 10.0)), float(rng.uniform(0.02, 0.3)), controller_fields),
        pressure=PressureSpec(float(rng.uniform(980, 1030)), float(rng.uniform(0.005, 0.03)), float(rng.uniform(0, 1)))
        if has_pressure
        else None,
    )


def draw_supply(rng: np.random.Generator, lasts_min: float | None) -> SupplySpec:
    """A battery and its monitor; lasts_min None: a usual one."""
    drawn_min = float(rng.uniform(120.0, 600.0))
    return SupplySpec(60.0 * (drawn_min if lasts_min is None else lasts_min), float(rng.uniform(0.2, 0.6)))


def draw_modem(rng: np.random.Generator, rssi_dbm: tuple[float, ...], landings: int) -> ModemSpec:
    """A modem; no rssi_dbm: stronger at the top than in the pit, as in a concrete well."""
    pit_dbm, gain_db = float(rng.uniform(-107.0, -85.0)), float(rng.uniform(4.0, 30.0))
    drawn = tuple(pit_dbm + gain_db * landing / (landings - 1) for landing in range(landings))
    return ModemSpec(rssi_dbm or drawn, float(rng.uniform(0.5, 2.0)))


def draw_accel(rng: np.random.Generator, chip: Chip, rate_hz: float) -> AccelSpec:
    """Draw one chip and its mounting."""
    grade = GRADES[chip]
    return AccelSpec(
        rate_hz=rate_hz,
        rate_true=1.0 + float(np.clip(rng.normal(0.0, grade.rate_error_sd), -0.04, 0.04)),
        noise_mps2=grade.noise_mps2_100hz * (rate_hz / 100.0) ** 0.5,
        step_mps2=grade.step_mps2,
        range_mps2=grade.range_mps2,
        offset_mps2=np.clip(rng.normal(0.0, grade.offset_mps2_sd, 3), -0.8, 0.8),
        gain=1.0 + rng.normal(0.0, grade.gain_sd, 3),
        mounting=draw_mounting(rng),
        stamp_jitter_s=float(rng.uniform(0.0, 0.0003)),
        drift_mps2_per_degc=grade.drift_mps2_per_degc * np.array([1.0, -0.6, 1.0]),
    )


def draw_mounting(rng: np.random.Generator) -> FloatArray:
    """A rotation: usually a side of the box on a flat face, a few degrees off; sometimes any direction at all."""
    matrix, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    if np.linalg.det(matrix) < 0:
        matrix[:, 0] *= -1.0
    if rng.random() < 0.2:
        return matrix
    axes = np.eye(3)[rng.permutation(3)] * rng.choice([-1.0, 1.0], size=3)[:, None]
    if np.linalg.det(axes) < 0:
        axes[0] *= -1.0
    small = rotation(rng.normal(size=3), float(rng.uniform(0.0, 5.0)))
    return np.asarray(axes @ small)


def rotation(axis: FloatArray, angle_deg: float) -> FloatArray:
    """Rotation about an axis. Source: Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.radians(angle_deg)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))
