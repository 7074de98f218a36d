"""The register: a lift's own record, which firm sees it, and what a hand-over ends and leaves alone."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import Connection

from edge_agent.wire import Identity, SystemKind, Verdict, encode_record
from edge_agent.wire_sealing import Direction, MacKey, Use
from receiver import register
from receiver.database import Place
from receiver.errors import ReceiverError
from receiver.people import People, Person
from receiver.register import Firm
from receiver.roles import Actor, Role
from receiver.store import Store
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import (
    DEVICE,
    KEY,
    LOG,
    NOW_MS,
    OTHER_DEVICE,
    OTHER_KEY,
    alarm,
    batch,
    body,
    identity,
    known_to,
    raw_batch,
    sealed,
)
from tests.receiver.test_people import PASSWORD, ROOT, ask, signed_in, with_people

LIFT, OTHER_LIFT = "31104403532019060007", "31104403532019060008"
SECRET = bytes(range(32))
ID = f"{DEVICE.hex()}-{LOG}-0-1"


def other_identity() -> bytes:
    """The other box says that it is at the other lift."""
    record = alarm(1, kind=56, device=OTHER_DEVICE)
    told = type(record)(
        OTHER_DEVICE, LOG, record.stream, 1, SystemKind.STARTED, record.stamp, record.link,
        detail=Identity(OTHER_LIFT, "0.1.0", bytes(8)),
    )  # fmt: skip
    return sealed(told, OTHER_KEY)


def prepared(place: Place) -> Store:
    """Two boxes at two lifts; firm A looks after the first, firm B after the second."""
    store = known_to(Store(place))
    store.take(batch(identity(1), alarm(1)), NOW_MS)
    store.take(raw_batch([other_identity()], device=OTHER_DEVICE), NOW_MS)
    store.take(batch(alarm(1, device=OTHER_DEVICE), device=OTHER_DEVICE), NOW_MS)
    store.change(fill)
    return store


def fill(db: Connection) -> None:
    for firm, lift_no in (("A", LIFT), ("B", OTHER_LIFT)):
        register.put_firm(db, Firm(firm), ROOT, NOW_MS)
        register.put_lift(db, lift_no, {"maker": "Acme"}, ROOT, NOW_MS)
        register.hand_over(db, lift_no, firm, ROOT, NOW_MS)


def test_a_lift_is_found_with_its_boxes_and_keeps_what_is_not_named(place: Place) -> None:
    store = prepared(place)
    store.change(lambda db: register.put_lift(db, LIFT, {"landings": 12, "installed_on": "2019-06-30"}, ROOT, NOW_MS))
    found = store.change(lambda db: register.lift(db, LIFT))
    store.close()
    assert found is not None
    record = found.record
    assert (record.maker, record.landings, record.installed_on) == ("Acme", 12, "2019-06-30")
    assert (found.firm, found.devices) == ("A", (DEVICE,))


@pytest.mark.parametrize(
    "values", [{"installed_on": "30.6.2019"}, {"landings": 1}, {"note": "x" * 401}, {"rated_speed_mmps": 0}]
)
def test_what_cannot_be_true_of_a_lift_is_not_written_down(tmp_path: Path, values: dict[str, object]) -> None:
    store = prepared(tmp_path)
    with pytest.raises(ReceiverError):
        store.change(lambda db: register.put_lift(db, LIFT, values, ROOT, NOW_MS))
    store.close()


def test_a_hand_over_ends_short_seals_and_old_invitations_but_no_alarm(place: Place) -> None:
    store = prepared(place)
    assert store.share(DEVICE, SECRET)
    short = MacKey(SECRET, Direction.UP).seal(encode_record(alarm(2)), Use.RECORD)
    assert store.take(raw_batch([short]), NOW_MS).verdicts == (Verdict.STORED,)
    devices = store.change(lambda db: register.hand_over(db, LIFT, "B", ROOT, NOW_MS + 5))
    assert devices == (DEVICE,)
    short = MacKey(SECRET, Direction.UP).seal(encode_record(alarm(3)), Use.RECORD)
    assert store.take(raw_batch([short]), NOW_MS).verdicts == (Verdict.LATER,)
    assert store.take(batch(alarm(3)), NOW_MS).verdicts == (Verdict.STORED,)
    history = store.change(lambda db: register.bindings(db, LIFT))
    store.close()
    assert [(bound.firm, bound.until_ms) for bound in history] == [("B", None), ("A", NOW_MS + 5)]


def test_a_lift_is_handed_over_once_and_to_a_known_firm_only(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    with pytest.raises(ReceiverError, match="looks after this lift already"):
        store.change(lambda db: register.hand_over(db, LIFT, "A", ROOT, NOW_MS))
    with pytest.raises(ReceiverError, match="no such lift or no such firm"):
        store.change(lambda db: register.hand_over(db, LIFT, "nobody", ROOT, NOW_MS))
    store.close()


def test_people_of_a_firm_see_its_lifts_and_nothing_else(tmp_path: Path) -> None:
    prepared(tmp_path).close()
    with_people(tmp_path)
    people = People(tmp_path)
    people.add(Person("ann", "Ann", Role.INSTALLER, False, NOW_MS, "A"), PASSWORD, ROOT)
    people.close()
    other = f"{OTHER_DEVICE.hex()}-{LOG}-0-1"

    async def story(far_end: FarEnd) -> None:
        ann, root = await signed_in(far_end, "ann"), await signed_in(far_end, "root")
        board = await (await far_end.client.get(f"{far_end.url}/v1/incidents", headers=ann)).json()
        assert [each["id"] for each in board["incidents"]] == [ID]
        assert [each["device"] for each in board["devices"]] == [DEVICE.hex()]
        lifts = await (await far_end.client.get(f"{far_end.url}/v1/lifts", headers=ann)).json()
        assert [each["lift_no"] for each in lifts["lifts"]] == [LIFT]
        assert await ask(far_end, "GET", f"/v1/incidents/{ID}", ann) == 200
        for method, path in (
            ("GET", f"/v1/incidents/{other}"),
            ("POST", f"/v1/incidents/{other}/notice"),
            ("GET", f"/v1/incidents/{other}/evidence"),
            ("GET", f"/v1/lifts/{OTHER_LIFT}"),
            ("PUT", f"/v1/lifts/{OTHER_LIFT}"),
        ):
            assert await ask(far_end, method, path, ann, {"act": "closed"} if method == "POST" else {}) == 404, path
        timeout = aiohttp.ClientTimeout(total=10)
        page = await far_end.client.get(f"{far_end.url}/v1/events", headers=ann, timeout=timeout)
        assert (await page.content.readline()) == b"event: board\n"
        assert await ask(far_end, "POST", f"/v1/incidents/{other}/notice", root, {"act": "on_site"}) == 200
        assert await ask(far_end, "POST", f"/v1/incidents/{ID}/notice", root, {"act": "on_site"}) == 200
        while (line := await page.content.readline()) != b"event: incident\n":
            assert OTHER_DEVICE.hex().encode() not in line
        assert ID.encode() in await page.content.readline()

    with_receiver(tmp_path, story)


def test_a_hand_over_by_its_address_gives_an_invitation_and_is_written_down(tmp_path: Path) -> None:
    prepared(tmp_path).close()
    with_people(tmp_path, ("ina", Role.INSTALLER))

    async def story(far_end: FarEnd) -> None:
        ina, root = await signed_in(far_end, "ina"), await signed_in(far_end, "root")
        path, sent = f"/v1/lifts/{LIFT}/handover", {"firm": "B", "url": "https://lifts.example:8443"}
        assert await ask(far_end, "POST", path, ina, sent) == 403
        assert await ask(far_end, "POST", path, root, {"firm": "B", "url": "ftp://x"}) == 400
        answer = await far_end.client.post(f"{far_end.url}{path}", headers=root, json=sent)
        given = await answer.json()
        assert given["devices"] == [DEVICE.hex()]
        assert "lifts.example:8443" in given["invitation"]
        lines = (await (await far_end.client.get(f"{far_end.url}/v1/audit", headers=root)).json())["lines"]
        assert ("lift handed over", LIFT, "A to B") in [
            (each["what"], each["subject"], each["detail"]) for each in lines
        ]

    with_receiver(tmp_path, story)


def test_script_in_any_field_travels_as_json_and_nothing_else(tmp_path: Path) -> None:
    script = "<script>\u2028alert(1)</script>"

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        path = f"{far_end.url}/v1/lifts/{LIFT}"
        answer = await far_end.client.put(path, json={"address": script, "owner": script, "note": script})
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await answer.json())["note"] == script

    with_receiver(tmp_path, story)


def test_an_actor_of_a_firm_registers_lifts_for_that_firm(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    ann = Actor("ann", "Ann", Role.INSTALLER, "here", "A")
    found = store.change(lambda db: register.put_lift(db, "1", {}, ann, NOW_MS))
    store.close()
    assert found.firm == "A"
    assert KEY.public.fingerprint == DEVICE


def test_a_box_that_says_nothing_is_bound_by_a_person_and_one_that_says_it_is_believed(place: Place) -> None:
    store = known_to(Store(place))
    store.take(batch(alarm(1)), NOW_MS)
    store.change(lambda db: register.put_lift(db, LIFT, {}, ROOT, NOW_MS))
    store.change(lambda db: register.put_lift(db, OTHER_LIFT, {}, ROOT, NOW_MS))
    for device, lift_no in ((DEVICE, "unknown"), (bytes(8), LIFT)):
        with pytest.raises(ReceiverError, match=r"no such lift|no box of this id"):
            store.change(lambda db, d=device, no=lift_no: register.bind_box(db, d, no, ROOT, NOW_MS))  # type: ignore[misc]
    store.change(lambda db: register.bind_box(db, DEVICE, OTHER_LIFT, ROOT, NOW_MS))
    store.change(lambda db: register.bind_box(db, DEVICE, LIFT, ROOT, NOW_MS))
    assert store.change(lambda db: register.devices_of(db, LIFT)) == (DEVICE,)
    store.take(batch(identity(1)), NOW_MS)  # it says the same
    with pytest.raises(ReceiverError, match="it says itself"):
        store.change(lambda db: register.bind_box(db, DEVICE, OTHER_LIFT, ROOT, NOW_MS))
    assert store.change(lambda db: register.devices_of(db, LIFT)) == (DEVICE,)
    store.close()


def test_a_box_is_bound_over_its_address_by_an_installer_and_by_nobody_less(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        li, wang = await signed_in(far_end, "li"), await signed_in(far_end, "wang")
        assert await ask(far_end, "PUT", f"/v1/lifts/{LIFT}", li, {}) == 200
        at = f"/v1/boxes/{DEVICE.hex()}/lift"
        assert await ask(far_end, "PUT", at, wang, {"lift": LIFT}) == 403
        assert await ask(far_end, "PUT", at, li, {"lift": "unknown"}) == 409
        assert await ask(far_end, "PUT", at, li, {"lift": LIFT}) == 200
        shown = await (await far_end.client.get(f"{far_end.url}/v1/incidents", headers=li)).json()
        assert shown["incidents"][0]["lift"] == LIFT

    with_people(tmp_path, ("li", Role.INSTALLER), ("wang", Role.OPERATOR))
    with_receiver(tmp_path, story)


def test_an_invitation_comes_with_its_code_as_rows_of_modules(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        answer = await far_end.client.post(f"{far_end.url}/v1/invitations", json={"url": "https://firm.example"})
        said = await answer.json()
        assert said["invitation"].startswith("LIFT1 https://firm.example ")
        rows = said["qr"]
        assert {len(row) for row in rows} == {len(rows)}
        assert rows[0] == rows[3] == "0" * len(rows)  # white around it
        assert rows[4].startswith("0000" + "1111111" + "0")  # the corner a camera looks for

    with_receiver(tmp_path, story)
