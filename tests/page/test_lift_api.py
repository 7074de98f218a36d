"""The addresses behind the page of a lift: trips, medians, signal, incidents, pictures, and the charting library."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.wire import Measure, Measured, Record
from receiver.lift_view import Day, TripView, days_of, signal_by_landing, trip_of
from tests.page.material import LIFT_NO, Log, Told, alarm_records, coverage, heartbeat, trip
from tests.page.site import send_recording
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, NOW_MS, identity

BOX = DEVICE.hex()
UP_MS = 600_000
DAY_MS = 86_400_000


def view(at_ms: int, accel_mmps2: int | None) -> TripView:
    return TripView(at_ms, 0, 3, 1, 9_000, 9_400, 1_600, accel_mmps2, 850, 1_100)


def test_a_trip_is_read_from_its_measures_its_place_and_its_note() -> None:
    assert trip_of(trip(1, UP_MS), 77) == TripView(77, 2, 5, 1, 9_000, 9_400, 1_600, 800, 850, 1_100)


@pytest.mark.parametrize("word", ["", "x", "1.5", "--3", "99999999999", "-", "²"])
def test_what_is_no_whole_number_in_a_note_is_not_told(word: str) -> None:
    found = trip_of(_with_note(trip(1, UP_MS), f"from={word} time_ms"), 0)
    assert (found.from_landing, found.time_ms) == (None, None)


def test_medians_are_those_of_the_trips_of_each_day_by_utc() -> None:
    trips = [view(DAY_MS - 1, 700), view(DAY_MS, 800), view(DAY_MS + 1, 900), view(2 * DAY_MS - 1, 1_300)]
    assert days_of(reversed(trips)) == (
        Day(0, 1, 1_600.0, 700.0, 850.0, 1_100.0),
        Day(DAY_MS, 3, 1_600.0, 900.0, 850.0, 1_100.0),
    )


def test_a_day_on_which_nothing_was_told_of_a_value_has_no_median_of_it() -> None:
    assert days_of([view(5, None)])[0].accel_mmps2 is None


def test_the_newest_word_about_the_signal_at_a_landing_counts() -> None:
    records = [coverage(3, UP_MS, 4, -90), coverage(2, UP_MS, 1, -70), coverage(1, UP_MS, 4, -60)]
    assert signal_by_landing(records) == ((1, -70), (4, -90))


def test_a_lift_shows_its_last_trips_newest_first_its_box_and_its_signal(tmp_path: Path) -> None:
    log = Log()

    async def story(far_end: FarEnd) -> None:
        records = [trip(n, UP_MS + n * 30_000, accel_mmps2=700 + n) for n in range(1, 61)]
        for start in range(0, 60, 20):
            part = records[start : start + 20]
            await far_end.receipt(log.posted(*part, up_ms=part[-1].stamp.up_ms + 100))
        late = UP_MS + 61 * 30_000
        await far_end.receipt(log.posted(heartbeat(61, late), coverage(62, late, 2, -71), up_ms=late))
        lift = await got(far_end, f"/v1/boxes/{BOX}")
        assert [each["accel_mps2"] for each in lift["trips"]] == [(760 - n) / 1000 for n in range(50)]
        assert lift["trips"][0] == {
            "at_ms": lift["trips"][0]["at_ms"],
            "from": 2,
            "to": 5,
            "moving": "up",
            "distance_m": 9.0,
            "time_s": 9.4,
            "speed_mps": 1.6,
            "accel_mps2": 0.76,
            "decel_mps2": 0.85,
            "jerk_mps3": 1.1,
        }
        assert abs(lift["trips"][0]["at_ms"] - (NOW_MS - 30_000)) < 1_000  # a trip half a minute before the last batch
        assert lift["every"] == 1
        assert sum(day["looked_at"] for day in lift["days"]) == 60
        assert lift["signal"] == [{"landing": 2, "dbm": -71}]
        assert lift["health"]["measures"][0] == {"name": "disk", "value": 7_340_032, "unit": "KiB"}
        assert lift["incidents"] == []

    with_receiver(tmp_path, story)


def test_of_many_trips_every_nth_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.lift_view.RECENT_MAX", 5)
    monkeypatch.setattr("receiver.lift_view.TREND_MAX", 10)
    log = Log()

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(log.posted(*(trip(n, UP_MS + n) for n in range(1, 36)), up_ms=UP_MS + 40))
        lift = await got(far_end, f"/v1/boxes/{BOX}")
        assert lift["every"] == 4  # 35 records, at most 10 looked at
        assert sum(day["looked_at"] for day in lift["days"]) == 8  # 4, 8 ... 32
        assert len(lift["trips"]) == 5

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("name", ["0011223344556677", "x", BOX.upper(), BOX + "00"])
def test_a_box_that_never_sent_is_not_there(tmp_path: Path, name: str) -> None:
    async def story(far_end: FarEnd) -> None:
        answer = await far_end.client.get(f"{far_end.url}/v1/boxes/{name}")
        assert answer.status == 404

    with_receiver(tmp_path, story)


def test_a_picture_has_the_stages_and_signs_of_its_alarm_marked(tmp_path: Path, told: Told) -> None:
    log = Log()
    records = alarm_records(told)

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(log.posted(identity(1, LIFT_NO), *records, up_ms=records[-1].stamp.up_ms + 100))
        (incident,) = (await got(far_end, "/v1/incidents"))["incidents"]
        path = f"/v1/incidents/{incident['id']}"
        assert (await far_end.client.get(f"{far_end.url}{path}/picture")).status == 404
        await far_end.client.post(f"{far_end.url}{path}/evidence", json={})
        await send_recording(far_end, told)
        picture = await got(far_end, f"{path}/picture")
        assert picture["from_s"] == pytest.approx(-51.0, abs=0.1)  # the story begins 51 s before its alarm
        raised, gone = picture["marks"]
        assert (raised["phase"], raised["t_s"], raised["occupied_percent"]) == ("raised", 0.0, 100)
        assert (gone["phase"], gone["t_s"], gone["signs"]) == ("condition_gone", 21.5, [])
        signs = {sign["name"]: sign for sign in raised["signs"]}
        assert signs["still"]["since_s"] == pytest.approx(-30.0, abs=0.5)  # held 30 s, as the catalogue says
        assert signs["second_sign"]["value"] == "emergency_stop"
        fastest = max(value for value in picture["speed_mps"] if value is not None)
        assert fastest == pytest.approx(1.6, abs=0.1)  # the rated speed of the story's lift
        assert min(value for value in picture["accel_low_mps2"] if value is not None) < -2.5  # the brake drops
        lift = await got(far_end, f"/v1/boxes/{BOX}")
        assert [each["recording"]["state"] for each in lift["incidents"]] == ["here"]

    with_receiver(tmp_path, story)


def test_a_recording_that_is_none_is_refused_and_the_receiver_goes_on(tmp_path: Path, told: Told) -> None:
    nonsense = replace(told, recording=b"\x82\x5a" + bytes(5_000))
    log = Log()
    records = alarm_records(nonsense)

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(log.posted(identity(1, LIFT_NO), *records, up_ms=records[-1].stamp.up_ms + 100))
        (incident,) = (await got(far_end, "/v1/incidents"))["incidents"]
        path = f"/v1/incidents/{incident['id']}"
        await far_end.client.post(f"{far_end.url}{path}/evidence", json={})
        await send_recording(far_end, nonsense)
        answer = await far_end.client.get(f"{far_end.url}{path}/picture")
        assert answer.status == 422
        assert (await answer.json())["problem"].startswith("the recording cannot be drawn: ")
        assert (await got(far_end, path))["incident"]["recording"]["state"] == "here"

    with_receiver(tmp_path, story)


def test_the_charting_library_comes_from_the_installed_package_packed_and_for_a_year(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        html = await (await far_end.client.get(f"{far_end.url}/")).text()
        path = html.split('data-charts="', 1)[1].split('"', 1)[0]
        assert path.startswith("/static/plotly-")
        headers = {"Accept-Encoding": "gzip"}
        async with far_end.client.get(far_end.url + path, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert int(answer.headers["Content-Length"]) < 2_000_000
            packed = await answer.read()
        body = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        assert body[:200].decode().lstrip().startswith("/**")
        async with far_end.client.get(far_end.url + path, headers={"Accept-Encoding": "identity"}) as plain:
            assert "Content-Encoding" not in plain.headers
            assert await plain.read() == body

    with_receiver(tmp_path, story)


async def got(far_end: FarEnd, path: str) -> Any:
    answer = await far_end.client.get(far_end.url + path)
    assert answer.status == 200, await answer.text()
    return await answer.json()


def _with_note(record: Record, note: str) -> Record:
    return replace(record, note=note, measures=(Measured(Measure.SPEED, 1),))
