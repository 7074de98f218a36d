"""The bounds of what is passed on, and the token buckets."""

from __future__ import annotations

import asyncio

from receiver.hub import EVENTS_WAITING_MAX, LISTENERS_MAX, POLLS_MAX, Hub, PageEvent
from receiver.rates import BOXES_MAX, ORDINARY, Buckets, Rate

EVENT = PageEvent("beat", "{}")
BOX = b"box-0001"


def test_a_page_too_far_behind_is_cut_off_and_the_others_are_not() -> None:
    async def story() -> None:
        hub = Hub()
        slow, quick = hub.listen(), hub.listen()
        assert slow is not None
        assert quick is not None
        for _ in range(EVENTS_WAITING_MAX + 5):
            hub.publish(EVENT)
            assert await quick.next() == EVENT
        heard = 0
        while await slow.next() is not None:
            heard += 1
        assert heard < EVENTS_WAITING_MAX
        assert await slow.next() is None

    asyncio.run(story())


def test_no_more_pages_than_allowed_may_listen() -> None:
    async def story() -> None:
        hub = Hub()
        listeners = [hub.listen() for _ in range(LISTENERS_MAX)]
        assert hub.listen() is None
        assert listeners[0] is not None
        hub.leave(listeners[0])
        assert hub.listen() is not None

    asyncio.run(story())


def test_one_box_too_many_is_answered_at_once_and_a_stop_frees_all() -> None:
    async def story() -> None:
        hub = Hub()
        waiting = [asyncio.create_task(hub.wait_for_notice(BOX, 60.0)) for _ in range(POLLS_MAX)]
        await asyncio.sleep(0)
        await asyncio.wait_for(hub.wait_for_notice(BOX, 60.0), 5)
        assert not any(task.done() for task in waiting)
        hub.stop()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)
        await asyncio.wait_for(hub.wait_for_notice(BOX, 60.0), 5)

    asyncio.run(story())


def test_only_the_box_that_is_meant_is_woken() -> None:
    async def story() -> None:
        hub = Hub()
        meant = asyncio.create_task(hub.wait_for_notice(BOX, 60.0))
        other = asyncio.create_task(hub.wait_for_notice(b"box-0002", 60.0))
        await asyncio.sleep(0)
        hub.wake(BOX)
        await asyncio.wait_for(meant, 5)
        assert not other.done()
        other.cancel()

    asyncio.run(story())


def test_a_burst_passes_and_then_the_rate_counts() -> None:
    buckets = Buckets(Rate(per_s=10.0, burst=50))
    assert [buckets.take(BOX, 0) for _ in range(51)] == [0] * 50 + [1]
    assert buckets.take(BOX, 99) == 1
    assert buckets.take(BOX, 110) == 0
    assert buckets.take(BOX, 110) == 1


def test_a_slow_rate_says_how_long_to_wait() -> None:
    buckets = Buckets(Rate(per_s=0.1, burst=1))
    assert buckets.take(BOX, 0) == 0
    assert buckets.take(BOX, 0) == 10


def test_a_clock_set_back_gives_no_tokens_and_takes_none() -> None:
    buckets = Buckets(Rate(per_s=1.0, burst=2))
    assert buckets.take(BOX, 10_000) == 0
    assert buckets.take(BOX, 0) == 0
    assert buckets.take(BOX, 0) == 1


def test_the_box_longest_silent_is_forgotten_first() -> None:
    buckets = Buckets(ORDINARY)
    for _ in range(ORDINARY.burst):
        buckets.take(BOX, 0)
    assert buckets.take(BOX, 0) == 1
    for number in range(BOXES_MAX):
        buckets.take(number.to_bytes(8, "big"), 0)
    assert buckets.take(BOX, 0) == 0
