"""The calibration from the page: the agent gives way, steps are driven, settings are shown before they are written."""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calibration.guided import Guided, Proposal
from calibration.words import CalibrationError, StepName
from edge_agent.errors import SettingsError
from edge_agent.local_requests import DONE, REFUSED, AsideRequest, ChangeRequest, RequestFolder
from edge_agent.page.calibrating import ASIDE_S, PUT_S, NotNow
from edge_agent.page.settings_drop import FILE, forbidden_change, leave_settings, put_settings
from edge_agent.settings import Settings
from tests.box_page.making import Served
from tests.calibration.test_guided import SETTINGS, Bench, Missing, Played


def answering(source: str) -> tuple[str, ...]:
    """What else is on the bus: the accelerometer at its other address."""
    return ("0x1d",) if source == "accelerometer" else ()


class OnBench:
    """What the page opens: a bench, counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_taken = False
        self.opened: list[Bench] = []
        self.closed_count = 0

    def __call__(self, is_fresh: bool) -> OnBench | None:
        if self.is_taken:
            return None
        first_text = self.opened[-1].config.read_text(encoding="utf-8") if self.opened else None
        others = (Played("pressure", ()), Played("door_contacts", ()), Played("controller", ()))
        bench = Bench(self.folder, Missing("accelerometer", ()), *others, probe=answering)
        if first_text is not None:
            bench.config.write_text(first_text, encoding="utf-8")
        self.opened.append(bench)
        return self

    @property
    def settings(self) -> Settings:
        return SETTINGS

    @property
    def guided(self) -> Guided:
        return self.opened[-1].guided

    def close(self) -> None:
        self.closed_count += 1
        self.guided.close()


@pytest.fixture
def bench(tmp_path: Path) -> OnBench:
    (tmp_path / "bench").mkdir()
    return OnBench(tmp_path / "bench")


@pytest.fixture
def served(tmp_path: Path, bench: OnBench) -> Iterator[Served]:
    (tmp_path / "state").mkdir()
    page = Served(tmp_path / "state", bench)
    page.enter()
    yield page
    page.close()


def act(served: Served, **values: str) -> dict[str, object]:
    answer = served.ask("POST", "/api/calibrate?lang=en", values)
    assert answer.status == 200, answer.body
    return view(served)


def view(served: Served, language: str = "en") -> dict[str, object]:
    return served.ask("GET", f"/api/calibrate?lang={language}").json()


def turned_until(served: Served, is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        served.time.pass_s(0.1)
        served.turn(1)
        if is_so():
            return
        select.select([], [], [], 0.02)
    raise AssertionError(f"it did not come to that: {view(served)}")


def opened(served: Served) -> None:
    act(served, do="open")
    turned_until(served, lambda: served.calibrating.is_open)


def changes(served: Served) -> list[str]:
    found = RequestFolder(served.folder).take()
    return [request.what for request in found if isinstance(request, ChangeRequest)]


def test_the_agent_is_asked_to_give_way_once_and_the_page_waits(served: Served, bench: OnBench) -> None:
    bench.is_taken = True
    assert act(served, do="open")["phase"] == "coming"
    for _ in range(20):
        served.time.pass_s(0.3)
        served.turn(1)
    asked = RequestFolder(served.folder).take()
    assert [type(request) for request in asked] == [AsideRequest]
    RequestFolder(served.folder).answer(asked[0], (DONE,))
    bench.is_taken = False
    turned_until(served, lambda: served.calibrating.is_open)
    found = view(served)
    assert found["phase"] == "open"
    assert served.ask("GET", "/api/state").json()["agent"] == "calibrating"
    assert list((served.folder / "requests").iterdir()) == []


def test_an_open_alarm_keeps_the_devices_where_they_are_and_the_page_says_why(served: Served, bench: OnBench) -> None:
    bench.is_taken = True
    act(served, do="open")
    served.turn()
    (asked,) = RequestFolder(served.folder).take()
    RequestFolder(served.folder).answer(asked, (REFUSED,))
    served.time.pass_s(0.5)
    served.turn()
    found = view(served)
    assert (found["phase"], found["message"]) == ("closed", "alarm_open")
    assert list((served.folder / "requests").iterdir()) == []


def test_where_nobody_gives_way_the_page_says_so_and_asks_no_longer(served: Served, bench: OnBench) -> None:
    bench.is_taken = True
    act(served, do="open")
    served.turn()
    served.time.pass_s(ASIDE_S + 1)
    served.turn()
    found = view(served)
    assert (found["phase"], found["message"]) == ("closed", "nobody_gives_way")
    assert RequestFolder(served.folder).take() == ()


def test_settings_that_cannot_be_read_are_told(served: Served) -> None:
    def refuse(_is_fresh: bool) -> None:
        raise SettingsError("one problem", subject="box.toml", hint="Look at line 3")

    served.calibrating._opener = refuse
    act(served, do="open")
    served.turn()
    assert view(served)["trouble"] == "box.toml: one problem. Look at line 3"


def test_a_step_runs_ends_by_itself_and_shows_its_verdict_in_both_languages(served: Served) -> None:
    opened(served)
    steps = view(served)["steps"]
    assert isinstance(steps, list)
    assert len(steps) == len(StepName)
    act(served, do="begin", step="wiring")
    assert view(served)["running"] == "wiring"
    turned_until(served, lambda: view(served)["running"] is None)
    english, chinese = view(served), view(served, "zh")
    for found, word in ((english, "FAILED"), (chinese, "不合格")):
        rows = found["steps"]
        assert isinstance(rows, list)
        assert rows[0]["result"]["word"] == word
    assert "0x1d" in str(english["proposal"])


@pytest.mark.parametrize(
    ("language", "first", "word"), [("en", "Before the box is screwed on", "+x up"), ("zh", "固定", "+x 朝上")]
)
def test_the_six_sides_are_shown_one_by_one_and_may_be_left_out(
    served: Served, language: str, first: str, word: str
) -> None:
    opened(served)
    act(served, do="begin", step="sides")
    found = view(served, language)
    assert first in str(found["instruction"])
    gauges = found["gauges"]
    assert isinstance(gauges, list)
    assert len(gauges) == 7
    assert gauges[1]["name"] == word
    act(served, do="skip", step="sides")
    rows = view(served, language)["steps"]
    assert isinstance(rows, list)
    assert rows[1]["result"]["verdict"] == "skipped"


def test_a_repair_is_written_only_when_accepted_and_the_step_is_done_again(served: Served, bench: OnBench) -> None:
    opened(served)
    act(served, do="begin", step="wiring")
    turned_until(served, lambda: view(served)["proposal"] is not None)
    proposal = view(served)["proposal"]
    assert isinstance(proposal, dict)
    before = bench.opened[-1].config.read_text(encoding="utf-8")
    assert "0x1d" not in before
    changes(served)
    wrong = served.ask("POST", "/api/calibrate", {"do": "accept", "value": "0" * 32})
    assert (wrong.status, wrong.json()) == (409, {"message": "proposal_changed"})
    act(served, do="accept", value=str(proposal["digest"]))
    assert "0x1d" in bench.opened[-1].config.read_text(encoding="utf-8")
    turned_until(served, lambda: view(served).get("running") == "wiring")
    assert bench.closed_count == 1
    assert [what[:22] for what in changes(served)] == ["settings accepted, now"]


def test_closing_gives_the_devices_back_and_what_was_done_is_kept(served: Served, bench: OnBench) -> None:
    opened(served)
    assert act(served, do="skip", step="doors")["phase"] == "open"
    act(served, do="close")
    assert bench.closed_count == 1
    kept = bench.opened[-1].folder.load()
    assert kept is not None
    assert "doors" in [result.step.value for result in kept.results]
    assert served.ask("GET", "/api/state").json()["agent"] == "stopped"


def test_the_end_of_the_page_closes_the_calibration(served: Served, bench: OnBench) -> None:
    opened(served)
    act(served, do="begin", step="mount")
    served.page.close()
    assert bench.closed_count == 1


@pytest.mark.parametrize(
    "values",
    [
        {"do": "finish"},
        {"do": "begin", "step": "../x"},
        {"do": "nothing"},
        {"do": "accept"},
        {"do": "skip", "step": ""},
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(served: Served, values: dict[str, str]) -> None:
    assert served.ask("POST", "/api/calibrate", values).status == 409  # nothing is open
    opened(served)
    assert served.ask("POST", "/api/calibrate", values).status == 409
    assert view(served)["phase"] == "open"
    with pytest.raises(NotNow):
        served.calibrating.plots("x")


def test_an_answer_goes_to_the_session(served: Served) -> None:
    opened(served)
    act(served, do="begin", step="presence")
    questions = view(served)["questions"]
    assert isinstance(questions, list)
    if questions:
        act(served, do="answer", value=str(questions[0]["key"]), answer="yes")
    act(served, do="leave")
    assert view(served)["running"] is None


# ---- settings that the page may not write itself

OLD = '[lift]\nid = "a"\n\n[accelerometer]\nchip = "adxl345"\naddress = 0x53\n\n[delivery]\nreceivers = []\n'


def nothing(_text: str, _name: str) -> None:
    """These settings can be used."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    path.write_text(OLD, encoding="utf-8")
    return path


