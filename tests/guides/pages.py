"""The guides as a program reads them: command blocks, table cells, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
LANGUAGES = ("en", "zh")

BOTH, DESK, BOX = "", "desk", "box"
"""Where a block of commands is typed: at the desk and at the box, at the desk alone, at the box alone."""


@dataclass(frozen=True, slots=True)
class Block:
    """Commands to be typed. where: one of the three above."""

    where: str
    text: str


def installer(language: str) -> str:
    """The installer's guide, whole."""
    return (GUIDES / f"installer.{language}.md").read_text(encoding="utf-8")


def firm(language: str) -> str:
    """The firm's guide, whole."""
    return (GUIDES / f"firm.{language}.md").read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """The command blocks in their order."""
    found = re.finditer(r"^```sh ?(\w*)\n(.*?)^```$", page, re.M | re.S)
    return [Block(match.group(1), match.group(2)) for match in found]


def settings_of(page: str) -> str:
    """The settings file that the guide shows."""
    [found] = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    return str(found)


def section_of(page: str, number: int) -> str:
    """What stands under the heading with this number."""
    found = re.search(rf"^## {number}\. .*?(?=^## |\Z)", page, re.M | re.S)
    assert found is not None, f"there is no section {number}"
    return found.group()


def rows_of(section: str) -> list[list[str]]:
    """The cells of its table, without the head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted_in(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
