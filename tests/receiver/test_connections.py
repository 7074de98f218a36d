"""Slow and numerous clients: none of them keeps an alarm from its receipt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from edge_agent.wire import Verdict
from receiver.connections import CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, ConnectionCounts, Patience, guarded
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import alarm, body

HURRIED = Patience(head_s=0.2, body_s=0.3, linger_s=0.1)
HEAD = (
    b"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.lift-batch+cbor\r\n"
    b"Content-Length: 100\r\n\r\n"
)


def test_the_limits_are_those_of_the_wire_document() -> None:
    assert (Patience().head_s, Patience().body_s) == (5.0, 10.0)
    assert (CONNECTIONS_PER_ADDRESS_MAX, CONNECTIONS_MAX) == (200, 4096)


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """Everything until the far end closes."""
    return await asyncio.wait_for(reader.read(), 5)


def test_half_sent_bodies_are_dropped_while_an_alarm_gets_its_receipt(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        slow = [await asyncio.open_connection("127.0.0.1", far_end.port) for _ in range(150)]
        for _, writer in slow:
            writer.write(HEAD + b"half")
            await writer.drain()
        receipt = await asyncio.wait_for(far_end.receipt(body(alarm(1))), 5)
        assert receipt.verdicts == (Verdict.STORED,)
        answers = await asyncio.gather(*(answer_of(reader) for reader, _ in slow))
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
        for _, writer in slow:
            writer.close()

    with_receiver(tmp_path, story, patience=replace(HURRIED, head_s=5.0))


def test_a_head_that_never_ends_is_closed(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        silent = await asyncio.open_connection("127.0.0.1", far_end.port)
        slow = await asyncio.open_connection("127.0.0.1", far_end.port)
        slow[1].write(HEAD[:30])
        assert await answer_of(silent[0]) == b""
        assert await answer_of(slow[0]) == b""
        silent[1].close()
        slow[1].close()

    with_receiver(tmp_path, story, patience=HURRIED)


def test_a_second_head_on_the_same_connection_is_timed_too(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /healthz HT")
        assert await answer_of(reader) == b""
        writer.close()

    with_receiver(tmp_path, story, patience=HURRIED)


def test_an_idle_connection_is_kept_between_requests(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        silent = await asyncio.open_connection("127.0.0.1", far_end.port)
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        writer.write(request)
        await reader.readuntil(b"}")
        await answer_of(silent[0])  # by now a head would have taken too long
        silent[1].close()
        writer.write(request)
        assert (await asyncio.wait_for(reader.readuntil(b"}"), 5)).startswith(b"HTTP/1.1 200")
        writer.close()

    with_receiver(tmp_path, story, patience=HURRIED)


def test_the_connection_beyond_the_total_is_refused_and_one_that_ends_makes_room() -> None:
    class Inner(asyncio.Protocol):
        made = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            Inner.made += 1

    class Wire(asyncio.Transport):
        aborted = 0

        def get_extra_info(self, name: str, default: object = None) -> object:
            return (f"10.0.0.{Inner.made % 250}", 1)

        def abort(self) -> None:
            Wire.aborted += 1

    async def story() -> None:
        counts = ConnectionCounts(total=CONNECTIONS_MAX - 1)
        make = guarded(Inner, counts, 60.0)
        last, beyond = make(), make()
        last.connection_made(Wire())
        beyond.connection_made(Wire())
        assert (Inner.made, Wire.aborted, counts.refused, counts.total) == (1, 1, 1, CONNECTIONS_MAX)
        last.connection_lost(None)
        make().connection_made(Wire())
        assert (Inner.made, counts.total) == (2, CONNECTIONS_MAX)

    asyncio.run(story())


def test_one_address_holds_two_hundred_connections_and_no_more(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        held = [await asyncio.open_connection("127.0.0.1", far_end.port) for _ in range(200)]
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        refused = asyncio.create_task(reader.read())
        await asyncio.wait([refused], timeout=5)
        assert refused.done()
        refused.exception()  # reset or end, either is a refusal
        writer.close()
        held[0][1].close()
        await held[0][1].wait_closed()
        answer = await far_end.client.get(f"{far_end.url}/healthz")
        assert answer.status == 200
        for _, other in held:
            other.close()

    with_receiver(tmp_path, story)
