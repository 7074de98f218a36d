"""Who comes in: the PIN of the label, five tries and a lock that outlives the page, Host, Origin, cookies, the time."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.local_requests import ChangeRequest, RequestFolder
from edge_agent.page.door import LOCK_NS, PIN_FILE, SESSIONS_MAX, TRIES_FILE, TRIES_MAX, Door, pin_in
from edge_agent.page.guard import POLICY
from tests.box_page.making import BOOT, PIN, S, Served

INSIDE = ("/api/state", "/api/live", "/api/calibrate", "/api/plots?step=mount")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    page = Served(tmp_path)
    yield page
    page.close()


def told(folder: Path) -> list[str]:
    found = RequestFolder(folder).take()
    return [request.what for request in found if isinstance(request, ChangeRequest)]


def test_the_pin_is_made_once_has_eight_digits_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    pin = pin_in(tmp_path)
    assert len(pin) == 8
    assert pin.isdecimal()
    assert pin_in(tmp_path) == pin
    assert stat.S_IMODE((tmp_path / PIN_FILE).stat().st_mode) == 0o600
    assert len({pin_in(_made(tmp_path / str(number))) for number in range(50)}) == 50


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_damaged_pin_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / PIN_FILE).write_text("0000\n", encoding="ascii")
    assert len(pin_in(tmp_path)) == 8


def test_nothing_of_the_box_is_told_before_the_pin(served: Served) -> None:
    for path in INSIDE:
        assert served.ask("GET", path).status == 401
    for path in ("/api/end", "/api/calibrate", "/api/leave"):
        assert served.ask("POST", path, {}).status == 401
    assert b"north-1" not in served.ask("GET", "/").body
    assert served.ask("GET", "/../../etc/passwd").status == 404
    assert served.ask("GET", "/static/page.js").status == 404


def test_the_right_pin_opens_and_the_cookie_is_for_this_page_alone(served: Served) -> None:
    answer = served.enter()
    assert answer.status == 204
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    for path in INSIDE[:3]:
        assert served.ask("GET", path).status == 200
    assert served.ask("POST", "/api/leave", {}).status == 204
    assert served.ask("GET", "/api/state").status == 401


def test_five_wrong_pins_lock_the_door_for_15_minutes_for_the_right_one_too(served: Served) -> None:
    lefts = [served.enter(f"0000000{number}").json()["left"] for number in range(TRIES_MAX - 1)]
    assert lefts == [4, 3, 2, 1]
    assert served.enter("99999999").status == 429
    assert served.enter().status == 429
    served.time.pass_s(15 * 60 - 1)
    assert served.enter().json()["wait_s"] == 1
    served.time.pass_s(1)
    assert served.enter().status == 204
    assert "page locked for 15 min after five wrong PINs" in told(served.folder)


def test_who_is_in_stays_in_while_the_door_is_locked(served: Served) -> None:
    served.enter()
    for _ in range(TRIES_MAX):
        served.enter("00000000")
    assert served.ask("GET", "/api/state").status == 200


def test_the_lock_outlives_the_page_and_a_reboot_begins_it_anew(tmp_path: Path) -> None:
    door = Door(tmp_path, PIN, BOOT)
    for _ in range(TRIES_MAX):
        door.enter("00000000", "", 100 * S)
    assert Door(tmp_path, PIN, BOOT).enter(PIN, "", 101 * S).wait_s == 15 * 60 - 1
    assert Door(tmp_path, PIN, "boot-2").enter(PIN, "", 5 * S).wait_s == 15 * 60
    assert Door(tmp_path, PIN, BOOT).enter(PIN, "", 100 * S + LOCK_NS).token


def test_four_wrong_tries_are_remembered_over_a_restart(tmp_path: Path) -> None:
    for _ in range(TRIES_MAX - 1):
        Door(tmp_path, PIN, BOOT).enter("00000000", "", S)
    assert Door(tmp_path, PIN, BOOT).enter("00000000", "", S).has_just_locked
    Door(tmp_path, PIN, BOOT)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"wrong": "x"}', f'{{"wrong": 9, "until_ns": {10**20}, "boot": "boot-1"}}']
)
def test_a_damaged_count_locks_and_never_for_longer_than_15_minutes(tmp_path: Path, text: str) -> None:
    (tmp_path / TRIES_FILE).write_text(text, encoding="ascii")
    assert 0 < Door(tmp_path, PIN, BOOT).wait_s(S) <= 15 * 60


def test_a_fifth_session_ends_the_oldest(tmp_path: Path) -> None:
    door = Door(tmp_path, PIN, BOOT)
    tokens = [door.enter(PIN, f"who {number}", S).token for number in range(SESSIONS_MAX + 1)]
    found = [door.who(f"a=b; lift_page={token}") for token in tokens]
    assert found == [None, "who 1", "who 2", "who 3", "who 4"]
    assert door.who("lift_page=") is None
    assert door.who("lift_page=\xff") is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "10.0.0.1:{port}", "", "localhost:x"],
)
def test_a_foreign_host_is_refused(served: Served, host: str) -> None:
    served.enter()
    for path in ("/", "/api/words", "/api/state"):
        assert served.ask("GET", path, Host=host.format(port=served.port)).status == 421


def test_a_tunnel_may_have_another_port(served: Served) -> None:
    for host in ("localhost:9000", "127.0.0.1:9000", "[::1]:9000"):
        assert served.ask("GET", "/", Host=host).status == 200
    answer = served.ask("POST", "/api/enter", {"pin": PIN}, Host="localhost:9000", Origin="http://localhost:9000")
    assert answer.status == 204


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_a_foreign_origin_changes_nothing_and_learns_nothing(served: Served, origin: str) -> None:
    served.enter()
    said = origin.format(port=served.port)
    assert served.ask("POST", "/api/end", {}, Origin=said).status == 403
    assert served.ask("GET", "/api/state", Origin=said).status == 403


def test_a_change_needs_an_origin_and_json(served: Served) -> None:
    served.enter()
    assert served.ask("POST", "/api/end", {}, without="Origin").status == 403
    assert served.ask("POST", "/api/end", {}, Content_Type="text/plain").status == 415
    assert served.ask("POST", "/api/end", [1]).status == 400
    assert served.ask("POST", "/api/end", {"incident": 5}).status == 400


def test_what_a_browser_says_of_the_asking_site_is_heard(served: Served) -> None:
    served.enter()
    assert served.ask("GET", "/api/state", Sec_Fetch_Site="same-origin").status == 200
    for site in ("cross-site", "same-site", "none"):
        assert served.ask("GET", "/api/state", Sec_Fetch_Site=site).status == 403
    assert served.ask("GET", "/", Sec_Fetch_Site="none").status == 200  # typed into the browser
    assert served.ask("GET", "/", Sec_Fetch_Site="cross-site").status == 403


def test_every_answer_has_the_policy_refusals_too(served: Served) -> None:
    said = [served.ask("GET", "/"), served.ask("GET", "/nothing"), served.raw(b"x\r\n\r\n")]
    for answer in said:
        assert answer is not None
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY


def test_the_page_ends_after_its_time(served: Served) -> None:
    served.enter()
    assert served.ask("GET", "/api/state").json()["left_s"] == 1_800
    served.time.pass_s(1_799)
    assert served.ask("GET", "/api/state").json()["left_s"] == 1
    assert not served.page.is_over
    served.time.pass_s(1)
    assert served.page.is_over
    assert served.ask("GET", "/api/state").status == 503


def test_there_is_no_shell_and_no_upload(served: Served) -> None:
    """All that can be changed is in one table; nothing of it takes a file or a command."""
    served.enter()
    for path in ("/api/upload", "/api/run", "/api/shell", "/api/update", "/upload"):
        assert served.ask("POST", path, {"a": "b"}).status == 404
    assert served.ask("POST", "/api/calibrate", {"do": "shell"}).status == 409
    json.dumps(served.ask("GET", "/api/words").json())
