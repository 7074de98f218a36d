"""Another record key: introduced with the old one, used where it is known, given up where it is not believed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from edge_agent.agent_keys import AGAIN_NS, KeyChanges
from edge_agent.delivery import Delivery, Lane, Outcome, Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.journal import Journal
from edge_agent.records import RecordDraft, StoredRecord
from edge_agent.wire import (
    Gap,
    KeyChange,
    Mark,
    Receipt,
    Stamp,
    Stream,
    SystemKind,
    Verdict,
    answer_tag,
    decode_batch,
    decode_record,
    encode_receipt,
)
from edge_agent.wire_sealing import PublicKey, SigningKey, Use, sealed_in
from tests.delivery.making import MAIN, heartbeat, open_outbox

FIRST = SigningKey(bytes(range(32)))
FIRM = SigningKey(bytes(range(1, 33)))
OTHER = "other"
STAMP = Stamp(1, 1_000)


class Box:
    """Outbox, seals and the change of keys, without threads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "later.key"
        self.outbox = open_outbox(folder, destinations=(MAIN, OTHER), device=FIRST.public.fingerprint)
        self.seals = {name: BoxSeals(FIRST, FIRM.public) for name in (MAIN, OTHER)}
        self.keys = KeyChanges(
            FIRST,
            self.path,
            self.outbox,
            {name: (seals,) for name, seals in self.seals.items()},
            os.urandom,
            Journal(logging.getLogger("test")),
        )
        self.keys.commits_with(self.commit)
        self.committed: list[StoredRecord] = []

    def commit(self, draft: RecordDraft, _t_ns: int, now_ns: int) -> None:
        stored = self.outbox.append(draft, STAMP)
        assert stored is not None
        self.committed.append(stored)
        self.keys.appended(now_ns, stored)

    def confirm(self, name: str, upto: int) -> None:
        self.outbox.settle(name, Outcome(marks=(Mark(Stream.FAULT, upto),)), STAMP)
        self.keys.due(1)

    @property
    def later(self) -> PublicKey:
        detail = decode_record(self.committed[-1].body).detail
        assert isinstance(detail, KeyChange)
        return PublicKey(detail.key)


def test_another_key_seals_for_a_receiver_that_has_the_record_which_introduces_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.keys.change(0)
    (introducing,) = box.committed
    assert introducing.kind == SystemKind.KEY_CHANGED
    assert introducing.stream is Stream.FAULT
    detail = decode_record(introducing.body).detail
    assert isinstance(detail, KeyChange)
    assert detail.replaces == FIRST.public.fingerprint
    assert box.later != FIRST.public
    assert sealed_in(box.seals[MAIN].seal(introducing)).header.key_id is None
    FIRST.public.open(box.seals[MAIN].seal(introducing), Use.RECORD)

    box.confirm(MAIN, introducing.seqno)
    sealed = box.seals[MAIN].seal(introducing)
    assert box.later.open(sealed, Use.RECORD) == introducing.body
    assert sealed_in(sealed).header.key_id == box.later.fingerprint
    assert box.later.open(box.seals[MAIN].seal_part(b"part"), Use.PART) == b"part"
    assert box.seals[OTHER].key == FIRST.public  # it has not confirmed anything


def test_a_receiver_set_back_behind_that_record_gets_the_first_key_until_it_has_it_again(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.keys.change(0)
    seqno = box.committed[0].seqno
    box.confirm(MAIN, seqno)
    box.outbox.settle(MAIN, Outcome(gaps=(Gap(Stream.FAULT, seqno, seqno),)), STAMP)
    box.keys.due(2)
    assert box.seals[MAIN].key == FIRST.public
    box.confirm(MAIN, seqno)
    assert box.seals[MAIN].key == box.later


def test_in_a_new_log_the_key_is_introduced_once_more_and_the_first_seals_until_then(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.keys.change(0)
    box.confirm(MAIN, box.committed[0].seqno)
    box.outbox.settle(MAIN, Outcome(needs_new_log=True), STAMP)
    box.keys.begin_anew()
    box.keys.due(3)
    assert len(box.committed) == 2
    assert decode_record(box.committed[1].body).detail == decode_record(box.committed[0].body).detail
    assert box.seals[MAIN].key == FIRST.public
    box.confirm(MAIN, box.committed[1].seqno)
    assert box.seals[MAIN].key == box.later


def test_after_a_restart_the_same_key_is_introduced_once_more(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.keys.change(0)
    later = box.later
    assert box.path.stat().st_mode & 0o077 == 0
    box.outbox.close()
    again = Box(tmp_path)
    assert again.keys.due(0) == ()
    assert again.later == later
    again.keys.due(2 * AGAIN_NS)
    assert len(again.committed) == 1


def test_a_record_that_the_disk_did_not_take_is_made_again_after_a_while(tmp_path: Path) -> None:
    box = Box(tmp_path)
    refused: list[RecordDraft] = []
    box.keys.commits_with(lambda draft, _t_ns, _now_ns: refused.append(draft))
    box.keys.change(0)
    box.keys.due(AGAIN_NS - 1)
    assert len(refused) == 1
    box.keys.due(AGAIN_NS)
    assert len(refused) == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"00" * 31])
def test_a_damaged_file_of_a_later_key_is_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "later.key").write_bytes(content)
    box = Box(tmp_path)
    box.keys.due(0)
    assert box.committed == []
    assert box.seals[MAIN].key == FIRST.public


def test_a_key_that_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.path.mkdir()
    box.keys.change(0)
    assert box.committed == []
    assert box.seals[MAIN].key == FIRST.public


@pytest.mark.parametrize("verdict", [Verdict.NOT_ALLOWED, Verdict.LATER])
def test_a_receiver_that_does_not_believe_the_later_key_gets_the_first_at_once_and_for_the_rest_of_this_life(
    tmp_path: Path, verdict: Verdict
) -> None:
    box = Box(tmp_path)
    box.keys.change(0)
    box.confirm(MAIN, box.committed[0].seqno)
    assert box.seals[MAIN].key == box.later
    lane = Delivery(MAIN, Lane.REST, seed=1, start_spread_s=0.0, envelope=box.seals[MAIN])
    box.outbox.append(heartbeat(), STAMP)
    now_ns = 10**9
    step = lane.due(now_ns, STAMP, box.outbox)
    assert isinstance(step, Send)
    box.later.open(decode_batch(step.body).items[0], Use.RECORD)
    receipt = Receipt(
        FIRST.public.fingerprint,
        box.outbox.log_id,
        (verdict,),
        (Mark(Stream.FAULT, box.committed[0].seqno),),
        1_795_459_200_000,
        bytes(8),
        answers=answer_tag(step.body),
    )
    outcome = lane.answered(now_ns, FIRM.seal(encode_receipt(receipt), Use.RECEIPT), box.outbox)
    assert outcome.refused == ()  # nothing is written off
    box.keys.due(now_ns)
    again = lane.due(now_ns + 600 * 10**9, STAMP, box.outbox)
    assert isinstance(again, Send)
    FIRST.public.open(decode_batch(again.body).items[0], Use.RECORD)
