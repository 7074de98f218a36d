"""Alarm receiving centres over SIA DC-09: the bytes, and a conversation with a centre that is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind
from edge_agent.wire import Phase, Stream, SystemKind
from receiver.adapters import dc09_out
from receiver.adapters.codes import CENTRE
from receiver.adapters.dc09 import (
    BODY_BYTES_MAX,
    Dc09Error,
    Event,
    Form,
    Line,
    Reply,
    answer_in,
    crc16,
    event_frame,
    link_test,
)
from receiver.adapters.dc09_out import CentreAdapter, CentreSettings
from receiver.adapters.runner import AdapterLoop
from receiver.outgoing import AGAIN_MS
from tests.receiver.adapters.centre import Centre, a_centre, remainder
from tests.receiver.adapters.test_platform import messages
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, body, identity, system

NOW_S = NOW_MS // 1000
AES = bytes(range(16))
LIFT = "31104403532019060007"
KEY = f"{DEVICE.hex()}-{LOG}-0-1"
HELP = Event(False, "101", "QA", 1, 1)
PAD = bytes(range(32))
# Source: docstring of siadc09 1.0.1 (Unlicense).
PUBLIC = b'\n8C860043"SIA-DCS"9876R579BDFL789ABC#123456A[#123456A|NFA129][M1234567890AB]\r'


def test_the_crc_of_a_published_frame_is_ours() -> None:
    assert crc16(PUBLIC[9:-1]) == 0x8C86
    assert crc16(b"123456789") == 0xBB3D  # check value of CRC-16/ARC


@given(st.binary(max_size=60))
def test_the_crc_is_the_remainder_of_a_long_division(content: bytes) -> None:
    assert crc16(content) == remainder(content)


def test_an_event_is_written_as_contact_id_and_as_sia() -> None:
    line = Line("1234", receiver="1", prefix="2")
    assert event_frame(line, 7, Form.CONTACT_ID, HELP, NOW_S, PAD)[9:] == (
        b'"ADM-CID"0007R1L2#1234[#1234|1101 01 001]_18:40:00,11-23-2026\r'
    )
    restored = replace(HELP, is_restoral=True, sia="QR")
    assert event_frame(Line("ABC"), 9_999, Form.SIA, restored, NOW_S, PAD)[9:] == (
        b'"SIA-DCS"9999L0#ABC[#ABC|Nri1/QR001]_18:40:00,11-23-2026\r'
    )


def test_a_text_cannot_end_its_field_and_no_frame_is_too_long() -> None:
    event = replace(HELP, text='困人 ]\r\n[K00|"' + "x" * 5_000, occurred_ms=NOW_MS)
    frame = event_frame(Line("1234"), 1, Form.CONTACT_ID, event, NOW_S, PAD)
    assert frame.count(b"\r") == frame.count(b"\n") == 1
    assert frame.count(b"[") == frame.count(b"]") == 3
    assert len(frame) - 10 <= BODY_BYTES_MAX
    assert frame[9:-1].decode("utf-8")


@pytest.mark.parametrize("size", [16, 24, 32])
def test_an_encrypted_frame_shows_nothing_but_its_head(size: int) -> None:
    line = Line("1234", key=bytes(size))
    for event in (HELP, replace(HELP, text="a"), replace(HELP, text="ab" * 40)):
        frame = event_frame(line, 7, Form.CONTACT_ID, event, NOW_S, PAD)
        assert frame[9:].startswith(b'"*ADM-CID"0007L0#1234[')
        sealed = bytes.fromhex(frame[9:-1].partition(b"[")[2].decode())
        assert len(sealed) % 16 == 0
        words = Centre(key=bytes(size)).decrypted(sealed.hex())
        pad, _, rest = words.partition("|")
        assert 16 <= len(pad) < 32
        assert rest.startswith("#1234|1101 01 001]")
    assert b"|" not in link_test(line, NOW_S, PAD)


def frame_of(content: bytes) -> bytes:
    return b"\n%04X%04X%s\r" % (remainder(content), len(content), content)


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b'"ACK"0007R1L2#1234[]', Reply.ACK),
        (b'"ACK"0007L0#1234[]_18:40:00,11-23-2026', Reply.ACK),
        (b'"DUH"0007R1L2#1234[]', Reply.DUH),
        (b'"NAK"0000R0L0A0[]_18:40:00,11-23-2026', Reply.NAK),
        (b'"RSP"0007L0#1234[V]', Reply.RSP),
    ],
)
def test_answers_are_understood(content: bytes, reply: Reply) -> None:
    answer = answer_in(frame_of(content), None)
    assert answer.reply is reply
    assert answer.at_s == (NOW_S if b"_" in content else None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\r",
        b'\n00000014"ACK"0007R1L2#1234[]\r',
        frame_of(b'"ACK"0007R1L2#1234[]').replace(b"0007", b"0008"),
        frame_of(b'"ACK"0007R1L2#1234['),
        frame_of(b'"ACK"07L0#1[]'),
        frame_of(b'"OKAY"0007L0#1234[]'),
        frame_of(b'"*ACK"0007L0#1234[00]'),
        b"\nZZZZ0014\r",
    ],
)
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(Dc09Error):
        answer_in(raw, None)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    for content in (raw, frame_of(raw)):
        with pytest.raises(Dc09Error):
            answer_in(content, AES)


def test_with_a_key_an_acknowledgement_in_the_open_or_under_another_key_proves_nothing() -> None:
    with pytest.raises(Dc09Error, match="in the open"):
        answer_in(frame_of(b'"ACK"0007L0#1234[]'), AES)
    other = Centre(key=bytes(16)).encrypted("]_18:40:00,11-23-2026")
    with pytest.raises(Dc09Error):
        answer_in(frame_of(f'"*ACK"0007L0#1234[{other}'.encode()), AES)
    own = Centre(key=AES).encrypted("]_18:40:00,11-23-2026")
    assert answer_in(frame_of(f'"*ACK"0007L0#1234[{own}'.encode()), AES).is_encrypted


Turn = Callable[[], Coroutine[Any, Any, int]]
Told = Callable[[FarEnd, Centre, Turn], Awaitable[None]]


def conversation(folder: Path, story: Told, key: bytes | None = None, **settings: Any) -> None:
    """A receiver, a centre, and the adapter between them, turned by hand."""

    async def run(far_end: FarEnd) -> None:
        async with a_centre(NOW_S, key) as centre:
            given = {"form": Form.CONTACT_ID, "codes": CENTRE, "accounts": {}, **settings}
            line = Line("1234", key=key)
            made = CentreSettings(host="127.0.0.1", port=centre.port, line=line, **given)
            adapter = CentreAdapter("centre", made, far_end.clock.now_ms)
            loop = AdapterLoop(far_end.service, adapter)
            await loop.turn()
            try:
                await story(far_end, centre, loop.turn)
            finally:
                await adapter.close()

    with_receiver(folder, run)


async def an_entrapment(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
    """What most of the tests tell."""
    await far_end.receipt(body(identity(1), alarm(1)))
    await turn()
    (heard,) = centre.heard
    assert (heard.token, heard.account, heard.data) == ("ADM-CID", "1234", "#1234|1101 01 001")
    assert heard.extras[0] == "H18:39:59,11-23-2026"
    assert heard.extras[1].endswith(f"({KEY})")
    assert "Entrapment" in heard.extras[1]
    await turn()
    assert len(centre.heard) == 1


@pytest.mark.parametrize("key", [None, AES, bytes(32)], ids=["open", "AES-128", "AES-256"])
def test_an_entrapment_is_acknowledged_by_the_centre(tmp_path: Path, key: bytes | None) -> None:
    conversation(tmp_path, an_entrapment, key)


def test_alarms_are_restored_when_ended_and_faults_when_gone(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        mains = AlarmKind.MAINS_LOST
        await far_end.receipt(body(alarm(1), alarm(2, phase=Phase.CONDITION_GONE, incident=1)))
        await far_end.receipt(body(alarm(1, kind=mains), alarm(2, kind=mains, phase=Phase.CONDITION_GONE, incident=1)))
        await turn()
        assert sorted(heard.data[6:] for heard in centre.heard) == ["1101 01 001", "1301 01 054", "3301 01 054"]
        await far_end.tell(KEY, {"act": "closed", "who": "Li"})
        await turn()
        assert centre.heard[-1].data[6:] == "3101 01 001"

    conversation(tmp_path, story)


def test_sia_blocks_test_alarms_and_accounts_of_lifts(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        test = replace(system(2, SystemKind.PERIODIC_TEST, stream=Stream.ALARM), phase=Phase.TEST)
        await far_end.receipt(body(identity(1), alarm(1), test))
        await turn()
        assert [heard.data for heard in centre.heard] == ["#AB12|Nri1/QA001", "#AB12|Nri1/RP000"]

    conversation(tmp_path, story, form=Form.SIA, accounts={LIFT: "AB12"}, has_extras=False)


def test_a_silent_centre_hears_the_same_number_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dc09_out, "ANSWER_S", 0.05)

    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = ["silent", "silent"]
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert len(centre.heard) == 1
        centre.does = ["silent"] * 3
        await far_end.receipt(body(alarm(2)))
        await turn()
        (waiting,) = [each for each in await messages(far_end) if each["state"] == "waiting"]
        assert "silent after 3 sendings" in waiting["error"]
        far_end.clock.ms += AGAIN_MS
        await turn()
        numbers = [heard.sequence for heard in centre.heard]
        assert numbers[1] == numbers[0] % 9_999 + 1

    conversation(tmp_path, story)


def test_an_acknowledgement_of_another_message_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dc09_out, "ANSWER_S", 0.05)

    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = ["other"] * 3
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert centre.heard == []
        assert [each["state"] for each in await messages(far_end)] == ["waiting"]
        far_end.clock.ms += AGAIN_MS
        await turn()
        assert len(centre.heard) == 1

    conversation(tmp_path, story)


@pytest.mark.parametrize("trouble", ["garbage", "hang up"])
def test_a_broken_conversation_is_begun_anew(tmp_path: Path, trouble: str) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = [trouble]
        await far_end.receipt(body(alarm(1)))
        await turn()
        far_end.clock.ms += AGAIN_MS
        await turn()
        assert len(centre.heard) == 1
        assert centre.connections == 2

    conversation(tmp_path, story)


def test_a_centre_that_hung_up_between_two_alarms_is_called_again_at_once(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        await far_end.receipt(body(alarm(1)))
        await turn()
        centre.writers[0].close()
        await centre.writers[0].wait_closed()
        await far_end.receipt(body(alarm(2)))
        await turn()
        assert len(centre.heard) == 2

    conversation(tmp_path, story)


def test_a_nak_teaches_the_clock_of_the_centre(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.ahead_s = 3_600
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert [heard.time for heard in centre.heard] == ["19:40:00,11-23-2026"]

    conversation(tmp_path, story)


def test_what_the_centre_does_not_understand_is_dead_and_what_it_refuses_waits(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = ["duh", "nak", "nak"]
        await far_end.receipt(body(alarm(1), alarm(2)))
        await turn()
        await turn()
        states = {each["key"][-1]: each["state"] for each in await messages(far_end)}
        assert states == {"1": "dead", "2": "waiting"}

    conversation(tmp_path, story)


def test_an_acknowledgement_in_the_open_does_not_end_an_encrypted_alarm(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = ["open"]
        await far_end.receipt(body(alarm(1)))
        await turn()
        assert [each["state"] for each in await messages(far_end)] == ["waiting"]

    conversation(tmp_path, story, AES)


def test_the_link_is_tested_by_the_clock(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        assert [(heard.token, heard.sequence, heard.data) for heard in centre.heard] == [("NULL", 0, "")]
        await turn()
        assert len(centre.heard) == 1
        far_end.clock.ms += 30_000
        await turn()
        assert len(centre.heard) == 2

    conversation(tmp_path, story, supervision_s=30)


def test_every_alarm_kind_has_a_code_for_a_centre() -> None:
    assert set(CENTRE) == set(AlarmKind)
    for code in CENTRE.values():
        assert len(code.cid) == 3
        assert code.cid.isdecimal()
        assert code.event != code.restoral
    assert {CENTRE[kind].cid for kind in AlarmKind if kind < 32} <= {"101", "150"}


def test_a_cancelled_message_leaves_no_half_conversation(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, centre: Centre, turn: Turn) -> None:
        centre.does = ["silent"]
        await far_end.receipt(body(alarm(1)))
        task = asyncio.create_task(turn())
        while centre.does:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        far_end.clock.ms += 60_000
        await turn()
        assert len(centre.heard) == 1
        assert centre.connections == 2

    conversation(tmp_path, story)
