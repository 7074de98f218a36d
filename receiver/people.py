"""Named people: their passwords, roles and sessions, and how often somebody may guess. Knows no HTTP.

In: a place; names, passwords, tokens, times. Out: `Person`, `Session`, `Actor`. Of a session only the digest of its
token is kept. A wrong password counts against a name at one address: a few do not lock a person out everywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from receiver import audit, passwords
from receiver import tables as t
from receiver.database import Place, Turn, open_for_writing
from receiver.errors import ReceiverError
from receiver.roles import Actor, Role

IDLE_MS = 24 * 3_600_000
SESSION_MS = 30 * 24 * 3_600_000
TOKEN_MS = 400 * 24 * 3_600_000
SEEN_NOTED_MS = 60_000
"""A session ends a day after it was last used, and after thirty in any case: the screen of a control room must not sign
out in the middle of a rescue. A program's token lasts 400 days. Ours."""

WRONG_MAX = 5
WRONG_EVERYWHERE_MAX = 100
LOCKED_MS = 15 * 60_000
"""Wrong passwords in a row for one name from one address, and for one name from all, before it is locked for a quarter
of an hour. The latter: NIST SP 800-63B section 5.2.2 (from memory, unverified); the others ours."""

FAILURES_KEPT_MAX = 10_000
PEOPLE_MAX = 500
SESSIONS_PER_PERSON_MAX = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_SHOWN_BYTES_MAX = 32


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. shown: the name on notices, at most 32 bytes."""

    name: str
    shown: str
    role: Role
    is_disabled: bool
    since_ms: int
    firm: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A token that was found good. is_token: of a program, which needs no CSRF token."""

    person: Person
    until_ms: int
    is_token: bool


class SignInRefused(ReceiverError):
    """No session. retry_after_s: 0, or how long the name is locked."""

    def __init__(self, problem: str, hint: str, retry_after_s: int = 0) -> None:
        super().__init__(problem, subject="sign in", hint=hint)
        self.retry_after_s = retry_after_s


