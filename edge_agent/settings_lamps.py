"""The section [lamps] of a settings file: the two indicator lamps of the box, the only lines that it drives."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.settings import LampSettings, LampsSettings
from edge_agent.toml_table import TomlTable, one_of, text, whole


def lamps_from(table: TomlTable, pins: tuple[int, int], owner_of_pin: Mapping[int, str]) -> LampsSettings:
    """The section; problems are noted in the table. pins: lowest and highest. owner_of_pin: those that are taken."""
    taken = dict(owner_of_pin)
    lamps = []
    for name in ("alarm_sent", "help_is_coming"):
        if not table.has(name):
            table.problem(name, f"[lamps] lacks {name}", f"Write for example: {name} = {{ pin = 5 }}")
        row = table.table(name)
        lamp = LampSettings(
            pin=row.need("pin", whole(*pins), -1, f"{name} = {{ pin = 5 }}") if table.has(name) else -1,
            is_active_low=row.take("active", one_of({"high": False, "low": True}), False),
        )
        row.refuse_unknown()
        owner = taken.setdefault(lamp.pin, name) if lamp.pin >= 0 else name
        if owner != name:
            table.problem(name, f"pin {lamp.pin} is already used by {owner}", "Give each lamp its own pin")
        lamps.append(lamp)
    chip = table.take("chip", text(r"lgpio(:\d+)?", '"lgpio" or "lgpio:N"'), "lgpio")
    table.refuse_unknown()
    return LampsSettings(chip, lamps[0], lamps[1])
