"""`edge-agent wipe`: asks, removes what makes a box this box, and leaves an agent that runs alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edge_agent.__main__ import main

SETTINGS = """\
[lift]
id = "a"
[accelerometer]
chip = "adxl345"
[delivery]
receivers = [{ name = "firm", url = "http://127.0.0.1:8080" }]
outbox = "data/outbox.sqlite"
[recording]
path = "data/ring.liftrec"
[state]
folder = "state"
"""
KEPT = ("state/agent.lock", "box.toml", "data/notes.txt")
GONE = (
    "state/record.key",
    "state/enrolment/enrolled/secret",
    "state/evidence/alarm-000001-incident-1-00.liftrec",
    "state/baselines.json",
    "data/outbox.sqlite",
    "data/outbox.sqlite-wal",
    "data/outbox.sqlite.damaged-1",
    "data/ring.liftrec",
    "data/ring-000002.liftrec",
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in (*KEPT, *GONE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "box.toml").write_text(SETTINGS)
    return tmp_path


def there(box: Path) -> set[str]:
    return {path.relative_to(box).as_posix() for path in box.rglob("*") if path.is_file()}


def test_everything_that_makes_a_box_this_box_is_gone_afterwards(box: Path) -> None:
    assert main(["wipe", "--config", str(box / "box.toml"), "--yes"]) == 0
    assert there(box) == set(KEPT)
    assert main(["wipe", "--config", str(box / "box.toml"), "--yes"]) == 0


@pytest.mark.parametrize(("answer", "code"), [("no\n", 1), ("", 1), ("wipe\n", 0)])
def test_it_asks_first(box: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["wipe", "--config", str(box / "box.toml")]) == code
    assert ("state/record.key" in there(box)) == (code == 1)


def test_a_link_out_of_the_folder_is_removed_and_not_followed(box: Path) -> None:
    elsewhere = box / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("x")
    (box / "state" / "link").symlink_to(elsewhere)
    assert main(["wipe", "--config", str(box / "box.toml"), "--yes"]) == 0
    assert (elsewhere / "mine").exists()
    assert not (box / "state" / "link").is_symlink()
