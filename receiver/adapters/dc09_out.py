"""An alarm receiving centre over SIA DC-09 and TCP: one connection, one message after the other.

In: a `Telling`. Out: nothing once the centre has acknowledged it, or `HandoverError`. A message without answer is sent
again with the same number, three times in all; a NAK sets our idea of the centre's clock and is answered by one more
try; DUH means never. The link is tested after `supervision_s` without other messages.

The number of a message is kept while this process lives. One that is told again after a crash between sending and
marking gets another number: the text in [I] names it, so that people can see that it is the same.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge_agent.alarms import AlarmKind
from receiver.adapters.codes import PERIODIC_TEST, AlarmCode, kind_of
from receiver.adapters.dc09 import (
    NULL_SEQUENCE,
    SEQUENCE_MAX,
    Answer,
    Dc09Error,
    Event,
    Form,
    Line,
    Reply,
    answer_in,
    event_frame,
)
from receiver.adapters.dc09 import link_test as link_test_frame
from receiver.adapters.words import HandoverError, Telling, Value, What
from receiver.incidents import ALARM_KIND_MAX

CONNECT_S = 5.0
ANSWER_S = 5.0
SENDINGS = 3
ANSWER_BYTES_MAX = 4_200
NUMBERS_MAX = 10_000
ZONE_MAX = 999
"""Three sendings: from memory, unverified. The times are ours, together shorter than a claim. Numbers of messages that
are remembered."""


_LOST = (Dc09Error, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError)


@dataclass(frozen=True, slots=True)
class CentreSettings:
    """One centre. accounts: by registration code of the lift, beside the account of the line. codes: None: not told.

    restores_when_gone: an alarm is restored when its condition goes away, not only when somebody has ended it.
    """

    host: str
    port: int
    line: Line
    form: Form
    codes: Mapping[AlarmKind, AlarmCode | None]
    accounts: Mapping[str, str]
    supervision_s: int | None = None
    tells_tests: bool = True
    restores_when_gone: bool = False
    has_extras: bool = True
    language: str = "en"


class CentreAdapter:
    """See the module. now_ms: Unix time in ms, by the clock of this machine."""

    at_once = 1
    snapshot_s = None
    wants_telemetry = False

    def __init__(self, name: str, settings: CentreSettings, now_ms: Callable[[], int]) -> None:
        self._name = name
        self._settings = settings
        self._now_ms = now_ms
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._last_number = now_ms() // 1000 % SEQUENCE_MAX  # after a start not where the last life was just now
        self._ahead_s = 0  # the centre's clock against ours, as its last NAK has told
        self._speaking = asyncio.Lock()

    @property
    def name(self) -> str:
        """As in the settings."""
        return self._name

    @property
    def language(self) -> str:
        """Of the text in [I]."""
        return self._settings.language

    @property
    def online_s(self) -> int | None:
        """How often the link is tested."""
        return self._settings.supervision_s

    def wants(self, what: What, kind: int | None) -> bool:
        """Alarms and faults that begin and end, and tests."""
        if what is What.TEST:
            return self._settings.tells_tests
        if what is What.ONLINE:
            return True
        if what not in (What.RAISED, What.GONE, What.ENDED, What.CLOSED, What.FALSE_ALARM):
            return False
        return kind is None or (self._code(kind) is not None and self._restores(what, kind))

    def code_of(self, kind: int) -> Value:
        """Snapshots are not told here."""
        code = self._code(kind)
        return None if code is None else code.cid

    async def hand_over(self, telling: Telling) -> None:
        """See `Adapter`."""
        if not self.wants(telling.what, telling.kind):
            return
        async with self._speaking:
            try:
                await self._tell_over_a_line_that_lives(telling)
            except _LOST as error:
                await self._hang_up()
                raise HandoverError(f"no answer ({type(error).__name__}: {error})", is_later=True) from error
            except HandoverError:
                raise
            except BaseException:  # cancelled in the middle: what comes back later belongs to nobody
                await self._hang_up()
                raise

    async def close(self) -> None:
        """Hang up."""
        await self._hang_up()

    def _restores(self, what: What, kind: int) -> bool:
        """Restoral of an alarm when it is ended; of a fault when its condition is gone."""
        if what is What.RAISED:
            return True
        is_alarm = kind <= ALARM_KIND_MAX
        return (what is What.GONE) == (not is_alarm or self._settings.restores_when_gone)

    def _code(self, kind: int) -> AlarmCode | None:
        known = kind_of(kind)
        return None if known is None else self._settings.codes[known]

    async def _tell_over_a_line_that_lives(self, telling: Telling) -> None:
        """Centres hang up when nothing was said for a while: what fails on an old connection gets a new one."""
        if self._streams is not None:
            try:
                await self._tell(telling)
            except (OSError, asyncio.IncompleteReadError):
                await self._hang_up()
            else:
                return
        self._streams = await self._dialled()
        await self._tell(telling)

    async def _tell(self, telling: Telling) -> None:
        answer = await self._asked(telling)
        if answer.reply is Reply.NAK and answer.at_s is not None:
            self._ahead_s = answer.at_s - self._now_ms() // 1000
            answer = await self._asked(telling)
        if answer.reply is Reply.DUH:
            raise HandoverError("the centre does not understand this message (DUH)", is_final=True)
        if answer.reply is Reply.NAK:
            raise HandoverError("the centre refuses (NAK): account, key or clock", is_later=True)

    async def _asked(self, telling: Telling) -> Answer:
        """Send until there is an answer, at most `SENDINGS` times, always the same number."""
        assert self._streams is not None
        reader, writer = self._streams
        number = NULL_SEQUENCE if telling.what is What.ONLINE else self._number(telling.key)
        for _ in range(SENDINGS):
            writer.write(self._frame(telling, number))
            await writer.drain()
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._answer(reader, number)
            except TimeoutError:
                continue
        raise Dc09Error(f"silent after {SENDINGS} sendings")

    async def _answer(self, reader: asyncio.StreamReader, number: int) -> Answer:
        """The answer to this number; a late one to another is passed over."""
        while True:
            raw = await reader.readuntil(b"\r")
            start = raw.rfind(b"\n")
            answer = answer_in(raw[max(start, 0) :], self._settings.line.key)
            if answer.reply is Reply.NAK or answer.sequence == number:
                return answer

    def _frame(self, telling: Telling, number: int) -> bytes:
        settings = self._settings
        now_s = self._now_ms() // 1000 + self._ahead_s
        line = settings.line
        account = settings.accounts.get(str(telling.facts.get("lift")), line.account)
        line = Line(account, line.receiver, line.prefix, line.key)
        if telling.what is What.ONLINE:
            return link_test_frame(line, now_s, os.urandom(32))
        return event_frame(
            line, number, settings.form, self._event(telling), now_s, os.urandom(32), has_extras=settings.has_extras
        )

    def _event(self, telling: Telling) -> Event:
        occurred_ms = telling.facts.get("happened")
        code = PERIODIC_TEST if telling.what is What.TEST else self._code(telling.kind or 0)
        assert code is not None
        is_restoral = telling.what not in (What.RAISED, What.TEST)
        zone = 0 if telling.what is What.TEST else min(telling.kind or 0, ZONE_MAX)
        text = f"{telling.facts.get('text') or ''} ({telling.key})".strip()
        sia = code.restoral if is_restoral else code.event
        return Event(is_restoral, code.cid, sia, 1, zone, occurred_ms if isinstance(occurred_ms, int) else None, text)

    def _number(self, key: str) -> int:
        if key not in self._numbers:
            self._last_number = self._last_number % SEQUENCE_MAX + 1
            self._numbers[key] = self._last_number
            if len(self._numbers) > NUMBERS_MAX:
                self._numbers.popitem(last=False)
        return self._numbers[key]

    async def _dialled(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.open_connection(self._settings.host, self._settings.port, limit=ANSWER_BYTES_MAX)
        except (OSError, TimeoutError) as error:
            raise HandoverError(f"{where} cannot be reached ({error or 'no answer'})", is_away=True) from error

    async def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
