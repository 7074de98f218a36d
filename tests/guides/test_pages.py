"""What the guides and papers name is there, and both languages of a guide say the same."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from edge_agent.cli import SUMMARIES, module_of
from edge_agent.cli.settings_file import load_settings
from receiver import cli as receiver_cli
from sim.__main__ import parser as sim_parser
from tests.guides.pages import (
    BOX,
    GUIDES,
    LANGUAGES,
    ROOT,
    blocks_of,
    installer,
    quoted_in,
    rows_of,
    section_of,
    settings_of,
)

PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "labs").glob("*.md")])
DRAWINGS = sorted((ROOT / "docs" / "img").glob("wiring-*.svg"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
GPIO = re.compile(r"GPIO (\d+) \(pin (\d+)\)")
# Header pins of GPIO lines. Source: the pinout that Raspberry Pi publishes (from memory, unverified).
HEADER = {2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 17: 11, 22: 15, 23: 16, 24: 18, 25: 22, 27: 13}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---- links


def anchors_of(page: str) -> set[str]:
    """As a forge makes them of headings."""
    heads = re.findall(r"^#+ (.+)$", page, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_link_and_every_picture_of_a_paper_is_there(paper: Path) -> None:
    broken = []
    text = re.sub(r"^```.*?^```$", "", paper.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = (paper.parent / place).resolve() if place else paper
        if not target.exists() or (anchor and anchor not in anchors_of(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def test_the_readme_leads_to_every_guide() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in sorted(GUIDES.glob("*.md")) if f"docs/guides/{path.name}" not in readme] == []


# ---- commands


def words_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    """What may follow a command: subcommands, and words that a place takes; two words at most."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield (name,)
                yield from ((name, words[0]) for words in words_of(below) if len(words) == 1)
        elif not action.option_strings and action.choices is not None:
            yield from ((str(name),) for name in action.choices)


def agent_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-agent")
    commands = parser.add_subparsers()
    for name in SUMMARIES:
        import_module(module_of(name)).add_parser(commands)
    return parser


