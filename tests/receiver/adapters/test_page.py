"""docs/adapters.md says what the code does: every field, filter, message, code and key is in it."""

from __future__ import annotations

import re
import tomllib

from edge_agent.catalogue import CATALOGUE
from receiver.adapters.codes import BACNET, CENTRE
from receiver.adapters.fields import FIELDS, TIMES
from receiver.adapters.template import FILTERS
from receiver.adapters.words import What
from tests.architecture.source_files import ROOT
from tests.receiver.adapters.rig import SHIPPED, mapping

PAGE = (ROOT / "docs" / "adapters.md").read_text("utf-8")


def test_every_field_and_filter_is_explained_in_the_words_of_the_code() -> None:
    for words in (FIELDS, FILTERS):
        for name, meaning in words.items():
            assert f"| `{name}` | {meaning} |" in PAGE
    assert set(TIMES) <= set(FIELDS)


def test_every_message_and_every_key_of_the_worked_example_is_explained() -> None:
    for what in What:
        assert f"`{what.value}`" in PAGE or what is What.FIGURES
    example = tomllib.loads(SHIPPED.read_text("utf-8"))
    keys = {key for key in example if key not in ("codes", "tables", "messages", "headers", "token", "answer")}
    keys |= set(example["token"]) | set(example["answer"])
    for key in keys:
        assert f"`{key}`" in PAGE, key


def test_the_table_of_codes_is_that_of_the_code() -> None:
    rows = {
        int(row[1]): row
        for row in re.finditer(r"^\| (\d+) \| `\w+` \| (.+) \| (\w+) \| (\w+/\w+) \| (\w+) \|$", PAGE, re.M)
    }
    assert set(rows) == {int(kind) for kind in CATALOGUE}
    for kind, row in rows.items():
        code = BACNET[list(CATALOGUE)[list(map(int, CATALOGUE)).index(kind)]]
        assert ("Passenger_Alarm" in row[2]) == code.passenger_alarm
        if code.fault is not None:
            assert re.search(rf"\b{code.fault} ", row[2])
        elif not code.passenger_alarm:
            assert row[2].startswith("none (")
    for kind_, code_ in CENTRE.items():
        assert (rows[int(kind_)][3], rows[int(kind_)][4]) == (code_.cid, f"{code_.event}/{code_.restoral}")
        assert rows[int(kind_)][5] == (mapping().codes[kind_] or "none")
