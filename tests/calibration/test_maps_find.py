"""`edge-agent maps find`: from a log that was kept, the same map each time; live, against a served lift."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copy

import pytest

from calibration.guided import write_installation
from calibration.session_wording import Wording
from drivers.map_files import known_map_names, load_register_map
from drivers.register_map import Evidence, Feed, Table
from drivers.register_map_log import log_lines, reads_from
from edge_agent.__main__ import main
from edge_agent.cli.calibrate_find import free_file, judged, may_be_asked, settings_with
from edge_agent.cli.calibrate_screen import Screen
from edge_agent.cli.calibrate_wire import Line
from edge_agent.cli.maps_search import Kept
from edge_agent.cli.maps_sweep import blocks_of
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import StateFolder
from edge_agent.errors import SettingsError
from edge_agent.installation import Drive, Installation, Wiring
from edge_agent.installation import Lift as LiftFacts
from edge_agent.readings import Signal
from edge_agent.recording import Recording
from edge_agent.recording_export import ExchangeWriter
from edge_agent.recording_meta import RecordingMeta
from edge_agent.settings import ModbusSettings, Settings, TcpSettings
from tests.calibration.drawn_controllers import Controller
from tests.calibration.drawn_controllers import sweep as swept
from tests.calibration.fit_figures import detective_story
from tests.calibration.installer import Lift, until
from tests.calibration.learning_lifts import DOORS

SEED = 11
Output = pytest.CaptureFixture[str]
CONFIG = """\
[lift]
id = "a-1"
registration_code = "31104403201900012"
[accelerometer]
chip = "adxl345"
[controller]
kind = "modbus_tcp"
host = "127.0.0.1"
port = 9
map = "{map}"
[delivery]
receivers = [{{ name = "firm", url = "http://127.0.0.1:9" }}]
[state]
folder = "{folder}"
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A log and the recording made with it, of a lift whose controller has the map nice3000plus."""
    folder = tmp_path_factory.mktemp("kept")
    found = detective_story(SEED, drive=Drive.VVVF, landings=4)
    installation = Installation(LiftFacts("a-1"), Wiring(signals=DOORS | {Signal.INSPECTION}))
    writer = ExchangeWriter(folder / "recording", RecordingMeta(installation))
    for reading in found.readings():
        writer.write(reading)
    writer.close()
    controller = Controller(load_register_map("nice3000plus"), (), 0.1)
    reads = swept(found.lift, controller, read_s=0.08, seed=SEED)
    log = folder / "registers.log"
    log.write_text("".join(f"{line}\n" for line in log_lines(reads)), encoding="utf-8")
    return log, folder / "recording"


def again(kept: tuple[Path, Path], out: Path, *more: str) -> int:
    return main(["maps", "find", "--from", str(kept[0]), "--recording", str(kept[1]), "--out", str(out), *more])


def test_what_was_kept_gives_the_words_and_the_same_map_twice(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "lift_7.toml"
    assert again(kept, out) == 0
    said, first = capsys.readouterr().out, out.read_bytes()
    for word in ("floor", "direction", "door", "mode", "fault"):
        assert re.search(
            rf"^{word}: (holding|input) 0x[0-9a-f]{{4}}.*, confidence \d+ %, values \d", said, re.MULTILINE
        )
    assert again(kept, out, "--force") == 0
    assert capsys.readouterr().out == said
    assert out.read_bytes() == first
    register_map = load_register_map(str(out))
    assert register_map.evidence is Evidence.CORRELATED
    assert not register_map.polling_is_safe
    true = {field.feeds: field.address for field in load_register_map("nice3000plus").fields if field.feeds}
    for field in register_map.fields:
        assert field.feeds is Feed.FAULT or field.feeds is None or field.address == true[field.feeds]


def test_a_map_that_is_there_is_not_replaced_unless_it_is_said(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine", encoding="utf-8")
    assert again(kept, out) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"


def test_where_nothing_proves_itself_each_word_is_not_found_and_no_map_is_written(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    log, out = tmp_path / "steady.log", tmp_path / "none.toml"
    log.write_text("".join(f'[{n},"holding",1,[7]]\n' for n in range(40)), encoding="utf-8")
    assert again((log, kept[1]), out, "--lang", "zh") == 1
    assert capsys.readouterr().out.count("未找到") == 5 + 1
    assert not out.exists()


def test_a_lift_that_nobody_rode_gives_no_map_and_the_reason_and_no_crash(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    whole, out = Recording.open(kept[1]), tmp_path / "none.toml"
    writer = ExchangeWriter(tmp_path / "standing", whole.meta)
    readings = iter(whole)
    first = next(readings)
    writer.write(first)
    for reading in readings:
        if reading.t_ns - first.t_ns > 7_000_000_000:  # the first trip begins later
            break
        writer.write(reading)
    writer.close()
    assert again((kept[0], tmp_path / "standing"), out) == 1
    assert "The trips could not be measured: " in capsys.readouterr().out
    assert not out.exists()


def test_nothing_is_read_where_the_map_does_not_allow_it_or_the_agent_runs(tmp_path: Path, capsys: Output) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(map="nice3000plus", folder=tmp_path / "state"), encoding="utf-8")
    state = StateFolder(tmp_path / "state")
    assert main(["maps", "find", "--config", str(config)]) == 3
    assert "systemctl stop" in capsys.readouterr().err
    state.release()
    unsafe = load_register_map("invertek_elevator_core")
    text = CONFIG.format(map=unsafe.name, folder=tmp_path / "state")
    config.write_text(text, encoding="utf-8")
    assert main(["maps", "find", "--config", str(config)]) == 2
    assert "safe" in capsys.readouterr().err
    assert not list((tmp_path / "state").glob("found_registers*"))


def test_only_what_was_asked_for_is_read_and_never_more_than_the_bound() -> None:
    register_map = load_register_map("nice3000plus")
    own = blocks_of(register_map, ())
    covered = {(block.table, address) for block in own for address in range(block.address, block.end)}
    fields = {(field.table, field.address) for field in register_map.fields if not field.table.is_of_bits}
    assert {each for each in fields if not any(each[1] in own for own in register_map.forbidden)} <= covered
    asked = blocks_of(register_map, ["input:0-19"])
    assert [(block.table, block.address, block.count) for block in asked] == [
        (Table.INPUT, 0, 16),
        (Table.INPUT, 16, 4),
    ]
    for wrong in (["coil:0-9"], ["holding:9-0"], ["holding:0-70000"], ["holding:0-1999", "input:0-0"]):
        with pytest.raises(SettingsError):
            blocks_of(register_map, wrong)


# ---- inside a calibration


def settings_at(folder: Path, text: str) -> tuple[Path, Settings]:
    config = folder / "agent.toml"
    config.write_text(text, encoding="utf-8")
    return config, load_settings(str(config))


def test_registers_are_offered_only_where_the_map_in_the_settings_allows_polling(tmp_path: Path) -> None:
    plain = CONFIG.format(map="nice3000plus", folder=tmp_path / "state")
    assert may_be_asked(settings_at(tmp_path, plain)[1])
    risky = CONFIG.format(map="invertek_elevator_core", folder=tmp_path / "state")
    accepted = risky.replace("port = 9\n", "port = 9\naccept_polling_risk = true\n")
    settings = settings_at(tmp_path, accepted)[1]
    assert isinstance(settings.controller, ModbusSettings)
    assert may_be_asked(settings)
    unsafe = replace(settings, controller=replace(settings.controller, is_polling_risk_accepted=False))
    assert not may_be_asked(unsafe)
    assert not may_be_asked(replace(settings, accelerometer=None))
    assert not may_be_asked(replace(settings, controller=None))


def test_the_map_that_was_found_goes_into_the_settings_with_the_risk_it_has(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    config, settings = settings_at(tmp_path, CONFIG.format(map="nice3000plus", folder=tmp_path / "state"))
    out = free_file(tmp_path)
    log = Path(copy(kept[0], out.with_suffix(".log")))
    assert judged(Kept(log, kept[1]), Screen(Wording("en"))) == out
    assert re.search(
        r"^ +door: (holding|input) 0x[0-9a-f]{4}.*, confidence \d+ %", capsys.readouterr().out, re.MULTILINE
    )
    change = settings_with(str(config), settings, out)
    assert f'+map = "{out}"' in change.diff
    assert "+accept_polling_risk = true" in change.diff
    assert config.read_text(encoding="utf-8") == change.old
    write_installation(change)
    again = load_settings(str(config)).controller
    assert isinstance(again, ModbusSettings)
    assert load_register_map(again.map_name).evidence is Evidence.CORRELATED
    assert free_file(tmp_path) != out


def test_a_line_that_was_told_goes_into_the_settings_together_with_the_map_that_was_found_on_it(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    whole = CONFIG.format(map="nice3000plus", folder=tmp_path / "state")
    config, settings = settings_at(tmp_path, re.sub(r"\[controller\]\n(?:.+\n)+?(?=\[)", "", whole))
    assert settings.controller is None
    line = Line("modbus_tcp", "10.0.0.7", 1502, 4)
    out = judged(Kept(Path(copy(kept[0], tmp_path / "found_controller_1.log")), kept[1]), Screen(Wording("en")))
    assert out is not None
    told = line.settings(settings, "", is_risk_accepted=True)
    write_installation(settings_with(str(config), told, out, line.changes()))
    again = load_settings(str(config)).controller
    assert again == ModbusSettings(TcpSettings("10.0.0.7", 1502, False), 4, str(out), 10.0, True)


def test_a_map_of_many_reads_slows_the_polling_so_that_the_agent_starts_with_it(
    kept: tuple[Path, Path], tmp_path: Path, capsys: Output
) -> None:
    config, settings = settings_at(tmp_path, CONFIG.format(map="nice3000plus", folder=tmp_path / "state"))
    assert isinstance(settings.controller, ModbusSettings)
    hasty = replace(settings, controller=replace(settings.controller, poll_hz=50.0))
    config.write_text(config.read_text(encoding="utf-8").replace("port = 9\n", "port = 9\npoll_hz = 50\n"), "utf-8")
    out = judged(Kept(Path(copy(kept[0], tmp_path / "many.log")), kept[1]), Screen(Wording("en")))
    assert out is not None
    write_installation(settings_with(str(config), hasty, out))
    again = load_settings(str(config)).controller
    assert isinstance(again, ModbusSettings)
    assert again.poll_hz < 50.0


def test_nothing_found_leaves_no_map_and_says_so(kept: tuple[Path, Path], tmp_path: Path, capsys: Output) -> None:
    log = tmp_path / "steady.log"
    log.write_text("".join(f'[{n},"holding",1,[7]]\n' for n in range(40)), encoding="utf-8")
    assert judged(Kept(log, kept[1]), Screen(Wording("en"))) is None
    assert "No word was found" in capsys.readouterr().out
    assert not (tmp_path / "steady.toml").exists()


def test_of_a_family_that_nobody_knows_what_our_maps_name_is_read_and_what_any_of_them_forbids_is_not() -> None:
    blocks = blocks_of(None, ())
    read = {(block.table, address) for block in blocks for address in range(block.address, block.end)}
    for name in known_map_names():
        register_map = load_register_map(name)
        assert not {address for _, address in read if any(address in own for own in register_map.forbidden)}
    fields = {(field.table, field.address) for field in load_register_map("nice3000plus").fields if field.feeds}
    assert fields <= read


# ---- live

STORY = """\
format = 1
title = "A lift that is ridden"
story = "The car stands at its lowest landing."

