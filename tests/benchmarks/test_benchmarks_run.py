"""Each benchmark runs in its tiny mode and reports numbers. How good they are is not asked here."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, benchmark, main
from benchmarks.material import ROOT, drained_samples, in_blocks_of, parked, traffic
from benchmarks.modbus_far_end import reply_to
from benchmarks.pipelines import CPipeline, sections
from benchmarks.replay import replayed
from benchmarks.report import Report, Row, Scale, Table, interleaved, number_words, ratios, rendered

WITH_PROCESSES = ("modbus", "imports", "daemon", "latency")
QUICK = tuple(name for name in NAMES if name not in WITH_PROCESSES)


def reports_numbers(report: Report) -> bool:
    assert report.tables, report.skipped
    for table in report.tables:
        assert table.rows
        for row in table.rows:
            assert len(row.cells) == len(table.columns)
            assert all(math.isfinite(value) for cell in row.cells for value in cell), row
            assert any(row.cells), row
    return True


@pytest.mark.parametrize("name", QUICK)
def test_a_benchmark_in_this_process_reports_numbers(name: str) -> None:
    assert reports_numbers(benchmark(name)(Scale.TINY))


@pytest.mark.system
@pytest.mark.timeout(150)  # the lift must travel
@pytest.mark.parametrize("name", WITH_PROCESSES)
def test_a_benchmark_with_processes_reports_numbers(name: str) -> None:
    assert reports_numbers(benchmark(name)(Scale.TINY))


def test_each_benchmark_says_what_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert all(len(line.split()) > 5 for line in lines)


def test_one_benchmark_by_name_prints_command_machine_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wire", "--tiny"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("$ python -m benchmarks wire --tiny\n")
    assert "cores, " in said
    assert "encode us" in said


def test_an_unknown_benchmark_is_named_and_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["wire", "replai"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "replai" in said.err
    assert "wire" not in said.out


def test_rounds_are_interleaved_and_the_first_is_thrown_away() -> None:
    order: list[str] = []

    def contender(name: str) -> int:
        order.append(name)
        return len(order)

    answers = interleaved(2, {"a": lambda: contender("a"), "b": lambda: contender("b")})
    assert order == ["a", "b"] * 3
    assert answers == {"a": [3, 5], "b": [4, 6]}


def test_ratios_are_of_the_same_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_a_table_shows_median_smallest_and_largest_and_what_was_not_measured() -> None:
    table = Table("T", ("ms", "n"), (Row("one", ([3.0, 1.0, 2.0], [])),), ("why",))
    assert rendered(table).splitlines() == ["T", "-", "     ms       n", "one  2 (1-3)  -", "  why"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.012345, "0.0123"),
        (7.0, "7"),
        (51.27, "51.3"),
        (999.9, "1e+03"),
        (1234.0, "1 230"),
        (17_650_000.0, "17 600 000"),
    ],
)
def test_numbers_have_three_digits(value: float, words: str) -> None:
    assert number_words(value) == words


def test_other_blocks_carry_the_same_samples_in_order() -> None:
    material = traffic(100, 60.0)
    coarse = in_blocks_of(material, 100)
    assert {len(block.times_ns) for block in material.blocks[:-1]} == {drained_samples(100)} == {4}
    assert {len(block.times_ns) for block in coarse.blocks[:-1]} == {100}
    assert coarse.sample_count == material.sample_count
    assert len(coarse.readings) - len(coarse.blocks) == len(material.readings) - len(material.blocks)
    assert replayed(coarse) == replayed(material) > 0


def test_a_parked_lift_gives_nothing_to_conclude() -> None:
    assert replayed(parked(100, 20.0)) == 0


def test_the_filter_sections_pass_the_middle_and_stop_what_is_outside() -> None:
    def gain(frequency_hz: float) -> float:
        step = complex(math.cos(2 * math.pi * frequency_hz / 400.0), -math.sin(2 * math.pi * frequency_hz / 400.0))
        value = 1.0 + 0.0j
        for b0, b1, b2, a0, a1, a2 in sections(400.0).tolist():
            value *= (b0 + b1 * step + b2 * step * step) / (a0 + a1 * step + a2 * step * step)
        return abs(value)

    assert gain(3.0) == pytest.approx(1.0, abs=0.01)
    assert gain(0.5) == pytest.approx(math.sqrt(0.5), abs=0.01)  # corner of a Butterworth filter: -3 dB
    assert gain(20.0) == pytest.approx(math.sqrt(0.5), abs=0.01)
    assert gain(0.05) < 1e-3
    assert gain(150.0) < 1e-3


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_c_program_gives_the_same_frames_however_the_samples_are_cut(tmp_path: Path) -> None:
    pipeline, material = CPipeline(tmp_path), traffic(400, 12.0)
    whole = pipeline.prepared(in_blocks_of(material, 400).blocks, 400.0)
    assert pipeline.prepared(material.blocks, 400.0).frames() == whole.frames()
    assert whole.run() == len(whole.frames()) > 200


def test_without_a_compiler_the_c_program_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no C compiler"):
        CPipeline(tmp_path)


def test_the_far_end_answers_a_read_with_as_many_registers() -> None:
    assert reply_to(bytes.fromhex("0007 0000 0006 01 03 1010 0002")).hex() == "00070000000701030400000000"


@pytest.mark.system
def test_the_command_line_works_from_the_project_folder() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "wire", "outbox"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50.0,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "records/s" in done.stdout


def test_a_busy_machine_gets_two_rounds_at_least() -> None:
    assert interleaved(9, {"a": lambda: 1}, budget_s=0.0) == {"a": [1, 1]}
