"""`edge-agent alarms`: prints the alarm catalogue, or the detection limits that settings may change."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_agent.catalogue import CATALOGUE, RECORDS
from edge_agent.catalogue_text import catalogue_markdown
from edge_agent.cli import SUMMARIES
from edge_agent.detect.limits import LIMITS

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("alarms", help=SUMMARIES["alarms"], description=__doc__)
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of titles and first checks")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--limits", action="store_true", help="print the detection limits instead")
    form.add_argument("--markdown", action="store_true", help="print the whole catalogue as ALARMS.md")


def run(args: argparse.Namespace) -> int:
    """Print the chosen table."""
    if args.markdown:
        print(catalogue_markdown(), end="")
    elif args.limits:
        for limit in LIMITS:
            print(f"{limit.name} = {limit.default:g}   ({limit.low:g} to {limit.high:g}; {limit.source})")
    else:
        print(_catalogue(chinese=args.lang == "zh"), end="")
    return 0


def _catalogue(*, chinese: bool) -> str:
    lines = []
    for row in CATALOGUE.values():
        title, first_check = (row.title_zh, row.first_check_zh) if chinese else (row.title_en, row.first_check_en)
        label = "首先检查：" if chinese else "First check: "
        severity = row.severity_note or row.severity.value
        lines.append(f"{row.number:3} {row.name:26} {severity:13} {title}")
        lines.append(f"{'':45}{label}{first_check}")
    lines.append("")
    for record in RECORDS:
        lines.append(
            f"{record.number:3} {record.name:26} {'record':13} {record.title_zh if chinese else record.title_en}"
        )
    return "\n".join(lines) + "\n"
