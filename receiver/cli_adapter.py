"""`lift-receiver adapter`: what is set, what would be sent, what was refused, and to try that again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from receiver.adapters import queue
from receiver.adapters.example import example_of
from receiver.adapters.http_out import PlatformAdapter
from receiver.adapters.settings import Configured, adapters_in
from receiver.adapters.words import What
from receiver.database import Place, Turn, open_for_reading, open_for_writing
from receiver.errors import ReceiverError
from receiver.outgoing import MessageState
from receiver.roles import Actor, Role

_LOCAL = Actor("local", "local", Role.ADMIN, "console")


def add_adapter(parser: argparse.ArgumentParser) -> None:
    """The words of `adapter`. Returns nothing; `place` options are added by the caller."""
    parser.add_argument("act", choices=("check", "list", "replay-dead", "forget"))
    parser.add_argument("name", nargs="?", metavar="NAME", help="of one adapter; needed by replay-dead and forget")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the file of `run --settings`")


def adapter(place: Place, act: str, name: str | None, settings: Path | None, now_ms: int) -> int:
    """0: done."""
    if act == "check":
        return _check(_given(settings), name)
    if act == "list":
        return _list(place, () if settings is None else adapters_in(settings))
    if name is None:
        raise ReceiverError("which adapter", subject=f"adapter {act}", hint="Give its name: see `adapter list`")
    opened = open_for_writing(place)
    try:
        with opened.transaction(turn=Turn.ADAPTERS) as db:
            if act == "forget":
                count = queue.forget(db, name, _LOCAL, now_ms)
                print(f"{name}: {count} messages and its place are forgotten; it begins anew with the next start")
            else:
                count = queue.retry(db, name, None, _LOCAL, now_ms)
                print(f"{name}: {count} dead messages are tried again")
    finally:
        opened.close()
    return 0


def _given(settings: Path | None) -> tuple[Configured, ...]:
    if settings is None:
        raise ReceiverError("which settings", subject="adapter check", hint="Give --settings FILE")
    return adapters_in(settings)


def _check(configured: tuple[Configured, ...], name: str | None) -> int:
    """Everything was read; show what each platform would be sent."""
    for each in configured:
        if name is not None and each.adapter.name != name:
            continue
        print(f"{each.adapter.name}: {each.kind}, {each.where}")
        if each.where.startswith("http://"):
            print("  REMARK: plain HTTP: everybody on the way can read and change what is sent")
        if each.mapping is None or not isinstance(each.adapter, PlatformAdapter):
            continue
        told = [kind.public_name for kind, code in each.mapping.codes.items() if code is not None]
        print(f"  mapping {each.path}: {each.mapping.profile}")
        print(f"  {len(told)} alarm kinds have a code: {', '.join(told)}")
        for what in What:
            if what not in each.mapping.messages:
                continue
            method, url, headers, body = each.adapter.shown(example_of(what, each.adapter.language))
            print(f"  {what.value}: {method} {url}")
            for header, value in headers.items():
                print(f"    {header}: {value}")
            print("    " + json.dumps(body, ensure_ascii=False, indent=2).replace("\n", "\n    "))
    return 0


def _list(place: Place, configured: tuple[Configured, ...]) -> int:
    opened = open_for_reading(place)
    try:
        with opened.snapshot() as db:
            counted = queue.counts(db)
            names = dict.fromkeys([each.adapter.name for each in configured] + [name for name, _ in counted])
            for name in names:
                behind = queue.behind(db, name)
                far = "has never run" if behind is None else f"{max(behind.values())} entries of the journal behind"
                waiting, sent, dead = (
                    counted.get((name, state), 0)
                    for state in (MessageState.WAITING, MessageState.SENT, MessageState.DEAD)
                )
                print(f"{name}: {waiting} waiting, {sent} taken, {dead} dead; {far}")
                for row in queue.rows_of(db, name, MessageState.DEAD):
                    print(f"  dead after {row.tries} tries: {row.key}: {row.error}")
            if not names:
                print("No adapter is set, and none has ever run.")
    finally:
        opened.close()
    return 0
