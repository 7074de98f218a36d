"""Lifts and boxes with known numbers, for tests that calculate by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_agent.installation import Drive
from edge_agent.readings import Signal
from sim.box import BoxSpec, Chip, draw_box
from sim.lift import Lift
from sim.motion import Style
from sim.spec import BodySpec, LiftSpec, draw_lift

HEIGHTS_M = (0.0, 3.0, 6.0, 9.0, 12.0)
PLAIN_STYLE = Style(1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.3, 0.8)
"""1 m/s, 1 m/s2, 1 m/s3, straight to the landing."""


def plain_spec(style: Style = PLAIN_STYLE, heights_m: tuple[float, ...] = HEIGHTS_M) -> LiftSpec:
    """A lift that does exactly what its style says and shakes nothing."""
    drawn = draw_lift(np.random.default_rng(1), Drive.VVVF, heights_m, style.speed_mps)
    quiet = replace(
        drawn.body,
        level_error_m_sd=0.0,
        rail_mps2=0.0,
        rail_joint_mps2=0.0,
        hum_mps2=0.0,
        hiss_mps2=0.0,
        background_mps2=0.0,
        sag_m_per_person=0.0,
    )
    assert isinstance(quiet, BodySpec)
    return replace(drawn, style=style, body=quiet, brake_mps2=3.0, brake_delay_s=0.1, brake_mps3=30.0)


def plain_lift(seed: int = 1, style: Style = PLAIN_STYLE) -> Lift:
    """A lift at landing 0 with its door closed."""
    return Lift(plain_spec(style), np.random.default_rng(seed))


def a_box(
    seed: int = 1,
    signals: frozenset[Signal] = frozenset({Signal.DOOR_OPEN, Signal.DOOR_CLOSED}),
    chip: Chip | None = Chip.ADXL355,
    controller_fields: frozenset[str] | None = None,
) -> BoxSpec:
    """A box with drawn mounting and switches."""
    return draw_box(
        np.random.default_rng(seed),
        chip=chip,
        accel_rate_hz=100.0,
        signals=signals,
        controller_fields=controller_fields,
        has_pressure=False,
    )
