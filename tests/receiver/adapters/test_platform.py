"""A platform over HTTP and JSON is told everything once, whatever it answers; nothing is lost when one of us dies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.alarms import AlarmKind
from edge_agent.wire import Phase, Stream, SystemKind, WirePlace
from receiver.adapters import queue, runner
from receiver.adapters.runner import AdapterLoop
from receiver.outgoing import AGAIN_MS, AGAIN_MS_MAX, CLAIM_MS, TRIES_MAX, MessageState
from tests.receiver.adapters.platform import Platform, a_platform, code, never, text
from tests.receiver.adapters.rig import SHIPPED, Turn, adapter, mapping, told
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, body, identity, system

KEY = f"{DEVICE.hex()}-{LOG}-0-1"
LIFT = "31104403532019060007"


async def messages(far_end: FarEnd, state: str | None = None) -> list[dict[str, Any]]:
    query = "" if state is None else f"?state={state}"
    answer = await far_end.client.get(f"{far_end.url}/v1/adapters{query}")
    assert answer.status == 200, await answer.text()
    found: list[dict[str, Any]] = (await answer.json())["messages"]
    return found


def alarms(platform: Platform) -> list[tuple[str, Any]]:
    return [(path, said) for path, said in platform.taken if "heartbeat" not in path and "status/" not in path]


def test_an_entrapment_reaches_the_platform_with_the_code_points_of_the_file(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        await turn()
        ((path, said),) = alarms(platform)
        assert path == "/api/lift/alarm"
        assert said == {
            "alarmId": KEY,
            "incidentId": KEY,
            "registerNumber": LIFT,
            "failureCode": "11",
            "description": f"困人，电梯 {LIFT}，4 层站，层间，轿内有人 93 %",
            "occurTime": said["occurTime"],
            "channel": "S04",
            "status": {
                "Time_Stamps": said["occurTime"],
                "Service_Mode": 7,
                "Car_Status": 0,
                "Car_Direction": 0,
                "Car_Position": 5,
                "Door_Zone": 0,
                "Door_Status": 1,
                "Passenger_Status": 1,
            },
        }
        assert said["occurTime"] == "2026-11-24 02:39:59"
        assert platform.keys[-1] == KEY
        await turn()
        assert len(alarms(platform)) == 1

    told(tmp_path, story)


def test_a_whole_rescue_is_told_in_its_order(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        await far_end.tell(KEY, {"act": "shown"})
        await far_end.tell(KEY, {"act": "taken_over", "who": "李", "eta_min": 15})
        await far_end.tell(KEY, {"act": "on_site", "who": "李"})
        await far_end.receipt(body(alarm(2, phase=Phase.CONDITION_GONE, incident=1)))
        await far_end.tell(KEY, {"act": "closed", "who": "李"})
        await turn()
        steps = [(path.rpartition("/")[2], said.get("status")) for path, said in alarms(platform)]
        assert steps[0][0] == "alarm"
        assert steps[1:] == [("rescue", "02"), ("rescue", "04"), ("restore", None), ("rescue", "00")]
        assert {said["incidentId"] for _, said in alarms(platform)} == {KEY}
        assert alarms(platform)[1][1]["person"] == "李"
        assert len(set(platform.keys)) == len(platform.keys)

    told(tmp_path, story)


def test_kinds_without_a_code_and_telemetry_are_not_told(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        quiet = alarm(1, kind=AlarmKind.SENSOR_FAULT)
        trip = system(1, SystemKind.TRIP)
        await far_end.receipt(body(quiet, alarm(2, kind=AlarmKind.MAINS_LOST), system(3, SystemKind.CLOCK_FIX), trip))
        await turn()
        assert [said["failureCode"] for _, said in alarms(platform)] == ["41"]

    told(tmp_path, story)


def test_a_token_is_fetched_once_and_again_when_the_platform_says_inside_a_200_that_it_is_over(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        assert platform.log_ins == 1
        platform.token = "t2"
        await far_end.receipt(body(*(alarm(number) for number in range(1, 5))))
        await turn()
        assert len(alarms(platform)) == 4
        assert platform.log_ins == 2
        platform.token = "t3"
        platform.then(text("no", 401))
        await far_end.receipt(body(alarm(5)))
        await turn()
        assert (len(alarms(platform)), platform.log_ins) == (5, 3)

    told(tmp_path, story)


def test_an_old_token_is_renewed_before_it_is_refused(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        seen = platform.seen
        far_end.clock.ms += 7_200_000
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert platform.log_ins == 2
        assert platform.seen - seen == len(platform.taken)

    told(tmp_path, story)


def test_a_refused_sign_in_pauses_and_is_no_try_of_any_message(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.has_account = False
        platform.token = "t2"
        await far_end.receipt(body(alarm(1)))
        for _ in range(50):
            await turn()
            far_end.clock.ms += 10_000
        (waiting,) = await messages(far_end)
        assert (waiting["state"], waiting["tries"]) == ("waiting", 0)
        assert "wrong password" in waiting["error"]
        assert 2 <= platform.log_ins <= 10
        platform.has_account = True
        far_end.clock.ms += 60_000
        await turn()
        assert len(alarms(platform)) == 1

    told(tmp_path, story)


@pytest.mark.parametrize(
    "answer",
    [code(99), code(50300), code(1, 503), text("<html>bad gateway</html>", 502), text("{broken"), text("")],
    ids=["unknown code", "code later", "503", "html", "broken JSON", "empty"],
)
def test_what_is_not_a_yes_is_told_again_under_the_same_key(tmp_path: Path, answer: Any) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(answer)
        await far_end.receipt(body(alarm(1)))
        await turn()
        (waiting,) = await messages(far_end)
        assert (waiting["state"], waiting["tries"]) == ("waiting", 1)
        far_end.clock.ms += AGAIN_MS
        await turn()
        assert [said["alarmId"] for _, said in alarms(platform)] == [KEY]
        assert (await messages(far_end))[0]["state"] == "sent"

    told(tmp_path, story)


def test_a_slow_answer_is_given_up_and_told_again_and_delays_no_other_adapter(tmp_path: Path) -> None:
    async def run(far_end: FarEnd) -> None:
        gate = asyncio.Event()
        async with a_platform() as slow, a_platform() as quick:
            used = mapping(_shipped().replace("timeout_s = 10", "timeout_s = 1"))
            cities = [adapter(far_end, slow.url, used, "slow"), adapter(far_end, quick.url, used, "quick")]
            loops = [AdapterLoop(far_end.service, city) for city in cities]
            for loop in loops:
                await loop.turn()
            slow.then(never(gate))
            await far_end.receipt(body(alarm(1)))
            waiting = asyncio.create_task(loops[0].turn())
            await loops[1].turn()
            assert len(alarms(quick)) == 1
            assert not waiting.done()
            await waiting
            assert (await messages(far_end, "waiting"))[0]["error"] == "no whole answer (TimeoutError)"
            far_end.clock.ms += AGAIN_MS
            await loops[0].turn()
            assert len(alarms(slow)) == 1
            gate.set()
            for city in cities:
                await city.close()

    with_receiver(tmp_path, run)


def test_what_the_platform_had_already_counts_as_told(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(40900))
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert (await messages(far_end))[0]["state"] == "sent"

    told(tmp_path, story)


def test_a_refusal_for_good_is_dead_at_once_and_can_be_tried_again_alone_or_all(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(40400), code(400), text("no such address", 404))
        await far_end.receipt(body(alarm(1), alarm(2), alarm(3)))
        await turn()
        dead = await messages(far_end, "dead")
        assert len(dead) == 3
        retry = f"{far_end.url}/v1/adapters/retry"
        one = await far_end.client.post(retry, json={"adapter": "city", "key": dead[0]["key"]})
        assert await one.json() == {"again": 1}
        rest = await far_end.client.post(retry, json={"adapter": "city"})
        assert await rest.json() == {"again": 2}
        await turn()
        assert len(alarms(platform)) == 3
        assert (await far_end.client.post(retry, json={"adapter": "city"})).status == 404
        assert (await far_end.client.post(retry, json={"key": KEY})).status == 400

    told(tmp_path, story)


def test_there_is_an_end_to_trying_what_is_refused_and_others_do_not_wait_for_it(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(alarm(1)))
        for number in range(TRIES_MAX):
            platform.then(code(99))
            await turn()
            if number == 0:
                await far_end.receipt(body(alarm(2)))
                await turn()
                assert [said["alarmId"][-1] for _, said in alarms(platform)] == ["2"]
            far_end.clock.ms += AGAIN_MS_MAX
        (dead,) = await messages(far_end, "dead")
        assert (dead["key"], dead["tries"]) == (KEY, TRIES_MAX)

    told(tmp_path, story)


def test_a_later_word_of_an_incident_waits_for_the_earlier_one(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(99))
        await far_end.receipt(body(alarm(1), alarm(2, phase=Phase.CONDITION_GONE, incident=1)))
        await turn()
        assert alarms(platform) == []
        far_end.clock.ms += AGAIN_MS
        await turn()
        assert [path.rpartition("/")[2] for path, _ in alarms(platform)] == ["alarm", "restore"]

    told(tmp_path, story)


def test_a_platform_that_is_away_for_hours_loses_nothing_and_makes_nothing_dead(tmp_path: Path) -> None:
    async def run(far_end: FarEnd) -> None:
        async with a_platform() as platform:
            url = platform.url
        city = adapter(far_end, url)
        loop = AdapterLoop(far_end.service, city)
        await loop.turn()
        await far_end.receipt(body(*(alarm(number) for number in range(1, 6))))
        for _ in range(30):
            await loop.turn()
            far_end.clock.ms += 300_000
        found = await messages(far_end)
        assert {(each["state"], each["tries"]) for each in found} == {("waiting", 0)}
        assert len(found) == 5
        await city.close()
        async with a_platform() as back:
            again = adapter(far_end, back.url)
            await AdapterLoop(far_end.service, again).turn()
            assert [said["alarmId"][-1] for _, said in alarms(back)] == ["1", "2", "3", "4", "5"]
            await again.close()

    with_receiver(tmp_path, run)


def test_what_is_not_begun_in_time_is_given_back_untried_and_one_refused_sign_in_speaks_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.token, platform.has_account = "t2", False
        await far_end.receipt(body(*(alarm(number) for number in range(1, 21))))
        await turn()
        assert platform.log_ins <= 1 + mapping().at_once
        platform.has_account = True
        monkeypatch.setattr(runner, "BEGIN_S", -1.0)
        far_end.clock.ms += 60_000
        await turn()
        found = await messages(far_end)
        assert {(each["state"], each["tries"]) for each in found} == {("waiting", 0)}
        assert {each["error"] for each in found} == {"the ones before it took too long"}
        monkeypatch.undo()
        far_end.clock.ms += 60_000
        await turn()
        assert len(alarms(platform)) == 20

    told(tmp_path, story)


def test_whoever_dies_between_sending_and_marking_is_followed_by_the_same_message_again(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(alarm(1)))
        wants = adapter(far_end, platform.url).wants
        for lane in (queue.Lane.ALARMS, queue.Lane.REST):
            found = await far_end.service.read(lambda db, lane=lane: queue.look(db, "city", lane, wants, NOW_MS))  # type: ignore[misc]
            if found is not None:
                await far_end.service.change(
                    lambda db, lane=lane, found=found: queue.write(db, "city", lane, found)  # type: ignore[misc]
                )
        (claimed,) = await far_end.service.change(lambda db: queue.claim(db, "city", 9, far_end.clock.ms))
        await turn()
        assert alarms(platform) == []  # somebody else is at it, as far as anybody knows
        far_end.clock.ms += CLAIM_MS
        await turn()
        assert [said["alarmId"] for _, said in alarms(platform)] == [claimed.key]

    told(tmp_path, story)


def test_a_new_adapter_is_told_of_what_is_open_and_not_of_the_past(tmp_path: Path) -> None:
    async def run(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1), alarm(1), alarm(2), alarm(3, phase=Phase.ENDED, incident=2)))
        async with a_platform() as platform:
            city = adapter(far_end, platform.url)
            await AdapterLoop(far_end.service, city).turn()
            assert [said["alarmId"] for _, said in alarms(platform)] == [KEY]
            await city.close()

    with_receiver(tmp_path, run)


def test_looking_twice_at_the_same_piece_of_the_journal_writes_it_once(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(alarm(1)))
        wants = adapter(far_end, platform.url).wants
        found = await far_end.service.read(lambda db: queue.look(db, "city", queue.Lane.ALARMS, wants, NOW_MS))
        assert found is not None
        for _ in range(2):
            await far_end.service.change(lambda db: queue.write(db, "city", queue.Lane.ALARMS, found))
        rows = await far_end.service.read(lambda db: queue.rows_of(db, "city", MessageState.WAITING))
        assert len(rows) == 1

    told(tmp_path, story)


def test_where_too_much_waits_the_journal_keeps_the_rest_and_alarms_pass_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WAITING_MAX", 2)
    monkeypatch.setattr(queue, "ENTRIES_MAX", 2)

    async def run(far_end: FarEnd) -> None:
        async with a_platform() as platform:
            url = platform.url
        city = adapter(far_end, url)
        loop = AdapterLoop(far_end.service, city)
        await loop.turn()
        faults = [alarm(number, kind=AlarmKind.MAINS_LOST) for number in range(1, 10)]
        await far_end.receipt(body(*faults))
        await loop.turn()
        await far_end.receipt(body(alarm(1)))
        await loop.turn()
        assert len(await messages(far_end)) == 3
        await city.close()
        async with a_platform() as back:
            again = adapter(far_end, back.url)
            restarted = AdapterLoop(far_end.service, again)
            for _ in range(8):
                await restarted.turn()
            codes = [said["failureCode"] for _, said in alarms(back)]
            assert codes == ["11"] + ["41"] * 9
            await again.close()

    with_receiver(tmp_path, run)


def test_every_lift_is_told_as_it_is_once_a_period_and_the_platform_that_we_live(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        far_end.clock.ms += 300_000
        await turn()
        await turn()
        ((path, status),) = [each for each in platform.taken if "status/" in each[0]]
        assert path == f"/api/lift/status/{LIFT}"
        assert (status["online"], status["Message_Code"], status["Car_Position"]) == (1, ["11"], 5)
        assert sum("heartbeat" in path for path, _ in platform.taken) == 1
        far_end.clock.ms += 900_000
        await turn()
        offline = [said for path, said in platform.taken if "status/" in path][-1]
        assert offline["online"] == 0
        assert offline["messageId"] != status["messageId"]

    told(tmp_path, story)


def test_after_a_trip_a_lift_stands_where_it_went_and_moves_no_more(tmp_path: Path) -> None:
    trip = replace(system(1, SystemKind.TRIP, stream=Stream.TELEMETRY), place=WirePlace(floor=7, moving=1))

    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        far_end.clock.ms += 300_000
        await far_end.receipt(body(trip))
        await turn()
        (status,) = [said for path, said in platform.taken if "status/" in path]
        assert (status["Car_Position"], status["Car_Status"], status["Car_Direction"]) == (8, 0, 0)

    told(tmp_path, story)


def test_a_test_alarm_is_told_where_the_platform_wants_it_and_is_no_incident(tmp_path: Path) -> None:
    added = '\n[messages.test]\npath = "/test"\nbody = { key = "{key}", at = "{happened|time:unix_s}" }\n'
    test = replace(system(1, SystemKind.PERIODIC_TEST, stream=Stream.ALARM), phase=Phase.TEST)

    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(test))
        await turn()
        ((path, said),) = alarms(platform)
        assert (path, said["key"]) == ("/api/test", KEY)
        assert said["at"] == NOW_MS // 1000 - 1

    told(tmp_path, story, mapping(_shipped() + added))


def test_what_a_box_or_a_person_writes_cannot_leave_its_place(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        await far_end.receipt(body(identity(1, 'a"},{{x}|../..?b#%0a'), alarm(1)))
        await far_end.tell(KEY, {"act": "taken_over", "who": '"}, "code": 0 {token}'})
        far_end.clock.ms += 300_000
        await turn()
        assert alarms(platform)[0][1]["registerNumber"] == 'a"},{{x}|../..?b#%0a'
        assert alarms(platform)[1][1]["person"] == '"}, "code": 0 {token}'
        (status,) = [path for path, _ in platform.taken if "status/" in path]
        assert status == '/api/lift/status/a"},{{x}|../..?b#%0a'

    told(tmp_path, story)


def _shipped() -> str:
    return SHIPPED.read_text("utf-8")
