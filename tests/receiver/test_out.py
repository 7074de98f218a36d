"""What other programs get: the feed, CSV, figures, the description of the addresses; and what is forgotten when."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import cbor2

from edge_agent.wire import Act, Phase, Stream, SystemKind, Verdict, encode_record
from receiver.access import ADDRESSES
from receiver.database import Place, open_for_reading
from receiver.feed import cbor_item, table
from receiver.incidents import IncidentKey
from receiver.journal import entries_after
from receiver.openapi import BODIES, QUERIES, SUMMARIES, description
from receiver.retention import DAY_MS, Kept, prune
from receiver.store import Store
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY, LOG, NOW_MS, alarm, batch, body, chained, identity, known_to, system

ID = f"{DEVICE.hex()}-{LOG}-0-1"
INCIDENT = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)


def test_a_follower_gets_each_record_and_notice_once_and_in_order(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1), alarm(2, phase=Phase.UPDATED, incident=1)))
        await far_end.tell(ID, {"act": "taken_over", "who": "Li"})
        await far_end.receipt(body(alarm(1), identity(1)))
        seen, after = [], 0
        while True:
            answer = await far_end.client.get(f"{far_end.url}/v1/feed?after={after}&limit=2")
            lines = [json.loads(line) for line in (await answer.text()).splitlines()]
            if not lines:
                break
            assert len(lines) <= 2
            seen += lines
            after = int(answer.headers["Lift-Next"])
        assert [(line["position"], line["type"], line["number"]) for line in seen] == [
            (1, "record", 1),
            (2, "record", 2),
            (3, "notice", 1),
            (4, "record", 1),
        ]
        assert bytes.fromhex(seen[0]["body"]) == encode_record(alarm(1))
        assert (seen[2]["act"], seen[2]["who"]) == ("taken_over", "Li")

    with_receiver(tmp_path, story)


def test_the_feed_speaks_cbor_too(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        headers = {"Accept": "application/cbor-seq"}
        answer = await far_end.client.get(f"{far_end.url}/v1/feed", headers=headers)
        assert answer.content_type == "application/cbor-seq"
        found = cbor2.loads(await answer.read())
        assert found[:6] == [1, 1, DEVICE, LOG, 0, 1]
        assert found[7] == encode_record(alarm(1))

    with_receiver(tmp_path, story)


def test_every_entry_can_be_written_as_cbor(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    store.take(batch(alarm(1), identity(1)), NOW_MS)
    store.take_notice(INCIDENT, Act.TAKEN_OVER, "李", 15, NOW_MS)
    store.take_notice(INCIDENT, Act.SHOWN, None, None, NOW_MS)
    store.close()
    opened = open_for_reading(tmp_path)
    with opened.snapshot() as db:
        items = [cbor2.loads(cbor_item(entry)) for entry in entries_after(db, 0)]
    opened.close()
    assert items[2][9] == [1, 2, NOW_MS, "李", 15]


def test_a_cell_that_a_spreadsheet_would_run_is_plain_text() -> None:
    rows = list(csv.reader(io.StringIO(table([("=1+1", "@x", "+1", "-2", 'a"b', None, -5)]))))
    assert rows == [["'=1+1", "'@x", "'+1", "'-2", 'a"b', "", "-5"]]


def test_incidents_and_lifts_can_be_had_as_csv(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1, "=HYPERLINK(1)"), alarm(1)))
        await far_end.client.put(f"{far_end.url}/v1/lifts/1", json={"maker": "@Acme"})
        answer = await far_end.client.get(f"{far_end.url}/v1/csv/incidents")
        assert answer.content_type == "text/csv"
        (incident,) = csv.DictReader(io.StringIO(await answer.text()))
        assert (incident["id"], incident["lift"], incident["is_open"]) == (ID, "'=HYPERLINK(1)", "1")
        lifts = await (await far_end.client.get(f"{far_end.url}/v1/csv/lifts")).text()
        (lift,) = csv.DictReader(io.StringIO(lifts))
        assert (lift["lift_no"], lift["maker"]) == ("1", "'@Acme")

    with_receiver(tmp_path, story)


def test_prometheus_hears_what_is_open_silent_and_untold(tmp_path: Path) -> None:
    async def figures(far_end: FarEnd) -> dict[str, int]:
        answer = await far_end.client.get(f"{far_end.url}/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in (await answer.text()).splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r'lift_receiver_[a-z_]+(\{[a-z0-9_=",]+\})? [0-9]+', line) for line in lines)
        return {name.removeprefix("lift_receiver_"): int(n) for name, n in (line.rsplit(" ", 1) for line in lines)}

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1), alarm(2)))
        found = await figures(far_end)
        assert (found["open_alarms"], found["unattended_alarms"], found["silent_boxes"]) == (2, 2, 0)
        await far_end.tell(ID, {"act": "taken_over", "who": "Li"})
        far_end.clock.ms += 900_001
        found = await figures(far_end)
        assert (found["open_alarms"], found["unattended_alarms"], found["silent_boxes"]) == (2, 1, 1)
        assert found["journal_position"] == 3

    with_receiver(tmp_path, story)


def test_the_description_names_every_address_and_nothing_else() -> None:
    paths = description()["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == set(ADDRESSES)
    assert set(SUMMARIES) == set(ADDRESSES)
    assert BODIES.keys() <= ADDRESSES.keys()
    assert QUERIES.keys() <= ADDRESSES.keys()
    for (method, path), need in ADDRESSES.items():
        operation = paths[path][method.lower()]
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        is_changing = method in ("POST", "PUT", "PATCH") and hasattr(need, "word")
        assert ("requestBody" in operation) == (is_changing or (method, path) == ("POST", "/v1/session"))


def test_telemetry_is_forgotten_after_its_time_and_alarms_never(place: Place) -> None:
    store = known_to(Store(place))
    trips = [system(n, SystemKind.TRIP, stream=Stream.TELEMETRY) for n in range(1, 6)]
    store.take(batch(*trips[:3], alarm(1)), NOW_MS)
    store.take(batch(*trips[3:]), NOW_MS + DAY_MS)
    kept = Kept(telemetry_days=2)
    at_ms = NOW_MS + 2 * DAY_MS
    assert store.change(lambda db: prune(db, kept, at_ms)) == 0
    assert store.change(lambda db: prune(db, kept, at_ms + 1)) == 3
    receipt = store.take(batch(*trips, alarm(1)), at_ms)
    assert receipt.verdicts == (Verdict.HAD_IT,) * 6
    assert {(mark.stream, mark.upto) for mark in receipt.marks} == {(Stream.ALARM, 1), (Stream.TELEMETRY, 5)}
    later = system(6, SystemKind.TRIP, stream=Stream.TELEMETRY)
    assert store.take(batch(later), at_ms).verdicts == (Verdict.STORED,)
    assert store.change(lambda db: [entry.seqno for entry in entries_after(db, 0)]) == [1, 4, 5, 6]
    store.close()


def test_nothing_is_forgotten_where_days_are_zero(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    store.take(batch(*chained(system(1, SystemKind.TRIP, stream=Stream.TELEMETRY))), NOW_MS)
    assert store.change(lambda db: prune(db, Kept(0, 0, 0), NOW_MS + 10_000 * DAY_MS)) == 0
    store.close()
    assert KEY.public.fingerprint == DEVICE


def test_forgetting_goes_on_where_it_ended_and_passes_over_what_stays(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    kept = Kept(telemetry_days=2)
    trips = chained(*(system(n, SystemKind.TRIP, stream=Stream.TELEMETRY) for n in range(1, 5)))
    store.take(batch(trips[0], alarm(1)), NOW_MS)
    store.take_notice(INCIDENT, Act.TAKEN_OVER, "Li", None, NOW_MS)
    store.take(batch(trips[1]), NOW_MS + 900 * DAY_MS)  # the clock of the receiver was wrong for a while
    store.take(batch(trips[2], alarm(2)), NOW_MS + 1)
    store.take(batch(trips[3]), NOW_MS + DAY_MS)
    assert store.change(lambda db: prune(db, kept, NOW_MS + 2 * DAY_MS + 1)) == 1
    assert store.change(lambda db: prune(db, kept, NOW_MS + 2 * DAY_MS + 2)) == 1
    assert store.change(lambda db: prune(db, kept, NOW_MS + 4 * DAY_MS)) == 1
    assert store.change(lambda db: prune(db, kept, NOW_MS + 4 * DAY_MS)) == 0
    left = store.change(lambda db: [(entry.stream, entry.seqno) for entry in entries_after(db, 0)])
    assert left == [(Stream.ALARM, 1), (Stream.ALARM, 1), (Stream.TELEMETRY, 2), (Stream.ALARM, 2)]
    store.close()
