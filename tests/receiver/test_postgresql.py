"""A real PostgreSQL behind the store: killed at the worst moment, shared by several receivers, gone and back."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from edge_agent.wire import Act, Mark, Phase, Record, Stream, Verdict, decode_receipt
from edge_agent.wire_sealing import sealed_in
from receiver import tables as t
from receiver.board import BoardReader
from receiver.database import Database, open_for_writing
from receiver.errors import ReceiverError, StoreUnavailable
from receiver.incidents import Incident, IncidentKey
from receiver.journal import entries_after
from receiver.store import Store
from receiver.taken import Arrival, Taken
from tests.receiver.making import DEVICE, LOG, NOW_MS, OTHER_DEVICE, alarm, batch, body, chained, known_to
from tests.receiver.postgresql import Cluster
from tests.receiver.relay import Relay
from tests.receiver.test_command import post, receiver

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
KEY = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)
RECEIVERS = 4


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server that this test may kill."""
    running = Cluster()
    yield running
    running.stop()


def counts(url: str) -> dict[str, int]:
    """Rows of each table that a record or a notice may have been put into twice."""
    opened = open_for_writing(url)
    with opened.snapshot() as db:
        tables = (t.record, t.conflict, t.notice, t.journal, t.incident)
        found = {table.name: db.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}
    opened.close()
    return found


def test_a_database_killed_between_commit_and_answer_loses_nothing_and_doubles_nothing(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    direct = own_cluster.new_database()
    relay = Relay(tmp_path, own_cluster.socket, own_cluster.kill)
    store = known_to(Store(own_cluster.url("receiver1", tmp_path)))
    store.take(batch(alarm(1)), NOW_MS)
    relay.arm()
    with pytest.raises(StoreUnavailable, match="nothing was stored"):
        store.take(batch(alarm(2), alarm(3)), NOW_MS)
    assert relay.has_struck.is_set()
    with pytest.raises(StoreUnavailable):
        store.take(batch(alarm(2), alarm(3)), NOW_MS)
    own_cluster.start()
    receipt = store.take(batch(alarm(2), alarm(3)), NOW_MS)
    assert receipt.verdicts == (Verdict.HAD_IT, Verdict.HAD_IT)
    assert receipt.marks == (Mark(Stream.ALARM, 3),)
    relay.arm()
    with pytest.raises(StoreUnavailable):
        store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS)
    own_cluster.start()
    again = store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS + 5_000)
    assert again is not None
    assert (again.is_new, again.notice.number) == (False, 1)
    store.close()
    relay.close()
    assert counts(direct) == {"record": 3, "conflict": 0, "notice": 1, "journal": 4, "incident": 3}


def test_a_database_killed_inside_a_transaction_has_nothing_of_it(own_cluster: Cluster) -> None:
    url = own_cluster.new_database()
    store = known_to(Store(url))
    opened = open_for_writing(url)
    with pytest.raises(StoreUnavailable), opened.transaction(DEVICE) as db:  # noqa: PT012
        db.execute(t.counter.insert(), {"name": "half", "value": 1})
        own_cluster.kill()
        db.execute(select(t.counter)).all()
    own_cluster.start()
    with opened.snapshot() as db:
        assert [row.name for row in db.execute(select(t.counter))] == ["feed"]
    opened.close()
    assert store.take(batch(alarm(1)), NOW_MS).verdicts == (Verdict.STORED,)
    store.close()


def shuffled_parts(seed: int) -> list[Record | tuple[Act, str]]:
    """Everything about one incident, some of it twice, in the order of one of several receivers."""
    parts: list[Record | tuple[Act, str]] = [*story(), (Act.TAKEN_OVER, "Li"), (Act.ON_SITE, "Li")]
    chance = random.Random(seed)
    parts += chance.choices(parts, k=4)
    chance.shuffle(parts)
    return parts


def story() -> tuple[Record, ...]:
    phases = (Phase.UPDATED, Phase.CONDITION_GONE, Phase.UPDATED, Phase.CONDITION_GONE, Phase.ENDED)
    later = (alarm(2 + n, phase=phase, incident=1, percent=50 + n) for n, phase in enumerate(phases))
    return chained(alarm(1), *later)


def together(jobs: Sequence[threading.Thread]) -> None:
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()


def test_several_receivers_on_one_database_fold_one_incident_to_what_one_would(cluster: Cluster) -> None:
    url = cluster.new_database()
    known_to(Store(url)).close()
    problems: list[str] = []

    def receive(seed: int) -> None:
        store = Store(url)
        for part in shuffled_parts(seed):
            if isinstance(part, Record):
                verdicts = store.take(batch(part), NOW_MS).verdicts
                if verdicts not in ((Verdict.STORED,), (Verdict.HAD_IT,)):
                    problems.append(f"{part.seqno}: {verdicts}")
            else:
                store.take_notice(KEY, part[0], part[1], None, NOW_MS)
        store.close()

    together([threading.Thread(target=receive, args=(seed,)) for seed in range(RECEIVERS)])
    assert problems == []
    expected = Incident(KEY)
    for record in story():
        expected = expected.with_record(record)
    reader = BoardReader(url)
    (view,) = reader.board(NOW_MS).incidents
    troubles = reader.boxes(NOW_MS + 100_000).troubles
    reader.close()
    for notice in view.incident.notices:
        expected = expected.with_notice(notice)
    assert view.incident == expected
    assert {notice.act for notice in view.incident.notices} >= {Act.TAKEN_OVER, Act.ON_SITE}
    assert not view.incident.is_open
    assert troubles == ()
    found = counts(url)
    numbers = [notice.number for notice in view.incident.journal]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert (found["record"], found["conflict"], found["incident"]) == (6, 0, 1)
    assert found["journal"] == 6 + len(numbers)


