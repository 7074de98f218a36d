"""`edge-agent maps`: what a person reads before a controller is polled."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.map_files import known_map_names
from drivers.register_map_toml import register_map_from
from edge_agent.__main__ import main

Output = pytest.CaptureFixture[str]


def test_every_map_is_listed_with_its_evidence_and_whether_polling_is_safe(capsys: Output) -> None:
    assert main(["maps"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in known_map_names():
        at = next(index for index, line in enumerate(lines) if line.startswith(f"{name} "))
        assert "not tried" in lines[at + 1]
        assert "poll" in lines[at + 1]


@pytest.mark.parametrize("name", known_map_names())
def test_every_map_is_explained_in_lines_that_fit_a_terminal(name: str, capsys: Output) -> None:
    assert main(["maps", name]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 110
    for part in ("Evidence:", "Polling:", "One poll:"):
        assert part in out


def test_one_map_says_what_is_read_what_it_means_and_what_is_never_read(capsys: Output) -> None:
    assert main(["maps", "nice3000plus"]) == 0
    out = capsys.readouterr().out
    assert "holding 0x1010, 14 long" in out
    assert "canary holding 0x1011 (learned)" in " ".join(out.split())
    assert "0x6000 to 0x6004" in out
    assert "holding 0x1010   running_speed              uint16 x 0.001 m/s, 0 to 4.5 -> speed_mps" in out
    assert "7 normal" in out


def test_the_template_can_be_saved_and_is_valid(capsys: Output) -> None:
    assert main(["maps", "--template"]) == 0
    assert register_map_from(capsys.readouterr().out, "mine.toml").name == "my_lift"


def test_a_map_of_ones_own_is_explained_or_its_mistakes_are_listed(tmp_path: Path, capsys: Output) -> None:
    assert main(["maps", "--template"]) == 0
    path = tmp_path / "mine.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["maps", str(path)]) == 0
    assert "my_lift" in capsys.readouterr().out
    path.write_text(path.read_text(encoding="utf-8").replace("kind = ", "knd = "), encoding="utf-8")
    assert main(["maps", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 7
    assert all(line.startswith(f"{path}:") for line in lines)


def test_an_unknown_name_leads_to_the_nearest(capsys: Output) -> None:
    assert main(["maps", "nice3000"]) == 2
    assert "nice3000plus" in capsys.readouterr().err
