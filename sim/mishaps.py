"""What changes a lift while its story goes on: settings of drive and door, blows, wind, ventilation, temperature."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.readings import Mode
from sim.lift import Lift


def set_drive(lift: Lift, accel_mps2: float, jerk_mps3: float) -> None:
    """From now on the drive starts and stops with this acceleration and jerk."""
    style = replace(
        lift.spec.style,
        start_mps2=accel_mps2,
        start_mps3=jerk_mps3,
        slow_mps2=accel_mps2,
        slow_mps3=jerk_mps3,
    )
    lift.spec = replace(lift.spec, style=style)


def set_door_pace(lift: Lift, times_slower: float) -> None:
    """From now on the door takes so many times as long."""
    door = lift.spec.door
    slower = replace(door, open_s=door.open_s * times_slower, close_s=door.close_s * times_slower)
    lift.spec = replace(lift.spec, door=slower)


def roughen_rails(lift: Lift, times_rougher: float) -> None:
    """From now on rails and machine shake the moving car so many times as much."""
    lift.rail_roughness.set(lift.now_s, times_rougher)


def strike(lift: Lift, peak_mps2: float) -> None:
    """Something hard and short: a buffer, the top of the well, a hammer. It dies away within a tenth of a second."""
    lift.shake(lift.now_s, (0.3 * peak_mps2, 0.3 * peak_mps2, peak_mps2), 14.0, 40.0)


def storm(lift: Lift, gust_hpa: float) -> None:
    """Wind on the building from now on; 0: calm."""
    lift.gust_hpa.set(lift.now_s, gust_hpa)


def ventilate(lift: Lift, by_hpa: float, over_s: float) -> None:
    """Ventilation or doors of the house shift the pressure in the well, and it stays so."""
    lift.air_hpa.slope_by(lift.now_s, by_hpa, over_s)


def warm(lift: Lift, by_degc: float, over_s: float) -> None:
    """The box gets warmer or colder, slowly; the story goes on meanwhile."""
    lift.warmth_degc.slope_by(lift.now_s, by_degc, over_s)


def quake(lift: Lift, for_s: float, peak_mps2: float) -> None:
    """The building sways, more sideways than up and down. Sizes and 0.7 to 5 Hz: chosen."""
    end_s = lift.now_s + for_s
    while lift.now_s < end_s:
        peak = peak_mps2 * float(lift.rng.uniform(0.3, 1.0))
        side = float(lift.rng.uniform(-1.0, 1.0)) * peak
        lift.shake(lift.now_s, (peak, side, 0.4 * peak), float(lift.rng.uniform(0.7, 5.0)), 1.5)
        if lift.mode.at(lift.now_s) is not Mode.EARTHQUAKE:
            lift.mode.set(lift.now_s, Mode.EARTHQUAKE)
        lift.wait(min(float(lift.rng.uniform(0.3, 1.2)), max(0.01, end_s - lift.now_s)))
