"""The section [lid] of a settings file: the contact at the lid of the box."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.settings import LidSettings, Pull
from edge_agent.toml_table import TomlTable, one_of, text, whole


def lid_from(table: TomlTable, pins: tuple[int, int], owner_of_pin: Mapping[int, str]) -> LidSettings:
    """The section; problems are noted in the table. pins: lowest and highest. owner_of_pin: those that are taken."""
    lid = LidSettings(
        chip=table.take("chip", text(r"lgpio(:\d+)?|unix:.+", '"lgpio", "lgpio:N" or "unix:PATH"'), "lgpio"),
        pin=table.need("pin", whole(*pins), -1, 'pin = 6 and active = "high"'),
        is_active_low=table.take("active", one_of({"high": False, "low": True}), False),
        pull=table.take("pull", one_of({pull.value: pull for pull in Pull}), Pull.UP),
    )
    owner = None if lid.chip.startswith("unix:") else owner_of_pin.get(lid.pin)
    if owner is not None:
        table.problem("pin", f"pin {lid.pin} is already used by {owner}", "Give the lid a pin of its own")
    table.refuse_unknown()
    return lid
