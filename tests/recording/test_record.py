"""`edge-agent record`: what the sources gave is what can be read back, whatever they do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_agent.cli import record as command
from edge_agent.errors import SettingsError, SourceUnavailable, WrongDevice
from edge_agent.readings import FaultReason, Reading, Signal, SignalEdge, SourceFault, Tick
from edge_agent.recording import Recording, RecordingSource
from edge_agent.recording_writer import RecordingWriter
from tests.recording.material import INSTALLATION, MINIMAL, MS, S, folder_with, told_without_splits

CONFIG = """
[lift]
id = "north-2"
rated_speed_mps = 1.0
[contacts]
chip = "unix:{folder}/gpio.sock"
door_closed = {{ pin = 17, active = "low" }}
[delivery]
receivers = [ {{ name = "firm", url = "http://127.0.0.1:9" }} ]
[state]
folder = "{folder}"
[limits]
trip_distance_m_min = 0.5
"""


def stepping_clock(step_ns: int) -> Callable[[], int]:
    """A clock that goes on by `step_ns` each time it is read."""
    now_ns = 0

    def read() -> int:
        nonlocal now_ns
        now_ns += step_ns
        return now_ns

    return read


class LateStarter:
    """A source that cannot be opened at first, and then gives one edge."""

    name = "door_contacts"

    def __init__(self, errors: list[SourceUnavailable | WrongDevice]) -> None:
        self._errors = errors
        self.is_closed = False
        self.has_ended = False

    def open(self) -> None:
        if self._errors:
            raise self._errors.pop(0)

    def read(self, timeout_s: float) -> Sequence[Reading]:
        self.has_ended = True
        return (SignalEdge(20 * S, Signal.MAINS, True),)

    def close(self) -> None:
        self.is_closed = True


def test_what_two_sources_gave_is_read_back_in_order(tmp_path: Path) -> None:
    moving = RecordingSource(Recording.open(folder_with(tmp_path / "a", {}, meta=MINIMAL)), batch_count=1)
    files = {"signals.csv": "t_s,name,value\n1.5,mains,0\n2.5,mains,1\n"}
    contacts_folder = folder_with(tmp_path / "b", files, meta=MINIMAL)
    (contacts_folder / "accel.csv").write_text("t_s,ax,ay,az\n")
    contacts = RecordingSource(Recording.open(contacts_folder), batch_count=1)
    writer = RecordingWriter(tmp_path / "out.liftrec", INSTALLATION, None)
    counts = command.record([moving, contacts], writer, now_ns=stepping_clock(1), is_over=lambda: False)
    assert counts == {"accelerometer": 500, "door_contacts": 2}
    recorded = list(Recording.open(tmp_path / "out.liftrec"))
    assert recorded[0] == Tick(-100 * MS)  # time passed before the first reading
    both = folder_with(tmp_path / "c", files, meta=MINIMAL)
    assert told_without_splits(recorded[1:]) == told_without_splits(Recording.open(both))


def test_a_source_that_opens_late_is_recorded_as_a_fault_once_for_each_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = SourceUnavailable("nothing answers", subject="gpio", hint="Look at the plug")
    source = LateStarter([absent, absent, WrongDevice("something else answers", subject="gpio", hint="Look again")])
    writer = RecordingWriter(tmp_path / "out.liftrec", INSTALLATION, None)
    command.record([source], writer, now_ns=stepping_clock(S), is_over=lambda: False)
    assert source.is_closed
    readings = [reading for reading in Recording.open(tmp_path / "out.liftrec") if not isinstance(reading, Tick)]
    assert [reading.reason for reading in readings if isinstance(reading, SourceFault)] == [
        FaultReason.ABSENT,
        FaultReason.WRONG_DEVICE,
    ]
    assert readings[-1] == SignalEdge(20 * S, Signal.MAINS, True)
    assert "gpio: nothing answers. Look at the plug" in capsys.readouterr().err


def test_when_it_is_over_sources_and_file_are_closed(tmp_path: Path) -> None:
    source = LateStarter([])
    writer = RecordingWriter(tmp_path / "out.liftrec", INSTALLATION, None)
    assert command.record([source], writer, now_ns=stepping_clock(1), is_over=lambda: True) == {}
    assert source.is_closed
    assert list(Recording.open(tmp_path / "out.liftrec")) == []
    assert "Nothing was recorded" in "".join(command.summary({}))


def call(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return command.run(parser.parse_args(["record", *map(str, words)]))


def test_settings_decide_what_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    assert call(tmp_path / "out", "--config", config, "--seconds", "0") == 0
    meta = Recording.open(tmp_path / "out").meta
    assert meta.installation.lift.lift_id == "north-2"
    assert meta.installation.wiring.signals == frozenset({Signal.DOOR_CLOSED})
    assert not meta.installation.wiring.has_accelerometer
    assert meta.limits == (("trip_distance_m_min", 0.5),)
    assert "Nothing was recorded" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("out", "--max-mib", "5"), ("out.liftrec", "--max-mib", "0")])
def test_a_cap_that_cannot_hold_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    with pytest.raises(SettingsError, match="--max-mib"):
        call(tmp_path / words[0], "--config", config, *words[1:])
