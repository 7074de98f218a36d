"""What one lift is like: drive, door, body. Drawn within real ranges, so that no two simulated lifts agree."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from edge_agent.installation import Drive
from sim.motion import Style

RESCUE_MPS = 0.15
"""Speed at which a controller brings a car to the nearest landing after a fault, or a technician by hand."""

INSPECTION_MPS_MAX = 0.63
"""Source: EN 81-20 inspection operation; NICE3000+ F3-11 0.100-0.630 m/s (field/standards section 4)."""


@dataclass(frozen=True, slots=True)
class DoorSpec:
    """Timing and roughness of a power-operated car door.

    Source: NICE3000+ ranges FB-06/08/11/12 (field/standards section 4); usual values from memory, unverified.
    """

    open_s: float
    close_s: float
    dwell_s: float
    reopen_delay_s: float  # from touching an obstacle to moving back
    end_shake_mps2: float  # the leaf meeting its stop
    run_shake_mps2: float  # rollers, while it moves, rms per axis


@dataclass(frozen=True, slots=True)
class BodySpec:
    """How car and rails answer: what an accelerometer feels apart from the trip itself. From memory, unverified."""

    mass_kg: float
    rated_load_kg: float
    bounce_hz: float  # car on its ropes
    bounce_decay_per_s: float
    sag_m_per_person: float
    level_error_m_sd: float
    rail_mps2: float  # peak of the guide-rail waviness at rated speed
    rail_wave_m: float
    rail_joint_mps2: float
    rail_joint_m: float  # length of one rail
    hum_mps2: float  # machine tone at rated speed
    hum_hz: float  # at rated speed
    hiss_mps2: float  # broadband, rms at rated speed
    background_mps2: float  # building and other lifts, standing empty, peak


@dataclass(frozen=True, slots=True)
class LiftSpec:
    """One lift with all that was drawn for it. Landing 0 is the lowest."""

    drive: Drive
    landing_heights_m: tuple[float, ...]
    rated_mps: float
    style: Style
    rescue: Style
    brake_mps2: float
    brake_mps3: float
    brake_delay_s: float
    gear_mps2: float  # safety gear
    zone_half_m: float  # half height of the door zone
    door: DoorSpec
    body: BodySpec
    first_floor_number: int  # what the controller calls landing 0


def draw_lift(
    rng: np.random.Generator,
    drive: Drive,
    landing_heights_m: tuple[float, ...],
    rated_mps: float,
    first_floor_number: int = 1,
) -> LiftSpec:
    """Draw the parameters of one lift; the caller has fixed what a scenario must know."""
    style = _draw_style(rng, drive, rated_mps)
    is_hydraulic = drive is Drive.HYDRAULIC
    return LiftSpec(
        drive=drive,
        landing_heights_m=landing_heights_m,
        rated_mps=rated_mps,
        style=style,
        rescue=_slow(min(RESCUE_MPS, rated_mps)),
        # Source: e-stop by brake about 1-5 m/s2 (field/standards section 4, inference); a lowering valve is softer
        brake_mps2=float(rng.uniform(1.3, 2.4) if is_hydraulic else rng.uniform(2.2, 4.5)),
        brake_mps3=float(rng.uniform(15.0, 60.0)),
        brake_delay_s=float(rng.uniform(0.08, 0.25)),
        gear_mps2=float(rng.uniform(2.5, 9.5)),  # Source: progressive gear 0.2-1.0 g mean (field/standards section 4)
        zone_half_m=float(rng.uniform(0.10, 0.30)),
        door=_draw_door(rng),
        body=_draw_body(rng, is_hydraulic, rated_mps),
        first_floor_number=first_floor_number,
    )


def _slow(speed_mps: float) -> Style:
    return Style(speed_mps, 0.3, 0.8, 0.3, 0.8, 0.0, 0.0, 0.3, 0.8)


def inspection_style(speed_mps: float) -> Style:
    """Movement under a technician's button: constant pressure, abrupt start and stop."""
    return Style(min(speed_mps, INSPECTION_MPS_MAX), 0.6, 2.0, 0.9, 3.0, 0.0, 0.0, 0.9, 3.0)


