"""Broken folders: the file and the line are named, and what came before the break is delivered."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    MaintenanceWord,
    ModemReport,
    PressureSample,
    Reading,
    SignalEdge,
    SupplySample,
    Tick,
)
from tests.recording.material import S, folder_with, others, read_folder, samples_of

ROWS = {
    "accel.csv": "{t},0.0,0.0,9.81",
    "pressure.csv": "{t},1013.0",
    "supply.csv": "{t},12.5,-0.1",
    "modem.csv": "{t},ready,home,-79,",
    "signals.csv": "{t},presence,1",
    "controller.csv": "{t},floor,3",
    "sources.csv": "{t},controller,silent,no reply",
}
HEADS = {
    "accel.csv": "t_s,ax,ay,az",
    "pressure.csv": "t_s,p_hpa",
    "supply.csv": "t_s,voltage_v,current_a",
    "modem.csv": "t_s,sim,registration,rssi_dbm,rsrp_dbm",
    "signals.csv": "t_s,name,value",
    "controller.csv": "t_s,field,value",
    "sources.csv": "t_s,source,event,detail",
}
BROKEN_ROWS = [
    ("accel.csv", "{t},0.0,0.0"),
    ("accel.csv", "{t},0.0,0.0,9.8,7"),
    ("accel.csv", "{t},0.0,,9.8"),
    ("accel.csv", "{t},0.0,x,9.8"),
    ("accel.csv", "{t},0.0,nan,9.8"),
    ("accel.csv", "{t},0.0,0.0,1e300"),
    ("accel.csv", "{back},0.0,0.0,9.8"),
    ("accel.csv", "5e9,0.0,0.0,9.8"),
    ("accel.csv", "\x00\ufffd"),
    ("pressure.csv", "{t},high"),
    ("pressure.csv", "{back},1013.0"),
    ("supply.csv", "{t},12.5"),
    ("supply.csv", "{t},12.5,nan"),
    ("modem.csv", "{t},lost,home,-79,"),
    ("modem.csv", "{t},ready,away,-79,"),
    ("modem.csv", "{t},ready,home,-79.5,"),
    ("modem.csv", "{t},ready,home,-7900,"),
    ("signals.csv", "{t},presense,1"),
    ("signals.csv", "{t},presence,2"),
    ("signals.csv", "{t},presence"),
    ("controller.csv", "{t},flor,3"),
    ("controller.csv", "{t},direction,sideways"),
    ("controller.csv", "{t},door,ajar"),
    ("controller.csv", "{t},fault,E36"),
    ("controller.csv", "{t},safety_circuit,1"),
    ("controller.csv", "{t},door_zone,maybe"),
    ("controller.csv", "{t},speed_mps,fast"),
    ("sources.csv", "{t},controller,tired,?"),
    ("sources.csv", "{t},controller,samples_lost,many"),
    ("signals.csv", '{t},"presence,1'),
]


@pytest.mark.parametrize(("name", "broken"), BROKEN_ROWS)
@pytest.mark.parametrize("index", [1, 60, 97])
def test_a_broken_row_is_named_and_what_came_before_is_delivered(
    tmp_path: Path, name: str, broken: str, index: int
) -> None:
    """Two files of one row each 0.1 s; row `index` of one of them is broken, in the middle of other samples."""
    folder = folder_with(tmp_path / "r", {})
    beside = "signals.csv" if name != "signals.csv" else "pressure.csv"
    for file in {name, beside}:
        rows = [ROWS[file].format(t=f"{n / 10:.1f}") for n in range(100)]
        if file == name:
            rows[index] = broken.format(t=f"{index / 10:.1f}", back=f"{index / 10 - 0.2:.1f}")
        (folder / file).write_text("\n".join([HEADS[file], *rows]) + "\n")
    readings, error = read_folder(folder)
    assert error is not None
    assert error.subject == f"{folder}/{name}:{index + 2}"
    assert error.hint
    last_good_s = (index - 1) / 10
    assert sum(file_of(reading) == name for reading in expanded(readings)) == index
    in_the_other = [reading.t_ns / 1e9 for reading in others(readings) if file_of(reading) == beside]
    assert in_the_other[-1] in (last_good_s, last_good_s + 0.1, index / 10)
    assert len(in_the_other) in (index, index + 1)


def expanded(readings: list[Reading]) -> list[Reading]:
    """Frames as one frame a sample."""
    out: list[Reading] = []
    for reading in readings:
        if isinstance(reading, AccelFrame):
            out.extend(
                AccelFrame(reading.times_ns[n : n + 1], reading.samples_mps2[n : n + 1])
                for n in range(len(reading.times_ns))
            )
        else:
            out.append(reading)
    return out


def file_of(reading: Reading) -> str:
    match reading:
        case AccelFrame():
            return "accel.csv"
        case SignalEdge():
            return "signals.csv"
        case PressureSample():
            return "pressure.csv"
        case SupplySample():
            return "supply.csv"
        case ModemReport():
            return "modem.csv"
        case MaintenanceWord():
            return "visit.csv"
        case ControllerReport():
            return "controller.csv"
        case _:
            return "sources.csv" if not isinstance(reading, Tick) else ""


@pytest.mark.parametrize("name", list(HEADS))
def test_a_wrong_first_line_is_named(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / name).write_text("time,x\n1,2\n")
    readings, error = read_folder(folder)
    assert (readings, error is not None and error.subject) == ([], f"{folder}/{name}:1")


def test_of_two_breaks_the_earlier_one_is_named(tmp_path: Path) -> None:
    files = {"signals.csv": "t_s,name,value\n6.0,nonsense,1\n", "pressure.csv": "t_s,p_hpa\n1.0,1000\n4.0,x\n"}
    readings, error = read_folder(folder_with(tmp_path / "r", files))
    assert error is not None
    assert error.subject.endswith("pressure.csv:3")
    assert samples_of(readings)[0] == 0
    assert 4 * S <= samples_of(readings)[-1] < 5 * S


def test_two_clocks_in_one_recording_are_refused_instead_of_ticked_through(tmp_path: Path) -> None:
    files = {"signals.csv": "t_s,name,value\n1700000000.0,mains,1\n"}
    readings, error = read_folder(folder_with(tmp_path / "r", files))
    assert error is not None
    assert "nothing between" in error.problem
    assert len(samples_of(readings)) == 500


def test_a_line_that_never_ends_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "r", {})
    (folder / "accel.csv").write_text("t_s,ax,ay,az\n0.0,0,0,9.8\n" + "1," * 2_000_000)
    readings, error = read_folder(folder)
    assert error is not None
    assert error.subject == f"{folder}/accel.csv:3"
    assert samples_of(readings) == [0]
