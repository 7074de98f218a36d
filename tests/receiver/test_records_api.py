"""POST /v1/records over real HTTP: every status and every verdict."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from edge_agent.wire import Gap, Mark, Stream, Verdict, encode_batch
from edge_agent.wire_sealing import SigningKey
from receiver.errors import StoreUnavailable
from receiver.store import Store
from receiver.taken import Arrival, Taken
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import (
    NOW_MS,
    OTHER_DEVICE,
    OTHER_KEY,
    SENSOR_FAULT,
    alarm,
    batch,
    body,
    known_to,
    raw_batch,
    sealed,
)


def test_a_batch_is_answered_with_its_receipt(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        sent = body(alarm(1), alarm(3))
        receipt = await far_end.receipt(sent)
        assert receipt.verdicts == (Verdict.STORED, Verdict.STORED)
        assert receipt.marks == (Mark(Stream.ALARM, 1),)
        assert receipt.gaps == (Gap(Stream.ALARM, 2, 2),)
        assert receipt.at_ms == NOW_MS
        assert receipt.answers == hashlib.sha256(sent).digest()[:8]

    with_receiver(tmp_path, story)


def test_every_verdict_reaches_the_box(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        items = [sealed(alarm(2)), sealed(alarm(1)), bytes(20), sealed(alarm(1, percent=5))]
        receipt = await far_end.receipt(encode_batch(raw_batch(items)))
        assert [int(verdict) for verdict in receipt.verdicts] == [0, 1, 2, 4]

    with_receiver(tmp_path, story)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x00", body(alarm(1))[:-1], body(alarm(1)) + b"\x00", b"\xbf\xff", b"{}", bytes(65_536)],
    ids=["empty", "number", "cut", "longer", "indefinite", "json", "zeros"],
)
def test_damaged_outer_bytes_are_answered_with_400(tmp_path: Path, damaged: bytes) -> None:
    async def story(far_end: FarEnd) -> None:
        answer = await far_end.post(damaged)
        assert answer.status == 400
        assert set(await answer.json()) == {"problem", "hint"}
        assert (await far_end.receipt(body(alarm(1)))).verdicts == (Verdict.STORED,)

    with_receiver(tmp_path, story)


def test_a_body_beyond_64_kib_is_refused_by_its_length_alone(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        writer.write(
            b"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.lift-batch+cbor\r\n"
            b"Content-Length: 65537\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in head.lower()
        writer.close()

    with_receiver(tmp_path, story)


def test_a_body_without_length_is_cut_off_beyond_64_kib(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        writer.write(
            b"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.lift-batch+cbor\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(17):
            writer.write(b"1000\r\n" + bytes(4096) + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
        writer.close()

    with_receiver(tmp_path, story)


def test_the_longest_allowed_body_is_read(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        sent = encode_batch(raw_batch([bytes(1000)] * 64))
        assert len(sent) > 64_000
        assert (await far_end.receipt(sent)).verdicts == (Verdict.MALFORMED,) * 64

    with_receiver(tmp_path, story)


def test_another_content_type_is_refused(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        answer = await far_end.post(body(alarm(1)), headers={"Content-Type": "text/plain"})
        assert answer.status == 415

    with_receiver(tmp_path, story)


def test_a_compressed_body_is_never_inflated(tmp_path: Path) -> None:
    import gzip

    async def story(far_end: FarEnd) -> None:
        bomb = gzip.compress(bytes(10_000_000))
        answer = await far_end.post(bomb, headers={"Content-Encoding": "gzip"})
        assert answer.status == 400

    with_receiver(tmp_path, story)


def test_a_flood_of_faults_is_slowed_and_an_alarm_passes(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        fault = body(alarm(1, kind=SENSOR_FAULT))
        statuses = [(await far_end.post(fault)).status for _ in range(51)]
        assert statuses == [200] * 50 + [429]
        assert (await far_end.post(fault)).headers["Retry-After"] == "1"
        assert (await far_end.receipt(body(alarm(1)))).verdicts == (Verdict.STORED,)
        far_end.clock.ms += 1_000
        assert (await far_end.post(fault)).status == 200

    with_receiver(tmp_path, story)


def test_another_box_is_not_slowed_by_a_flood(tmp_path: Path) -> None:

    async def story(far_end: FarEnd) -> None:
        for _ in range(60):
            await far_end.post(body(alarm(1, kind=SENSOR_FAULT)))
        sent = encode_batch(batch(alarm(1, kind=SENSOR_FAULT, device=OTHER_DEVICE), device=OTHER_DEVICE))
        assert (await far_end.post(sent, OTHER_KEY)).status == 200

    with_receiver(tmp_path, story)


class FullDisk(Store):
    """A store whose disk takes nothing."""

    def take_all(self, arrivals: object) -> tuple[Taken, ...]:
        raise StoreUnavailable("nothing was stored (disk full)", subject="database", hint="Free some room")


def test_what_cannot_be_stored_is_answered_with_503_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(far_end: FarEnd) -> None:
        assert (await far_end.post(body(alarm(1)))).status == 503
        answer = await far_end.post(body(alarm(1)))
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert answer.content_type == "application/json"

    with_receiver(tmp_path, story, make_store=FullDisk)
    said = [record.getMessage() for record in caplog.records if record.name == "receiver"]
    assert said == ["NOTHING IS STORED: database: nothing was stored (disk full). Free some room"]


def test_many_boxes_at_once_are_each_answered_for_themselves(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        keys = [SigningKey(bytes([n]) * 32) for n in range(100)]
        devices = [key.public.fingerprint for key in keys]
        receipts = await asyncio.gather(
            *(
                far_end.receipt(encode_batch(batch(alarm(1, device=device), device=device, key=key)), key)
                for device, key in zip(devices, keys, strict=True)
            )
        )
        assert [receipt.device for receipt in receipts] == devices
        assert {receipt.verdicts for receipt in receipts} == {(Verdict.STORED,)}

    with_receiver(tmp_path, story)


def test_batches_that_share_a_commit_have_receipts_of_their_own(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    taken = store.take_all([Arrival(batch(alarm(1)), NOW_MS), Arrival(batch(alarm(1), alarm(2)), NOW_MS)])
    store.close()
    assert [one.receipt.verdicts for one in taken] == [(Verdict.STORED,), (Verdict.HAD_IT, Verdict.STORED)]
