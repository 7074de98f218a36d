"""`edge-agent doctor`: every sentence in both languages, every verdict from what a machine would show."""

from __future__ import annotations

import json
import socket
import string
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.catalogue_doctor import SENTENCES, Verdict
from edge_agent.cli.state_folder import StateFolder
from edge_agent.clock import SystemClock, boot_id
from edge_agent.doctor import Check, card_check, disk_checks, heat_check, supply_checks
from tests.shell.test_status import STATUS, with_changes

Output = pytest.CaptureFixture[str]
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"

BOX = """\
[lift]
id = "a"
[accelerometer]
chip = "adxl345"
bus = "unix:{folder}/none"
[delivery]
receivers = [{{ name = "firm", url = "http://127.0.0.1:{port}" }}]
[state]
folder = "{folder}/state"
"""


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="ascii")


def places_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_every_sentence_has_both_languages_and_advice_wherever_something_is_to_be_done(name: str) -> None:
    sentence = SENTENCES[name]
    assert sentence.en
    assert any("\u4e00" <= letter <= "\u9fff" for letter in sentence.zh) or name.startswith("source.trouble")
    assert places_of(sentence.en) == places_of(sentence.zh) or name.startswith("ready.")
    assert places_of(sentence.do_en) == places_of(sentence.do_zh)
    assert bool(sentence.do_en) == bool(sentence.do_zh) == (sentence.verdict in (Verdict.WATCH, Verdict.WRONG))


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        ("0", ["supply.good"]),
        ("1", ["supply.low_now"]),
        ("10000", ["supply.low_before"]),
        ("50005", ["supply.low_now", "supply.throttled"]),
        ("4", ["supply.good", "supply.throttled"]),
        ("soon", ["supply.unknown"]),
    ],
)
def test_the_bits_of_the_firmware_are_told_apart(tmp_path: Path, bits: str, names: list[str]) -> None:
    put(tmp_path, THROTTLED, bits + "\n")
    assert [check.name for check in supply_checks(tmp_path)] == names


@pytest.mark.parametrize(("alarm", "name"), [("0", "supply.good"), ("1", "supply.low_now")])
def test_without_these_bits_the_voltage_monitor_of_the_kernel_tells(tmp_path: Path, alarm: str, name: str) -> None:
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm + "\n")
    assert [check.name for check in supply_checks(tmp_path)] == [name]


@pytest.mark.parametrize(
    ("millidegrees", "name"),
    [
        ("69900", "heat.good"),
        ("70000", "heat.warm"),
        ("79900", "heat.warm"),
        ("80000", "heat.hot"),
        ("x", "heat.unknown"),
    ],
)
def test_heat_is_judged_by_the_limit_of_the_processor(tmp_path: Path, millidegrees: str, name: str) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", millidegrees)
    assert heat_check(tmp_path).name == name


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("rw,noatime", []),
        ("rw,relatime", []),
        ("rw,strictatime", ["disk.atime"]),
        ("ro,noatime", ["disk.read_only"]),
    ],
)
def test_the_mount_that_holds_the_state_folder_is_the_one_that_counts(
    tmp_path: Path, options: str, names: list[str]
) -> None:
    inner = str(tmp_path).replace(" ", "\\040")
    mounts = f"/dev/root / ext4 ro 0 0\n/dev/mmcblk0p3 {inner} ext4 {options} 0 0\nbroken\n"
    put(tmp_path, "proc/self/mounts", mounts)
    found = [check.name for check in disk_checks(tmp_path / "state" / "deeper", tmp_path)]
    assert found[0] in ("disk.good", "disk.low", "disk.full")
    assert found[1:] == names


def card(root: Path, *, errors: str = "0", life: str | None = None, sectors: int = 2 * 1024 * 10) -> Check:
    """A card of a machine that runs for half a day."""
    number = root.stat().st_dev
    disk = root / "sys/block/mmcblk0"
    put(root, "sys/block/mmcblk0/mmcblk0p2/partition", "2")
    put(root, "sys/block/mmcblk0/stat", f"1 2 3 4 5 6 {sectors} 8 9 10 11\n")
    put(root, "sys/fs/ext4/mmcblk0p2/errors_count", errors)
    put(root, "proc/uptime", "43200.00 1.00\n")
    if life is not None:
        put(root, "sys/block/mmcblk0/device/life_time", life)
    link = root / f"sys/dev/block/{number >> 8 & 0xFFF}:{number & 0xFF | number >> 12 & ~0xFF}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(disk / "mmcblk0p2")
    return card_check(root, root)


