"""The firm's guide word for word at a desk: from no receiver to its backup."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.guides.pages import BOX, LANGUAGES, blocks_of, firm
from tests.guides.terminals import Shell, a_terminal_of_its_own, goes_on

ASKS = ("lift-receiver init", "lift-receiver user add")
PASSWORD = "twelve letters long"


def test_both_languages_hold_the_same_commands() -> None:
    english, chinese = (blocks_of(firm(language)) for language in LANGUAGES)
    assert english == chinese
    assert len(english) >= 12


def answered(text: str) -> str:
    """What a person types when a command asks for a password; here it comes on a line of input."""
    lines = [
        f"{line} --password-stdin <<< '{PASSWORD}'" if line.startswith(ASKS) else line for line in text.splitlines()
    ]
    return "\n".join(lines)


@pytest.mark.system
@pytest.mark.timeout(240)
def test_the_guide_of_the_firm_works_word_for_word(tmp_path: Path) -> None:
    said = {}
    with ExitStack() as stack:
        shell = Shell(tmp_path)
        stack.callback(shell.close)
        for block in blocks_of(firm("en")):
            if block.where == BOX:
                continue
            if goes_on(block):
                stack.enter_context(a_terminal_of_its_own(block, tmp_path))
                continue
            code, said[block.text] = shell.type(answered(block.text))
            assert code == 0, f"{block.text}\n{said[block.text]}"
    whole = "\n".join(said.values())
    assert "li  operator  Li Wei" in whole
    assert "LIFT1 https://lifts.firm.example " in whole
    assert "No open incident" in whole
    assert (tmp_path / "copy" / "receiver.sqlite").is_file()
