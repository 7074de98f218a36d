"""People over HTTP: sign-in, roles, forged sessions, forged requests, lock-out, and what the audit log says of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from receiver.access import ADDRESSES, COOKIE, Needs
from receiver.database import Place
from receiver.errors import ReceiverError
from receiver.people import IDLE_MS, LOCKED_MS, SESSION_MS, WRONG_MAX, People, Person, SignInRefused
from receiver.roles import Actor, Role
from receiver.server import Address
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, body

ROOT = Actor("root", "root", Role.ADMIN, "test")
PASSWORD = "four words make one"
ID = f"{DEVICE.hex()}-{LOG}-0-1"
TAKEOVER = {"act": "taken_over", "who": "Somebody Else", "eta_min": 15}


def person(name: str, role: Role) -> Person:
    return Person(name, name.capitalize(), role, False, NOW_MS, None)


def with_people(folder: Place, *more: tuple[str, Role]) -> None:
    """An administrator, and whoever else."""
    people = People(folder)
    for name, role in (("root", Role.ADMIN), *more):
        people.add(person(name, role), PASSWORD, ROOT)
    people.close()


async def signed_in(far_end: FarEnd, name: str, password: str = PASSWORD) -> dict[str, str]:
    """Headers of a page on which this person has signed in."""
    answer = await far_end.client.post(f"{far_end.url}/v1/session", json={"name": name, "password": password})
    assert answer.status == 200, await answer.text()
    token = answer.cookies[COOKIE].value
    csrf = (await answer.json())["csrf"]
    far_end.client.cookie_jar.clear()
    return {"Cookie": f"{COOKIE}={token}", "X-CSRF-Token": csrf}


async def ask(far_end: FarEnd, method: str, path: str, headers: dict[str, str], sent: object = None) -> int:
    answer = await far_end.client.request(method, f"{far_end.url}{path}", json=sent, headers=headers)
    await answer.read()
    far_end.client.cookie_jar.clear()
    return answer.status


async def audit(far_end: FarEnd, headers: dict[str, str]) -> list[dict[str, str]]:
    answer = await far_end.client.get(f"{far_end.url}/v1/audit", headers=headers)
    assert answer.status == 200
    lines: list[dict[str, str]] = (await answer.json())["lines"]
    return lines


def told(folder: Path, story: Callable[[FarEnd], Awaitable[None]], *more: tuple[str, Role]) -> None:
    with_people(folder, *more)
    with_receiver(folder, story)


def test_nobody_sees_anything_without_signing_in_once_people_are_known(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        for path in ("/v1/incidents", f"/v1/incidents/{ID}", "/v1/events", "/v1/users", "/v1/audit", "/v1/session"):
            assert await ask(far_end, "GET", path, {}) == 401, path
        assert await ask(far_end, "POST", f"/v1/incidents/{ID}/notice", {}, TAKEOVER) == 401

    told(tmp_path, story)


def test_boxes_are_served_without_any_person(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        assert (await far_end.receipt(body(alarm(1)))).marks
        assert await ask(far_end, "GET", f"/v1/notices?dev={DEVICE.hex()}", {}) == 200
        assert await ask(far_end, "GET", "/healthz", {}) == 200

    told(tmp_path, story)


def test_a_notice_carries_the_name_of_whoever_is_signed_in_and_no_other(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        li = await signed_in(far_end, "li")
        assert await ask(far_end, "POST", f"/v1/incidents/{ID}/notice", li, TAKEOVER) == 200
        (notice,) = (await far_end.notices(f"dev={DEVICE.hex()}")).notices
        assert notice.who == "Li"
        lines = await audit(far_end, await signed_in(far_end, "root"))
        assert ("li", "operator", "notice taken_over", ID, "done") in [
            (line["who"], line["role"], line["what"], line["subject"], line["outcome"]) for line in lines
        ]

    told(tmp_path, story, ("li", Role.OPERATOR))


_MATRIX = [(method, path, need) for (method, path), need in ADDRESSES.items() if isinstance(need, Role)]


@pytest.mark.parametrize("role", list(Role))
def test_each_address_is_open_to_its_role_and_those_above_and_to_nobody_below(tmp_path: Path, role: Role) -> None:
    async def story(far_end: FarEnd) -> None:
        headers = {**await signed_in(far_end, "somebody"), "Content-Type": "application/json"}
        refused = []
        for method, path, need in _MATRIX:
            if path in ("/v1/events", "/v1/session"):
                continue
            where = path.format(id=ID, name="nobody", lift="1", number="1", firm="1", device="0" * 16)
            answer = await far_end.client.request(method, f"{far_end.url}{where}", headers=headers, data=b"{}")
            is_refused = answer.status == 403 and "may not do this" in await answer.text()
            far_end.client.cookie_jar.clear()
            assert is_refused == (role < need), (method, path, answer.status)
            if is_refused:
                refused.append((method, where))
        lines = await audit(far_end, await signed_in(far_end, "root"))
        written = [
            (line["what"], line["subject"])
            for line in lines
            if line["outcome"] == "refused" and line["what"] != "sign in"
        ]
        assert sorted(written) == sorted(refused)

    told(tmp_path, story, ("somebody", role))


def test_every_route_is_in_the_table_of_who_may_ask_it(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        assert set(far_end.routes) == set(ADDRESSES)

    with_receiver(tmp_path, story)


def test_a_forged_session_is_refused_and_written_down(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        for forged in ("x", "A" * 43, "A" * 10_000, "é\u0001"):
            headers = {"Authorization": f"Bearer {forged}"} if forged.isprintable() else {"Cookie": f"{COOKIE}=%01"}
            assert await ask(far_end, "GET", "/v1/incidents", headers) in (400, 401), forged
        lines = await audit(far_end, await signed_in(far_end, "root"))
        assert [line["detail"] for line in lines if line["outcome"] == "refused"].count(
            "a session that is forged or over"
        ) >= 3

    told(tmp_path, story)


def test_a_page_of_another_site_cannot_act_with_a_persons_cookie(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        li = await signed_in(far_end, "li")
        path = f"/v1/incidents/{ID}/notice"
        other = (await signed_in(far_end, "li"))["X-CSRF-Token"]
        for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other}):
            assert await ask(far_end, "POST", path, {"Cookie": li["Cookie"], **wrong}, TAKEOVER) == 403
        assert (await far_end.notices(f"dev={DEVICE.hex()}")).notices == ()
        assert await ask(far_end, "POST", path, {**li, "Origin": "https://elsewhere.example"}, TAKEOVER) == 403
        assert await ask(far_end, "POST", path, li, TAKEOVER) == 200

    told(tmp_path, story, ("li", Role.OPERATOR))


def test_the_cookie_is_out_of_reach_of_script_and_other_sites(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        sent = {"name": "root", "password": PASSWORD}
        near = await far_end.client.post(f"{far_end.url}/v1/session", json=sent)
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(near.headers["Set-Cookie"].split("; "))
        behind = {"Host": "lifts.example"}
        far = await far_end.client.post(f"{far_end.url}/v1/session", json=sent, headers=behind)
        cookie = far.headers["Set-Cookie"]
        assert cookie.startswith("__Host-lift_session=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert far.headers["Cache-Control"] == "no-store"

    with_people(tmp_path)
    with_receiver(tmp_path, story, address=Address("127.0.0.1", 0, ("lifts.example",)))


def test_signing_out_ends_the_session_for_good(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        root = await signed_in(far_end, "root")
        assert await ask(far_end, "GET", "/v1/session", root) == 200
        assert await ask(far_end, "DELETE", "/v1/session", root) == 200
        assert await ask(far_end, "GET", "/v1/session", root) == 401

    told(tmp_path, story)


def test_an_open_page_ends_soon_after_its_session(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        li, root = await signed_in(far_end, "li"), await signed_in(far_end, "root")
        timeout = aiohttp.ClientTimeout(total=None)
        page = await far_end.client.get(f"{far_end.url}/v1/events", headers=li, timeout=timeout)
        assert await ask(far_end, "PATCH", "/v1/users/li", root, {"is_disabled": True}) == 200
        far_end.clock.ms += 11_000
        await far_end.receipt(body(alarm(1)))
        rest = await page.content.read()
        assert b"event: board" in rest

    told(tmp_path, story, ("li", Role.VIEWER))


def test_a_programs_token_needs_no_csrf_and_has_the_role_of_its_person(tmp_path: Path) -> None:
    with_people(tmp_path, ("watch", Role.VIEWER))
    people = People(tmp_path)
    token = people.token("watch", "a program", ROOT, NOW_MS)
    people.close()

    async def story(far_end: FarEnd) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        assert await ask(far_end, "GET", "/v1/incidents", headers) == 200
        assert await ask(far_end, "POST", f"/v1/incidents/{ID}/notice", headers, TAKEOVER) == 403

    with_receiver(tmp_path, story)


def test_where_no_people_are_known_only_this_machine_may_look(tmp_path: Path) -> None:
    async def near(far_end: FarEnd) -> None:
        assert await ask(far_end, "GET", "/v1/incidents", {}) == 200

    async def far(far_end: FarEnd) -> None:
        assert (await far_end.receipt(body(alarm(1)))).marks
        for path in ("/v1/incidents", "/v1/events", "/v1/users"):
            assert await ask(far_end, "GET", path, {}) == 403

    with_receiver(tmp_path / "near", near)
    with_receiver(tmp_path / "far", far, address=Address("127.0.0.1", 0, ("lifts.example",)))


def test_a_flood_of_refusals_does_not_fill_the_audit_log(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        for _ in range(90):
            await ask(far_end, "GET", "/v1/incidents", {"Authorization": "Bearer forged"})
        far_end.clock.ms += 61_000
        await ask(far_end, "GET", "/v1/incidents", {"Authorization": "Bearer forged"})
        lines = await audit(far_end, await signed_in(far_end, "root"))
        refused = [line for line in lines if line["outcome"] == "refused"]
        assert len(refused) == 62
        assert [line["subject"] for line in refused if line["what"] == "refusals"] == ["30 more"]

    told(tmp_path, story)


def test_wrong_passwords_lock_a_name_at_one_address_only_and_for_a_while(place: Place) -> None:
    with_people(place)
    people = People(place)
    for _ in range(WRONG_MAX):
        with pytest.raises(SignInRefused, match="wrong"):
            people.sign_in("root", "not the password", "10.0.0.9", NOW_MS)
    with pytest.raises(SignInRefused, match="too many") as refused:
        people.sign_in("root", PASSWORD, "10.0.0.9", NOW_MS)
    assert refused.value.retry_after_s == LOCKED_MS // 1000
    assert people.sign_in("root", PASSWORD, "10.0.0.1", NOW_MS)[1].person.name == "root"
    assert people.sign_in("root", PASSWORD, "10.0.0.9", NOW_MS + LOCKED_MS)[1].person.name == "root"
    people.close()


def test_a_session_ends_when_idle_and_in_any_case(place: Place) -> None:
    with_people(place)
    people = People(place)
    token, _ = people.sign_in("root", PASSWORD, "here", NOW_MS)
    now_ms = NOW_MS
    while now_ms + IDLE_MS - 1 < NOW_MS + SESSION_MS:
        now_ms += IDLE_MS - 1
        assert people.session(token, now_ms) is not None
    assert people.session(token, NOW_MS + SESSION_MS) is None
    token, _ = people.sign_in("root", PASSWORD, "here", NOW_MS)
    assert people.session(token, NOW_MS + IDLE_MS) is None
    people.close()


def test_another_role_or_password_ends_the_sessions_of_a_person(place: Place) -> None:
    with_people(place, ("li", Role.OPERATOR))
    people = People(place)
    for change in ({"role": Role.VIEWER}, {"password": "quite another one"}, {"is_disabled": True}):
        people.change("li", ROOT, NOW_MS, is_disabled=False, password=PASSWORD)
        token, _ = people.sign_in("li", PASSWORD, "here", NOW_MS)
        assert people.change("li", ROOT, NOW_MS, **change)
        assert people.session(token, NOW_MS) is None
    people.close()


def test_somebody_who_may_do_everything_is_always_left(place: Place) -> None:
    people = People(place)
    with pytest.raises(ReceiverError, match="nobody would be left"):
        people.add(person("li", Role.OPERATOR), PASSWORD, ROOT)
    people.add(person("root", Role.ADMIN), PASSWORD, ROOT)
    with pytest.raises(ReceiverError, match="nobody would be left"):
        people.remove("root", ROOT, NOW_MS)
    for change in ({"role": Role.VIEWER}, {"is_disabled": True}):
        with pytest.raises(ReceiverError, match="nobody would be left"):
            people.change("root", ROOT, NOW_MS, **change)
    assert people.sign_in("root", PASSWORD, "here", NOW_MS)
    people.close()


@pytest.mark.parametrize("bad", ["short", "root is my name!", "aaaaaaaaaaaaaaaa", "x" * 300, "\ud800" * 20])
def test_a_password_that_is_too_easy_is_refused(tmp_path: Path, bad: str) -> None:
    people = People(tmp_path)
    with pytest.raises(ReceiverError, match="password"):
        people.add(person("root", Role.ADMIN), bad, ROOT)
    people.close()


def test_no_password_and_no_token_is_kept_as_it_was_given(tmp_path: Path) -> None:
    with_people(tmp_path)
    people = People(tmp_path)
    token, _ = people.sign_in("root", PASSWORD, "here", NOW_MS)
    people.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PASSWORD.encode() not in kept
    assert token.encode() not in kept
    assert b"$argon2id$" in kept


def test_the_addresses_of_boxes_ask_for_a_seal_and_nothing_else() -> None:
    assert {path for (_, path), need in ADDRESSES.items() if need is Needs.BOX} == {
        "/v1/records",
        "/v1/record",
        "/v1/evidence",
        "/v1/notices",
        "/v1/hello",
        "/v1/join",
        "/v1/renew",
        "/healthz",
    }


def test_from_the_first_person_on_nobody_is_let_in_unasked(tmp_path: Path) -> None:
    """Not even in the two seconds for which "no people are known" is believed."""

    async def story(far_end: FarEnd) -> None:
        assert await ask(far_end, "GET", "/v1/incidents", {}) == 200
        first = {"name": "root", "role": "admin", "password": PASSWORD}
        assert await ask(far_end, "POST", "/v1/users", {}, first) == 200
        assert await ask(far_end, "GET", "/v1/incidents", {}) == 401

    with_receiver(tmp_path, story)
