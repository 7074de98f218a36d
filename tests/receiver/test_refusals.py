"""What hostile clients send is refused, counted and said: oversize, slow, forged, replayed; floods only in numbers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from yarl import URL

from edge_agent.wire import Verdict, encode_batch
from receiver.connections import Patience
from receiver.database import Place
from receiver.refusals import LINES_PER_MINUTE_MAX, Refusals
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, OTHER_KEY, alarm, body, raw_batch, sealed

ID = f"{DEVICE.hex()}-{LOG}-0-1"


def test_what_is_refused_is_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(far_end: FarEnd) -> None:
        assert (await far_end.post(b"x" * 65_537)).status == 413
        assert (await far_end.post(b"\xff")).status == 400
        assert (await far_end.post(b"x", headers={"Content-Type": "text/plain"})).status == 415
        assert (await far_end.tell("nonsense", {"act": "closed", "who": "Li"})).status == 404
        answer = await far_end.client.get(f"{far_end.url}/metrics")
        text = await answer.text()
        for status in (413, 400, 415, 404):
            assert f'lift_receiver_refused{{why="{status}"}} 1' in text

    with caplog.at_level(logging.WARNING, "receiver"):
        with_receiver(tmp_path, story)
    assert "longer than 65536 bytes" in caplog.text


def test_a_head_that_never_ends_is_closed_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        writer.write(b"POST /v1/records HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await writer.drain()
        assert await reader.read() == b""
        writer.close()
        assert far_end.service.refusals.counts == {"slow_head": 1}

    with caplog.at_level(logging.WARNING, "receiver"):
        with_receiver(tmp_path, story, patience=Patience(head_s=0.2))
    assert "no whole request within 0.2 s" in caplog.text


def test_a_forged_record_is_not_stored_and_said_and_a_replayed_one_is_had(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(far_end: FarEnd) -> None:
        first = await far_end.receipt(body(alarm(1)))
        again = await far_end.receipt(body(alarm(1)))
        assert (first.verdicts, again.verdicts) == ((Verdict.STORED,), (Verdict.HAD_IT,))
        assert again.marks == first.marks
        forged = encode_batch(raw_batch([sealed(alarm(2), OTHER_KEY)]))
        assert (await far_end.receipt(forged)).verdicts == (Verdict.NOT_ALLOWED,)
        shown = await (await far_end.client.get(f"{far_end.url}/v1/incidents")).json()
        assert [each["id"] for each in shown["incidents"]] == [ID]

    with caplog.at_level(logging.INFO, "receiver"):
        with_receiver(tmp_path, story)
    assert "sent 1 record(s) that were refused" in caplog.text


def test_a_flood_is_said_in_numbers(caplog: pytest.LogCaptureFixture) -> None:
    now_ms = NOW_MS
    refusals = Refusals(lambda: now_ms)
    with caplog.at_level(logging.WARNING, "receiver"):
        for _ in range(1_000):
            refusals.note("400", "10.0.0.9", "GET /\x1b[2J: nonsense")
        assert len(caplog.records) == LINES_PER_MINUTE_MAX
        now_ms += 60_000
        refusals.note("400", "10.0.0.9", "again")
    assert f"{1_000 - LINES_PER_MINUTE_MAX} more in the minute before" in caplog.text
    assert "\x1b" not in caplog.text
    assert refusals.counts == {"400": 1_001}


def test_bytes_that_are_no_http_are_counted_and_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(far_end: FarEnd) -> None:
        for _ in range(LINES_PER_MINUTE_MAX + 10):
            reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: no\x00number\r\n\r\n")
            await writer.drain()
            assert b" 400 " in (await reader.read()).splitlines()[0]
            writer.close()
        assert far_end.service.refusals.counts["no_http"] == LINES_PER_MINUTE_MAX + 10

    with caplog.at_level(logging.WARNING, "receiver"):
        with_receiver(tmp_path, story)
    assert "Traceback" not in caplog.text
    assert len(caplog.records) == LINES_PER_MINUTE_MAX


ODD = ("%00", "a%00b", "%ff%fe", "%ed%a0%80", "..%2f..", "%41", "A%2541", "x" * 3_000)


def test_odd_names_in_addresses_are_refused_or_found_and_never_an_error(place: Place) -> None:
    """On PostgreSQL too, which has no place for U+0000."""

    async def story(far_end: FarEnd) -> None:
        for odd in ODD:
            for path in (
                f"lifts/{odd}",
                f"lifts?after={odd}",
                f"escalation/lists/{odd}",
                f"audit?before={odd}",
                "audit?before=99999999999999999999-00",
                f"adapters?adapter={odd}",
                f"users/{odd}",
                f"boxes/{odd}",
                f"incidents/{odd}",
            ):
                answer = await far_end.client.get(URL(f"{far_end.url}/v1/{path}", encoded=True))
                assert answer.status < 500, (path, await answer.text())
            for method, path, sent in (
                ("PUT", f"lifts/{odd}", {"maker": "\x00"}),
                ("PUT", f"firms/{odd}", {"phone": "\x00"}),
                ("POST", f"lifts/{odd}/handover", {"firm": "\x00", "url": "https://firm.example"}),
                ("PUT", f"escalation/lists/{odd}", {"steps": []}),
                ("PUT", f"boxes/{DEVICE.hex()}/lift", {"lift": "\x00"}),
                ("POST", "users", {"name": "\x00", "role": "viewer", "password": "x" * 12}),
                ("PATCH", f"users/{odd}", {"shown": "\x00"}),
                ("POST", "adapters/retry", {"adapter": "\x00", "key": "\x00"}),
                ("POST", "session", {"name": "\x00", "password": "x"}),
            ):
                address = URL(f"{far_end.url}/v1/{path}", encoded=True)
                answer = await far_end.client.request(method, address, json=sent)
                assert answer.status < 500, (method, path, await answer.text())
        percent = URL(f"{far_end.url}/v1/lifts/A%2541", encoded=True)
        assert (await far_end.client.put(percent, json={})).status == 200
        assert (await (await far_end.client.get(percent)).json())["lift_no"] == "A%41"

    with_receiver(place, story)  # type: ignore[arg-type]
