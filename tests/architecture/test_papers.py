"""The security papers name tests that exist, and say what a person who found a hole needs."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.source_files import ROOT

PAPERS = ("SECURITY.md", "docs/security.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
# Credentials as they are commonly written. Source: public prefixes of token makers (from memory, unverified).
SECRETS = re.compile(
    r"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{80,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abpr]-[A-Za-z0-9-]{20,}|\bglpat-[A-Za-z0-9_-]{20}\b"
)
LARGEST_BYTES = 1 << 20
ROOMS = ("edge_agent", "drivers", "sim", "receiver", "docs", "packaging", "labs", "systemd", ".ci")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_test_that_a_paper_names_exists(paper: str) -> None:
    for path, name in NAMED.findall((ROOT / paper).read_text(encoding="utf-8")):
        assert (ROOT / path).is_file(), f"{paper} names {path}"
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not name or name in names, f"{paper} names {path}::{name}"


def test_the_provisions_are_each_shown_by_something() -> None:
    lines = (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| (5\.\d+|CR \d)", line)]
    assert len(rows) >= 13 + 8
    assert all(NAMED.search(row) for row in rows)


def test_the_security_paper_says_how_to_report_and_by_when_somebody_answers() -> None:
    paper = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "private security report" in paper
    assert re.search(r"\| somebody answers \| \d+ days \|", paper)


def test_no_file_of_the_project_holds_a_credential() -> None:
    found = []
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        is_ours = parts[0] in (
            "edge_agent",
            "drivers",
            "sim",
            "receiver",
            "docs",
            "packaging",
            "labs",
            "systemd",
            ".ci",
        )
        if is_ours and path.is_file() and path.stat().st_size < LARGEST_BYTES and path.suffix not in (".png", ".pyc"):
            found += [str(path.relative_to(ROOT)) for _ in SECRETS.findall(path.read_text("utf-8", errors="replace"))]
    assert found == []


@pytest.mark.parametrize("secret", ["AKIA" + "A1" * 8, "ghp_" + "a" * 36, "-----BEGIN PRIVATE KEY-----\n" + "A" * 90])
def test_the_scan_would_find_one(secret: str) -> None:
    assert SECRETS.search(f"x = '{secret}'\n")
