"""`edge-agent visit`: a maintenance visit, with who, which items, and what was measured before and during it.

start: what is done to the lift raises no alarm until the visit is finished, for two hours unless told otherwise; the
alarm button in the car is still heard. finish: the items of the checklist, by number or asked one by one. status: what
is under way, and the items. Both are records that go to the receivers, sealed like an alarm.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.catalogue_visit import measured_words, visit_words
from edge_agent.checklist import DEFAULT, load_checklist, shipped_names
from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.local_requests import MINUTES_MAX, MINUTES_MIN, RequestFolder, VisitRequest
from edge_agent.toml_checklist import Checklist, numbers_in
from edge_agent.visit_file import KeptVisit, read_visits

if TYPE_CHECKING:
    from argparse import _SubParsersAction

WAIT_S = 5.0  # the agent looks once a second
MINUTES = 120


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("visit", help=SUMMARIES["visit"], description=__doc__)
    parser.add_argument("what", choices=("start", "finish", "status"))
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--config", metavar="FILE", help="settings file of the running agent")
    where.add_argument("--state", metavar="DIR", help="its state folder")
    parser.add_argument("--person", metavar="NAME", default="", help="who does the work; needed to start")
    parser.add_argument(
        "--items", metavar="LIST", help=f"checklist: {', '.join(shipped_names())}, or a file of your own (TOML)"
    )
    parser.add_argument("--minutes", type=int, default=MINUTES, help=f"how long at most ({MINUTES}; to {MINUTES_MAX})")
    parser.add_argument("--done", metavar="NUMBERS", help="finish: items that are done, such as 1-12,15 or all")
    parser.add_argument("--faulty", metavar="NUMBERS", help="finish: items that are not in order")
    parser.add_argument("--remark", default="", help="finish: one short sentence for the record")
    parser.add_argument("--lang", choices=("en", "zh"), default="en")


def run(args: argparse.Namespace) -> int:
    """Ask the running agent, or show what is under way; 1 if the agent refused or no visit is under way."""
    folder = Path(args.state) if args.state is not None else Path(load_settings(args.config).state_folder)
    kept = read_visits(folder).now
    under_way = kept if kept is not None and kept.ending is None else None
    if args.what == "status":
        return _show(under_way, args.items, args.lang)
    if args.what == "start" and not args.person.strip():
        print(visit_words("needs_person", args.lang), file=sys.stderr)
        return 2
    if not MINUTES_MIN <= args.minutes <= MINUTES_MAX:
        print(f"--minutes: {MINUTES_MIN} to {MINUTES_MAX}", file=sys.stderr)
        return 2
    default = DEFAULT if under_way is None else under_way.checklist
    checklist = load_checklist(default if args.items is None else args.items)
    done, faulty = _items(args, checklist) if args.what == "finish" else ((), ())
    request = VisitRequest(
        name="",
        verb=args.what,
        person=args.person,
        minutes=args.minutes,
        checklist=_lasting_name(checklist.name),
        digest=checklist.digest.hex(),
        count=len(checklist.items),
        done=done,
        faulty=faulty,
        remark=args.remark,
        language=args.lang,
    )
    is_done, words = RequestFolder(folder).ask_visit(request, WAIT_S)
    print(words)
    return 0 if is_done else 1


def _lasting_name(name: str) -> str:
    """Of a file, its whole path: the visit may be finished from another folder."""
    return str(Path(name).resolve()) if name.endswith(".toml") else name


def _items(args: argparse.Namespace, checklist: Checklist) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which items are done and which are not in order. Raises SettingsError for numbers that are none."""
    count = len(checklist.items)
    if args.done is not None or args.faulty is not None:
        faulty = numbers_in(args.faulty or "", count)
        return tuple(sorted({*numbers_in(args.done or "", count), *faulty})), faulty
    if not sys.stdin.isatty():
        return (), ()
    found: dict[str, list[int]] = {"y": [], "n": []}
    for number, item in enumerate(checklist.items, 1):
        said = input(visit_words("ask", args.lang, number=number, item=item[args.lang == "zh"])).strip().lower()[:1]
        if said in found:
            found[said].append(number)
    return tuple(sorted([*found["y"], *found["n"]])), tuple(found["n"])


def _show(visit: KeptVisit | None, items: str | None, language: str) -> int:
    if visit is None:
        print(visit_words("none", language))
    else:
        lasted = int(visit.elapsed_s // 60)
        words: dict[str, str | int] = {
            "number": visit.number,
            "person": visit.person,
            "lasted": lasted,
            "minutes": visit.minutes,
        }
        print(visit_words("under_way", language, **words))
        print(visit_words("before", language, measured=measured_words(visit.before, language)))
    checklist = load_checklist(items or (DEFAULT if visit is None else visit.checklist))
    print(checklist.title[language == "zh"])
    if checklist.source:
        print(checklist.source)
    for number, item in enumerate(checklist.items, 1):
        print(visit_words("item", language, number=number, item=item[language == "zh"]))
    return 0 if visit is not None else 1
