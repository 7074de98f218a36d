"""What the package is built for: Debian 12 and 13 (Raspberry Pi OS Bookworm and Trixie), 64-bit ARM and PC."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "packaging" / "lock"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
RELEASE = {"bookworm": "12", "trixie": "13"}
MACHINE = {"arm64": "aarch64", "amd64": "x86_64"}
GLIBC = {"bookworm": 36, "trixie": 41}
GLIBC_OLDEST = 17  # manylinux2014


@dataclass(frozen=True)
class Target:
    """One suite on one architecture."""

    suite: str
    arch: str

    @property
    def name(self) -> str:
        return f"{self.suite}-{self.arch}"

    @property
    def lock(self) -> Path:
        """Every package with its version and the digest of the one file that may be installed."""
        return LOCKS / f"{self.name}.txt"

    @property
    def python_next(self) -> str:
        major, minor = PYTHON[self.suite].split(".")
        return f"{major}.{int(minor) + 1}"

    def pip_options(self) -> list[str]:
        """What makes pip choose files for the target instead of this machine."""
        machine = MACHINE[self.arch]
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC[self.suite], GLIBC_OLDEST - 1, -1)]
        options = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON[self.suite]]
        for platform in (*platforms, f"manylinux2014_{machine}"):
            options += ["--platform", platform]
        return options


TARGETS = tuple(Target(suite, arch) for suite in PYTHON for arch in MACHINE)


OF_DEBIAN = frozenset({"pillow"})
"""Drawn in by fpdf2 for photographs alone, 20 MB: Debian's python3-pil does it, where somebody wants photographs in a
PDF (Suggests)."""


def project() -> dict[str, object]:
    """The table of that name in pyproject.toml."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def wanted(target: Target) -> list[str]:
    """What the box needs. On Trixie lgpio is the system's: its index has no file for Python 3.13 on ARM but an empty
    one of an old version (field experience, checked when this was written)."""
    table = project()
    extras = table["optional-dependencies"]
    dependencies = table["dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(dependencies, list)
    return [*dependencies, *extras["mqtt"], *extras["report"], *(extras["gpio"] if target.suite == "bookworm" else [])]
