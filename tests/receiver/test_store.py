"""The store: verdicts, marks, gaps, conflicts and notices, and what is left after a failed commit."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.wire import Act, Gap, Mark, Phase, Stream, Verdict
from receiver.board import BoardReader
from receiver.database import Place
from receiver.errors import NoticeRefused, ReceiverError, StoreUnavailable
from receiver.incidents import Incident, IncidentKey, IncidentState
from receiver.store import Store
from receiver.taken import Arrival
from tests.receiver.making import (
    DEVICE,
    LOG,
    NOW_MS,
    OTHER_DEVICE,
    SENSOR_FAULT,
    alarm,
    batch,
    chained,
    identity,
    known_to,
    lost,
    raw_batch,
    sealed,
)

KEY = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = known_to(Store(place))
    yield opened
    opened.close()


def incident_count(folder: Place) -> int:
    reader = BoardReader(folder)
    try:
        return len(reader.board(NOW_MS).incidents)
    finally:
        reader.close()


def test_a_record_is_stored_once_and_then_had(store: Store) -> None:
    first = store.take(batch(alarm(1)), NOW_MS)
    assert first.verdicts == (Verdict.STORED,)
    assert first.marks == (Mark(Stream.ALARM, 1),)
    assert (first.device, first.log, first.receiver) == (DEVICE, LOG, store.receiver_id)
    again = store.take(batch(alarm(1)), NOW_MS)
    assert again.verdicts == (Verdict.HAD_IT,)
    assert again.marks == first.marks


def test_verdicts_come_in_the_order_of_the_batch(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    items = [
        b"\xff" * 20,
        sealed(alarm(1)),
        sealed(alarm(2)),
        sealed(alarm(3, device=OTHER_DEVICE)),
        sealed(alarm(1, percent=12)),
    ]
    assert store.take(raw_batch(items), NOW_MS).verdicts == (
        Verdict.MALFORMED,
        Verdict.HAD_IT,
        Verdict.STORED,
        Verdict.NOT_ALLOWED,
        Verdict.CONFLICT,
    )


def test_a_refused_item_does_not_take_the_place_of_the_true_record(store: Store) -> None:
    store.take(raw_batch([sealed(alarm(1)) + b"\x00", sealed(alarm(1, device=OTHER_DEVICE))]), NOW_MS)
    assert store.take(batch(alarm(1)), NOW_MS).verdicts == (Verdict.STORED,)


def test_a_batch_of_nothing_readable_is_still_answered(store: Store) -> None:
    receipt = store.take(raw_batch([b"\x00" * 16]), NOW_MS)
    assert receipt.verdicts == (Verdict.MALFORMED,)
    assert receipt.marks == ()


def test_gaps_are_named_and_close_when_the_missing_come(store: Store) -> None:
    receipt = store.take(batch(alarm(1), alarm(4), alarm(5), alarm(9)), NOW_MS)
    assert receipt.marks == (Mark(Stream.ALARM, 1),)
    assert receipt.gaps == (Gap(Stream.ALARM, 2, 3), Gap(Stream.ALARM, 6, 8))
    receipt = store.take(batch(alarm(3), alarm(2)), NOW_MS)
    assert receipt.marks == (Mark(Stream.ALARM, 5),)
    assert receipt.gaps == (Gap(Stream.ALARM, 6, 8),)


def test_a_lost_record_explains_its_range(store: Store) -> None:
    store.take(batch(alarm(1), alarm(5)), NOW_MS)
    receipt = store.take(batch(lost(1, Stream.ALARM, 2, 4)), NOW_MS)
    assert receipt.marks == (Mark(Stream.ALARM, 5), Mark(Stream.FAULT, 1))
    assert receipt.gaps == ()


def test_a_record_that_was_called_lost_and_comes_after_all_is_stored(store: Store) -> None:
    store.take(batch(lost(1, Stream.ALARM, 1, 4)), NOW_MS)
    assert store.take(batch(alarm(2)), NOW_MS).verdicts == (Verdict.STORED,)


def test_no_more_gaps_are_named_than_a_receipt_may_hold(store: Store) -> None:
    receipt = store.take(batch(*(alarm(2 * n, note=None) for n in range(1, 30))), NOW_MS)
    assert len(receipt.gaps) == 16
    assert receipt.gaps[0] == Gap(Stream.ALARM, 1, 1)


def test_a_conflict_keeps_both_and_shows_the_first(store: Store, place: Place) -> None:
    store.take(batch(alarm(1, percent=93)), NOW_MS)
    assert store.take(batch(alarm(1, percent=12)), NOW_MS).verdicts == (Verdict.CONFLICT,)
    assert store.take(batch(alarm(1, percent=12)), NOW_MS).verdicts == (Verdict.CONFLICT,)
    assert store.take(batch(alarm(1, percent=93)), NOW_MS).verdicts == (Verdict.HAD_IT,)
    reader = BoardReader(place)
    board = reader.board(NOW_MS)
    reader.close()
    assert [(t.kind.value, t.first, t.last) for t in board.boxes.troubles] == [("conflict", 1, 1)]
    first = board.incidents[0].incident.first
    assert first is not None
    assert first.percent == 93


def test_the_operator_is_told_of_a_conflict(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    (taken,) = store.take_all([Arrival(batch(alarm(1, percent=12)), NOW_MS)])
    assert any("CONFLICT" in sentence and "number 1" in sentence for sentence in taken.said)


def test_a_restored_card_sends_again_under_a_new_log(store: Store) -> None:
    store.take(batch(alarm(41, percent=93)), NOW_MS)
    assert store.take(batch(alarm(41, percent=80)), NOW_MS).verdicts == (Verdict.CONFLICT,)
    receipt = store.take(batch(alarm(1, percent=80, log=LOG + 1)), NOW_MS)
    assert receipt.verdicts == (Verdict.STORED,)
    assert receipt.log == LOG + 1
    assert receipt.marks == (Mark(Stream.ALARM, 1),)


def test_everything_is_there_after_a_restart(place: Place) -> None:
    store = known_to(Store(place))
    store.take(batch(alarm(1), alarm(3)), NOW_MS)
    receiver_id = store.receiver_id
    store.close()
    store = known_to(Store(place))
    receipt = store.take(batch(alarm(1), alarm(2)), NOW_MS)
    store.close()
    assert receipt.verdicts == (Verdict.HAD_IT, Verdict.STORED)
    assert receipt.marks == (Mark(Stream.ALARM, 3),)
    assert receipt.receiver == receiver_id


def test_any_order_and_duplication_of_batches_ends_in_the_same_picture(places: Callable[[], Place]) -> None:
    records = [
        identity(1),
        alarm(1),
        alarm(2, phase=Phase.UPDATED, incident=1, percent=97),
        alarm(3, phase=Phase.CONDITION_GONE, incident=1),
        alarm(2, kind=SENSOR_FAULT),
        alarm(3, kind=SENSOR_FAULT, phase=Phase.CONDITION_GONE, incident=2),
    ]
    chance = random.Random(7)
    pictures = []
    for _ in range(6):
        mixed = records + chance.choices(records, k=3)
        chance.shuffle(mixed)
        place = places()
        store = known_to(Store(place))
        for record in mixed:
            receipt = store.take(batch(record), NOW_MS)
        store.close()
        reader = BoardReader(place)
        pictures.append((receipt.marks, reader.board(NOW_MS).incidents))
        reader.close()
    assert all(picture == pictures[0] for picture in pictures)
    assert {view.lift_no for view in pictures[0][1]} == {"31104403532019060007"}


def test_two_receivers_never_share_a_folder(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    with pytest.raises(ReceiverError, match="another receiver runs on this folder"):
        known_to(Store(tmp_path))
    store.close()


def test_a_database_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    import sqlite3

    db = sqlite3.connect(tmp_path / "receiver.sqlite")
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(ReceiverError, match="format 99 is unknown"):
        known_to(Store(tmp_path))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "receiver.sqlite").write_bytes(b"not a database, by a long way" * 100)
    with pytest.raises(ReceiverError, match=r"receiver\.sqlite: the database cannot be opened"):
        known_to(Store(tmp_path))


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    store.take(batch(alarm(1)), NOW_MS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal_bytes = (tmp_path / "receiver.sqlite-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal_bytes + 512, hard))
    try:
        with pytest.raises(StoreUnavailable):
            store.take_all([Arrival(batch(alarm(2)), NOW_MS), Arrival(batch(alarm(3)), NOW_MS)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    receipt = store.take(batch(alarm(2), alarm(3)), NOW_MS)
    assert receipt.verdicts == (Verdict.STORED, Verdict.STORED)
    assert receipt.marks == (Mark(Stream.ALARM, 3),)
    store.close()


def test_a_notice_rides_in_receipts_until_a_batch_acknowledges_it(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    taken = store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS + 5)
    assert taken is not None
    assert (taken.notice.number, taken.notice.at_ms) == (1, NOW_MS + 5)
    assert store.take(batch(alarm(1)), NOW_MS).notices == (taken.notice,)
    assert store.take(batch(alarm(1), acted=1), NOW_MS).notices == ()
    assert store.take(batch(alarm(1)), NOW_MS).notices == ()


def test_notices_are_numbered_by_box(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    store.take(batch(alarm(1, device=OTHER_DEVICE), device=OTHER_DEVICE), NOW_MS)
    other = IncidentKey(OTHER_DEVICE, LOG, Stream.ALARM, 1)
    numbers = [
        store.take_notice(key, act, "Li", None, NOW_MS)
        for key, act in ((KEY, Act.TAKEN_OVER), (KEY, Act.ON_SITE), (other, Act.TAKEN_OVER))
    ]
    assert [taken.notice.number for taken in numbers if taken is not None] == [1, 2, 1]


def test_a_restored_backup_gives_out_no_notice_number_twice(store: Store) -> None:
    store.take(batch(alarm(1), acted=7), NOW_MS)
    taken = store.take_notice(KEY, Act.TAKEN_OVER, "Li", None, NOW_MS)
    assert taken is not None
    assert taken.notice.number == 8


def test_a_claim_beyond_all_reason_is_not_believed(store: Store) -> None:
    store.take(batch(alarm(1), acted=4_294_967_295), NOW_MS)
    taken = store.take_notice(KEY, Act.TAKEN_OVER, "Li", None, NOW_MS)
    assert taken is not None
    assert taken.notice.number == 1
    assert store.take(batch(alarm(1)), NOW_MS).notices == (taken.notice,)


def test_the_same_word_twice_is_one_notice(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    first = store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS)
    again = store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS + 1_000)
    later = store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS + 61_000)
    assert first is not None
    assert again is not None
    assert later is not None
    assert (first.is_new, again.is_new, later.is_new) == (True, False, True)
    assert again.notice == first.notice


def test_only_the_first_page_says_shown(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    for _ in range(3):
        store.take_notice(KEY, Act.SHOWN, None, None, NOW_MS)
    assert len(store.take(batch(alarm(1)), NOW_MS).notices) == 1


def test_a_notice_about_nothing_is_not_taken(store: Store) -> None:
    assert store.take_notice(KEY, Act.TAKEN_OVER, "Li", None, NOW_MS) is None


def test_there_is_an_end_to_notices(store: Store) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    for eta_min in range(100):
        store.take_notice(KEY, Act.TAKEN_OVER, "Li", eta_min, NOW_MS)
    with pytest.raises(NoticeRefused, match="100 notices"):
        store.take_notice(KEY, Act.CLOSED, "Li", None, NOW_MS)


def test_boxes_are_asked_to_come_back_while_an_alarm_is_open(store: Store) -> None:
    assert store.take(batch(alarm(1, kind=SENSOR_FAULT)), NOW_MS).ask_again_s is None
    assert store.take(batch(alarm(1)), NOW_MS).ask_again_s == 5
    store.take_notice(KEY, Act.CLOSED, "Li", None, NOW_MS)
    assert store.take(batch(alarm(1)), NOW_MS).ask_again_s is None


def test_a_poll_says_what_the_box_has_heard_but_does_not_acknowledge(store: Store, place: Place) -> None:
    store.take(batch(alarm(1)), NOW_MS)
    store.take_notice(KEY, Act.TAKEN_OVER, "Li", None, NOW_MS)
    polled = store.notices_after(DEVICE, 1, NOW_MS)
    assert polled is not None
    assert polled.receipt.notices == ()
    assert polled.touched == (KEY,)
    reader = BoardReader(place)
    view = reader.incident(KEY)
    reader.close()
    assert view is not None
    assert view.box_was_told
    assert len(store.take(batch(alarm(1)), NOW_MS).notices) == 1


def test_a_poll_of_an_unknown_box_has_no_answer(store: Store) -> None:
    assert store.notices_after(DEVICE, 0, NOW_MS) is None


def test_a_test_alarm_opens_no_incident(store: Store, place: Place) -> None:
    (taken,) = store.take_all([Arrival(batch(alarm(1, phase=Phase.TEST)), NOW_MS)])
    assert taken.receipt.verdicts == (Verdict.STORED,)
    assert any("test alarm arrived" in sentence for sentence in taken.said)
    assert incident_count(place) == 0


def test_a_gap_in_the_alarm_stream_is_shown_after_a_minute(store: Store, place: Place) -> None:
    first, second, third, fourth = chained(*(alarm(number) for number in range(1, 5)))
    store.take(batch(first, fourth), NOW_MS)
    reader = BoardReader(place)
    assert reader.boxes(NOW_MS + 59_000).troubles == ()
    (trouble,) = reader.boxes(NOW_MS + 61_000).troubles
    assert (trouble.kind.value, trouble.first, trouble.last, trouble.since_ms) == ("gap", 2, 3, NOW_MS)
    store.take(batch(second, third), NOW_MS)
    assert reader.boxes(NOW_MS + 61_000).troubles == ()
    reader.close()


def test_an_incident_known_from_a_later_record_only_is_shown(store: Store, place: Place) -> None:
    store.take(batch(alarm(2, phase=Phase.UPDATED, incident=1)), NOW_MS)
    reader = BoardReader(place)
    view = reader.incident(KEY)
    reader.close()
    assert view is not None
    assert view.incident.state is IncidentState.RAISED


def test_what_the_database_folds_is_what_all_records_fold(store: Store, place: Place) -> None:
    phases = [Phase.UPDATED, Phase.UPDATED, Phase.CONDITION_GONE, Phase.UPDATED, Phase.CONDITION_GONE, Phase.ENDED]
    records = [alarm(2 + n, phase=phase, incident=1, percent=n) for n, phase in enumerate([*phases, Phase.ENDED])]
    expected = Incident(KEY)
    for record in records:
        expected = expected.with_record(record)
        store.take(batch(record), NOW_MS)
        reader = BoardReader(place)
        view = reader.incident(KEY)
        reader.close()
        assert view is not None
        assert view.incident == expected
