"""Alarms by SMS: when they go, what is believed, and what a modem on a pseudo-terminal can do to them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.modem import Modem
from drivers.modem_turns import ModemTurns
from drivers.serial_line import SerialLine
from drivers.sms_modem import SmsModem
from edge_agent.alarms import AlarmState
from edge_agent.delivery import Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.delivery_sms import AGAIN_S, SmsDelivery
from edge_agent.delivery_steps import AnswerMissing
from edge_agent.errors import SourceUnavailable
from edge_agent.outbox import Outbox
from edge_agent.records import RecordDraft, StoredRecord, draft_of_alarm
from edge_agent.sms_pdu import Joiner, delivered, submits
from edge_agent.uplink.sms import SmsUplink
from edge_agent.wire import (
    Act,
    IncidentRef,
    Mark,
    Notice,
    Receipt,
    Stamp,
    Stream,
    Verdict,
    answer_tag,
    decode_record,
    decode_short,
    encode_receipt,
)
from edge_agent.wire_sealing import Direction, MacKey, PublicKey, SigningKey, Use, sealed_in
from tests.delivery.making import alarm
from tests.delivery.test_sms_pdu import as_delivered
from tests.drivers.fake_modem import WELL, FakeModem

S = 1_000_000_000
BOX = SigningKey(bytes(range(32)))
FIRM = SigningKey(bytes(range(1, 33)))
DEVICE = BOX.public.fingerprint
SHARED = bytes(range(2, 34))
GATEWAY, SECOND = "+8613800138000", "+8613900139000"


@dataclass
class Box:
    """An outbox and the SMS delivery beside it, by the second."""

    folder: Path
    now_ns: int = 1_000 * S
    delivery: SmsDelivery = field(init=False)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox.open(self.folder / "o.db", DEVICE, boot_id="b", up_ms=1, destinations=("firm",))
        self.delivery = SmsDelivery("firm", DEVICE, BoxSeals(BOX, FIRM.public), self.outbox.last)

    def raise_alarm(self, incident: int = 1, state: AlarmState = AlarmState.RAISED) -> StoredRecord:
        draft = draft_of_alarm(alarm(state, incident=incident))
        assert isinstance(draft, RecordDraft)
        stored = self.outbox.append(draft, Stamp(1, self.now_ns // 1_000_000))
        assert stored is not None
        self.delivery.appended(self.now_ns, stored)
        return stored

    def after(self, seconds: float) -> Send | None:
        self.now_ns += round(seconds * S)
        return self.delivery.due(self.now_ns)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.outbox.close()


def receipt(body: bytes, *, key: SigningKey = FIRM, verdict: Verdict = Verdict.STORED, upto: int = 1) -> bytes:
    """What the gateway sends back for a sealed record."""
    record = decode_record(sealed_in(body).payload)
    about = IncidentRef(record.log, Stream.ALARM, record.seqno)
    notice = Notice(1, Act.TAKEN_OVER, about, 1_800_000_000_000, "Li", 9)
    return key.seal(
        encode_receipt(
            Receipt(
                DEVICE,
                record.log,
                (verdict,),
                (Mark(Stream.ALARM, upto),),
                1_800_000_000_000,
                b"receiver",
                notices=(notice,),
                answers=answer_tag(body),
            )
        ),
        Use.RECEIPT,
    )


def test_an_alarm_that_nobody_stored_goes_out_after_30_seconds_and_not_before(box: Box) -> None:
    box.raise_alarm()
    assert box.after(29.9) is None
    send = box.after(0.1)
    assert send is not None
    assert decode_record(BOX.public.open(send.body, Use.RECORD)).seqno == 1


def test_an_alarm_that_was_stored_goes_out_after_90_seconds_unless_a_person_answers(box: Box) -> None:
    first, second = box.raise_alarm(1), box.raise_alarm(2)
    for stored in (first, second):
        box.delivery.stored(stored.seqno)
    box.delivery.told(Notice(1, Act.TAKEN_OVER, IncidentRef(box.outbox.log_id, Stream.ALARM, 2), 1_800_000_000_000))
    assert box.after(89.9) is None
    send = box.after(0.1)
    assert send is not None
    assert send.records == (first,)
    box.delivery.answered(box.now_ns, receipt(send.body))
    assert box.after(10_000.0) is None


def test_an_alarm_whose_condition_is_gone_in_time_costs_no_message(box: Box) -> None:
    box.raise_alarm()
    box.raise_alarm(1, AlarmState.CLEARED)
    assert box.after(1_000.0) is None


def test_a_sealed_receipt_moves_the_cursor_of_the_receiver_and_brings_its_notice(box: Box) -> None:
    box.raise_alarm()
    send = box.after(30.0)
    assert send is not None
    outcome = box.delivery.answered(box.now_ns, receipt(send.body))
    assert outcome.problem == ""
    box.outbox.settle("firm", outcome, Stamp(1, 1))
    assert box.outbox.confirmed("firm", Stream.ALARM) == 1
    assert not box.outbox.lacks_alarm("firm")
    assert box.outbox.untaken() == ()
    assert box.after(10_000.0) is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda body: receipt(body, key=BOX), "no receipt"),
        (lambda body: receipt(body)[:-1] + b"x", "no receipt"),
        (lambda body: b"hello", "no receipt"),
        (lambda body: receipt(body, verdict=Verdict.LATER), "did not take it: later"),
    ],
)
def test_what_is_no_receipt_of_this_receiver_for_this_message_moves_nothing(
    box: Box, answer: Callable[[bytes], bytes], problem: str
) -> None:
    box.raise_alarm()
    send = box.after(30.0)
    assert send is not None
    outcome = box.delivery.answered(box.now_ns, answer(send.body))
    assert problem in outcome.problem
    assert outcome.marks == ()
    assert box.after(59.9) is None
    assert box.after(0.1) is not None


def test_a_receipt_for_another_message_moves_nothing(box: Box) -> None:
    box.raise_alarm(1)
    send = box.after(30.0)
    assert send is not None
    other = BOX.seal(box.raise_alarm(2).body, Use.RECORD)
    assert "does not answer" in box.delivery.answered(box.now_ns, receipt(other)).problem


def test_an_unanswered_message_is_repeated_ever_more_seldom_and_for_ever(box: Box) -> None:
    box.raise_alarm()
    assert box.after(30.0) is not None
    for wait_s in (*AGAIN_S, AGAIN_S[-1], AGAIN_S[-1]):
        box.delivery.failed(box.now_ns, AnswerMissing("no network", subject="modem", hint="Check it"))
        assert box.after(wait_s - 0.1) is None
        assert box.after(0.1) is not None


class Gateway(FakeModem):
    """A modem with a network behind it: what is sent arrives at the firm, whose answers lie in the modem's list.

    fate: what becomes of a message: "sent", "error" (+CMS ERROR), "silent" (never answers), "reset" (restarts).
    """

    def __init__(self, folder: Path, reply: Callable[[bytes], bytes | None]) -> None:
        self.fate = "sent"
        self.reply = reply
        self.got: list[tuple[str, bytes]] = []
        self.inbox: dict[int, bytes] = {}
        self._joiner = Joiner()
        self._length: int | None = None
        super().__init__(folder, WELL | {"AT+CMGF=0": "OK"})

    def _answer(self, received: bytes) -> bytes:
        if self._length is not None:
            if b"\x1b" in received:
                self._length = None
                return received.partition(b"\x1b")[2]
            if b"\x1a" not in received:
                return received
            raw, _, received = received.partition(b"\x1a")
            self._submitted(bytes.fromhex(raw.decode("ascii")))
            self._length = None
            return received
        found = re.match(rb"AT\+CMGS=(\d+)\r", received)
        if found is not None:
            self._length = int(found[1])
            self.line.write(b"\r\n> ")
            return received[found.end() :]
        if received.startswith(b"AT+CMGL=4\r"):
            lines = [f"+CMGL: {index},0,,{len(pdu) - 1}\r\n{pdu.hex().upper()}" for index, pdu in self.inbox.items()]
            self.answers["AT+CMGL=4"] = "\r\n".join([*lines, "", "OK"])
        deleted = re.match(rb"AT\+CMGD=(\d+)\r", received)
        if deleted is not None:
            self.inbox.pop(int(deleted[1]), None)
            self.answers[f"AT+CMGD={int(deleted[1])}"] = "OK"
        return super()._answer(received)

    def _submitted(self, pdu: bytes) -> None:
        assert pdu[0] == 0
        assert len(pdu) - 1 == self._length
        match self.fate:
            case "error":
                self.line.write(b"\r\n+CMS ERROR: 38\r\n")
            case "silent":
                return
            case "reset":
                self.restart()
            case _:
                self.line.write(b"\r\n+CMGS: 12\r\n\r\nOK\r\n")
                self._arrived(pdu[1:])

    def _arrived(self, unit: bytes) -> None:
        digits = unit[4 : 4 + (unit[2] + 1) // 2].hex()
        number = "+" + "".join(b + a for a, b in zip(digits[::2], digits[1::2], strict=True)).rstrip("f")
        message = delivered(as_delivered(unit))
        assert message is not None
        data = self._joiner.take(message)
        if data is None:
            return
        self.got.append((number, data))
        answer = self.reply(data)
        if answer is not None:
            for at, part in enumerate(submits(GATEWAY, answer, 9), start=len(self.inbox) + 1):
                self.inbox[at] = as_delivered(part)


class Line:
    """The modem's source and the messages over the one port, both on a real pseudo-terminal."""

    def __init__(self, folder: Path, reply: Callable[[bytes], bytes | None] = lambda data: None) -> None:
        self.gateway = Gateway(folder, reply)
        self.turns = ModemTurns()
        self.source = Modem(
            SerialLine(str(self.gateway.line.path), 115200), now_ns=time.monotonic_ns, period_s=1.0, turns=self.turns
        )
        self.readings: list[object] = []
        self.is_over = threading.Event()
        self.source.open()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        self.modem = SmsModem(self.turns, sent_s=1.0, answer_s=1.0)

    def _read(self) -> None:
        while not self.is_over.is_set():
            self.readings += self.source.read(0.2)

    def uplink(self, far_end: PublicKey, *, receipt_s: float = 5.0, shared: bool = True) -> SmsUplink:
        return SmsUplink(
            self.modem,
            (GATEWAY, SECOND),
            BoxSeals(BOX, far_end).open,
            MacKey(SHARED, Direction.UP) if shared else None,
            lambda: 1_030_000,
            receipt_s=receipt_s,
            look_s=0.1,
        )

    def close(self) -> None:
        self.is_over.set()
        self.thread.join()
        self.source.close()
        self.gateway.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.close()


