"""The comparison with other programs counts rightly; how good they are is not asked here."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest

from benchmarks.peers.contenders import Agent, CLoop
from benchmarks.peers.controller import VALUES, Controller
from benchmarks.peers.every_change import NAME
from benchmarks.peers.measuring import Losses, judged, outages
from benchmarks.peers.mqtt_tap import message_in, packet, packets, text
from benchmarks.peers.relay import Relay
from benchmarks.peers.rig import Message, Value, numbers_in
from edge_agent.alarms import Alarm, AlarmKind, AlarmState, Evidence, Severity
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Batch, Record, Stamp, encode_batch, encode_record
from edge_agent.wire_sealing import SigningKey, Use

S = 1_000_000_000


def test_what_was_read_and_never_came_is_lost_and_what_nobody_read_is_not() -> None:
    values = [Value(1, 1 * S, 2 * S), Value(2, 3 * S, 4 * S), Value(3, 5 * S, 0), Value(4, 7 * S, 8 * S)]
    messages = [Message(3 * S, "t", (1,)), Message(20 * S, "t", (2,)), Message(21 * S, "t", (2, 99))]
    found = judged(values, messages, {1, 2}, cut_ns=2 * S, back_ns=10 * S)
    assert found == Losses(
        values=4, never_answered=1, answered_and_lost=1, committed_and_lost=0, twice=1, first_s=10.0, done_s=10.0
    )


def test_a_committed_value_that_never_came_is_counted_apart() -> None:
    values = [Value(1, S, S), Value(2, S, S)]
    assert judged(values, [], {2}, 0, S).committed_and_lost == 1
    assert judged(values, [], None, 0, S).committed_and_lost is None


def test_the_numbers_of_a_json_message_are_found_at_any_depth() -> None:
    assert numbers_in("v1/gateway/telemetry", b'{"lift":[{"ts":17,"values":{"r0":20011,"x":true}}]}') == (17, 20_011)
    assert numbers_in("x", b"no json") == ()


def test_the_codes_of_our_records_are_found_behind_seal_and_batch() -> None:
    alarm = Alarm(S, AlarmKind.ALARM_BUTTON, AlarmState.RAISED, Severity.MAJOR, 1, (Evidence(NAME, 20_018),))
    draft = draft_of_alarm(alarm)
    assert draft is not None
    key = SigningKey(bytes(32))
    record = Record(
        device=key.public.fingerprint,
        log=1,
        stream=draft.stream,
        seqno=1,
        kind=draft.kind,
        stamp=Stamp(1, 1),
        link=bytes(8),
        phase=draft.phase,
        note=draft.note,
    )
    batch = Batch(key.public.fingerprint, (key.seal(encode_record(record), Use.RECORD),), Stamp(1, 1))
    assert numbers_in("lift/1/00/up", encode_batch(batch)) == (20_018,)
    assert numbers_in("lift/1/00/down", encode_batch(batch)) == ()
    assert numbers_in("lift/1/00/up", b"\x00") == ()


def test_packets_of_any_length_are_cut_from_a_stream_that_comes_in_pieces() -> None:
    sent = packet(0x30, text("a/b") + b"x" * 300) + packet(0x32, text("c") + b"\x00\x07y")
    received, found = bytearray(), []
    for at in range(0, len(sent), 7):
        received += sent[at : at + 7]
        found += list(packets(received))
    assert [message_in(*each) for each in found] == [("a/b", b"x" * 300), ("c", b"y")]
    assert not received


def test_the_controller_stamps_the_first_answer_that_carries_a_value() -> None:
    controller = Controller()
    controller._tell(VALUES[0])
    request = bytes.fromhex("0007 0000 0006 01 03 0000 0002")
    before_ns = time.monotonic_ns()
    assert controller.answer(request).hex() == f"0007000000070103{4:02x}{VALUES[0]:04x}0000"
    first_ns = controller._served_ns
    assert first_ns >= before_ns
    controller.answer(request)
    assert controller._served_ns == first_ns


def test_a_relay_resets_and_refuses_while_it_is_cut_and_serves_the_same_port_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as far_end:
        relay = Relay(far_end.getsockname()[1])
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            served, _ = far_end.accept()
            client.sendall(b"hello")
            assert served.recv(5) == b"hello"
            relay.cut()
            client.settimeout(5.0)
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", relay.port), timeout=5.0)
        relay.mend()
        socket.create_connection(("127.0.0.1", relay.port), timeout=5.0).close()
        relay.cut()
        served.close()


@pytest.mark.system
@pytest.mark.campaign
@pytest.mark.timeout(240)
def test_an_outage_with_a_kill_loses_nothing_that_the_agent_had_committed() -> None:
    """The C loop keeps its queue in memory: that it loses values shows that losses are seen."""
    ours, theirs = outages([Agent, CLoop], hz=20.0, outage_s=8.0, is_killed=True)
    assert isinstance(ours, Losses), ours
    assert ours.values > 100
    assert ours.committed_and_lost == 0
    if isinstance(theirs, Losses):
        assert theirs.answered_and_lost > 5
