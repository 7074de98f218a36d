"""The load on a receiver runs and reports, in small. How good the figures are is not asked here."""

from __future__ import annotations

import re

import pytest

from benchmarks.receiver.__main__ import main

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def test_rates_are_reported_for_each_kind_of_load(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rates", "--engine", "sqlite", "--requests", "128"]) == 0
    rows = re.findall(r"\| (\d+) conn\., (\d+) x (heartbeat|alarm) \| this \| ([\d,]+) \|", capsys.readouterr().out)
    assert [row[:3] for row in rows] == [
        ("1", "1", "heartbeat"),
        ("16", "1", "heartbeat"),
        ("64", "1", "heartbeat"),
        ("64", "20", "heartbeat"),
        ("64", "1", "alarm"),
    ]
    assert all(int(row[3].replace(",", "")) > 0 for row in rows)


def test_an_alarm_is_answered_among_half_sent_bodies_and_those_are_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slow", "--engine", "sqlite", "--bodies", "200"]) == 0
    said = capsys.readouterr().out
    assert "200 half-sent bodies held open" in said
    assert "200 ended by the receiver" in said


def test_a_small_fleet_is_answered_at_its_pace_and_memory_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    asked = {"--engine": "sqlite", "--boxes": "20", "--per-s": "20", "--minutes": "0.05", "--records": "1000"}
    assert main(["fleet", "growth", *(word for pair in asked.items() for word in pair)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"\| 1 \| \d+ \| [\d.]+ \| [\d.]+ \| \d+ \| 0 \| [\d.]+ \| \d+ \|", said)
    assert re.search(r"1,000 x heartbeat: [1-9]\d* bytes each", said)