def body_of(box: Box) -> bytes:
    box.raise_alarm()
    send = box.after(30.0)
    assert send is not None
    return send.body


def test_an_alarm_goes_to_the_gateway_and_its_sealed_receipt_comes_back(box: Box, line: Line) -> None:
    body = body_of(box)
    line.gateway.reply = lambda data: receipt(data) if data == body else None
    answer = line.uplink(FIRM.public).post(body)
    assert box.delivery.answered(box.now_ns, answer).problem == ""
    short, other_short, record = line.gateway.got
    assert [number for number, _ in (short, other_short, record)] == [GATEWAY, SECOND, GATEWAY]
    assert record[1] == body
    assert short[1] == other_short[1]
    assert len(short[1]) <= 51
    told = decode_short(MacKey(SHARED, Direction.UP).open(short[1], Use.SHORT))
    assert (told.device, told.seqno, told.kind, told.age_s) == (DEVICE, 1, 1, 30)
    assert line.gateway.inbox == {}  # what was read is deleted


def test_without_a_shared_secret_only_the_record_goes(box: Box, line: Line) -> None:
    body = body_of(box)
    line.gateway.reply = receipt
    line.uplink(FIRM.public, shared=False).post(body)
    assert line.gateway.got == [(GATEWAY, body)]


def test_a_forged_receipt_is_ignored_and_counted(box: Box, line: Line) -> None:
    line.gateway.reply = lambda data: receipt(data, key=BOX)
    uplink = line.uplink(FIRM.public, receipt_s=0.5, shared=False)
    with pytest.raises(AnswerMissing, match="no sealed receipt in time"):
        uplink.post(body_of(box))
    assert uplink.ignored_count == 1