def test_accepted_settings_are_put_in_place_by_somebody_with_the_right_to(tmp_path: Path, config: Path) -> None:
    new = OLD.replace("0x53", "0x1d")
    leave_settings(tmp_path, Proposal(config, OLD, new))
    checked: list[str] = []
    assert put_settings(tmp_path, config, lambda text, _name: checked.append(text))
    assert config.read_text(encoding="utf-8") == new
    assert checked == [new]
    assert not put_settings(tmp_path, config, nothing)


@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("receivers = []", 'receivers = [{ name = "x", url = "http://evil" }]'),
        OLD + '[state]\nfolder = "/etc"\n',
        OLD.replace('id = "a"', 'id = "b"'),
        OLD.replace("address = 0x53", 'address = 0x53\nbus = "unix:/x"'),
        OLD + "[limits]\nentrapment_hold_s_outside_zone = 6000\n",
        "no toml [",
        "",
    ],
)
def test_whatever_no_calibration_proposes_is_refused(tmp_path: Path, config: Path, new: str) -> None:
    leave_settings(tmp_path, Proposal(config, OLD, new))
    with pytest.raises(CalibrationError, match="which no calibration does"):
        put_settings(tmp_path, config, nothing)
    assert config.read_text(encoding="utf-8") == OLD
    assert not (tmp_path / FILE).exists()


