"""Commands of a story that change the lift or its surroundings, or that no lift should ever do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from sim import mishaps
from sim.lift import Lift


@dataclass(frozen=True, slots=True)
class DriftStep:
    """The car moves without a command, door as it is: `by_m` up (negative: down), then stands."""

    by_m: float
    speed_mps: float = 0.05
    accel_mps2: float = 0.2


@dataclass(frozen=True, slots=True)
class StrikeStep:
    """Something hard hits the car, or the car hits something."""

    peak_mps2: float


@dataclass(frozen=True, slots=True)
class DriveStep:
    """From now on the drive starts and stops like this."""

    accel_mps2: float
    jerk_mps3: float = 1.0


@dataclass(frozen=True, slots=True)
class DoorPaceStep:
    """From now on the door takes so many times as long as before."""

    times_slower: float


@dataclass(frozen=True, slots=True)
class LevelStep:
    """From now on the lift stops so far above its landings (negative: below)."""

    offset_mm: float


@dataclass(frozen=True, slots=True)
class RailsStep:
    """From now on rails and machine shake the car so many times as much as before."""

    times_rougher: float


@dataclass(frozen=True, slots=True)
class SafetyCircuitStep:
    """The safety circuit as the controller sees it."""

    closed: bool


@dataclass(frozen=True, slots=True)
class StormStep:
    """Wind on the building from now on; 0: calm."""

    gust_hpa: float


@dataclass(frozen=True, slots=True)
class VentilationStep:
    """The pressure in the well shifts and stays so."""

    by_hpa: float
    over_s: float = 2.0


@dataclass(frozen=True, slots=True)
class TemperatureStep:
    """The box gets warmer or colder while the story goes on."""

    by_degc: float
    over_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class EarthquakeStep:
    """The building shakes; a seismic switch tells the controller, which stays in that mode."""

    for_s: float
    peak_mps2: float = 1.0


MishapStep = (
    DriftStep
    | StrikeStep
    | DriveStep
    | DoorPaceStep
    | LevelStep
    | RailsStep
    | SafetyCircuitStep
    | StormStep
    | VentilationStep
    | TemperatureStep
    | EarthquakeStep
)

MISHAP_VERBS: dict[str, type[MishapStep]] = {
    "drift": DriftStep,
    "strike": StrikeStep,
    "drive_settings": DriveStep,
    "door_pace": DoorPaceStep,
    "level_offset": LevelStep,
    "rails": RailsStep,
    "safety_circuit": SafetyCircuitStep,
    "storm": StormStep,
    "ventilation": VentilationStep,
    "temperature": TemperatureStep,
    "earthquake": EarthquakeStep,
}
"""Word of the scenario file for each command."""


def perform_mishap(lift: Lift, step: MishapStep) -> None:
    """Carry out one command."""
    match step:
        case DriftStep(by_m, speed_mps, accel_mps2):
            lift.drift(by_m, speed_mps, accel_mps2)
        case StrikeStep(peak_mps2):
            mishaps.strike(lift, peak_mps2)
        case DriveStep(accel_mps2, jerk_mps3):
            mishaps.set_drive(lift, accel_mps2, jerk_mps3)
        case DoorPaceStep(times_slower):
            mishaps.set_door_pace(lift, times_slower)
        case LevelStep(offset_mm):
            lift.level_offset_m = offset_mm / 1000.0
        case RailsStep(times_rougher):
            mishaps.roughen_rails(lift, times_rougher)
        case SafetyCircuitStep(closed):
            lift.safety_circuit_closed.set(lift.now_s, closed)
        case StormStep(gust_hpa):
            mishaps.storm(lift, gust_hpa)
        case VentilationStep(by_hpa, over_s):
            mishaps.ventilate(lift, by_hpa, over_s)
        case TemperatureStep(by_degc, over_s):
            mishaps.warm(lift, by_degc, over_s)
        case EarthquakeStep(for_s, peak_mps2):
            mishaps.quake(lift, for_s, peak_mps2)
        case _:
            assert_never(step)


def mishap_sentence(step: MishapStep) -> str:
    """One command as a person would say it."""
    match step:
        case DriftStep(by_m, speed_mps):
            way = "up" if by_m > 0.0 else "down"
            return f"the car drifts {abs(by_m):g} m {way} at {speed_mps:g} m/s without a command"
        case StrikeStep(peak_mps2):
            return f"something hard strikes the car with {peak_mps2:g} m/s2"
        case DriveStep(accel_mps2, jerk_mps3):
            return f"from now on the drive starts and stops with {accel_mps2:g} m/s2 and {jerk_mps3:g} m/s3"
        case DoorPaceStep(times_slower):
            return f"from now on the door takes {times_slower:g} times as long"
        case LevelStep(offset_mm):
            return f"from now on the lift stops {offset_mm:g} mm above its landings"
        case RailsStep(times_rougher):
            return f"from now on rails and machine shake the car {times_rougher:g} times as much"
        case SafetyCircuitStep(closed):
            return f"the safety circuit {'closes' if closed else 'opens'}"
        case StormStep(gust_hpa):
            return f"a storm presses on the building, gusts of {gust_hpa:g} hPa" if gust_hpa else "the storm is over"
        case VentilationStep(by_hpa):
            return f"the ventilation shifts the pressure by {by_hpa:g} hPa"
        case TemperatureStep(by_degc, over_s):
            return f"the box gets {by_degc:+g} degrees warmer within {over_s:g} seconds"
        case EarthquakeStep(for_s, peak_mps2):
            return f"an earthquake shakes the building for {for_s:g} seconds with up to {peak_mps2:g} m/s2"
        case _:
            assert_never(step)
