"""Who is asking, and may they: between the addresses and the people. Knows no HTTP, answers in `Actor`s and refusals.

Passwords are checked in one thread of their own, a few at a time, so that guessing costs the guesser and nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from receiver.audit import Line
from receiver.errors import StoreUnavailable
from receiver.people import People, Session, SignInRefused
from receiver.roles import Actor, Role

SIGNING_IN_MAX = 8
"""People who wait for their password to be checked, 0.1 s and 64 MiB each. Our choice."""

LINES_PER_MINUTE_MAX = 60
_MINUTE_MS = 60_000
"""Refusals written down in a minute; those beyond are counted in one line. Ours: a flood must not fill the disk."""

EMPTY_AGAIN_MS = 2_000
"""How long "no people are known" is believed; that some are is believed for good."""

log = logging.getLogger("receiver")
_T = TypeVar("_T")


class Door:
    """See the module."""

    def __init__(self, people: People, now_ms: Callable[[], int]) -> None:
        self._people = people
        self._now_ms = now_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="people")
        self._signing_in = 0
        self._has_people = False
        self._empty_until_ms = 0
        self._minute = -1
        self._refused = 0

    async def is_unattended(self) -> bool:
        """No people are known yet."""
        if self._has_people:
            return False
        if self._now_ms() < self._empty_until_ms:
            return True
        if await self.ask(lambda people: people.is_empty()):
            self._empty_until_ms = self._now_ms() + EMPTY_AGAIN_MS
            return True
        self._has_people = True
        return False

    def expect_people(self) -> None:
        """Somebody has just become known: nobody is let in unasked any more, from this moment on."""
        self._has_people = True

    async def session(self, token: str) -> Session | None:
        """What a token stands for."""
        return await self.ask(lambda people: people.session(token, self._now_ms()))

    async def sign_in(self, name: str, password: str, address: str) -> tuple[str, Session]:
        """A new token. Raises `SignInRefused`, and writes it down."""
        if self._signing_in >= SIGNING_IN_MAX:
            raise SignInRefused("too many sign in at this moment", "Try again in a moment", 2)
        self._signing_in += 1
        try:
            token, session = await self.ask(lambda people: people.sign_in(name, password, address, self._now_ms()))
        except SignInRefused as error:
            await self.refused(None, address, "sign in", name, error.problem)
            raise
        finally:
            self._signing_in -= 1
        person = session.person
        await self.done(Actor(person.name, person.shown, person.role, address, person.firm), "sign in", name)
        return token, session

    async def refused(self, actor: Actor | None, address: str, what: str, subject: str, detail: str) -> None:
        """Write down that something was refused, on standard error and in the audit log; a flood is only counted."""
        who = "somebody" if actor is None else actor.name
        now_ms = self._now_ms()
        if now_ms // _MINUTE_MS != self._minute:
            beyond, self._minute, self._refused = self._refused - LINES_PER_MINUTE_MAX, now_ms // _MINUTE_MS, 0
            if beyond > 0:
                await self._note(Line(now_ms, b"", None, None, "", "refusals", f"{beyond} more", "refused", ""))
        self._refused += 1
        if self._refused > LINES_PER_MINUTE_MAX:
            return
        log.warning("REFUSED: %s at %s: %s: %s", who, address, what, detail)
        name, role = (None, None) if actor is None else (actor.name, actor.role.word)
        await self._note(Line(now_ms, b"", name, role, address, what, subject, "refused", detail))

    async def done(self, actor: Actor, what: str, subject: str, detail: str = "") -> None:
        """Write down that something was done, where no transaction of its own says so."""
        line = Line(self._now_ms(), b"", actor.name, actor.role.word, actor.address, what, subject, "done", detail)
        await self._note(line)

    async def ask(self, question: Callable[[People], _T]) -> _T:
        """Do something with the people, in their thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._people)

    def stop(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _note(self, line: Line) -> None:
        """A disk that takes nothing must not make a refusal a success, nor the other way round."""
        try:
            await self.ask(lambda people: people.note(line))
        except StoreUnavailable as error:
            log.error("The audit log takes nothing: %s; %s of %s by %s", error, line.what, line.subject, line.who)


def local_actor(address: str) -> Actor:
    """Whoever is at this machine while no people are known."""
    return Actor("local", "local", Role.ADMIN, address)