TOOLS = {"edge-agent": agent_parser(), "lift-receiver": receiver_cli._parser(), "lift-sim": sim_parser()}
COMMANDS = [(tool, *words) for tool, parser in TOOLS.items() for words in words_of(parser)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_stands_in_a_paper(command: tuple[str, ...]) -> None:
    """With its subcommands: `edge-agent outbox list`, also as one of several behind each other."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAPERS)
    head, last = " ".join(command[:2]), command[-1]
    pattern = rf"{head}\b" if len(command) == 2 else rf"{head}\b[^\n]*\b{last}\b"
    assert re.search(pattern, text), f"no paper names {' '.join(command)}"


@pytest.mark.parametrize("page", sorted(GUIDES.glob("*.md")), ids=name_of)
def test_a_guide_names_only_commands_that_there_are(page: Path) -> None:
    known = {command[:2] for command in COMMANDS}
    text = page.read_text(encoding="utf-8").replace("sudo -u lift-receiver bash", "")
    named = set(re.findall(r"(?<![\w./-])(edge-agent|lift-receiver|lift-sim) ([a-z][a-z-]+)(?![\w/])", text))
    assert named - known == set()


# ---- the installer's guide


def test_both_languages_hold_the_same_commands() -> None:
    english, chinese = (blocks_of(installer(language)) for language in LANGUAGES)
    assert [block.where for block in english] == [block.where for block in chinese]
    assert [block.text for block in english] == [block.text.replace("SAY=zh", "SAY=en") for block in chinese]
    assert sum(block.where == BOX for block in english) >= 4


def without_remarks(settings: str) -> str:
    return re.sub(r"\s*#.*", "", settings)


def test_both_languages_hold_the_same_settings() -> None:
    english, chinese = (settings_of(installer(language)) for language in LANGUAGES)
    assert without_remarks(english) == without_remarks(chinese)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_settings_of_the_guide_are_valid(language: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    joined = '\n[delivery]\nreceivers = [{ name = "a", url = "http://127.0.0.1:9" }]\n'
    path.write_text(settings_of(installer(language)) + joined, encoding="utf-8")
    settings = load_settings(str(path))
    assert settings.lift.rated_speed_mps is None
    assert settings.controller is not None


def test_both_languages_have_the_same_tables() -> None:
    """As many rows everywhere, and the same words of the program in them."""
    for number in (4, 9):
        english, chinese = (rows_of(section_of(installer(language), number)) for language in LANGUAGES)
        assert [row[0] for row in english if row[0][0] == "`"] == [
            row[0].replace("、", ", ") for row in chinese if row[0][0] == "`"
        ]
    lengths = [len(rows_of(section_of(installer(language), 14))) for language in LANGUAGES]
    assert lengths[0] == lengths[1] >= 25


SPEAKERS = ("catalogue*.py", "settings*.py", "enrol.py", "cli/join.py", "cli/doctor.py")
"""Files of `edge_agent/` whose sentences the guide explains."""


@cache
def said_by_the_program() -> str:
    """Every piece of text in them, with dots where values come."""
    pieces = []
    for path in (path for speaker in SPEAKERS for path in (ROOT / "edge_agent").glob(speaker)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pieces += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str]
    return re.sub(r"\{\w*(:[^}]*)?\}", "...", "\n".join(pieces))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_the_guide_explains_is_one_of_the_program(language: str) -> None:
    said = said_by_the_program()
    rows = rows_of(section_of(installer(language), 14))
    quoted = [sentence for row in rows for sentence in quoted_in(row[0])]
    assert len(quoted) >= 25
    assert [sentence for sentence in quoted if sentence.strip(". ") not in said and sentence not in said] == []


# ---- the drawings


@pytest.mark.parametrize("drawing", DRAWINGS, ids=name_of)
def test_a_drawing_is_whole_and_used_in_both_languages(drawing: Path) -> None:
    root = ElementTree.parse(drawing).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert all(f"../img/{drawing.name}" in installer(language) for language in LANGUAGES)
    words = "".join(root.itertext())
    assert re.search("[a-z]{4}", words)
    assert re.search("[\u4e00-\u9fff]{2}", words)
    assert all(HEADER[int(gpio)] == int(pin) for gpio, pin in GPIO.findall(words))


def test_pins_of_drawings_and_guide_are_those_of_the_example_settings() -> None:
    with (ROOT / "docs" / "example.toml").open("rb") as file:
        example = tomllib.load(file)
    pins = {name: row["pin"] for name, row in example["contacts"].items() if name != "chip"}
    drawn = "\n".join("".join(ElementTree.parse(path).getroot().itertext()) for path in DRAWINGS)
    shown = tomllib.loads(settings_of(installer("en")))
    for name in ("door_open", "door_closed", "mains"):
        assert f"{name} GPIO {pins[name]} (pin {HEADER[pins[name]]})" in drawn
        assert shown["contacts"][name] == example["contacts"][name]
    assert f"GPIO {pins['presence']}" in drawn
    assert f"{example['accelerometer']['address']:#x}" in drawn
    assert f"{example['supply']['address']:#x}" in drawn
    assert shown["supply"] == example["supply"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_of_pins_is_that_of_the_header_and_of_the_settings(language: str) -> None:
    shown = tomllib.loads(settings_of(installer(language)))
    wired = {**shown["contacts"], **shown["lamps"], "lid": shown["lid"]}
    rows = {quoted_in(row[0])[0]: row for row in rows_of(section_of(installer(language), 4)) if row[1].isdigit()}
    assert rows.keys() == wired.keys() - {"chip"}
    for name, row in rows.items():
        assert (int(row[1]), int(row[2])) == (wired[name]["pin"], HEADER[wired[name]["pin"]])
