"""A recording carries what the run began with, so that its replay concludes the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.alarms import Conclusion
from edge_agent.detect.baselines import tree_of
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import RecordingError
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter
from tests.detect.boxes import Box
from tests.detect.scenes import Scene
from tests.detect.test_baselines import FULL

SLOW = replace(FULL, gravity_mps2=(0.0, 0.0, 9.81), speeds_mps=(0.5,) * 20, landings=())


def test_a_run_that_began_with_baselines_replays_to_the_same_conclusions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a lift learned to run 0.5 m/s a trip at 1 m/s is an overspeed; nobody else would say so."""
    scene = Scene(box=Box(rate_hz=25.0), knows_heights=False).stand(8.0)
    scene.serve(1).serve(0)
    lift = replace(scene.installation.lift, rated_speed_mps=None)
    installation = replace(scene.installation, lift=lift)
    writer = RecordingWriter(tmp_path / "run.liftrec", installation, None, baselines=SLOW)
    detector = Detector(installation, Limits(), baselines=SLOW)
    said: list[Conclusion] = []
    for reading in scene.readings()[:-1]:
        writer.write(reading)
        said += detector.step(reading)
    writer.close()
    assert main(["convert", str(tmp_path / "run.liftrec"), str(tmp_path / "folder")]) == 0
    assert main(["convert", str(tmp_path / "folder"), str(tmp_path / "again.liftrec")]) == 0
    for name in ("run.liftrec", "folder", "again.liftrec"):
        recording = Recording.open(tmp_path / name)
        assert recording.meta.baselines == SLOW
        again = Detector(recording.meta.installation, Limits(), baselines=recording.meta.baselines)
        assert [conclusion for reading in recording for conclusion in again.step(reading)] == said
        capsys.readouterr()
        assert main(["replay", "--json", str(tmp_path / name)]) == 0
        raised = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert "overspeed" in {each.get("kind") for each in raised}


def test_a_recording_without_baselines_is_read_as_before(tmp_path: Path) -> None:
    scene = Scene(box=Box(rate_hz=25.0)).stand(1.0)
    writer = RecordingWriter(tmp_path / "run.liftrec", scene.installation, None)
    for reading in scene.readings()[:-1]:
        writer.write(reading)
    writer.close()
    meta = Recording.open(tmp_path / "run.liftrec").meta
    assert (meta.baselines, meta.warnings) == (None, ())


def test_damaged_baselines_are_named_with_their_line(tmp_path: Path) -> None:
    rows = [f"{name} = {json.dumps(value)}" for name, value in tree_of(FULL).items() if name != "landings"]
    meta = ["format = 1", 'lift_id = "x"', "[baselines]", *rows, "landings = [[0.0, 0, 0.0]]"]
    (tmp_path / "meta.toml").write_text("\n".join(meta), encoding="utf-8")
    (tmp_path / "accel.csv").write_text("t_s,ax,ay,az\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"meta\.toml:3.*landings"):
        Recording.open(tmp_path)
