"""The file of what was learned: whole or set aside, bound to its installation, written seldom, shown and forgotten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.agent_baselines import FIRST_WRITE_NS, WRITE_NS, BaselinesKeeper
from edge_agent.baselines_file import BYTES_MAX, FORMAT, BaselinesFile, Found
from edge_agent.cli.state_folder import StateFolder
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.installation import Installation, Lift, Wiring
from edge_agent.readings import Signal, Tick
from tests.detect.test_baselines import FULL
from tests.shell.making import Lines, S, journal_into

HERE = Installation(Lift("north"), Wiring(accel_rate_hz=100.0, signals=frozenset({Signal.DOOR_CLOSED})))
CONTACTS_ONLY = replace(HERE, wiring=replace(HERE.wiring, has_accelerometer=False))

Output = pytest.CaptureFixture[str]


def kept(folder: Path) -> BaselinesFile:
    file = BaselinesFile(folder)
    file.write(FULL, HERE)
    return file


def test_what_was_written_is_found_again(tmp_path: Path) -> None:
    assert kept(tmp_path).take(HERE) == Found(FULL)
    assert [path.name for path in tmp_path.iterdir()] == ["baselines.json"]


def test_before_the_first_run_there_is_nothing_and_no_problem(tmp_path: Path) -> None:
    assert BaselinesFile(tmp_path).take(HERE) == Found(None)
    assert BaselinesFile(tmp_path / "not-there").take(HERE) == Found(None)


def changed_value(content: bytes) -> bytes:
    return content.replace(b"12.5", b"12.6")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[: len(content) // 2], "no JSON"),
        (lambda content: b"", "no JSON"),
        (lambda content: b"\x00" * len(content), "no JSON"),
        (lambda content: b"[" * 100_000, "no JSON"),
        (lambda content: b"[1]", "no format"),
        (changed_value, "digest"),
        (lambda content: content.replace(b'"digest"', b'"digast"'), "digest"),
        (lambda content: content.replace(b'"format": 1', b'"format": 2'), "format 2"),
        (lambda content: b"{" + b" " * BYTES_MAX + b"}", "longer"),
    ],
)
def test_a_file_that_cannot_be_used_is_set_aside_and_told(
    tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    file = kept(tmp_path)
    content = damage(file.path.read_bytes())
    file.path.write_bytes(content)
    found = file.take(HERE)
    assert found.baselines is None
    assert words in found.problem
    assert (tmp_path / "baselines.json.set-aside").read_bytes() == content
    assert file.take(HERE) == Found(None)
    file.write(FULL, HERE)
    assert file.take(HERE) == Found(FULL)


def test_a_tree_that_no_run_can_have_written_is_set_aside_although_its_digest_fits(tmp_path: Path) -> None:
    file = BaselinesFile(tmp_path)
    file.write(replace(FULL, accel_scale=9.0), HERE)
    assert "accel_scale" in file.take(HERE).problem


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, lift=Lift("south")),
        replace(HERE, lift=replace(HERE.lift, landing_heights_m=(0.0, 3.0))),
        replace(HERE, lift=replace(HERE.lift, rated_speed_mps=1.0)),
        replace(HERE, wiring=replace(HERE.wiring, signals=frozenset({Signal.DOOR_OPEN}))),
        replace(HERE, wiring=replace(HERE.wiring, has_controller=True)),
        CONTACTS_ONLY,
    ],
    ids=["lift", "heights", "speed", "contacts", "controller", "accelerometer"],
)
def test_what_was_learned_at_another_lift_or_with_other_sensors_is_not_used(
    tmp_path: Path, elsewhere: Installation
) -> None:
    found = kept(tmp_path).take(elsewhere)
    assert found.baselines is None
    assert "another lift" in found.problem


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    file = kept(tmp_path)
    (tmp_path / ".baselines.json.new").mkdir()  # nothing can be written beside
    with pytest.raises(OSError, match=r"\.new"):
        file.write(replace(FULL, run_s_longest=99.0), HERE)
    assert file.take(HERE) == Found(FULL)


def test_the_longest_file_is_within_its_bound(tmp_path: Path) -> None:
    pace = replace(FULL.door_paces[0], name="door_close_s_mean", normal_s=(12.3456,) * 20, recent_s=(12.3456,) * 20)
    paces = tuple(replace(pace, landing_index=k // 2, is_rear=k % 2 == 0) for k in range(256))
    landing = FULL.landings[0]
    landings = tuple(replace(landing, height_m=123.456 + k) for k in range(128))
    most = replace(
        FULL,
        decels_mps2=(1.23456,) * 50,
        speeds_mps=(1.23456,) * 50,
        jerks_mps3=(1.23456,) * 100,
        vibrations_mps2=(0.123456,) * 200,
        landings=landings,
        door_paces=paces,
    )
    assert BaselinesFile(tmp_path).write(most, HERE) < BYTES_MAX


# ---- how often


def run_for(tmp_path: Path, seconds: int) -> tuple[int, Lines, BaselinesKeeper, Detector]:
    """An agent that turns twenty times a second; counts how often the file is another one."""
    lines = Lines()
    detector = Detector(CONTACTS_ONLY, Limits(), baselines=FULL)
    detector.step(Tick(0))
    keeper = BaselinesKeeper(BaselinesFile(tmp_path), CONTACTS_ONLY, journal_into(lines), 0)
    writes, last = 0, None
    for turn in range(seconds * 2):
        now_ns = turn * S // 2
        keeper.work(detector, now_ns)
        path = tmp_path / "baselines.json"
        inode = path.stat().st_ino if path.exists() else None
        if inode != last:
            writes, last = writes + 1, inode
            detector.step(Tick(now_ns))
    return writes, lines, keeper, detector


def test_a_day_of_nothing_new_is_one_write(tmp_path: Path) -> None:
    day_s = round((FIRST_WRITE_NS + 6 * WRITE_NS) / S) + 2
    writes, lines, _, _ = run_for(tmp_path, day_s)
    assert writes == 1
    assert BaselinesFile(tmp_path).take(CONTACTS_ONLY) == Found(FULL)
    assert lines.index("What was learned is kept") >= 0


def test_an_orderly_end_writes_what_is_new(tmp_path: Path) -> None:
    _, _, keeper, detector = run_for(tmp_path, 2)
    assert not (tmp_path / "baselines.json").exists()
    keeper.write(detector, 3 * S)
    assert (tmp_path / "baselines.json").exists()


def test_a_disk_that_refuses_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / ".baselines.json.new").mkdir()
    _, lines, _, _ = run_for(tmp_path, round(FIRST_WRITE_NS / S) + 5)
    assert lines.index("cannot be kept") >= 0


def test_what_an_earlier_run_left_is_not_written_again(tmp_path: Path) -> None:
    file = BaselinesFile(tmp_path)
    file.write(FULL, CONTACTS_ONLY)
    before = os.stat(file.path).st_ino
    detector = Detector(CONTACTS_ONLY, Limits(), baselines=FULL)
    keeper = BaselinesKeeper(file, CONTACTS_ONLY, journal_into(Lines()), 0, FULL)
    keeper.write(detector, S)
    assert os.stat(file.path).st_ino == before


# ---- the command


def test_the_command_tells_what_is_known_in_both_languages(tmp_path: Path, capsys: Output) -> None:
    kept(tmp_path)
    assert main(["baselines", "--state", str(tmp_path)]) == 0
    english = capsys.readouterr().out
    assert "Landings, m above the first one seen: -3.01, 0.00" in english
    assert "door_open_s_mean 2.40 s" in english
    assert main(["baselines", "--state", str(tmp_path), "--lang", "zh"]) == 0
    chinese = capsys.readouterr().out
    assert "层站高度" in chinese
    assert len(chinese.splitlines()) == len(english.splitlines())


def test_the_command_exports_all_of_it(tmp_path: Path, capsys: Output) -> None:
    kept(tmp_path)
    assert main(["baselines", "--state", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["accel_scale"] == FULL.accel_scale
    assert said["gravity_mps2"] == list(FULL.gravity_mps2 or ())


def test_where_nothing_is_kept_the_command_says_so(tmp_path: Path, capsys: Output) -> None:
    assert main(["baselines", "--state", str(tmp_path)]) == 1
    assert "Nothing is kept" in capsys.readouterr().out
    assert main(["baselines", "--state", str(tmp_path / "absent"), "--forget"]) == 1


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, capsys: Output) -> None:
    kept(tmp_path).path.write_text(f'{{"format": {FORMAT}}}', encoding="utf-8")
    assert main(["baselines", "--state", str(tmp_path)]) == 3
    assert "baselines.json: is damaged: the digest does not fit" in capsys.readouterr().err


def test_forgetting_needs_a_box_that_does_not_run(tmp_path: Path, capsys: Output) -> None:
    file = kept(tmp_path)
    running = StateFolder(tmp_path)
    assert main(["baselines", "--state", str(tmp_path), "--forget"]) == 3
    assert "another agent" in capsys.readouterr().err
    assert file.path.exists()
    del running
    assert main(["baselines", "--state", str(tmp_path), "--forget"]) == 0
    assert not file.path.exists()