@pytest.mark.parametrize(("fate", "said"), [("error", r"CMS ERROR: 38"), ("silent", "not sent"), ("reset", "not sent")])
def test_a_modem_that_does_not_send_is_said_and_takes_the_next_message(
    box: Box, line: Line, fate: str, said: str
) -> None:
    body = body_of(box)
    line.gateway.reply = receipt
    line.gateway.fate = fate
    uplink = line.uplink(FIRM.public, shared=False)
    with pytest.raises(AnswerMissing, match=said):
        uplink.post(body)
    assert line.gateway.got == []
    line.gateway.fate = "sent"
    uplink.post(body)
    assert line.gateway.got == [(GATEWAY, body)]


def test_a_modem_that_is_pulled_out_is_said(line: Line) -> None:
    line.gateway.pull_out()
    with pytest.raises(SourceUnavailable):
        line.modem.inbox()


def test_the_signal_is_asked_for_again_after_a_message_and_no_fault_is_told(box: Box, line: Line) -> None:
    line.gateway.reply = receipt
    line.uplink(FIRM.public, shared=False).post(body_of(box))
    before = len(line.readings)
    until_s = time.monotonic() + 5.0
    while len(line.readings) < before + 2 and time.monotonic() < until_s:
        time.sleep(0.02)
    kinds = {type(reading).__name__ for reading in line.readings}
    assert kinds == {"ModemReport"}
    assert len(line.readings) >= before + 2


def test_nobody_gets_the_port_of_a_modem_that_is_not_there() -> None:
    with pytest.raises(SourceUnavailable, match="not open"), ModemTurns().borrowed(0.01):
        pass
