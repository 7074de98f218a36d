"""`edge-agent calibrate`: from recordings twice the same files, refusals in words, settings changed only when told."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from calibration.guided_store import CalibrationFolder
from calibration.session_live import Gauge, Live
from calibration.session_tells import Answer, Told
from calibration.session_wording import Wording
from calibration.words import CalibrationError, Commissioning, StepName, StepResult, Verdict, said
from calibration.words_json import from_json
from edge_agent.__main__ import main
from edge_agent.cli.calibrate_screen import Screen, bar, live_line, shortened
from edge_agent.cli.state_folder import StateFolder
from edge_agent.recording_writer import RecordingWriter
from tests.calibration.captures import Site, pieces, played, settings_of, settings_text

Output = pytest.CaptureFixture[str]
SITE = Site(landings=4, seed=3, lift='drive = "vvvf"\nrated_speed_mps = 1.6')


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording of a whole calibration."""
    live = played(SITE)
    path = tmp_path_factory.mktemp("recorded") / "visit.liftrec"
    writer = RecordingWriter(path, settings_of(settings_text(live)).installation(), None)
    for reading in live.readings():
        writer.write(reading)
    writer.close()
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(settings_text(played(SITE), '[state]\nfolder = "state"'), encoding="utf-8")
    path.chmod(0o640)
    return path


def calibrated(recording: Path, config: Path, into: Path, *more: str) -> int:
    return main(["calibrate", "--config", str(config), "--from-recording", str(recording), "--into", str(into), *more])


def test_one_recording_judged_twice_gives_identical_files(recording: Path, config: Path, tmp_path: Path) -> None:
    before = config.read_bytes()
    files = []
    for name in ("first", "second"):
        config.write_bytes(before)
        assert calibrated(recording, config, tmp_path / name, "--yes") == 0
        files.append((config.read_bytes(), (tmp_path / name / "commissioning.json").read_bytes()))
    assert files[0] == files[1]
    assert files[0][0] != before
    assert [result.step for result in from_json(files[0][1].decode()).results] == list(StepName)
    assert config.stat().st_mode & 0o777 == 0o640


def test_what_was_found_is_written_and_remarks_stay(
    recording: Path, config: Path, tmp_path: Path, capsys: Output
) -> None:
    calibrated(recording, config, tmp_path / "out", "--yes", "--step", "trips")
    text = config.read_text(encoding="utf-8")
    truth = played(SITE).lift.spec
    found = settings_of(text).lift
    assert found.rated_speed_mps == pytest.approx(truth.rated_mps, rel=0.05)
    assert len(found.landing_heights_m) == len(truth.landing_heights_m)
    assert text.startswith("# as an installer leaves it\n")
    assert "  # by the chip\n" in text
    shown = capsys.readouterr().out
    assert "+rated_speed_mps" in shown
    kept = from_json((tmp_path / "out" / "commissioning.json").read_text(encoding="utf-8"))
    assert [result.step for result in kept.results] == [StepName.TRIPS]


