"""Recordings around alarms: asked for here, sent by the box in parts, whole under the digest that the alarm named."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState
from edge_agent.delivery import Lane
from edge_agent.delivery_evidence import EvidenceDelivery, Upload
from edge_agent.delivery_seals import BoxSeals
from edge_agent.delivery_steps import AnswerMissing, AnswerRefused, Failure
from edge_agent.evidence import EvidenceShelf
from edge_agent.records import draft_of_evidence
from edge_agent.wire import PART_BYTES_MAX, PART_TYPE, Part, Phase, Stream, Want, decode_receipt, encode_part
from edge_agent.wire_sealing import SealRefused, SigningKey, Use
from receiver import evidence as limits
from receiver.errors import NoticeRefused
from receiver.evidence import EvidenceState
from receiver.incidents import IncidentKey
from receiver.store import Store
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY, LOG, NOW_MS, OTHER_KEY, alarm, batch, body, known_to
from tests.receiver.test_with_agent import FAR_END, S_NS, Box, entrapment

FILE = bytes(range(256)) * 40
DIGEST = hashlib.sha256(FILE).digest()[:16]
NOTE = f"evidence_sha256={DIGEST.hex()} evidence_bytes={len(FILE)}"
INCIDENT = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = known_to(Store(tmp_path))
    store.take(batch(alarm(1), alarm(2, phase=Phase.UPDATED, incident=1, note=NOTE)), NOW_MS)
    yield store
    store.close()


def part(offset: int, count: int = 4_000, *, size: int = len(FILE), key: SigningKey = KEY, file: bytes = FILE) -> bytes:
    return key.seal(encode_part(Part(DEVICE, DIGEST, size, offset, file[offset : offset + count])), Use.PART)


def wanted(store: Store) -> Want | None:
    """As the next receipt says it."""
    polled = store.notices_after(DEVICE, 0, NOW_MS)
    assert polled is not None
    return polled.receipt.want


def test_nothing_is_wanted_before_somebody_asks(store: Store) -> None:
    assert wanted(store) is None
    assert store.take_part(part(0), NOW_MS).receipt.want is None
    assert store.evidence(INCIDENT) is None


def test_a_recording_is_asked_for_taken_in_parts_and_kept_whole(store: Store) -> None:
    asked = store.ask_evidence(INCIDENT, NOW_MS)
    assert asked is not None
    assert (asked.state, asked.size) == (EvidenceState.ASKED, len(FILE))
    offset = 0
    while (want := wanted(store)) is not None:
        assert want == Want(DIGEST, offset)
        store.take_part(part(offset), NOW_MS)
        offset += 4_000
    assert store.evidence(INCIDENT) == FILE


def test_a_receiver_that_restarts_goes_on_where_it_was(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    store.take(batch(alarm(1), alarm(2, phase=Phase.UPDATED, incident=1, note=NOTE)), NOW_MS)
    store.ask_evidence(INCIDENT, NOW_MS)
    store.take_part(part(0), NOW_MS)
    store.close()
    store = Store(tmp_path)
    assert wanted(store) == Want(DIGEST, 4_000)
    store.close()


def test_a_part_that_does_not_continue_what_is_here_changes_nothing(store: Store) -> None:
    store.ask_evidence(INCIDENT, NOW_MS)
    for offset in (4_000, 8_000):
        assert store.take_part(part(offset), NOW_MS).receipt.want == Want(DIGEST, 0)
    assert store.take_part(part(0), NOW_MS).receipt.want == Want(DIGEST, 4_000)
    assert store.take_part(part(0), NOW_MS).receipt.want == Want(DIGEST, 4_000)


def test_what_is_not_what_the_alarm_named_is_asked_for_three_times_and_never_kept(store: Store) -> None:
    store.ask_evidence(INCIDENT, NOW_MS)
    other = FILE[:-1] + b"x"
    for _ in range(limits.TRIES_MAX):
        for offset in range(0, len(FILE), 4_000):
            store.take_part(part(offset, file=other), NOW_MS)
    assert wanted(store) is None
    assert store.evidence(INCIDENT) is None
    again = store.ask_evidence(INCIDENT, NOW_MS)
    assert again is not None
    assert again.state is EvidenceState.ASKED


def test_a_box_that_keeps_it_no_more_is_not_asked_again(store: Store) -> None:
    store.ask_evidence(INCIDENT, NOW_MS)
    gone = KEY.seal(encode_part(Part(DEVICE, DIGEST, 0, 0, b"")), Use.PART)
    assert store.take_part(gone, NOW_MS).receipt.want is None
    assert wanted(store) is None


def test_a_part_that_another_key_sealed_or_for_another_use_is_refused(store: Store) -> None:
    store.ask_evidence(INCIDENT, NOW_MS)
    with pytest.raises(SealRefused):
        store.take_part(part(0, key=OTHER_KEY), NOW_MS)
    as_record = KEY.seal(encode_part(Part(DEVICE, DIGEST, len(FILE), 0, FILE[:10])), Use.RECORD)
    with pytest.raises(SealRefused):
        store.take_part(as_record, NOW_MS)
    assert wanted(store) == Want(DIGEST, 0)


def test_an_incident_that_names_no_recording_has_none_to_ask_for(store: Store) -> None:
    store.take(batch(alarm(3)), NOW_MS)
    assert store.ask_evidence(IncidentKey(DEVICE, LOG, Stream.ALARM, 3), NOW_MS) is None


def name_recordings(store: Store, count: int, size: int) -> list[IncidentKey]:
    """Incidents 10, 12, ... each with a recording of its own."""
    keys = []
    for number in range(10, 10 + 2 * count, 2):
        note = f"evidence_sha256={number:032x} evidence_bytes={size}"
        store.take(batch(alarm(number), alarm(number + 1, phase=Phase.UPDATED, incident=number, note=note)), NOW_MS)
        keys.append(IncidentKey(DEVICE, LOG, Stream.ALARM, number))
    return keys


def test_one_box_is_asked_for_a_bounded_number_at_a_time(store: Store) -> None:
    keys = name_recordings(store, limits.ASKED_MAX + 1, 1_000)
    for key in keys[:-1]:
        store.ask_evidence(key, NOW_MS)
    with pytest.raises(NoticeRefused, match="recordings of this box are asked for already"):
        store.ask_evidence(keys[-1], NOW_MS)


def test_the_oldest_recording_goes_when_there_is_no_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEPT_BYTES_MAX", len(FILE) + 1_000)
    store.ask_evidence(INCIDENT, NOW_MS)
    for offset in range(0, len(FILE), 4_000):
        store.take_part(part(offset), NOW_MS)
    assert store.evidence(INCIDENT) == FILE
    small, large = name_recordings(store, 1, 1_000)[0], IncidentKey(DEVICE, LOG, Stream.ALARM, 50)
    store.ask_evidence(small, NOW_MS + 1)
    assert store.evidence(INCIDENT) == FILE
    note = f"evidence_sha256={50:032x} evidence_bytes=5000"
    store.take(batch(alarm(50), alarm(51, phase=Phase.UPDATED, incident=50, note=note)), NOW_MS)
    store.ask_evidence(large, NOW_MS + 2)
    assert store.evidence(INCIDENT) is None


class Uploader:
    """What the agent does with parts, over its real uplink."""

    def __init__(self, box: Box, far_end: FarEnd, folder: Path) -> None:
        self.box = box
        self.delivery = EvidenceDelivery(FAR_END, DEVICE, BoxSeals(KEY, far_end.key))
        self.shelf = EvidenceShelf(folder)
        self.sizes: list[int] = []

    def send(self, *, is_answer_lost: bool = False) -> bool:
        """One part; False: there is nothing to send. is_answer_lost: the receiver has it, the link is cut then."""
        self.box.now_ns += S_NS
        upload = self.delivery.due(self.box.now_ns, self.shelf, is_alarm_waiting=self.box.outbox.lacks_alarm(FAR_END))
        if upload is None:
            return False
        self.sizes.append(len(upload.body))
        answer = self.box.uplink.part(upload.body)
        if is_answer_lost:
            error = AnswerMissing("cut", subject="link", hint="none")
            self.delivery.failed(self.box.now_ns, error)
            self.box.now_ns += 400 * S_NS
        else:
            assert self.delivery.answered(self.box.now_ns, answer) == ""
        return True


def test_from_the_box_to_the_page_over_http_with_cuts_and_an_alarm_in_between(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    content = bytes(range(251)) * 400
    digest = hashlib.sha256(content).digest()
    (folder / f"alarm-000001-incident-1-{digest[:16].hex()}.liftrec").write_bytes(content)

    async def story(far_end: FarEnd) -> None:
        box = Box(tmp_path, far_end.url, far_end.key)
        uploader = Uploader(box, far_end, folder)
        box.append(entrapment(AlarmState.RAISED))
        box.append(draft_of_evidence(1, 1, digest, len(content), is_present=True))
        await asyncio.to_thread(box.step, Lane.ALARMS)
        (shown,) = (await (await far_end.client.get(f"{far_end.url}/v1/incidents")).json())["incidents"]
        assert shown["recording"] == {"state": "on_box", "bytes": len(content), "bytes_here": 0}
        at = f"{far_end.url}/v1/incidents/{shown['id']}/evidence"
        assert (await far_end.client.get(at)).status == 404
        asked = await far_end.client.post(at, json={})
        assert asked.status == 200, await asked.text()
        assert not await asyncio.to_thread(uploader.send)  # the box has not heard of it
        outcome, _ = await asyncio.to_thread(box.step, Lane.ALARMS)
        uploader.delivery.wanted(outcome.want)
        for turn in range(3):
            assert await asyncio.to_thread(partial(uploader.send, is_answer_lost=turn == 1))
        box.append(entrapment(AlarmState.UPDATED))
        assert not await asyncio.to_thread(uploader.send)  # an alarm waits
        await asyncio.to_thread(box.step, Lane.ALARMS)
        while await asyncio.to_thread(uploader.send):
            pass
        fetched = await far_end.client.get(at)
        assert (fetched.status, await fetched.read()) == (200, content)
        assert max(uploader.sizes) < PART_BYTES_MAX + 200
        await asyncio.to_thread(box.close)

    with_receiver(tmp_path / "receiver", story)


def test_a_forged_part_gets_no_answer_that_moves_anything(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1), alarm(2, phase=Phase.UPDATED, incident=1, note=NOTE)))
        at = f"{far_end.url}/v1/evidence"
        forged = await far_end.client.post(at, data=part(0, key=OTHER_KEY), headers={"Content-Type": PART_TYPE})
        assert forged.status == 403
        broken = await far_end.client.post(at, data=b"\x00", headers={"Content-Type": PART_TYPE})
        assert broken.status == 400
        unasked = await far_end.client.post(at, data=part(0), headers={"Content-Type": PART_TYPE})
        assert decode_receipt(far_end.key.open(await unasked.read(), Use.RECEIPT)).want is None

    with_receiver(tmp_path, story)


def test_the_pace_follows_the_link_and_an_answer_to_something_else_is_not_believed() -> None:
    far_end = SigningKey(bytes(range(32)))
    delivery = EvidenceDelivery(FAR_END, DEVICE, BoxSeals(KEY, far_end.public))

    class Shelf:
        def read(self, digest: bytes, offset: int, count: int) -> tuple[int, bytes]:
            return 1 << 20, bytes(count)

    delivery.wanted(Want(DIGEST, 0))
    first = delivery.due(0, Shelf(), is_alarm_waiting=False)
    assert isinstance(first, Upload)
    assert delivery.due(0, Shelf(), is_alarm_waiting=False) is None  # one at a time
    assert "no receipt" in delivery.answered(S_NS, b"\x00")
    assert delivery.due(5 * S_NS, Shelf(), is_alarm_waiting=False) is None
    again = delivery.due(6 * S_NS, Shelf(), is_alarm_waiting=False)
    assert again == first
    refused = AnswerRefused("no", subject="far end", hint="ask", failure=Failure.DENIED, status=403)
    assert "no" in delivery.failed(7 * S_NS, refused)
    assert delivery.due(16 * S_NS, Shelf(), is_alarm_waiting=False) is None  # the wait has doubled
