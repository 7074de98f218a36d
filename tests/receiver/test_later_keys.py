"""What a receiver makes of a record that introduces another key of a box, and of the seals of that key."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.agent_keys import KeyChanges
from edge_agent.delivery import Delivery, Lane, Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.journal import Journal
from edge_agent.outbox import Outbox
from edge_agent.records import RecordDraft, draft_of_alarm
from edge_agent.wire import (
    KeyChange,
    Record,
    Stamp,
    SystemKind,
    Verdict,
    answer_tag,
    decode_batch,
)
from edge_agent.wire_sealing import PublicKey, SigningKey, sealed_in
from receiver import tables
from receiver.database import Place
from receiver.keyring import LATER_KEYS_MAX
from receiver.store import Store
from tests.delivery.making import alarm as delivered_alarm
from tests.receiver.making import DEVICE, KEY, NOW_MS, OTHER_KEY, alarm, known_to, raw_batch, sealed, system

LATER = SigningKey(b"the later key of the first box!!", is_named=True)
NAMELESS = SigningKey(b"the later key of the first box!!")
STAMP = Stamp(1, 1_000)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = known_to(Store(place))
    yield opened
    opened.close()


def introducing(seqno: int = 1, key: SigningKey = LATER) -> Record:
    record = system(seqno, SystemKind.KEY_CHANGED)
    return replace(record, detail=KeyChange(key.public.raw, KEY.public.fingerprint))


def verdicts(store: Store, *items: bytes) -> tuple[Verdict, ...]:
    return store.take(raw_batch(items), NOW_MS).verdicts


def test_a_later_key_is_believed_once_the_first_has_introduced_it_and_the_first_stays_good(store: Store) -> None:
    assert verdicts(store, sealed(alarm(1), LATER)) == (Verdict.LATER,)  # asked for again, never written off
    assert verdicts(store, sealed(introducing())) == (Verdict.STORED,)
    assert verdicts(store, sealed(alarm(1), LATER), sealed(alarm(2))) == (Verdict.STORED, Verdict.STORED)


def test_a_key_that_a_stranger_introduces_is_not_believed(store: Store) -> None:
    assert verdicts(store, sealed(introducing(), OTHER_KEY)) == (Verdict.NOT_ALLOWED,)
    assert verdicts(store, sealed(introducing(), LATER)) == (Verdict.LATER,)
    assert verdicts(store, sealed(alarm(1), LATER)) == (Verdict.LATER,)


def test_a_later_key_that_does_not_say_its_name_is_refused(store: Store) -> None:
    verdicts(store, sealed(introducing()))
    assert verdicts(store, sealed(alarm(1), NAMELESS)) == (Verdict.NOT_ALLOWED,)


def test_a_name_alone_opens_nothing(store: Store) -> None:
    verdicts(store, sealed(introducing()))
    forged = bytearray(sealed(alarm(1), LATER))
    forged[-1] ^= 1
    assert verdicts(store, bytes(forged)) == (Verdict.NOT_ALLOWED,)


def test_the_later_key_of_one_box_is_none_of_another(store: Store) -> None:
    verdicts(store, sealed(introducing()))
    other = OTHER_KEY.public.fingerprint
    item = sealed(alarm(1, device=other), LATER)
    assert store.take(raw_batch([item], device=other), NOW_MS).verdicts == (Verdict.LATER,)


def test_a_later_key_may_introduce_the_next(store: Store) -> None:
    third = SigningKey(bytes(range(32)), is_named=True)
    verdicts(store, sealed(introducing()), sealed(introducing(2, third), LATER))
    assert verdicts(store, sealed(introducing(2, third), LATER)) == (Verdict.STORED,)
    assert verdicts(store, sealed(alarm(1), third)) == (Verdict.STORED,)


def test_what_is_no_key_is_kept_as_a_record_and_not_learned(store: Store) -> None:
    record = replace(introducing(), detail=KeyChange(b"\x05" * 33, KEY.public.fingerprint))
    assert verdicts(store, sealed(record)) == (Verdict.STORED,)


def test_keys_beyond_the_bound_are_not_learned(store: Store) -> None:
    keys = [SigningKey(number.to_bytes(32, "big"), is_named=True) for number in range(1, LATER_KEYS_MAX + 2)]
    for seqno, key in enumerate(keys, start=1):
        assert verdicts(store, sealed(introducing(seqno, key))) == (Verdict.STORED,)
    assert verdicts(store, sealed(alarm(1), keys[LATER_KEYS_MAX - 1])) == (Verdict.STORED,)
    assert verdicts(store, sealed(alarm(2), keys[LATER_KEYS_MAX])) == (Verdict.LATER,)


def test_a_seal_with_a_name_is_ten_bytes_longer(store: Store) -> None:
    assert len(sealed(alarm(1), LATER)) - len(sealed(alarm(1), NAMELESS)) == 10


class Box:
    """Outbox, both lanes and the change of keys against a real store, by hand."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.store = store
        self.outbox = Outbox.open(folder / "o.db", DEVICE, boot_id="b", up_ms=1, destinations=("firm",))
        self.seals = BoxSeals(KEY, store.key)
        self.lanes = {lane: Delivery("firm", lane, seed=1, start_spread_s=0.0, envelope=self.seals) for lane in Lane}
        journal = Journal(logging.getLogger("test"))
        seed = b"the later key of the first box!!"
        self.keys = KeyChanges(KEY, folder / "later", self.outbox, {"firm": (self.seals,)}, lambda _: seed, journal)
        self.keys.commits_with(self.commit)
        self.now_ns = 10**9

    def commit(self, draft: RecordDraft, _t_ns: int, now_ns: int) -> None:
        stored = self.outbox.append(draft, STAMP)
        assert stored is not None
        self.keys.appended(now_ns, stored)

    def raise_alarm(self, incident: int) -> None:
        draft = draft_of_alarm(delivered_alarm(incident=incident))
        assert draft is not None
        self.outbox.append(draft, STAMP)

    def deliver(self, lane: Lane) -> tuple[PublicKey, tuple[Verdict, ...]]:
        """One request: the key of its first seal, and what became of its records."""
        self.now_ns += 600 * 10**9
        self.keys.due(self.now_ns)
        step = self.lanes[lane].due(self.now_ns, STAMP, self.outbox)
        assert isinstance(step, Send)
        batch = decode_batch(step.body)
        name = sealed_in(batch.items[0]).header.key_id
        receipt = replace(self.store.take(batch, NOW_MS), answers=answer_tag(step.body))
        answer = self.store.sealed(receipt)
        outcome = self.lanes[lane].answered(self.now_ns, answer, self.outbox)
        self.outbox.settle("firm", outcome, STAMP)
        return (KEY if name is None else LATER).public, receipt.verdicts


def test_the_whole_way_from_the_old_key_to_the_new_and_back_when_the_receiver_has_forgotten_it(
    tmp_path: Path, store: Store
) -> None:
    box = Box(tmp_path, store)
    box.raise_alarm(1)
    assert box.deliver(Lane.ALARMS) == (KEY.public, (Verdict.STORED,))
    box.keys.change(box.now_ns)
    box.raise_alarm(2)
    assert box.deliver(Lane.ALARMS) == (KEY.public, (Verdict.STORED,))  # not known there yet
    assert box.deliver(Lane.REST) == (KEY.public, (Verdict.STORED,))  # introduces it
    box.raise_alarm(3)
    assert box.deliver(Lane.ALARMS) == (LATER.public, (Verdict.STORED,))
    with store._db.transaction() as db:
        db.execute(tables.meta.delete().where(tables.meta.c.name.startswith("later-key")))
    box.raise_alarm(4)
    assert box.deliver(Lane.ALARMS) == (LATER.public, (Verdict.LATER,))
    assert box.deliver(Lane.ALARMS) == (KEY.public, (Verdict.STORED,))
    assert box.outbox.waiting_count("firm") == 0
    box.outbox.close()
