"""Finds and reads the serial protocols: those that come with the agent, and a file of the installer's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from drivers.serial_protocol import SerialProtocol
from drivers.serial_protocol_toml import serial_protocol_from
from edge_agent.errors import SettingsError
from edge_agent.toml_table import nearest_hint
from edge_agent.toml_text import TOML_BYTES_MAX, text_of

FOLDER = "serial_protocols"


def known_protocol_names() -> tuple[str, ...]:
    """The protocols that come with the agent, in order of the alphabet."""
    entries = (entry.name for entry in files("drivers").joinpath(FOLDER).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml")))


def load_serial_protocol(name: str) -> SerialProtocol:
    """A protocol by its name ("liftsentence") or by the path of a file.

    Raises SettingsError: no such protocol, or one with problems.
    """
    if name in known_protocol_names():
        toml_text = files("drivers").joinpath(FOLDER, f"{name}.toml").read_text(encoding="utf-8")
        return serial_protocol_from(toml_text, f"{FOLDER}/{name}.toml")
    if not name.endswith(".toml"):
        raise SettingsError(
            f"no serial protocol is named {name}", subject=name, hint=nearest_hint(name, known_protocol_names())
        )
    try:
        with Path(name).open("rb") as file:
            raw = file.read(TOML_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(
            f"the serial protocol cannot be read: {error.strerror}",
            subject=name,
            hint="Check the path and its permissions",
        ) from error
    return serial_protocol_from(text_of(raw, name), name)
