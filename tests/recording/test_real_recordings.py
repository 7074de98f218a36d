"""Recordings made by others, beside the project, are read whole and survive both forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.readings import AccelFrame
from edge_agent.recording import Recording, recordings_in
from edge_agent.recording_truth import read_truth
from edge_agent.recording_writer import RecordingWriter
from tests.recording.material import told

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "real"

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the recordings of others are not beside the project")


def folders() -> list[Path]:
    return list(recordings_in(REAL)) if REAL.is_dir() else []


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_a_real_recording_is_read_whole_and_survives_the_native_form(folder: Path, tmp_path: Path) -> None:
    recording = Recording.open(folder)
    readings = list(recording)
    frames = [reading for reading in readings if isinstance(reading, AccelFrame)]
    lines = (folder / "accel.csv").read_text().splitlines()
    assert sum(len(block.times_ns) for block in frames) == len(lines) - 1
    first, last = (np.array([float(cell) for cell in lines[index].split(",")]) for index in (1, -1))
    assert frames[0].samples_mps2[0].tolist() == first[1:].tolist()
    assert frames[-1].samples_mps2[-1].tolist() == last[1:].tolist()
    assert frames[-1].times_ns[-1] == round(last[0] * 1e9)
    trips = read_truth(folder).trips
    assert trips is not None
    assert len(trips) == int((folder / "count.txt").read_text())
    writer = RecordingWriter(tmp_path / "a.liftrec", recording.meta.installation, None)
    for reading in readings:
        writer.write(reading)
    writer.close()
    assert told(Recording.open(tmp_path / "a.liftrec")) == told(readings)