def test_of_two_receivers_with_records_of_one_box_one_waits_for_the_other(cluster: Cluster) -> None:
    """Without the lock of the box, each would count what is present without what the other has not yet committed."""
    url = cluster.new_database()
    is_inside = threading.Event()

    class Holds(Store):
        """Commits only when another transaction waits."""

        def _take(self, db: Connection, arrivals: Sequence[Arrival]) -> tuple[Taken, ...]:
            taken = super()._take(db, arrivals)
            is_inside.set()
            cluster.until_somebody_waits(url)
            return taken

    first, second = Holds(url), known_to(Store(url))
    second.take(batch(alarm(1)), NOW_MS)
    holding = threading.Thread(target=first.take, args=(batch(alarm(2, phase=Phase.ENDED, incident=1)), NOW_MS))
    updated = alarm(3, phase=Phase.UPDATED, incident=1)
    holding.start()
    assert is_inside.wait(60)
    second.take(batch(updated), NOW_MS)
    holding.join()
    receipt = second.take(batch(alarm(4)), NOW_MS)
    reader = BoardReader(url)
    view = reader.incident(KEY)
    reader.close()
    first.close()
    second.close()
    assert receipt.marks == (Mark(Stream.ALARM, 4),)
    assert receipt.gaps == ()
    assert view is not None
    assert not view.incident.is_open


def test_a_follower_of_the_journal_misses_nothing_while_several_receivers_write(cluster: Cluster) -> None:
    url = cluster.new_database()
    known_to(Store(url)).close()
    opened = open_for_writing(url)
    seen: list[int] = []
    is_over = threading.Event()

    def receive(seed: int) -> None:
        store = Store(url)
        mine = DEVICE if seed % 2 else OTHER_DEVICE
        for number in range(1, 26):
            store.take(batch(alarm(number, device=mine, log=seed), device=mine), NOW_MS)
        store.close()

    def follow() -> None:
        while True:
            was_over = is_over.is_set()
            fresh = following(opened, seen[-1] if seen else 0)
            seen.extend(fresh)
            if was_over and not fresh:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    together([threading.Thread(target=receive, args=(seed,)) for seed in range(RECEIVERS)])
    is_over.set()
    follower.join()
    opened.close()
    assert seen == list(range(1, 25 * RECEIVERS + 1))


def following(opened: Database, after: int) -> list[int]:
    with opened.snapshot() as db:
        return [entry.position for entry in entries_after(db, after)]


def test_what_one_receiver_stores_reaches_pages_and_boxes_of_another(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.new_database()
    with receiver(tmp_path, "--database", url) as (_, one), receiver(tmp_path, "--database", url) as (_, other):
        post(one, body(alarm(1)))
        with urllib.request.urlopen(f"{other}/v1/events", timeout=60) as page:
            assert page.readline() == b"event: board\n"
            incident = json.loads(page.readline().removeprefix(b"data: "))["incidents"][0]["id"]
            told = urllib.request.Request(
                f"{one}/v1/incidents/{incident}/notice",
                data=json.dumps({"act": "taken_over", "who": "Li"}).encode(),
                headers={"Content-Type": "application/json"},
            )
            urllib.request.urlopen(told, timeout=60).close()
            while b'"taken_over_by":"Li"' not in (line := page.readline()):
                assert line
        waiting = f"{other}/v1/notices?dev={DEVICE.hex()}&after=0&wait=50"
        with urllib.request.urlopen(waiting, timeout=60) as answer:
            assert [notice.who for notice in decode_receipt(sealed_in(answer.read()).payload).notices] == ["Li"]


def test_text_that_postgresql_cannot_hold_blocks_no_record(cluster: Cluster) -> None:
    store = known_to(Store(cluster.new_database()))
    assert store.take(batch(alarm(1, note="a\x00b")), NOW_MS).verdicts == (Verdict.STORED,)
    taken = store.take_notice(KEY, Act.TAKEN_OVER, "L\x00i", None, NOW_MS)
    store.close()
    assert taken is not None
    assert taken.notice.who == "L�i"


def test_an_address_that_is_no_database_says_what_to_do(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ReceiverError, match="cannot be opened"):
        Store(cluster.url("nowhere", cluster.folder))
    with pytest.raises(ReceiverError, match="not the URL of a PostgreSQL database"):
        Store("mysql://somewhere/else")
    with pytest.raises(ReceiverError, match="cannot be opened") as refused:
        Store(f"postgresql://li:secret@/x?host={tmp_path}")
    assert "secret" not in str(refused.value)
