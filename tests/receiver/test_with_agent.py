"""The agent's own outbox, delivery and HTTP against the real receiver: both sides mean the same by every byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, Severity, Witness
from edge_agent.delivery import Delivery, Lane, Outcome, Poll, Send
from edge_agent.delivery_seals import BoxSeals
from edge_agent.outbox import Outbox
from edge_agent.records import RecordDraft, draft_of_alarm, draft_of_started
from edge_agent.uplink.http import HttpUplink
from edge_agent.wire import Act, Stamp
from edge_agent.wire_sealing import PublicKey
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY

FAR_END = "firm"
S_NS = 1_000_000_000


class Box:
    """Outbox, delivery and uplink of one box, stepped by hand."""

    def __init__(self, folder: Path, url: str, far_end_key: PublicKey) -> None:
        self.outbox = Outbox.open(folder / "outbox.sqlite", DEVICE, boot_id="b", up_ms=0, destinations=(FAR_END,))
        self.uplink = HttpUplink(url, 5.0, key=KEY.public.text)
        seals = BoxSeals(KEY, far_end_key)
        self.lanes = {lane: Delivery(FAR_END, lane, seed=1, start_spread_s=0.0, envelope=seals) for lane in Lane}
        self.now_ns = 100 * S_NS

    def stamp(self) -> Stamp:
        return Stamp(self.outbox.boot, self.now_ns // 1_000_000)

    def append(self, draft: RecordDraft | None) -> None:
        assert draft is not None
        self.outbox.append(draft, self.stamp())

    def step(self, lane: Lane) -> tuple[Outcome, tuple[Act, ...]]:
        """Carry out what delivery wants now; the acts of notices that were new to the box."""
        self.now_ns += 20 * S_NS
        delivery = self.lanes[lane]
        match delivery.due(self.now_ns, self.stamp(), self.outbox):
            case Send() as send:
                answer = self.uplink.post(send.body)
            case Poll() as poll:
                answer = self.uplink.notices(DEVICE, poll.after, 0)
            case waiting:
                raise AssertionError(f"nothing to do: {waiting}")
        outcome = delivery.answered(self.now_ns, answer, self.outbox)
        known = self.outbox.acted_notice(FAR_END)
        self.outbox.settle(FAR_END, outcome, self.stamp())
        return outcome, tuple(notice.act for notice in outcome.notices if notice.number > known)

    def close(self) -> None:
        self.uplink.close()
        self.outbox.close()


def entrapment(state: AlarmState) -> RecordDraft | None:
    return draft_of_alarm(
        Alarm(
            t_ns=90 * S_NS,
            kind=AlarmKind.ENTRAPMENT,
            state=state,
            severity=Severity.CRITICAL,
            incident=1,
            evidence=(Evidence("standstill_s", 62.0), Evidence("between_landings", True)),
            witnesses=frozenset({Witness.ACCELEROMETER, Witness.DOOR_CONTACT}),
            place=Place(landing_index=4, is_between_landings=True, height_mm=13_480, door=DoorState.CLOSED),
            occupied_percent=93,
        )
    )


def test_an_entrapment_is_stored_taken_over_heard_of_and_recovered(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        box = Box(tmp_path, far_end.url, far_end.key)

        async def incident() -> dict[str, object]:
            answer = await far_end.client.get(f"{far_end.url}/v1/incidents")
            (only,) = (await answer.json())["incidents"]
            assert isinstance(only, dict)
            return only

        box.append(draft_of_started("L7", "0.1.0", b"configuration"))
        box.append(entrapment(AlarmState.RAISED))
        outcome, _ = await asyncio.to_thread(box.step, Lane.ALARMS)
        assert outcome.problem == ""
        await asyncio.to_thread(box.step, Lane.REST)
        assert box.outbox.waiting_count(FAR_END) == 0
        shown = await incident()
        assert (shown["name"], shown["lift"], shown["occupied_percent"]) == ("entrapment", "L7", 93)
        assert shown["place"] == {
            "landing": 4,
            "is_between_landings": True,
            "height_mm": 13_480,
            "door": "closed",
            "moving": "none",
            "people": None,
        }
        await far_end.tell(str(shown["id"]), {"act": "taken_over", "who": "李娜", "eta_min": 12})
        outcome, acts = await asyncio.to_thread(box.step, Lane.ALARMS)
        assert (outcome.problem, acts) == ("", (Act.TAKEN_OVER,))
        assert (outcome.notices[0].who, outcome.notices[0].eta_min) == ("李娜", 12)
        _, acts = await asyncio.to_thread(box.step, Lane.ALARMS)
        assert acts == ()
        assert (await incident())["box_was_told"] is True
        box.append(entrapment(AlarmState.CLEARED))
        outcome, _ = await asyncio.to_thread(box.step, Lane.ALARMS)
        assert outcome.problem == ""
        assert (await incident())["state"] == "condition_gone"
        assert box.outbox.waiting_count(FAR_END) == 0
        await asyncio.to_thread(box.close)

    with_receiver(tmp_path / "receiver", story)