def test_what_calibrations_propose_is_allowed(tmp_path: Path) -> None:
    new = OLD.replace('id = "a"', 'id = "a"\nrated_speed_mps = 1.6\nlanding_heights_m = [0.0, 3.0]')
    new += '[contacts]\ndoor_open = { pin = 17, active = "low" }\n[controller]\nbaud_rate = 19200\nparity = "none"\n'
    assert forbidden_change(OLD, new, tmp_path) == ""


POLLED = OLD + '[controller]\nkind = "modbus_tcp"\nmap = "nice3000plus"\npoll_hz = 10\n'


def with_map(path: Path) -> str:
    slower = POLLED.replace("poll_hz = 10", "poll_hz = 4")
    return slower.replace('"nice3000plus"', f'"{path}"') + "accept_polling_risk = true\n"


def test_a_map_that_the_detective_wrote_may_be_named_and_no_other(tmp_path: Path) -> None:
    found = tmp_path / "found_controller_3.toml"
    assert forbidden_change(POLLED, with_map(found), tmp_path) != ""  # it is not there
    found.write_text("a map", encoding="utf-8")
    assert forbidden_change(POLLED, with_map(found), tmp_path) == ""
    (tmp_path / "mine.toml").write_text("a map", encoding="utf-8")
    (tmp_path / "found_controller_4.toml").symlink_to(tmp_path / "mine.toml")
    for other in (tmp_path / "mine.toml", tmp_path / "found_controller_4.toml", tmp_path / "x" / found.name):
        assert forbidden_change(POLLED, with_map(other), tmp_path) == "controller.accept_polling_risk"
    assert forbidden_change(POLLED, POLLED.replace("poll_hz = 10", "poll_hz = 50"), tmp_path) == "controller.poll_hz"
    elsewhere = with_map(found).replace("modbus_tcp", "modbus_rtu_tcp")
    assert forbidden_change(POLLED, elsewhere, tmp_path) == "controller.kind"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"old": 1, "new": 2}', "[" * 100_000])
def test_damaged_and_foreign_files_are_refused_and_removed(tmp_path: Path, config: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError):
        put_settings(tmp_path, config, nothing)
    assert not (tmp_path / FILE).exists()


def test_a_link_is_not_followed(tmp_path: Path, config: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps({"old": "", "new": "x"}), encoding="utf-8")
    (tmp_path / FILE).symlink_to(tmp_path / "secret")
    with pytest.raises(CalibrationError, match="cannot be read"):
        put_settings(tmp_path, config, nothing)


def test_settings_that_were_changed_meanwhile_stand(tmp_path: Path, config: Path) -> None:
    leave_settings(tmp_path, Proposal(config, OLD, OLD.replace("0x53", "0x1d")))
    config.write_text(OLD + "# changed\n", encoding="utf-8")
    with pytest.raises(CalibrationError, match="not the one that was on the page"):
        put_settings(tmp_path, config, nothing)


def test_settings_that_nobody_puts_in_place_are_told(
    served: Served, bench: OnBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.page.calibrating.can_write", lambda _path: False)
    opened(served)
    act(served, do="begin", step="wiring")
    turned_until(served, lambda: view(served)["proposal"] is not None)
    proposal = view(served)["proposal"]
    assert isinstance(proposal, dict)
    assert act(served, do="accept", value=str(proposal["digest"]))["is_putting"]
    assert (served.folder / FILE).exists()
    served.time.pass_s(PUT_S)
    served.turn()
    found = view(served)
    assert (found["message"], found["is_putting"]) == ("not_put", False)
    assert not (served.folder / FILE).exists()
    act(served, do="accept", value=str(proposal["digest"]))
    config = bench.opened[-1].config
    assert put_settings(served.folder, config, nothing)
    turned_until(served, lambda: len(bench.opened) == 2)
