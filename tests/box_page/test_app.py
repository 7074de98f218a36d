"""State, alarms and their end on the page, from the agent's own status and by its own requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.live_points import Unended
from edge_agent.local_requests import ChangeRequest, EndRequest, RequestFolder
from edge_agent.page.app import CHANGES_MAX, END_WAIT_S
from edge_agent.page.box_state import STALE_S, ends_in
from edge_agent.status import AgentStatus, IncidentStatus, SourceStatus, status_to_json
from tests.box_page.making import BOOT, Served
from tests.shell.test_status import STATUS


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    page = Served(tmp_path)
    page.enter()
    yield page
    page.close()


def written(served: Served, **changes: object) -> AgentStatus:
    """By an agent that runs now."""
    status = replace(STATUS, state="armed", boot_id=BOOT, now_ns=served.time.now, **changes)  # type: ignore[arg-type]
    (served.folder / "status.json").write_text(status_to_json(status), encoding="utf-8")
    served.time.pass_s(1.0)
    return status


def state(served: Served, language: str = "en") -> dict[str, object]:
    return served.ask("GET", f"/api/state?lang={language}").json()


def test_without_an_agent_the_page_says_that_nobody_watches(served: Served) -> None:
    found = state(served)
    assert (found["agent"], found["status"], found["lift"], found["who"]) == ("stopped", None, "north-1", "Li")


def test_an_agent_that_has_stopped_writing_is_not_believed(served: Served) -> None:
    written(served)
    assert state(served)["agent"] == "armed"
    served.time.pass_s(STALE_S)
    assert state(served)["agent"] == "stopped"


def test_a_status_of_an_earlier_boot_is_not_believed(served: Served) -> None:
    status = replace(STATUS, state="armed", boot_id="boot-0", now_ns=served.time.now)
    (served.folder / "status.json").write_text(status_to_json(status), encoding="utf-8")
    assert state(served)["agent"] == "stopped"


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"version": 3}'])
def test_a_damaged_status_is_none(served: Served, text: str) -> None:
    (served.folder / "status.json").write_text(text, encoding="utf-8")
    assert state(served)["agent"] == "stopped"


def test_alarms_have_their_name_and_first_check_in_the_language_of_the_person(served: Served) -> None:
    incidents = (
        IncidentStatus("entrapment", 7, "raised", "critical", 61.0),
        IncidentStatus("mains_lost", 8, "suspected", "major", 2.0),
        IncidentStatus("door_slow", 5, "raised before the restart", "minor", None),
    )
    written(served, incidents=incidents)
    served.ear.unended = (Unended(7, "entrapment", True), Unended(6, "alarm_button", False))
    for language, title in (("en", "Entrapment"), ("zh", "困人")):
        status = state(served, language)["status"]
        assert isinstance(status, dict)
        rows = status["incidents"]
        assert title in rows[0]["title"]
        assert rows[0]["check"]
        assert [(row["number"], row["state"], row["can_end"]) for row in rows] == [
            (7, "raised", True),
            (8, "suspected", False),
            (5, "before", True),
            (6, "gone", True),
        ]


def test_trouble_of_a_source_is_a_word_and_a_detail(served: Served) -> None:
    sources = (
        SourceStatus("accelerometer", "absent: nothing answers at 0x53", 1.0, 5, 0, 1),
        SourceStatus("controller", "not open yet", None, 0, 0, 0),
        SourceStatus("door_contacts", "", 0.1, 5, 3, 0),
    )
    written(served, sources=sources)
    status = state(served)["status"]
    assert isinstance(status, dict)
    assert [(each["reason"], each["detail"], each["lost"]) for each in status["sources"]] == [
        ("fault_absent", "nothing answers at 0x53", 0),
        ("source_not_open", "", 0),
        ("", "", 3),
    ]


def test_an_end_is_asked_of_the_agent_by_name_and_its_answer_is_shown_and_recorded(served: Served) -> None:
    written(served)
    folder = RequestFolder(served.folder)
    assert served.ask("POST", "/api/end", {"incident": "7"}).status == 204
    assert state(served)["is_ending"]
    assert served.ask("POST", "/api/end", {"incident": "8"}).status == 409  # one at a time
    (request,) = [each for each in folder.take() if isinstance(each, EndRequest)]
    assert (request.incident, request.who) == (7, "Li (page)")
    folder.answer(request, ("Incident 7 (entrapment) ended by Li (page)",))
    served.turn()
    found = state(served)
    assert (found["is_ending"], found["ended"]) == (False, {"ended": [7], "still": [], "is_answered": True})
    assert [each.what for each in folder.take() if isinstance(each, ChangeRequest)] == ["ended on the page: 7"]


def test_an_agent_that_does_not_answer_is_told_and_the_request_is_withdrawn(served: Served) -> None:
    served.ask("POST", "/api/end", {"incident": ""})
    served.time.pass_s(END_WAIT_S)
    served.turn()
    assert state(served)["ended"] == {"is_answered": False}
    assert [each for each in RequestFolder(served.folder).take() if isinstance(each, EndRequest)] == []


@pytest.mark.parametrize("incident", ["-1", "1.5", "x", "9" * 12])
def test_what_is_no_number_of_an_incident_is_refused(served: Served, incident: str) -> None:
    assert served.ask("POST", "/api/end", {"incident": incident}).status == 400


def test_the_words_of_the_agent_are_understood() -> None:
    said = (
        "Incident 3 (entrapment) is not ended: its condition is still there; give its number to end it all the same\n"
        "Incident 4 (alarm_button) ended at the lift"
    )
    assert ends_in(said) == {"ended": [4], "still": [3]}
    assert ends_in("No alarm waits for its end") == {"ended": [], "still": []}


def test_changes_are_bounded_and_counted(served: Served) -> None:
    for number in range(CHANGES_MAX + 3):
        served.changes.tell(f"change {number}", "Li")
    assert served.changes.lost_count == 3


def test_numbers_that_are_none_ask_for_everything(served: Served) -> None:
    served.ear.ring.add({"accel": [[1, 0.0]], "lines": [], "controller": [], "others": []})
    for after in ("", "-1", "x", "9" * 40, "0"):
        assert served.ask("GET", f"/api/live?after={after}").json()["accel"] == [[1, 0.0]] if after else True
    assert served.ask("GET", "/api/live?after=1").json()["accel"] == []
