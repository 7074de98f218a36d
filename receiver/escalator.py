"""Sends what escalation has planned: a turn a second, a few targets at a time; what is due for one target goes as one.

Many alarms at once, as in a blackout, are one message a target, occupied cars first; the first alarm waits for none.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from receiver import escalation, ways_out
from receiver.common_cause import occupied_first
from receiver.database import Turn
from receiver.errors import StoreUnavailable
from receiver.escalation import Message, MessageKind
from receiver.incident_rows import IncidentView, load_view
from receiver.json_view import incident_text
from receiver.sentences import printable
from receiver.service import Service
from receiver.ways_out import Saying, WayError, Ways

TURN_S = 1.0
AT_ONCE_MAX = 8
LISTED_MAX = 15
"""Turns; targets told at the same time; incidents named in one text, the rest counted. Ours."""

log = logging.getLogger("receiver")
_WORDS = {
    "en": (
        "{n} alarms, occupied cars first",
        "ALARM",
        "recovered by itself",
        "lift",
        "someone inside {p} %",
        "{n} more",
    ),
    "zh": ("{n} 起报警，有人轿厢在前", "报警", "已自行恢复", "电梯", "轿内有人 {p} %", "另有 {n} 起"),
}


class Escalator:
    """See the module. `turn` may be called by hand, with the clock of the service."""

    def __init__(self, service: Service, ways: Ways) -> None:
        self._service = service
        self._ways = ways
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """A turn a second, until cancelled; then what is being sent is finished."""
        try:
            while True:
                await asyncio.sleep(TURN_S)
                try:
                    await self.turn()
                except StoreUnavailable as error:
                    log.error("NOBODY IS TOLD: %s", error)
        finally:
            if self._sending:
                await asyncio.wait(self._sending)

    async def turn(self) -> int:
        """Plan what is due and begin to send it. Returns how many sendings were begun."""
        now_ms = self._service.now_ms
        await self._service.change(lambda db: escalation.plan(db, now_ms()), Turn.ESCALATION)
        begun = 0
        while len(self._sending) < AT_ONCE_MAX:
            found = await self._service.change(lambda db: escalation.claim(db, now_ms()), Turn.ESCALATION)
            if not found:
                break
            task = asyncio.create_task(self._send(found))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            begun += 1
        return begun

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while self._sending:
            await asyncio.wait(set(self._sending))

    async def _send(self, messages: Sequence[Message]) -> None:
        error, is_final = None, False
        channel, target = messages[0].channel, messages[0].target
        try:
            views = [(message, await self._service.read(_reading(message))) for message in messages]
            saying = said_of([(m, view) for m, view in views if view is not None], self._service.now_ms())
            await ways_out.send(self._ways, channel, target, saying)
            log.info("Told %s by %s of %d incident(s)", printable(target), channel.value, len(messages))
        except WayError as refused:
            error, is_final = refused.problem, refused.is_final
            log.warning("NOT TOLD: %s by %s: %s", printable(target), channel.value, printable(error))
        except StoreUnavailable as unavailable:
            error = unavailable.problem
        await self._service.change(
            lambda db: escalation.mark(db, messages, self._service.now_ms(), error, is_final=is_final), Turn.ESCALATION
        )


def _reading(message: Message) -> Callable[..., IncidentView | None]:
    return lambda db: load_view(db, message.key)


def said_of(told: Sequence[tuple[Message, IncidentView]], now_ms: int) -> Saying:
    """One message or many as one text, in the language of the list."""
    first = told[0][0]
    many, alarm, recovered, lift, inside, more = _WORDS[first.language]
    by_key = {view.incident.key: message for message, view in told}
    views = occupied_first(view for _, view in told)
    lines = []
    for view in views[:LISTED_MAX]:
        record = view.incident.first
        assert record is not None
        percent = view.occupied_percent
        word = recovered if by_key[view.incident.key].kind is MessageKind.RECOVERED else alarm
        where = f"{lift} {view.lift_no or view.incident.key.device.hex()}"
        people = "" if percent is None else ", " + inside.format(p=percent)
        lines.append(printable(f"{word}: {_title(record.kind, first.language)}, {where}{people}"))
    if len(views) > LISTED_MAX:
        lines.append(more.format(n=len(views) - LISTED_MAX))
    head = many.format(n=len(views)) if len(views) > 1 else lines[0]
    text = "\n".join([head, *lines] if len(views) > 1 else lines)
    tree = {
        "name": first.name,
        "kind": first.kind.value,
        "text": text,
        "incidents": [json.loads(incident_text(view, now_ms))["incident"] for view in views],
    }
    return Saying(first.name, head, text, tree)


def _title(kind: int, language: str) -> str:
    try:
        row = CATALOGUE[AlarmKind(kind)]
    except (ValueError, KeyError):
        return f"{kind}"
    return row.title_zh if language == "zh" else row.title_en
