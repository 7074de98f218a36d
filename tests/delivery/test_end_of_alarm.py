"""The end of an alarm: by a request at the lift, or by a notice from afar; and how long notices are asked for."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_ends import choose_ends
from edge_agent.alarms import AlarmKind, AlarmState
from edge_agent.cli import end_alarm
from edge_agent.delivery import POLL_S, POLL_SLOW_S, Delivery, Lane, Poll, Send, Wait
from edge_agent.delivery_seals import BoxSeals
from edge_agent.errors import EdgeAgentError
from edge_agent.journal import Journal
from edge_agent.local_requests import EndRequest, RequestFolder
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_alarm
from edge_agent.wire import (
    Act,
    IncidentRef,
    Mark,
    Notice,
    Phase,
    Receipt,
    Record,
    Stream,
    Verdict,
    answer_tag,
    decode_record,
    encode_receipt,
)
from edge_agent.wire_sealing import SigningKey, Use
from receiver.incidents import Incident, IncidentKey, IncidentState
from tests.delivery.contents import NOW, append_stage, raise_alarm
from tests.delivery.making import DEVICE, RECEIVER, alarm, open_outbox
from tests.delivery.receiver_model import AT_MS
from tests.delivery.rig import Rig, S
from tests.delivery.test_escalation import NoClock


def end(outbox: Outbox, number: int | None, who: str = "") -> tuple[list[Record], tuple[str, ...]]:
    choice = choose_ends(outbox.unended(), number, who)
    stored = [outbox.append(draft, NOW) for draft in choice.drafts]
    return [decode_record(record.body) for record in stored if record is not None], choice.sentences


def test_an_alarm_whose_condition_is_gone_waits_until_somebody_ends_it(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    opener = raise_alarm(outbox, 1)
    gone = append_stage(outbox, AlarmState.CLEARED, 1)
    assert [incident.number for incident in outbox.unended()] == [1]
    (ended,), sentences = end(outbox, None, "Wang")
    assert (ended.phase, ended.incident, ended.note) == (Phase.ENDED, opener.seqno, "ended by Wang")
    assert sentences == ("Incident 1 (entrapment) ended by Wang",)
    assert outbox.unended() == ()
    assert gone is not None
    key = IncidentKey.of(opener)
    assert key is not None
    folded = Incident(key).with_record(ended).with_record(opener).with_record(gone)
    assert folded.state is IncidentState.ENDED


def test_an_alarm_whose_condition_is_there_is_ended_by_its_number_only(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    records, sentences = end(outbox, None)
    assert records == []
    assert "its condition is still there" in sentences[0]
    (ended,), _ = end(outbox, 1)
    assert (ended.phase, ended.note) == (Phase.ENDED, "ended at the lift")
    assert not outbox.has_open_alarm()
    assert append_stage(outbox, AlarmState.UPDATED, 1) is not None
    assert outbox.unended() == ()
    assert end(outbox, 1) == ([], ("There is no incident 1 to end",))


def test_what_is_ended_stays_so_over_a_restart(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    end(outbox, 1)
    outbox.close()
    outbox = open_outbox(tmp_path)
    assert (outbox.open_incidents(), outbox.unended()) == ((), ())


def test_a_request_is_answered_once_and_rubbish_is_swept_away(tmp_path: Path) -> None:
    box = RequestFolder(tmp_path)
    (tmp_path / "requests").mkdir()
    for name, content in (("a", b"{"), ("b", b"[]"), ("c", b'{"incident": "1", "who": ""}'), ("d", b'{"incident": 1}')):
        (tmp_path / "requests" / f"{name}.ask").write_bytes(content)
    assert box.take() == ()
    assert list((tmp_path / "requests").iterdir()) == []
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(RequestFolder(tmp_path).ask_end(7, "Li \n Na", 10.0)))
    asking.start()
    found: list[EndRequest] = []
    while not found:
        found = [request for request in box.take() if isinstance(request, EndRequest)]
    assert [(request.incident, request.who) for request in found] == [(7, "Li Na")]
    box.answer(found[0], ("one", "two"))
    asking.join()
    assert answers == ["one\ntwo"]
    assert list((tmp_path / "requests").iterdir()) == []


def test_nobody_home_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeAgentError, match="has not answered"):
        RequestFolder(tmp_path).ask_end(None, "", 0.0)
    assert list((tmp_path / "requests").iterdir()) == []


def test_the_command_waits_longer_than_the_agent_takes_to_look() -> None:
    assert end_alarm.WAIT_S > 2.0


def poll_pause_s(rig: Rig) -> float | None:
    """Take the poll that is due, and say how long until the next; None: never."""
    step = rig.due()
    assert isinstance(step, Poll)
    rig.answer(rig.receiver.poll(DEVICE, 0))
    step = rig.due()
    assert isinstance(step, Wait)
    return None if step.until_ns is None else (step.until_ns - rig.now_ns) / S


def test_notices_are_asked_for_until_the_incident_is_finished(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.raise_alarm()
    rig.answer(rig.receiver.take(rig.send().body))
    rig.now_ns += 5 * S
    assert poll_pause_s(rig) == POLL_S
    rig.raise_alarm(state=AlarmState.CLEARED)
    rig.answer(rig.receiver.take(rig.send().body))
    rig.now_ns += 700 * S
    assert poll_pause_s(rig) == POLL_SLOW_S
    log = rig.outbox.log_id
    rig.receiver.notices = [Notice(1, Act.CLOSED, IncidentRef(log, Stream.ALARM, 1), AT_MS, "Li")]
    rig.now_ns += 60 * S
    assert poll_pause_s(rig) is None


def test_that_the_car_stands_between_landings_travels_with_every_alarm(tmp_path: Path) -> None:
    stopped = alarm(kind=AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE)
    draft = draft_of_alarm(replace(stopped, place=replace(stopped.place, is_between_landings=True)))
    assert draft is not None
    assert "between_landings=yes" in draft.note.split(" ")


@pytest.mark.parametrize("is_pinned", [True, False])
def test_a_remote_reset_counts_only_from_a_receiver_whose_key_is_pinned(tmp_path: Path, is_pinned: bool) -> None:
    firm, key = SigningKey(bytes(32)), SigningKey(bytes(range(32)))
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    seals = BoxSeals(key, firm.public if is_pinned else None)
    delivery = Delivery("main", Lane.ALARMS, seed=1, start_spread_s=0.0, envelope=seals)
    dispatch = Dispatch(outbox, [delivery], NoClock(), Journal(logging.getLogger("test")))
    (step,) = dispatch.steps(100 * S)
    assert isinstance(step, Send)
    reset = Notice(1, Act.REMOTE_RESET, IncidentRef(outbox.log_id, Stream.ALARM, 1), AT_MS, "Li")
    receipt = Receipt(
        DEVICE,
        outbox.log_id,
        (Verdict.STORED,),
        (Mark(Stream.ALARM, 1),),
        AT_MS,
        RECEIVER,
        notices=(reset,),
        answers=answer_tag(step.body),
    )
    dispatch.answered(step, firm.seal(encode_receipt(receipt), Use.RECEIPT), 101 * S)
    assert [(found.incident, found.who, found.destination) for found in dispatch.take_resets()] == (
        [(1, "Li", "main")] if is_pinned else []
    )
    assert dispatch.take_resets() == ()