def test_a_sound_card_says_how_much_is_written_to_it_in_a_day(tmp_path: Path) -> None:
    check = card(tmp_path)  # 10 MiB in half a day
    assert (check.name, check.values["name"]) == ("card.good", "mmcblk0")
    assert check.values["mib_per_day"] == pytest.approx(20.0)


def test_errors_of_the_file_system_and_a_worn_card_come_first(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    assert card(tmp_path / "a", errors="3", life="0x09 0x09").name == "card.errors"
    worn = card(tmp_path / "b", life="0x03 0x08")
    assert (worn.name, worn.values["percent"]) == ("card.worn", 80)
    assert card(tmp_path / "c", life="0x07 0x07").name == "card.good"


def test_a_machine_that_tells_nothing_is_unknown_and_not_good(tmp_path: Path) -> None:
    assert [check.name for check in supply_checks(tmp_path)] == ["supply.unknown"]
    assert heat_check(tmp_path).name == "heat.unknown"
    assert card_check(tmp_path, tmp_path).name == "card.unknown"


# ---- the command


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    path.write_text(BOX.format(folder=tmp_path, port=port), encoding="utf-8")
    return path


def found(box: Path, capsys: Output) -> dict[str, dict[str, str]]:
    main(["doctor", "--config", str(box), "--json"])
    return {said["name"]: said for said in map(json.loads, capsys.readouterr().out.splitlines())}


def test_what_is_wrong_is_named_with_what_to_do_and_the_exit_code_says_so(box: Path, capsys: Output) -> None:
    assert main(["doctor", "--config", str(box)]) == 1
    out = capsys.readouterr().out
    assert "WRONG    Agent: does not run\n         -> Start it: sudo systemctl start" in out
    assert "WRONG    accelerometer: " in out
    assert "WRONG    Receiver firm: cannot be reached" in out
    assert "3 wrong" in out


def test_a_receiver_that_listens_is_good_without_anything_being_sent(box: Path, capsys: Output) -> None:
    port = int(box.read_text(encoding="utf-8").split("127.0.0.1:")[1].split('"')[0])
    with socket.create_server(("127.0.0.1", port)) as listener:
        assert "receiver.good" in found(box, capsys)
        client, _ = listener.accept()
        with client:
            client.settimeout(5.0)
            assert client.recv(1) == b""


def test_while_the_agent_runs_its_own_status_tells_of_senses_and_ways(box: Path, capsys: Output) -> None:
    source = replace(STATUS.sources[0], name="accelerometer", trouble="", readings_count=7)
    broken = replace(source, name="controller", trouble="no answer for 3 s")
    way = replace(STATUS.destinations[0], name="firm", trouble="", pending_count=4)
    status = with_changes(
        STATUS,
        boot_id=boot_id(),
        now_ns=SystemClock().now_ns(),
        state="armed",
        sources=(source, broken),
        destinations=(way,),
    )
    StateFolder(box.parent / "state").write_status(status)
    said = found(box, capsys)
    assert {"agent.armed", "source.good", "source.trouble", "receiver.waiting"} <= set(said)
    assert said["source.trouble"]["en"] == "controller: no answer for 3 s"
    assert "4" in said["receiver.waiting"]["zh"]


def test_an_agent_that_has_gone_silent_is_told_from_one_that_was_stopped(box: Path, capsys: Output) -> None:
    folder = StateFolder(box.parent / "state")
    old = with_changes(STATUS, boot_id=boot_id(), now_ns=SystemClock().now_ns() - 60 * 10**9, state="armed")
    folder.write_status(old)
    assert "agent.hangs" in found(box, capsys)
    folder.write_status(with_changes(old, state="stopped"))
    assert "agent.stopped" in found(box, capsys)


def test_it_speaks_chinese(box: Path, capsys: Output) -> None:
    assert main(["doctor", "--config", str(box), "--lang", "zh"]) == 1
    out = capsys.readouterr().out
    assert "故障  监测程序：未运行" in out
    assert "Agent" not in out
