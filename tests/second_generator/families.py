"""All case families by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import daily, doorcases, hard, trouble
from .lifts import KINDS, Rng
from .story import Story

FAMILIES: dict[str, Callable[[str, Rng], Story]] = {
    **{f"normal_{kind}": partial(daily.normal, kind=kind) for kind in KINDS},
    "empty_call_then_park": daily.empty_call_then_park,
    "no_contacts": daily.no_contacts,
    "one_contact": daily.one_contact,
    "overnight": daily.overnight,
    "overnight_pir_glitch": daily.overnight_pir_glitch,
    "inspection": trouble.inspection,
    "empty_stop": trouble.empty_stop,
    "trapped_blind": partial(trouble.trapped_between, presence=False, controller=False),
    "trapped_pir": partial(trouble.trapped_between, presence=True, controller=False),
    "trapped_ctrl": partial(trouble.trapped_between, presence=False, controller=True),
    "trapped_pir_ctrl": partial(trouble.trapped_between, presence=True, controller=True),
    "trapped_dead_pir": trouble.trapped_dead_pir,
    "trapped_landing_shut": partial(trouble.trapped_landing, wide=0.0),
    "trapped_landing_gap": partial(trouble.trapped_landing, wide=0.15),
    "trapped_recovers": trouble.trapped_recovers,
    "trapped_rescued": trouble.trapped_rescued,
    "furniture": doorcases.furniture,
    "jumping": doorcases.jumping,
    "door_will_not_close": doorcases.door_will_not_close,
    "door_half_open": doorcases.door_half_open,
    "contact_opens_in_motion": doorcases.contact_opens_in_motion,
    "door_forced_in_motion": doorcases.door_forced_in_motion,
    "door_chatter": doorcases.door_chatter,
    "one_contact_trapped": doorcases.one_contact_trapped,
    "unintended_movement": hard.unintended_movement,
    "overspeed": hard.overspeed,
    "power_dip_idle": hard.power_dip_idle,
    "power_dip_ride": hard.power_dip_ride,
    "sensor_frozen": hard.sensor_frozen,
    "sensor_absent": hard.sensor_absent,
    "box_knocked": hard.box_knocked,
    "box_turned": hard.box_turned,
}
