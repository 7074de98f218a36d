"""What every queue of things to tell outside has in common: states, claims, how often and how soon again.

A row of the table `message` is claimed before it is sent and marked after: whoever dies in between leaves it to be sent
again when its claim has run out, under the same name. Used for people (`escalation`) and programs (`adapters.queue`).
"""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import ColumnElement, and_, or_

from receiver import tables as t

CLAIM_MS = 60_000
TRIES_MAX = 10
AGAIN_MS = 5_000
AGAIN_MS_MAX = 300_000
"""How long a claim holds, longer than any sending; how often a message is tried and how soon again, doubling: some 40
minutes in all. Ours."""

ADAPTER = "adapter"
"""The `channel` of what goes to programs; every other one goes to people."""

_M = t.message.c


class MessageState(IntEnum):
    """How far a message is. Its name in small letters is its name in the JSON."""

    WAITING = 0
    SENT = 1
    DEAD = 2  # tried in vain; somebody must look
    NOT_NEEDED = 3  # taken over or gone before it was sent


def is_due(now_ms: int) -> ColumnElement[bool]:
    """It waits, its time has come and nobody else is at it.

    A time further ahead than any of ours can lie was written under a clock that was wrong: it counts as come.
    """
    unclaimed = or_(_M.claimed_ms <= now_ms - CLAIM_MS, _M.claimed_ms > now_ms + CLAIM_MS)
    has_come = or_(_M.next_ms <= now_ms, _M.next_ms > now_ms + AGAIN_MS_MAX)
    return and_(_M.state == int(MessageState.WAITING), has_come, unclaimed)


def outcome(
    tries: int, now_ms: int, error: str | None, *, is_final: bool, tries_max: int = TRIES_MAX
) -> dict[str, object]:
    """The columns of a message that was tried `tries` times, this one included. error None: it was taken."""
    values: dict[str, object] = {"tries": tries, "claimed_ms": 0, "error": error}
    if error is None:
        values |= {"state": int(MessageState.SENT), "sent_ms": now_ms}
    elif is_final or tries >= tries_max:
        values["state"] = int(MessageState.DEAD)
    else:
        values["next_ms"] = now_ms + min(AGAIN_MS << min(tries - 1, 16), AGAIN_MS_MAX)
    return values


def again(now_ms: int) -> dict[str, object]:
    """The columns of a dead message that somebody wants to be tried again."""
    return {"state": int(MessageState.WAITING), "tries": 0, "next_ms": now_ms, "claimed_ms": 0}
