"""A sealed record that came as a short message: stored like any other, answered by a receipt that fits two messages."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge_agent.alarms import AlarmState
from edge_agent.delivery import Lane
from edge_agent.delivery_seals import BoxSeals
from edge_agent.delivery_sms import SmsDelivery
from edge_agent.records import draft_of_started
from edge_agent.sms_pdu import PART_BYTES_MAX
from edge_agent.wire import Act, Stream
from receiver.box_api import RECORD_TYPE
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY, OTHER_KEY, alarm, sealed
from tests.receiver.test_with_agent import FAR_END, S_NS, Box, entrapment


def test_an_alarm_by_sms_is_stored_taken_over_and_moves_the_cursor(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        box = Box(tmp_path, far_end.url, far_end.key)
        delivery = SmsDelivery(FAR_END, DEVICE, BoxSeals(KEY, far_end.key), box.outbox.last)
        box.append(draft_of_started("L7", "0.1.0", b"configuration"))
        await asyncio.to_thread(box.step, Lane.REST)  # the receiver knows the box; then the network dies
        box.append(entrapment(AlarmState.RAISED))
        stored = box.outbox.record(Stream.ALARM, 1)
        assert stored is not None
        delivery.appended(box.now_ns, stored)
        for told in ((), (Act.TAKEN_OVER,)):
            box.now_ns += 90 * S_NS
            send = delivery.due(box.now_ns)
            assert send is not None
            headers = {"Content-Type": RECORD_TYPE}
            answer = await far_end.client.post(f"{far_end.url}/v1/record", data=send.body, headers=headers)
            receipt = await answer.read()
            assert answer.status == 200, receipt
            assert len(receipt) <= 2 * PART_BYTES_MAX
            outcome = delivery.answered(box.now_ns, receipt)
            assert outcome.problem == ""
            assert tuple(notice.act for notice in outcome.notices) == told
            box.outbox.settle(FAR_END, outcome, box.stamp())
            assert not box.outbox.lacks_alarm(FAR_END)
            (shown,) = (await (await far_end.client.get(f"{far_end.url}/v1/incidents")).json())["incidents"]
            await far_end.tell(str(shown["id"]), {"act": "taken_over", "who": "Li"})
            delivery.watch(box.now_ns, stored)  # as after a restart: the same bytes go again, "had it"
        await asyncio.to_thread(box.close)

    with_receiver(tmp_path / "receiver", story)


def test_what_no_known_box_has_sealed_is_not_stored(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        headers = {"Content-Type": RECORD_TYPE}
        at = f"{far_end.url}/v1/record"
        broken = await far_end.client.post(at, data=b"hello", headers=headers)
        assert broken.status == 400
        forged = await far_end.client.post(at, data=sealed(alarm(1), OTHER_KEY), headers=headers)
        assert forged.status == 200
        board = await (await far_end.client.get(f"{far_end.url}/v1/incidents")).json()
        assert (board["incidents"], board["devices"]) == ([], [])

    with_receiver(tmp_path, story)