[lift]
landings = 3
start_landing = 0
drive = "vvvf"
rated_speed_mps = 1.6

[box]
signals = ["door_open", "door_closed"]
controller = "nice3000plus"
accel_rate_hz = 100

[[step]]
do = "wait"
for_s = 2
"""


LOOKS_S = 4.0
"""How long somebody keeps the door open and looks at it: the detective believes what has stood for a second."""


def rode_with_open_doors(lift: Lift, way: Sequence[int]) -> None:
    """To each landing; the door stands open there for some seconds, then shut."""
    for landing in way:
        lift.tell(f"ride to={landing}")
        until(lambda at=landing: lift.is_at(f"floor {at + 1},.*door open,"), f"landing {landing}")  # type: ignore[misc]
        shut_s = time.monotonic() + LOOKS_S
        until(lambda at_s=shut_s: time.monotonic() >= at_s, "a look at the door")  # type: ignore[misc]
        lift.tell("close_door")
        until(lambda: lift.is_at("door closed,"), "a shut door")


@pytest.mark.system
@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("link", ["tcp", "rtu"])
def test_a_served_lift_that_is_ridden_gives_its_words_over_each_link_and_no_wrong_one(
    link: str, tmp_path: Path
) -> None:
    lift = Lift(tmp_path / "s", STORY, "--chip", "adxl345", "--agent-link", link)
    log, out, told = tmp_path / "r.log", tmp_path / "found.toml", tmp_path / "told"
    command = [sys.executable, "-m", "edge_agent", "maps", "find", "--config", str(lift.config)]
    try:
        with told.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [*command, "--log", str(log), "--out", str(out)], stdout=file, stderr=subprocess.STDOUT
            )
        until(lambda: "Meanwhile ride" in told.read_text(encoding="utf-8"), "the reading of registers")
        rode_with_open_doors(lift, (1, 2, 0, 2, 1, 0, 2, 0))
        process.send_signal(signal.SIGINT)
        code = process.wait(90.0)
    finally:
        lift.close()
    said = told.read_text(encoding="utf-8")
    print(said)
    assert code == 0, said
    assert {read.table for read in reads_from(log.read_text(encoding="utf-8"), "log")} <= {Table.HOLDING, Table.INPUT}
    true = {field.feeds: field.address for field in load_register_map("nice3000plus").fields if field.feeds}
    found = {field.feeds: field.address for field in load_register_map(str(out)).fields if field.feeds}
    assert set(found) >= {Feed.FLOOR, Feed.DIRECTION, Feed.DOOR}
    assert all(true[feed] == address for feed, address in found.items())
    assert "mode: not found" in said
