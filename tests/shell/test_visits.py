"""A maintenance visit: who, which items, measured before and during it; muted meanwhile, told where forgotten."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.agent_visits import SAY_NS, VisitMeasures
from edge_agent.alarms import Alarm, AlarmKind
from edge_agent.catalogue_visit import VISIT_WORDS, measured_words
from edge_agent.checklist import DEFAULT, load_checklist, shipped_names
from edge_agent.detect.detector import Detector
from edge_agent.detect.limits import Limits
from edge_agent.errors import SettingsError
from edge_agent.local_requests import DONE, REFUSED, CommissioningRequest, VisitRequest
from edge_agent.readings import MaintenanceWord, Reading
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter
from edge_agent.story import alarm_sentence
from edge_agent.toml_checklist import ITEMS_MAX, bits_of, checklist_from, numbers_in, numbers_of
from edge_agent.visit_file import FILE, read_visits
from edge_agent.wire import Commissioned, Measure, Record, Stream, SystemKind, Visit, VisitAct
from sim.library import load_scenario
from sim.scenario import Played, play
from tests.shell.making import ACCELEROMETER_ONLY, Bench, S, bench

LIST = load_checklist(DEFAULT)
START = VisitRequest("a", "start", "王建国", 30, LIST.name, LIST.digest.hex(), len(LIST.items))
FINISH = replace(START, verb="finish", person="", done=(1, 2, 9), faulty=(9,), remark="rollers worn")


@pytest.fixture(scope="module")
def stuck() -> Played:
    """Two people between landings, from the simulator."""
    return play(load_scenario("stuck-between-landings"), seed=1)


def visits_of(found: Bench) -> list[tuple[Record, Visit]]:
    records = [r for r in found.receivers["firm"].of_stream(Stream.FAULT) if r.kind == SystemKind.MAINTENANCE_VISIT]
    return [(record, record.detail) for record in records if isinstance(record.detail, Visit)]


def acts(found: Bench) -> list[VisitAct]:
    return [visit.act for _, visit in visits_of(found)]


def ask(found: Bench, request: VisitRequest | CommissioningRequest) -> tuple[str, ...]:
    return found.core.hear(request, found.clock.now)


def test_a_visit_is_two_records_with_person_items_and_time(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    assert ask(found, START)[0] == DONE
    found.run("accelerometer", (), until_s=600.0)
    assert ask(found, FINISH)[0] == DONE
    found.run("accelerometer", (), until_s=60.0)
    (_, started), (record, finished) = visits_of(found)
    assert (started.number, started.act, started.person, started.lasted_s) == (1, VisitAct.STARTED, "王建国", 0)
    assert (finished.number, finished.act, finished.person) == (1, VisitAct.FINISHED, "王建国")
    assert 600 <= finished.lasted_s <= 605
    assert (numbers_of(finished.done), numbers_of(finished.faulty)) == ((1, 2, 9), (9,))
    assert finished.items == LIST.digest
    assert record.note == "rollers worn"
    assert read_visits(tmp_path).now is None


def test_without_a_visit_the_same_story_raises_an_entrapment_and_in_a_visit_it_raises_none(
    tmp_path: Path, stuck: Played
) -> None:
    readings = list(stuck.raw_readings(start_ns=1_000 * S))
    for name, is_visited in (("without", False), ("visited", True)):
        folder = tmp_path / name
        folder.mkdir()
        found = bench(folder, stuck.installation, sources=("lift",))
        if is_visited:
            assert ask(found, replace(START, minutes=240))[0] == DONE
        found.run("lift", readings)
        raised = [line for line in found.lines.said if line.startswith("Entrapment RAISED")]
        assert len(raised) == (0 if is_visited else 1)


def test_a_recording_of_a_visit_replays_to_the_same_conclusions(tmp_path: Path, stuck: Played) -> None:
    """The visit ends while the people are still in the car: both the silence and the alarm after it come again."""
    path = tmp_path / "ring.liftrec"
    first = 2
    recorder = RecordingWriter(path, stuck.installation, None, first_incident=first)
    found = bench(tmp_path, stuck.installation, sources=("lift",), recorder=recorder)
    readings = list(stuck.raw_readings(start_ns=1_000 * S))
    half_ns = readings[0].t_ns + 26 * S
    ask(found, START)
    found.run("lift", [reading for reading in readings if reading.t_ns < half_ns])
    ask(found, FINISH)
    found.run("lift", [reading for reading in readings if reading.t_ns >= half_ns + S])
    found.core.flush(found.clock.now)
    found.core.close()
    recording = Recording.open(path)
    kept: list[Reading] = list(recording)
    words = [reading.is_under_way for reading in kept if isinstance(reading, MaintenanceWord)]
    assert words.count(False) == 1
    assert words.count(True) == 3
    detector = Detector(recording.meta.installation, Limits(), first_incident=first)
    replayed = [conclusion for reading in kept for conclusion in detector.step(reading)]
    alarms = [alarm_sentence(conclusion) for conclusion in replayed if isinstance(conclusion, Alarm)]
    assert [line for line in found.lines.said if ", incident " in line] == alarms
    assert not any("Emergency stop" in sentence for sentence in alarms)  # in the visit
    assert any("Stopped outside" in sentence and "RAISED" in sentence for sentence in alarms)


def test_a_forgotten_visit_ends_by_itself_and_says_so(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    ask(found, replace(START, minutes=5))
    found.run("accelerometer", (), until_s=299.0)
    assert acts(found) == [VisitAct.STARTED]
    found.run("accelerometer", (), until_s=2.0)
    assert acts(found) == [VisitAct.STARTED, VisitAct.FORGOTTEN]
    assert found.core.visits is not None
    assert found.core.visits.under_way is None
    assert any("was not finished within 5 min" in line for line in found.lines.said)
    assert ask(found, FINISH)[0] == REFUSED


def test_a_visit_goes_on_over_a_restart_and_its_time_too(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    ask(found, START)
    found.run("accelerometer", (), until_s=600.0)
    found.core.close()
    again = bench(tmp_path, ACCELEROMETER_ONLY, now_ns=found.clock.now + 60 * S)
    again.run("accelerometer", (), until_s=20.0)
    assert acts(again) == []  # its beginning was told before
    assert again.core.visits is not None
    assert 675.0 <= again.core.visits.elapsed_s(again.clock.now) <= 685.0
    assert ask(again, START)[0] == REFUSED
    assert ask(again, FINISH)[0] == DONE


def test_a_visit_goes_on_over_a_power_cut_with_at_most_a_minute_of_its_time_lost(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    ask(found, START)
    found.run("accelerometer", (), until_s=630.0)
    found.core.close()
    again = bench(tmp_path, ACCELEROMETER_ONLY, boot="c", now_ns=10 * S)
    assert again.core.visits is not None
    assert 570.0 <= again.core.visits.elapsed_s(again.clock.now) <= 631.0
    again.run("accelerometer", (), until_s=30 * 60.0)
    assert acts(again) == [VisitAct.FORGOTTEN]


def test_an_end_that_was_not_committed_before_a_crash_is_told_by_the_next_run(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    ask(found, START)
    found.run("accelerometer", (), until_s=30.0)
    ask(found, FINISH)
    found.core.close()  # before the turn that commits it
    again = bench(tmp_path, ACCELEROMETER_ONLY, now_ns=found.clock.now)
    again.run("accelerometer", (), until_s=60.0)
    assert acts(again) == [VisitAct.FINISHED]
    assert read_visits(tmp_path).now is None
    assert read_visits(tmp_path).number == 1


def test_the_next_visit_has_the_next_number_after_a_restart_too(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    for _ in range(2):
        ask(found, START)
        found.run("accelerometer", (), until_s=20.0)
        ask(found, FINISH)
        found.run("accelerometer", (), until_s=20.0)
    found.core.close()
    again = bench(tmp_path, ACCELEROMETER_ONLY, now_ns=found.clock.now)
    ask(again, START)
    again.run("accelerometer", (), until_s=60.0)
    assert [visit.number for _, visit in visits_of(found) + visits_of(again)] == [1, 1, 2, 2, 3]


def test_the_items_of_another_list_finish_no_visit(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    ask(found, START)
    other = ask(found, replace(FINISH, digest="00" * 8))
    assert other[0] == REFUSED
    assert DEFAULT in other[1]
    assert ask(found, FINISH)[0] == DONE


def test_a_visit_that_cannot_be_kept_is_not_begun(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    os.mkdir(tmp_path / FILE)  # a folder stands where the file should
    first, words = ask(found, replace(START, language="zh"))
    assert first == REFUSED
    assert "维保未开始" in words
    found.run("accelerometer", (), until_s=30.0)
    assert acts(found) == []


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"number": 3, "now": {}}', '{"number": -1, "now": null}', "\x00"])
def test_a_damaged_file_is_no_visit(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    assert found.core.visits is not None
    assert found.core.visits.under_way is None
    found.run("accelerometer", (), until_s=15.0)
    assert acts(found) == []


def test_what_was_measured_before_and_during_a_visit_is_in_its_records(tmp_path: Path) -> None:
    played = play(load_scenario("re-levelling"), seed=1)
    readings = list(played.raw_readings(start_ns=1_000 * S))
    found = bench(tmp_path, played.installation, sources=("lift",))
    found.run("lift", readings)
    trips = found.core.trips_count
    assert trips > 0
    ask(found, replace(START, minutes=240))
    found.run("lift", (), until_s=30.0)
    ask(found, FINISH)
    found.run("lift", (), until_s=30.0)
    (before, _), (during, _) = visits_of(found)
    measured = {each.measure: each.value for each in before.measures or ()}
    assert measured[Measure.TRIPS] == trips
    assert 1_000 <= measured[Measure.DOOR_MS] <= 5_000
    assert (before.note or "").startswith("door_open_ms=")
    assert during.measures is None


def test_a_commissioning_is_recorded_with_the_digest_of_its_report(tmp_path: Path) -> None:
    found = bench(tmp_path, ACCELEROMETER_ONLY)
    request = CommissioningRequest("a", bytes(range(32)).hex(), 8, 1, 0, 1, "Li Na", "zh")
    first, words = ask(found, request)
    assert first == DONE
    assert "Li Na" in words
    found.run("accelerometer", (), until_s=60.0)
    (record,) = [r for r in found.receivers["firm"].of_stream(Stream.FAULT) if r.kind == SystemKind.COMMISSIONING]
    assert record.detail == Commissioned(bytes(range(32)), 8, 1, 0, 1)
    assert record.note == "by Li Na"


def test_memory_of_measurements_is_bounded() -> None:
    measures = VisitMeasures()
    assert measures.signs() == ()
    assert measured_words(measures.signs(), "zh") == VISIT_WORDS["nothing_measured"][1]


def test_the_agent_repeats_its_word_more_often_than_the_core_forgets_it() -> None:
    from edge_agent.detect.visit import WORD_NS_MAX

    assert SAY_NS * 3 <= WORD_NS_MAX


# ---- the checklist


@pytest.mark.parametrize("name", shipped_names())
def test_every_list_that_comes_with_the_agent_reads_and_says_where_it_is_from(name: str) -> None:
    found = load_checklist(name)
    assert 1 <= len(found.items) <= ITEMS_MAX
    assert found.source
    assert all(en.isascii() and any("一" <= each <= "鿿" for each in zh) for en, zh in found.items)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [("", ()), ("1", (1,)), ("1-3,5", (1, 2, 3, 5)), (" 2 ，3", (2, 3)), ("all", tuple(range(1, 32))), ("3,3", (3,))],
)
def test_item_numbers_are_read_as_people_write_them(words: str, numbers: tuple[int, ...]) -> None:
    assert numbers_in(words, 31) == numbers


@pytest.mark.parametrize("words", ["0", "32", "5-3", "a", "1-", "-", "1000", "1-2-3"])
def test_numbers_that_are_no_items_are_refused(words: str) -> None:
    with pytest.raises(SettingsError, match="no item of a list of 31"):
        numbers_in(words, 31)


@pytest.mark.parametrize("numbers", [(), (1,), (8,), (9,), (1, 8, 9, 128), tuple(range(1, 129))])
def test_bits_and_numbers_are_each_other_s_reverse(numbers: tuple[int, ...]) -> None:
    bits = bits_of(numbers)
    assert numbers_of(bits) == numbers
    assert len(bits) <= 16


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[title]\nen = "a"\nzh = "b"\n', "the list has no items"),
        ('[title]\nen = "a"\nzh = "b"\n[[item]]\nen = "a"\n', "lacks zh"),
        ('[title]\nen = "a"\nzh = "b"\n[[item]]\nen = "a"\nzh = "b"\nfr = "c"\n', "fr is no key"),
        ("[title", "Expected"),
    ],
)
def test_a_wrong_list_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        checklist_from(text.encode(), "mine.toml")


def test_an_edited_list_has_another_digest() -> None:
    edited = replace(LIST, items=LIST.items[:-1])
    assert edited.digest != LIST.digest
    assert replace(LIST, title=("x", "y")).digest == LIST.digest


def test_alarm_button_is_not_among_what_a_visit_mutes() -> None:
    from edge_agent.detect.rules.table import all_rules

    kept = {rule.kind for rule in all_rules(Limits()) if rule.outlives_inspection}
    assert {AlarmKind.ALARM_BUTTON, AlarmKind.IMPACT, AlarmKind.UNINTENDED_MOVEMENT} <= kept
