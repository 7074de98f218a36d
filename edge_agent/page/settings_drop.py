"""Accepted settings on their way into a file that the page itself may not write.

On a box from the package the page runs without rights, and the settings belong to root: the page leaves the new text
in the state folder, and a unit of its own (`lift-edge-page-settings.path`) has `edge-agent page --put-settings` look at
it and put it in place. That one believes nothing: it takes only what a calibration may propose, on top of what is
there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from calibration.guided import Proposal, write_installation
from calibration.words import CalibrationError
from edge_agent.durable_file import replace_file
from edge_agent.readings import Signal

FILE = "page-settings.json"
BYTES_MAX = 256 * 1024
ALLOWED: Mapping[str, frozenset[str]] = {
    "lift": frozenset({"rated_speed_mps", "landing_heights_m"}),
    "accelerometer": frozenset({"chip", "address"}),
    "pressure": frozenset({"chip", "address"}),
    "supply": frozenset({"chip", "address"}),
    "contacts": frozenset(signal.value for signal in Signal),
    "controller": frozenset({"baud_rate", "parity", "stop_bits", "unit"}),
}
"""All that a calibration proposes: nothing of receivers, folders, buses, limits, lamps."""
FOUND_MAP = re.compile(r"found_controller_\d{1,2}\.toml")
WITH_FOUND_MAP = frozenset({"map", "accept_polling_risk", "poll_hz"})
"""Only together with a map that the detective has written into the state folder: another may not be named."""


def can_write(path: Path) -> bool:
    """Whether this process can replace the file itself."""
    return os.access(path.resolve().parent, os.W_OK)


def leave_settings(state_folder: Path, proposal: Proposal) -> None:
    """For `put_settings`. Raises CalibrationError."""
    old = hashlib.sha256(proposal.old.encode("utf-8")).hexdigest()
    try:
        replace_file(state_folder / FILE, json.dumps({"old": old, "new": proposal.new}))
    except OSError as error:
        raise CalibrationError(
            f"cannot be written: {error.strerror}",
            subject=str(state_folder / FILE),
            hint="Look whether the disk is full",
        ) from error


def withdraw_settings(state_folder: Path) -> None:
    """Nobody has put it in place. Never raises."""
    try:
        (state_folder / FILE).unlink(missing_ok=True)
    except OSError:
        return


def put_settings(state_folder: Path, config: Path, check: Callable[[str, str], None]) -> bool:
    """Put what was left there in place. False: nothing was left. Raises EdgeAgentError; then the old file stands."""
    path = state_folder / FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CalibrationError(
            f"cannot be read: {error.strerror}", subject=str(path), hint="Accept the settings on the page again"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(BYTES_MAX + 1)
    path.unlink(missing_ok=True)  # also what is refused: it would be looked at for ever
    try:
        said = json.loads(content)
        old_digest, new = said["old"], said["new"]
        old = config.read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(path, f"it is no settings of a calibration ({error})") from error
    if not isinstance(new, str) or hashlib.sha256(old.encode("utf-8")).hexdigest() != old_digest:
        raise _refused(path, "the settings file is not the one that was on the page")
    forbidden = forbidden_change(old, new, state_folder)
    if forbidden:
        raise _refused(path, f"it changes {forbidden}, which no calibration does")
    check(new, str(config))
    write_installation(Proposal(config.resolve(), old, new))
    return True


def forbidden_change(old: str, new: str, state_folder: Path) -> str:
    """A setting that a calibration may not change, and that differs; "": none."""
    try:
        before, after = tomllib.loads(old), tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        return "what is no TOML"
    for section in sorted(before.keys() | after.keys()):
        if before.get(section) == after.get(section):
            continue
        was, now = before.get(section, {}), after.get(section, {})
        if section not in ALLOWED or not isinstance(was, dict) or not isinstance(now, dict):
            return f"[{section}]"
        allowed = ALLOWED[section]
        if section == "controller" and _is_found_map(now.get("map"), state_folder):
            allowed |= WITH_FOUND_MAP
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key) and key not in allowed:
                return f"{section}.{key}"
    return ""


def _is_found_map(value: object, state_folder: Path) -> bool:
    if not isinstance(value, str):
        return False
    path = Path(value)
    is_ours = path.parent == state_folder.absolute() and FOUND_MAP.fullmatch(path.name) is not None
    return is_ours and path.is_file() and not path.is_symlink()


def _refused(path: Path, problem: str) -> CalibrationError:
    return CalibrationError(
        problem, subject=str(path), hint="Nothing was changed; accept the settings on the page again"
    )