def csrf_of(token: str) -> str:
    """What a page sends beside its cookie, so that another site's page cannot act in its name."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


class People:
    """See the module. Not for two threads at once."""

    def __init__(self, place: Place) -> None:
        """Raises `ReceiverError`."""
        self._db = open_for_writing(place)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def is_empty(self) -> bool:
        """No people are known: whoever is at this machine may do everything."""
        with self._db.snapshot() as db:
            return db.execute(select(t.person.c.name).limit(1)).first() is None

    def add(self, person: Person, password: str, by: Actor) -> None:
        """Raises `ReceiverError` for a name that is taken or none, or too easy a password."""
        if _NAME.fullmatch(person.name) is None:
            hint = "Take small letters, digits, dots, dashes; at most 32"
            raise ReceiverError("not a usable name", subject=person.name[:40], hint=hint)
        _check_shown(person.shown)
        row = {**_columns(person), "digest": passwords.digest_of(password, person.name)}
        with self._db.transaction(turn=Turn.PEOPLE) as db:
            if db.execute(select(func.count()).select_from(t.person)).scalar_one() >= PEOPLE_MAX:
                raise ReceiverError(f"{PEOPLE_MAX} people are known already", subject="people", hint="Remove some")
            if person.role is not Role.ADMIN:
                _keep_an_admin(db, person.name)
            if db.execute(t.insert_new(t.person), row).rowcount == 0:
                raise ReceiverError("this name is taken", subject=person.name, hint="Choose another")
            audit.write(db, by, "person added", person.name, person.since_ms, person.role.word)

    def change(self, name: str, by: Actor, now_ms: int, **values: Any) -> bool:
        """Set role (Role), shown, firm, is_disabled or password; False: nobody has this name. Ends all sessions.

        Raises `ReceiverError` where nobody would be left who may do everything.
        """
        if "shown" in values:
            _check_shown(values["shown"])
        kept = {key: int(value) if key in ("role", "is_disabled") else value for key, value in values.items()}
        if kept.pop("password", None) is not None:
            kept["digest"] = passwords.digest_of(values["password"], name)
        with self._db.transaction(turn=Turn.PEOPLE) as db:
            if db.execute(update(t.person).where(t.person.c.name == name).values(**kept)).rowcount == 0:
                return False
            _keep_an_admin(db, name)
            db.execute(delete(t.session).where(t.session.c.person == name))
            db.execute(delete(t.failure).where(t.failure.c.person == name))
            audit.write(db, by, "person changed", name, now_ms, ", ".join(sorted(values)))
        return True

    def remove(self, name: str, by: Actor, now_ms: int) -> bool:
        """False: nobody has this name. What the person did stays in notices and audit log."""
        with self._db.transaction(turn=Turn.PEOPLE) as db:
            if db.execute(delete(t.person).where(t.person.c.name == name)).rowcount == 0:
                return False
            _keep_an_admin(db, name)
            db.execute(delete(t.session).where(t.session.c.person == name))
            audit.write(db, by, "person removed", name, now_ms)
        return True

    def all(self) -> Sequence[Person]:
        """Everybody, by name."""
        with self._db.snapshot() as db:
            return [_person(row) for row in db.execute(select(t.person).order_by(t.person.c.name))]

    def find(self, name: str) -> Person | None:
        """One person."""
        with self._db.snapshot() as db:
            row = db.execute(select(t.person).where(t.person.c.name == name)).one_or_none()
            return None if row is None else _person(row)

    def sign_in(self, name: str, password: str, address: str, now_ms: int) -> tuple[str, Session]:
        """A new token and what it stands for. Raises `SignInRefused`."""
        with self._db.transaction() as db:
            locked_s = _locked_s(db, name, address, now_ms)
            row = db.execute(select(t.person).where(t.person.c.name == name)).one_or_none()
        if locked_s:
            problem = "too many wrong passwords"
            raise SignInRefused(problem, "Wait, or ask an administrator for a new password", locked_s)
        is_right = passwords.is_right(None if row is None else row.digest, password)
        with self._db.transaction(turn=Turn.PEOPLE) as db:
            if not is_right or row is None or row.is_disabled:
                _count_wrong(db, name, address, now_ms)
            else:
                db.execute(delete(t.failure).where(t.failure.c.person == name, t.failure.c.address == address))
                return _new_session(db, _person(row), now_ms, SESSION_MS, "", is_token=False)
        raise SignInRefused("name or password is wrong", "Try again, or ask an administrator for a new password")

    def token(self, name: str, label: str, by: Actor, now_ms: int) -> str | None:
        """A token for a program that acts as this person; None: nobody has this name."""
        with self._db.transaction(turn=Turn.PEOPLE) as db:
            row = db.execute(select(t.person).where(t.person.c.name == name)).one_or_none()
            if row is None:
                return None
            audit.write(db, by, "token made", name, now_ms, label)
            return _new_session(db, _person(row), now_ms, TOKEN_MS, label, is_token=True)[0]

    def session(self, token: str, now_ms: int) -> Session | None:
        """What a token stands for; None: nothing, or not any more."""
        kept = _kept(token)
        with self._db.snapshot() as db:
            row = db.execute(
                select(t.person, t.session.c.until_ms, t.session.c.seen_ms, t.session.c.is_token)
                .join(t.session, t.session.c.person == t.person.c.name)
                .where(t.session.c.kept == kept)
            ).one_or_none()
        if row is None or row.is_disabled or now_ms >= row.until_ms:
            return None
        if not row.is_token and now_ms - row.seen_ms >= IDLE_MS:
            return None
        if now_ms - row.seen_ms >= SEEN_NOTED_MS:
            with self._db.transaction() as db:
                db.execute(update(t.session).where(t.session.c.kept == kept).values(seen_ms=now_ms))
        return Session(_person(row), row.until_ms, bool(row.is_token))

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._db.transaction() as db:
            db.execute(delete(t.session).where(t.session.c.kept == _kept(token)))

    def note(self, line: audit.Line) -> None:
        """Write a line of the audit log by itself."""
        with self._db.transaction() as db:
            audit.write_line(db, line)

    def audit_lines(self, before: tuple[int, bytes] | None, count: int) -> Sequence[audit.Line]:
        """A page of the audit log, newest first."""
        with self._db.snapshot() as db:
            return audit.lines(db, before, count)


def _kept(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _new_session(
    db: Connection, person: Person, now_ms: int, lasts_ms: int, label: str, *, is_token: bool
) -> tuple[str, Session]:
    token = secrets.token_urlsafe(32)
    at = t.session.c
    db.execute(
        delete(t.session).where((at.until_ms <= now_ms) | ((at.is_token == 0) & (at.seen_ms <= now_ms - IDLE_MS)))
    )
    mine = select(at.kept).where(at.person == person.name, at.is_token == int(is_token)).order_by(at.since_ms.desc())
    beyond = [row.kept for row in db.execute(mine.offset(SESSIONS_PER_PERSON_MAX - 1))]
    db.execute(delete(t.session).where(at.kept.in_(beyond)))
    row = {
        "kept": _kept(token),
        "person": person.name,
        "label": label[:60],
        "is_token": int(is_token),
        "since_ms": now_ms,
        "seen_ms": now_ms,
        "until_ms": now_ms + lasts_ms,
    }
    db.execute(t.session.insert(), row)
    return token, Session(person, now_ms + lasts_ms, is_token)


def _locked_s(db: Connection, name: str, address: str, now_ms: int) -> int:
    """Whole seconds for which this name is locked at this address."""
    at = t.failure.c
    fresh = at.last_ms > now_ms - LOCKED_MS
    here = (at.person == name) & (at.address == address) & fresh
    row = db.execute(select(at.wrong, at.last_ms).where(here)).one_or_none()
    wait_ms = 0
    if row is not None and row.wrong >= WRONG_MAX:
        wait_ms = row.last_ms + LOCKED_MS - now_ms
    everywhere = select(func.coalesce(func.sum(at.wrong), 0), func.max(at.last_ms)).where((at.person == name) & fresh)
    count, last_ms = db.execute(everywhere).one()
    if count >= WRONG_EVERYWHERE_MAX:
        wait_ms = max(wait_ms, last_ms + LOCKED_MS - now_ms)
    return -(-wait_ms // 1000)


def _count_wrong(db: Connection, name: str, address: str, now_ms: int) -> None:
    at = t.failure.c
    db.execute(delete(t.failure).where(at.last_ms <= now_ms - LOCKED_MS))
    if db.execute(select(func.count()).select_from(t.failure)).scalar_one() >= FAILURES_KEPT_MAX:
        oldest = db.execute(select(at.person, at.address).order_by(at.last_ms).limit(1)).one()
        db.execute(delete(t.failure).where(_of(oldest.person, oldest.address)))
    row = {"person": name, "address": address, "wrong": 1, "last_ms": now_ms}
    if db.execute(t.insert_new(t.failure), row).rowcount == 0:
        db.execute(update(t.failure).where(_of(name, address)).values(wrong=at.wrong + 1, last_ms=now_ms))


def _of(name: str, address: str) -> ColumnElement[bool]:
    return (t.failure.c.person == name) & (t.failure.c.address == address)


def _keep_an_admin(db: Connection, name: str) -> None:
    left = select(t.person.c.name).where(t.person.c.role == int(Role.ADMIN), t.person.c.is_disabled == 0).limit(1)
    if db.execute(left).first() is None:
        raise ReceiverError("nobody would be left who may do everything", subject=name, hint="Make another admin first")


def _check_shown(shown: str) -> None:
    if not shown.isprintable() or not shown.strip() or len(shown.encode("utf-8", "replace")) > _SHOWN_BYTES_MAX:
        hint = f"Take printable text of at most {_SHOWN_BYTES_MAX} bytes, as boxes and pages show it"
        raise ReceiverError("not a usable name to show", subject=repr(shown[:40]), hint=hint)


def _columns(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "shown": person.shown,
        "role": int(person.role),
        "is_disabled": int(person.is_disabled),
        "since_ms": person.since_ms,
        "firm": person.firm,
    }


def _person(row: Row[Any]) -> Person:
    return Person(row.name, row.shown, Role(row.role), bool(row.is_disabled), row.since_ms, row.firm)
