"""Incidents as JSON, what people do, and the live events, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.wire import Act, IncidentRef, Notice, Phase, Stream
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, SENSOR_FAULT, alarm, body, identity

ID = "faa34e693dafa441-2654435769-0-1"
TAKEOVER = {"act": "taken_over", "who": "Li", "eta_min": 15}


async def get(far_end: FarEnd, path: str) -> Any:
    answer = await far_end.client.get(far_end.url + path)
    assert answer.status == 200
    assert answer.content_type == "application/json"
    return await answer.json()


def test_an_entrapment_is_described_in_full(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        board = await get(far_end, "/v1/incidents")
        (incident,) = board["incidents"]
        title, check = incident.pop("title"), incident.pop("first_check")
        assert title == {"en": "Entrapment", "zh": "困人"}
        assert set(check) == {"en", "zh"}
        assert incident == {
            "id": ID,
            "device": "faa34e693dafa441",
            "lift": "31104403532019060007",
            "log": LOG,
            "stream": 0,
            "number": 1,
            "kind": 1,
            "name": "entrapment",
            "severity": "critical",
            "raised": {"earliest_ms": NOW_MS - 500 - 30_000 - 1, "latest_ms": NOW_MS - 500 + 1},
            "stored_ms": NOW_MS,
            "place": {
                "landing": 4,
                "is_between_landings": True,
                "height_mm": 13_480,
                "door": "closed",
                "moving": "none",
                "people": None,
            },
            "occupied_percent": 93,
            "evidence": ["accelerometer", "door_contact"],
            "measures": [{"name": "still", "value": 62, "unit": "s"}],
            "signs": [{"name": "between_landings", "value": "yes", "unit": "yes/no"}],
            "note": None,
            "state": "stored",
            "is_open": True,
            "needs_taking_over": True,
            "recovered_by_itself": False,
            "taken_over_by": None,
            "taken_over_ms": None,
            "eta_min": None,
            "due_ms": None,
            "box_was_told": True,
            "condition_gone": None,
            "ended": None,
            "notices": [],
            "recording": None,
        }
        assert board["devices"][0]["lift"] == "31104403532019060007"
        assert (await get(far_end, f"/v1/incidents/{ID}"))["incident"]["id"] == ID

    with_receiver(tmp_path, story)


def test_every_kind_of_the_catalogue_and_an_unknown_one_can_be_shown(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        free = max(set(range(32, 64)) - set(AlarmKind))
        for n, kind in enumerate([*AlarmKind, 31, free], start=1):
            await far_end.receipt(body(alarm(n, kind=int(kind), percent=None, note=None, place=None)))
        incidents = (await get(far_end, "/v1/incidents"))["incidents"]
        names = {incident["name"] for incident in incidents}
        assert names == {kind.public_name for kind in AlarmKind} | {"kind_31", f"kind_{free}"}
        severities = {incident["name"]: incident["severity"] for incident in incidents}
        assert severities["kind_31"] == "critical"
        assert [i["kind"] <= 31 for i in incidents] == sorted([i["kind"] <= 31 for i in incidents], reverse=True)

    with_receiver(tmp_path, story)


def test_taking_over_reaches_the_box_in_receipts_and_by_polling(tmp_path: Path) -> None:
    expected = Notice(1, Act.TAKEN_OVER, IncidentRef(LOG, Stream.ALARM, 1), NOW_MS, "Li", 15)

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        answer = await far_end.tell(ID, TAKEOVER)
        incident = (await answer.json())["incident"]
        assert answer.status == 200
        assert (incident["state"], incident["taken_over_by"], incident["eta_min"]) == ("taken_over", "Li", 15)
        assert incident["box_was_told"] is False
        polled = await far_end.notices(f"dev={DEVICE.hex()}&after=0")
        assert polled.notices == (expected,)
        assert polled.verdicts == ()
        assert (await far_end.receipt(body(alarm(1)))).notices == (expected,)
        assert (await far_end.receipt(body(alarm(1), acted=1))).notices == ()
        assert (await far_end.notices(f"dev={DEVICE.hex()}")).notices == ()
        assert (await get(far_end, f"/v1/incidents/{ID}"))["incident"]["box_was_told"] is True

    with_receiver(tmp_path, story)


def test_a_waiting_box_is_woken_by_a_notice(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        waiting = asyncio.create_task(far_end.notices(f"dev={DEVICE.hex()}&after=0&wait=50"))
        await far_end.client.get(f"{far_end.url}/healthz")  # the poll is on its way before the notice
        assert not waiting.done()
        await far_end.tell(ID, TAKEOVER)
        assert [notice.who for notice in (await waiting).notices] == ["Li"]

    with_receiver(tmp_path, story)


def test_a_wait_without_notice_ends_with_an_empty_answer(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        assert (await far_end.notices(f"dev={DEVICE.hex()}&wait=1")).notices == ()

    with_receiver(tmp_path, story)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("dev=xyz", 400),
        ("dev=faa34e693dafa441&after=-1", 400),
        ("dev=faa34e693dafa441&after=4294967296", 400),
        ("dev=faa34e693dafa441&wait=51", 400),
        ("dev=faa34e693dafa441&wait=1e1", 400),
        ("dev=0000000000000000", 404),
    ],
)
def test_a_poll_that_makes_no_sense_is_refused(tmp_path: Path, query: str, status: int) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        answer = await far_end.client.get(f"{far_end.url}/v1/notices?{query}")
        assert answer.status == status
        assert set(await answer.json()) == {"problem", "hint"}

    with_receiver(tmp_path, story)


@pytest.mark.parametrize(
    "notice",
    [
        {},
        {"act": "taken_over"},
        {"act": "taken_over", "who": ""},
        {"act": "taken_over", "who": "   "},
        {"act": "taken_over", "who": "x" * 33},
        {"act": "taken_over", "who": "李" * 11},
        {"act": "taken_over", "who": 7},
        {"act": "taken_over", "who": "\ud800"},
        {"act": "stolen", "who": "Li"},
        {"act": 0, "who": "Li"},
        {"act": 8, "who": "Li"},
        {"act": True, "who": "Li"},
        {"act": "taken_over", "who": "Li", "eta_min": -1},
        {"act": "taken_over", "who": "Li", "eta_min": 1441},
        {"act": "taken_over", "who": "Li", "eta_min": 1.5},
        {"act": "taken_over", "who": "Li", "eta_min": True},
        {"act": "taken_over", "who": "Li", "eta": 15},
        [],
        "taken_over",
    ],
)
def test_a_notice_that_makes_no_sense_is_refused_with_a_hint(tmp_path: Path, notice: object) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        answer = await far_end.tell(ID, notice)
        assert answer.status == 400
        assert set(await answer.json()) == {"problem", "hint"}
        assert (await get(far_end, f"/v1/incidents/{ID}"))["incident"]["state"] == "stored"

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("sent", [b"", b"{", b"[" * 4000, b"\xff", b"NaN", b"null"])
def test_a_notice_that_is_no_json_is_refused(tmp_path: Path, sent: bytes) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        headers = {"Content-Type": "application/json"}
        answer = await far_end.client.post(f"{far_end.url}/v1/incidents/{ID}/notice", data=sent, headers=headers)
        assert answer.status == 400

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("act", list(Act))
def test_every_act_is_taken_by_name_and_by_number(tmp_path: Path, act: Act) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        for said, who in ((act.name.lower(), "Li"), (int(act), "Wang")):
            assert (await far_end.tell(ID, {"act": said, "who": who})).status == 200
        notices = (await get(far_end, f"/v1/incidents/{ID}"))["incident"]["notices"]
        assert {notice["act"] for notice in notices} == {act.name.lower()}

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("name", ["nothing", "faa34e693dafa441-1-0-1", "faa34e693dafa441-1-0-1%2F.."])
def test_an_incident_that_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    async def story(far_end: FarEnd) -> None:
        assert (await far_end.client.get(f"{far_end.url}/v1/incidents/{name}")).status == 404
        assert (await far_end.tell(name, TAKEOVER)).status == 404

    with_receiver(tmp_path, story)


async def next_event(stream: aiohttp.StreamReader) -> tuple[str, Any]:
    """Name and content of the next server-sent event."""
    block = await asyncio.wait_for(stream.readuntil(b"\n\n"), 5)
    name, text = block.decode().strip().split("\n")
    return name.removeprefix("event: "), json.loads(text.removeprefix("data: "))


async def next_news(stream: aiohttp.StreamReader) -> tuple[str, Any]:
    """The next event that is no sign of life: on a busy machine those come in between."""
    while True:
        name, said = await next_event(stream)
        if name != "beat":
            return name, said


def test_an_alarm_and_its_taking_over_reach_an_open_page_at_once(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        page = await far_end.client.get(f"{far_end.url}/v1/events", timeout=aiohttp.ClientTimeout(total=None))
        assert page.content_type == "text/event-stream"
        name, board = await next_news(page.content)
        assert (name, board["incidents"]) == ("board", [])
        await far_end.receipt(body(alarm(1)))
        name, said = await next_news(page.content)
        assert (name, said["incident"]["id"], said["incident"]["needs_taking_over"]) == ("incident", ID, True)
        await far_end.tell(ID, TAKEOVER)
        name, said = await next_news(page.content)
        assert (name, said["incident"]["taken_over_by"]) == ("incident", "Li")
        await far_end.notices(f"dev={DEVICE.hex()}&after=1")
        name, said = await next_news(page.content)
        assert (name, said["incident"]["box_was_told"]) == ("incident", True)
        page.close()

    with_receiver(tmp_path, story)


def test_an_open_page_hears_that_the_line_lives_and_who_is_there(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        page = await far_end.client.get(f"{far_end.url}/v1/events")
        await next_event(page.content)
        events = [await next_event(page.content) for _ in range(3)]
        assert [name for name, _ in events] == ["beat", "beat", "boxes"]
        assert {said["now_ms"] for _, said in events} == {NOW_MS}
        page.close()

    with_receiver(tmp_path, story, tick_s=0.01)


def test_a_new_box_is_on_open_pages_within_a_second(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        page = await far_end.client.get(f"{far_end.url}/v1/events")
        await next_event(page.content)
        await far_end.receipt(body(alarm(1, phase=Phase.TEST)))
        name, said = await next_event(page.content)
        assert (name, [box["device"] for box in said["devices"]]) == ("boxes", [DEVICE.hex()])
        assert said["devices"][0]["test_ms"] == NOW_MS
        page.close()

    with_receiver(tmp_path, story)


def test_a_lift_that_gets_its_name_later_is_named_on_open_pages(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        page = await far_end.client.get(f"{far_end.url}/v1/events")
        _, board = await next_news(page.content)
        assert board["incidents"][0]["lift"] is None
        await far_end.receipt(body(identity(1, "L7")))
        name, board = await next_news(page.content)
        assert (name, board["incidents"][0]["lift"]) == ("board", "L7")
        page.close()

    with_receiver(tmp_path, story)


def test_a_fault_that_is_over_is_listed_behind_what_is_open(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        fault = alarm(1, kind=SENSOR_FAULT)
        await far_end.receipt(body(fault, alarm(2, kind=SENSOR_FAULT, phase=Phase.CONDITION_GONE, incident=1)))
        await far_end.receipt(body(alarm(3, kind=SENSOR_FAULT), alarm(1)))
        incidents = (await get(far_end, "/v1/incidents"))["incidents"]
        assert [(i["kind"], i["is_open"]) for i in incidents] == [
            (1, True),
            (SENSOR_FAULT, True),
            (SENSOR_FAULT, False),
        ]

    with_receiver(tmp_path, story)


def test_a_free_note_is_not_taken_for_signs(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1, note="load=heavy, come quickly")))
        incident = (await get(far_end, f"/v1/incidents/{ID}"))["incident"]
        assert (incident["signs"], incident["note"]) == ([], "load=heavy, come quickly")
        assert incident["place"]["is_between_landings"] is None

    with_receiver(tmp_path, story)
