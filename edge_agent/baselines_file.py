"""The file that keeps what the core has learned over a restart: small, whole or refused, and bound to one installation.

One JSON object: `format`, `installation` (a digest of what the installer set: lift and wiring), `digest` (of the
baselines), `baselines` (the tree of `detect.baselines`). A file that cannot be used is set aside, never deleted, and
the box learns anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from edge_agent.detect.baselines import Baselines, BaselinesProblem, baselines_from, tree_of
from edge_agent.durable_file import replace_file
from edge_agent.installation import Installation

NAME = "baselines.json"
FORMAT = 1
BYTES_MAX = 256 * 1024
"""Ours: 256 doors and landings with 40 times each are 130 KiB."""

READABLE = 0o640


@dataclass(frozen=True, slots=True)
class Found:
    """What the file held. problem: "" where it could be used or was not there; else why not, in one sentence."""

    baselines: Baselines | None
    problem: str = ""


class BaselinesFile:
    """One file in the state folder."""

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / NAME

    def read(self, installation: Installation | None = None) -> Found:
        """What it holds, if it was learned at this installation (None: at any). Never raises."""
        try:
            with self.path.open("rb") as file:
                content = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return Found(None)
        except OSError as error:
            return Found(None, f"cannot be read ({error.strerror})")
        return _found_in(content, installation)

    def take(self, installation: Installation) -> Found:
        """The same for a start of the agent: a file that cannot be used is set aside. Never raises."""
        found = self.read(installation)
        if not found.problem:
            return found
        aside = self.path.with_name(f"{NAME}.set-aside")
        try:
            self.path.replace(aside)
        except OSError as error:
            return Found(None, f"{found.problem}; it cannot be set aside ({error.strerror})")
        return Found(None, f"{found.problem}; it was set aside as {aside}")

    def write(self, baselines: Baselines, installation: Installation) -> int:
        """Replace the file; returns its bytes. Raises OSError; then the old one stands."""
        tree = tree_of(baselines)
        text = json.dumps(
            {
                "format": FORMAT,
                "installation": fingerprint(installation),
                "digest": _digest(tree),
                "baselines": tree,
            }
        )
        if len(text) > BYTES_MAX:
            raise OSError(f"{len(text)} bytes of baselines, at most {BYTES_MAX}")
        replace_file(self.path, text + "\n", READABLE)
        return len(text) + 1

    def forget(self) -> bool:
        """Delete the file; False where there is none. Raises OSError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True


def fingerprint(installation: Installation) -> str:
    """Names lift and wiring as they are set: baselines of another lift or other sensors mean nothing here."""
    lift, wiring = installation.lift, installation.wiring
    said = (
        lift.lift_id,
        lift.rated_speed_mps,
        None if lift.drive is None else lift.drive.value,
        lift.landing_heights_m,
        wiring.has_accelerometer,
        wiring.accel_rate_hz,
        wiring.has_controller,
        sorted(signal.value for signal in wiring.signals),
    )
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _digest(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _found_in(content: bytes, installation: Installation | None) -> Found:
    if len(content) > BYTES_MAX:
        return Found(None, f"is longer than {BYTES_MAX} bytes")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return Found(None, "is damaged: no JSON")
    if not isinstance(said, dict) or type(said.get("format")) is not int:
        return Found(None, "is damaged: no format")
    if said["format"] != FORMAT:
        return Found(None, f"is of format {said['format']}, this agent reads format {FORMAT}")
    tree = said.get("baselines")
    if not isinstance(tree, dict) or said.get("digest") != _digest(tree):
        return Found(None, "is damaged: the digest does not fit")
    if installation is not None and said.get("installation") != fingerprint(installation):
        return Found(None, "was learned at another lift, or with other sensors or settings of the lift")
    try:
        return Found(baselines_from(tree))
    except BaselinesProblem as problem:
        return Found(None, f"is damaged: {problem}")
