"""The mutants themselves: each kind of change, and that each is a program that means something else."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.__main__ import ROOT, all_mutants
from tests.mutation.mutants import mutants


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a = b < c\n", "a = b >= c\n"),
        ("a = b is None\n", "a = b is not None\n"),
        ("a = b not in c\n", "a = b in c\n"),
        ("a = b and c\n", "a = b or c\n"),
        ("a = b + c\n", "a = b - c\n"),
        ("a = (b) * c\n", "a = (b) / c\n"),
        ("a = not b\n", "a = b\n"),
        ("a = 10.0\n", "a = 15.0\n"),
        ("a = 1\n", "a = 2\n"),
        ("a = True\n", "a = False\n"),
    ],
)
def test_each_kind_of_change(text: str, changed: str) -> None:
    assert [each.applied(text) for each in mutants("x.py", text)] == [changed]


def test_every_mutant_of_the_core_is_another_program() -> None:
    found = all_mutants()
    assert len(found) > 1000
    for each in found[::25]:
        ast.parse(each.applied((ROOT / each.path).read_text(encoding="utf-8")))