def _draw_style(rng: np.random.Generator, drive: Drive, rated_mps: float) -> Style:
    """Source: accel 0.8-1.2 m/s2, jerk about 1.4 m/s3, NICE3000+ 0.2-2.0 m/s2 (field notes); the rest from memory."""
    match drive:
        case Drive.VVVF:
            start_mps2 = float(rng.uniform(0.55, 1.15)) * min(1.0, sqrt(rated_mps) + 0.3)
            jerk_mps3 = float(rng.uniform(0.6, 1.6))
            has_creep = bool(rng.random() < 0.5)
            return Style(
                speed_mps=rated_mps * float(rng.uniform(0.97, 1.0)),
                start_mps2=start_mps2,
                start_mps3=jerk_mps3,
                slow_mps2=start_mps2 * float(rng.uniform(0.8, 1.1)),
                slow_mps3=jerk_mps3 * float(rng.uniform(0.7, 1.2)),
                creep_mps=min(0.3 * rated_mps, float(rng.uniform(0.04, 0.1))) if has_creep else 0.0,
                creep_m=float(rng.uniform(0.01, 0.08)) if has_creep else 0.0,
                stop_mps2=0.3,
                stop_mps3=0.8,
            )
        case Drive.TWO_SPEED:
            ratio = float(rng.choice([3.0, 4.0, 6.0]))
            return Style(
                speed_mps=rated_mps * float(rng.uniform(0.96, 1.03)),
                start_mps2=float(rng.uniform(0.7, 1.3)),
                start_mps3=float(rng.uniform(4.0, 10.0)),
                slow_mps2=float(rng.uniform(0.8, 1.5)),
                slow_mps3=float(rng.uniform(6.0, 15.0)),
                creep_mps=rated_mps / ratio,
                creep_m=float(rng.uniform(0.1, 0.5)),
                stop_mps2=float(rng.uniform(0.9, 1.8)),  # brake drop
                stop_mps3=float(rng.uniform(15.0, 40.0)),
            )
        case Drive.HYDRAULIC:
            return Style(
                speed_mps=rated_mps * float(rng.uniform(0.92, 1.0)),
                start_mps2=float(rng.uniform(0.25, 0.5)),
                start_mps3=float(rng.uniform(0.5, 1.5)),
                slow_mps2=float(rng.uniform(0.25, 0.5)),
                slow_mps3=float(rng.uniform(0.5, 1.5)),
                creep_mps=min(0.4 * rated_mps, float(rng.uniform(0.05, 0.1))),
                creep_m=float(rng.uniform(0.1, 0.25)),
                stop_mps2=0.25,
                stop_mps3=1.0,
            )


def _draw_door(rng: np.random.Generator) -> DoorSpec:
    return DoorSpec(
        open_s=float(rng.uniform(1.6, 3.6)),
        close_s=float(rng.uniform(2.0, 4.5)),
        dwell_s=float(rng.uniform(2.5, 6.0)),
        reopen_delay_s=float(rng.uniform(0.05, 0.3)),
        end_shake_mps2=float(rng.uniform(0.05, 0.6)),
        run_shake_mps2=float(rng.uniform(0.01, 0.08)),
    )


def _draw_body(rng: np.random.Generator, is_hydraulic: bool, rated_mps: float) -> BodySpec:
    pace = min(1.5, sqrt(rated_mps))
    return BodySpec(
        mass_kg=float(rng.uniform(600.0, 1600.0)),
        rated_load_kg=float(rng.choice([450.0, 630.0, 800.0, 1000.0])),
        bounce_hz=float(rng.uniform(2.0, 4.0) if is_hydraulic else rng.uniform(2.5, 6.5)),
        bounce_decay_per_s=float(rng.uniform(2.0, 6.0)),
        sag_m_per_person=float(rng.uniform(0.0008, 0.003) if is_hydraulic else rng.uniform(0.0002, 0.0012)),
        level_error_m_sd=float(rng.uniform(0.001, 0.006)),
        rail_mps2=float(rng.uniform(0.01, 0.08)) * pace,
        rail_wave_m=float(rng.uniform(1.5, 5.0)),
        rail_joint_mps2=float(rng.uniform(0.02, 0.25)) * pace,
        rail_joint_m=5.0,  # Source: guide rails come in 5 m lengths (from memory, unverified)
        hum_mps2=float(rng.uniform(0.005, 0.06)),
        hum_hz=float(rng.uniform(12.0, 35.0)),
        hiss_mps2=float(rng.uniform(0.005, 0.04)) * pace,
        background_mps2=float(rng.uniform(0.0005, 0.004)),
    )
