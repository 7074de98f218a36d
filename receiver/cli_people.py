"""`lift-receiver init` and `lift-receiver user`: make a receiver, and the people who may use it; also while it runs."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.wire_sealing import SigningKey
from receiver.database import Place, key_seed, open_for_writing
from receiver.errors import ReceiverError
from receiver.people import People, Person
from receiver.roles import COMMAND_LINE, Role

_ROLES = ", ".join(role.word for role in Role)


def add_init(parser: argparse.ArgumentParser) -> None:
    """The options of `init`."""
    parser.add_argument(
        "--from", dest="backup", type=Path, metavar="FOLDER", help="load a backup into this empty place"
    )
    parser.add_argument("--admin", metavar="NAME", help="make this first administrator too")
    _add_password(parser)


def add_user(parser: argparse.ArgumentParser) -> None:
    """The options of `user`."""
    actions = ("list", "add", "role", "password", "disable", "enable", "remove", "token")
    parser.add_argument("action", choices=actions)
    parser.add_argument("name", nargs="?", help="small letters, digits, dots, dashes")
    parser.add_argument("--role", type=_role, metavar="ROLE", help=f"one of {_ROLES}, from least to most")
    parser.add_argument("--shown", metavar="TEXT", help="name on notices, at most 32 bytes (default: the name)")
    parser.add_argument("--firm", metavar="FIRM", help="sees only the lifts of this firm")
    parser.add_argument("--label", default="", help="of a token: what it is for")
    _add_password(parser)


def make(place: Place, admin: str | None, from_stdin: bool) -> int:
    """Make the database and its key, or bring an older one up to date. Raises `ReceiverError`."""
    if isinstance(place, Path):
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            hint = "Give --data a folder that this user may write"
            raise ReceiverError(error.strerror or str(error), subject=str(place), hint=hint) from error
    opened = open_for_writing(place)
    try:
        with opened.snapshot() as db:
            print(f"key {SigningKey(key_seed(db)).public.text}")
    finally:
        opened.close()
    if admin is not None:
        _with_people(place, lambda people: _add(people, admin, Role.ADMIN, None, None, from_stdin))
    return 0


def change_people(place: Place, asked: argparse.Namespace) -> int:
    """Carry out one action of `user`."""
    if asked.action == "list":
        _with_people(place, _list)
        return 0
    if asked.name is None:
        raise ReceiverError("a name is missing", subject=f"user {asked.action}", hint="Give it after the action")
    _with_people(place, lambda people: _act(people, asked))
    return 0


def _act(people: People, asked: argparse.Namespace) -> None:
    name, now_ms = asked.name, _now_ms()
    match asked.action:
        case "add":
            if asked.role is None:
                raise ReceiverError("a role is missing", subject=name, hint=f"Give --role, one of {_ROLES}")
            _add(people, name, asked.role, asked.shown, asked.firm, asked.password_stdin)
            return
        case "token":
            token = people.token(name, asked.label, COMMAND_LINE, now_ms)
            if token is not None:
                print(token)
            is_known = token is not None
        case "remove":
            is_known = people.remove(name, COMMAND_LINE, now_ms)
        case "disable" | "enable":
            is_known = people.change(name, COMMAND_LINE, now_ms, is_disabled=asked.action == "disable")
        case "password":
            is_known = people.change(name, COMMAND_LINE, now_ms, password=_password(name, asked.password_stdin))
        case _:
            if asked.role is None:
                raise ReceiverError("a role is missing", subject=name, hint=f"Give --role, one of {_ROLES}")
            is_known = people.change(name, COMMAND_LINE, now_ms, role=asked.role)
    if not is_known:
        raise ReceiverError("nobody has this name", subject=name, hint="See `lift-receiver user list`")


def _add(people: People, name: str, role: Role, shown: str | None, firm: str | None, from_stdin: bool) -> None:
    person = Person(name, shown or name, role, False, _now_ms(), firm)
    people.add(person, _password(name, from_stdin), COMMAND_LINE)
    print(f"{name}: {role.word}")


def _list(people: People) -> None:
    for person in people.all():
        more = "".join((f", firm {person.firm}" if person.firm else "", ", disabled" if person.is_disabled else ""))
        print(f"{person.name}  {person.role.word}  {person.shown}{more}")


def _with_people(place: Place, act: Callable[[People], None]) -> None:
    people = People(place)
    try:
        act(people)
    finally:
        people.close()


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of input")


def _password(name: str, from_stdin: bool) -> str:
    if from_stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise ReceiverError("the two are not the same", subject=name, hint="Run the command again")
    return password


def _role(word: str) -> Role:
    role = Role.parse(word)
    if role is None:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {_ROLES}")
    return role


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