def test_settings_stand_as_they_were_where_nobody_says_yes(
    recording: Path, config: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = config.read_bytes()
    with (tmp_path / "typed").open("w+b") as typed:
        typed.write(b"n\n")
        typed.seek(0)
        monkeypatch.setattr("edge_agent.cli.calibrate_screen.STDIN", typed.fileno())
        calibrated(recording, config, tmp_path / "out", "--step", "trips")
    assert config.read_bytes() == before
    assert "stands as it was" in capsys.readouterr().out


def test_one_step_alone_can_be_judged(recording: Path, config: Path, tmp_path: Path, capsys: Output) -> None:
    assert calibrated(recording, config, tmp_path / "out", "--yes", "--step", "noise", "--lang", "zh") == 0
    shown = capsys.readouterr().out
    assert "噪声与采样率：合格" in shown
    assert "安装" not in shown


def test_a_kept_calibration_is_judged_again_step_by_step(config: Path, tmp_path: Path) -> None:
    folder = CalibrationFolder(tmp_path / "kept")
    settings = settings_of(config.read_text(encoding="utf-8"))
    for step in (StepName.MOUNT, StepName.CONTROLLER):
        writer = folder.writer(step, settings.installation(), ())
        for reading in pieces(SITE)[step]:
            writer.write(reading)
        told = (Told(1, Answer("floor", "no")),) if step is StepName.CONTROLLER else ()
        assert folder.keep(step, writer, told) == f"{step.value}.liftrec"
    assert calibrated(tmp_path / "kept", config, tmp_path / "again", "--yes") == 1
    kept = from_json((tmp_path / "again" / "commissioning.json").read_text(encoding="utf-8"))
    verdicts = {result.step: result.verdict for result in kept.results}
    assert verdicts[StepName.MOUNT] is Verdict.PASSED
    assert verdicts[StepName.CONTROLLER] is Verdict.FAILED
    assert verdicts[StepName.TRIPS] is Verdict.SKIPPED


def test_the_six_sides_of_a_kept_calibration_are_judged_first_and_used_for_the_mounting(
    config: Path, tmp_path: Path
) -> None:
    site = Site(landings=4, has_sides=True)
    folder = CalibrationFolder(tmp_path / "kept")
    settings = settings_of(config.read_text(encoding="utf-8"))
    for step in (StepName.SIDES, StepName.MOUNT):
        writer = folder.writer(step, settings.installation(), ())
        for reading in pieces(site)[step]:
            writer.write(reading)
        assert folder.keep(step, writer, ()) == f"{step.value}.liftrec"
    assert calibrated(tmp_path / "kept", config, tmp_path / "again", "--yes") == 0
    kept = from_json((tmp_path / "again" / "commissioning.json").read_text(encoding="utf-8"))
    sides, mount = kept.result(StepName.SIDES), kept.result(StepName.MOUNT)
    assert sides is not None
    assert sides.verdict is Verdict.PASSED
    assert sides.recording == "sides.liftrec"
    assert mount is not None
    assert next(each.value for each in mount.measured if each.name == "measured.tilt_doubt") < 0.5


def test_while_an_agent_watches_it_says_how_to_stop_it(config: Path, tmp_path: Path, capsys: Output) -> None:
    state = StateFolder(tmp_path / "state")
    try:
        assert main(["calibrate", "--config", str(config)]) == 3
    finally:
        state.release()
    said_words = capsys.readouterr().err
    assert "sudo systemctl stop lift-edge-agent" in said_words
    assert "another agent" in said_words


def test_a_wrong_settings_file_and_a_lone_into_are_refused(config: Path, capsys: Output) -> None:
    assert main(["calibrate", "--config", str(config), "--into", "x"]) == 2
    config.write_text("[lift]\n", encoding="utf-8")
    assert main(["calibrate", "--config", str(config)]) == 2


# ---- what is kept


def results(lift: str = "test-lift") -> Commissioning:
    return Commissioning("00", lift, "0", 1, (StepResult(StepName.MOUNT, Verdict.PASSED),))


def test_a_power_cut_while_writing_leaves_the_old_results_whole(tmp_path: Path) -> None:
    folder = CalibrationFolder(tmp_path)
    folder.save(results())
    half = tmp_path / ".commissioning.json.new"
    half.write_text('{"format": 1, "dev', encoding="utf-8")
    assert CalibrationFolder(tmp_path).load() == results()
    folder.save(results("other"))
    assert folder.load() == results("other")
    assert not half.exists()


def test_damaged_results_are_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = CalibrationFolder(tmp_path)
    folder.save(results())
    folder.results_file.write_text(folder.results_file.read_text(encoding="utf-8")[:40], encoding="utf-8")
    with pytest.raises(CalibrationError, match="--fresh"):
        folder.load()
    folder.clear()
    assert folder.load() is None


def test_a_recording_that_was_cut_off_is_gone_at_the_next_start(tmp_path: Path) -> None:
    folder = CalibrationFolder(tmp_path)
    settings = settings_of(settings_text(played(SITE)))
    folder.writer(StepName.NOISE, settings.installation(), ()).close()
    assert list(tmp_path.glob(".*.liftrec"))
    CalibrationFolder(tmp_path)
    assert not list(tmp_path.glob(".*.liftrec"))


def test_results_of_another_lift_are_not_taken_up(config: Path, tmp_path: Path, capsys: Output) -> None:
    CalibrationFolder(tmp_path / "state" / "calibration").save(results("other-lift"))
    assert main(["calibrate", "--config", str(config), "--resume"]) == 3
    assert "--fresh" in capsys.readouterr().err


# ---- the screen


def test_a_bar_shows_the_share() -> None:
    assert [bar(share) for share in (-1.0, 0.0, 0.5, 1.0, 7.0)] == [
        "[..........]",
        "[..........]",
        "[#####.....]",
        "[##########]",
        "[##########]",
    ]


def test_the_moving_line_has_share_lack_keys_and_gauges() -> None:
    live = Live(
        (
            Gauge("gauge.tilt", 9.0, "deg", 0.0, 45.0),
            Gauge("line.presence", "on"),
            Gauge("gauge.trips", 3.0, is_good=False),
        ),
        3.0,
        0.5,
        said("wait.seconds", seconds=4),
    )
    assert live_line(live, Wording("en"), "[q]") == (
        "[#####.....] 50 %  4 s more  [q]  tilt of the box [##........] 9 deg  presence sensor on  trips 3!"
    )


def test_chinese_characters_take_two_columns() -> None:
    assert shortened("正在检查a", 5) == "正在"
    assert shortened("abc", 3) == "abc"


def test_a_result_is_shown_with_reasons_numbers_proposals_and_next_action() -> None:
    out = io.StringIO()
    result = StepResult(
        StepName.WIRING,
        Verdict.FAILED,
        (said("wiring.other_address", source="source.accelerometer", answering="0x1d"),),
        said("wiring.next.set", line="[accelerometer] address = 0x1d"),
        settings=(("accelerometer.address", "0x1d"),),
    )
    Screen(Wording("en"), out).result(result, 3.2)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Wiring: FAILED (after 3 s)"
    assert "one answers at 0x1d" in lines[1]
    assert lines[2:] == [
        "   accelerometer.address = 0x1d",
        "-> Write [accelerometer] address = 0x1d into the settings and repeat this step",
    ]


def test_the_results_are_json_that_others_can_read(recording: Path, config: Path, tmp_path: Path) -> None:
    calibrated(recording, config, tmp_path / "out", "--yes", "--step", "trips")
    tree = json.loads((tmp_path / "out" / "commissioning.json").read_text(encoding="utf-8"))
    assert tree["lift"] == "test-lift"
    assert tree["results"][0]["step"] == "trips"
