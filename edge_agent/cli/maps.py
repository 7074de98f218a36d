"""`edge-agent maps`: lists the register maps of lift controllers, explains one, or prints a template for one's own.

`edge-agent maps find --config FILE` reads registers of a controller that nobody knows while the lift is ridden, never
writing, and proposes a map out of what accelerometer and contacts saw; `--from LOG --recording FOLDER` does it again.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from drivers.map_files import known_map_names, load_register_map, template_text
from drivers.register_map import Evidence, Field, Kind, RegisterMap
from drivers.register_map_checks import check_reads
from edge_agent.cli import SUMMARIES, maps_find

if TYPE_CHECKING:
    from argparse import _SubParsersAction

WIDTH = 100

_EVIDENCE = {
    Evidence.MEASURED: "read from such a controller by us",
    Evidence.VENDOR_DOCUMENT: "taken from the maker's document, not tried",
    Evidence.PUBLIC_CODE: "taken from somebody else's working program, not tried",
    Evidence.INFERRED: "partly inferred, not tried",
    Evidence.CORRELATED: "proposed by correlation with sensors, to be confirmed on the lift",
}


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("maps", help=SUMMARIES["maps"], description=__doc__)
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a map that comes with the agent, a file of your own, or: find"
    )
    parser.add_argument("--template", action="store_true", help="print a commented map to start from")
    maps_find.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the list, one map in words, or the template. A broken map is raised, one line a mistake."""
    if args.name == maps_find.NAME:
        return maps_find.run(args)
    maps_find.refuse_stray(args)
    if args.template:
        print(template_text(), end="")
    elif args.name is None:
        for line in _list():
            print(line)
    else:
        for line in explained(load_register_map(args.name)):
            print(line)
    return 0


def _list() -> Iterator[str]:
    for name in known_map_names():
        register_map = load_register_map(name)
        yield f"{name:24} {register_map.maker}: {register_map.model}"
        yield f"{'':24} {_EVIDENCE[register_map.evidence]}; {_polling(register_map)}"
    yield ""
    yield "edge-agent maps NAME explains one; edge-agent maps --template prints a map to start from"


def explained(register_map: RegisterMap) -> Iterator[str]:
    """One map in words: where it is from, what to mind, what is read, what each register means."""
    yield f"{register_map.name}: {register_map.maker}, {register_map.model}, firmware {register_map.firmware}"
    yield from _paragraph("Evidence", f"{_EVIDENCE[register_map.evidence]}. {register_map.source}")
    yield from _paragraph("Polling", f"{_polling(register_map)}. {register_map.polling_note}")
    yield from _paragraph("One poll", _reads(register_map))
    if register_map.forbidden:
        ranges = ", ".join(f"{own.start:#06x} to {own.stop - 1:#06x}" for own in register_map.forbidden)
        yield from _paragraph("Never read", ranges)
    yield ""
    for field in register_map.fields:
        yield _field(field)
        if field.meanings:
            yield from _wrapped(", ".join(f"{code} {_word(meaning)}" for code, meaning in field.meanings), 6)
        if field.note:
            yield from _wrapped(field.note, 6)


def _polling(register_map: RegisterMap) -> str:
    if register_map.is_documentation_only:
        return "documentation only, not polled"
    return "polling is safe" if register_map.polling_is_safe else "polling is not known to be safe"


def _reads(register_map: RegisterMap) -> str:
    if register_map.is_documentation_only:
        return "nothing"
    words = "; ".join(str(block) for block in register_map.reads)
    checks = check_reads(register_map)
    if register_map.canary is not None:
        kind = "learned" if register_map.canary.value is None else f"must be {register_map.canary.value}"
        words += f"; canary {register_map.canary.table.name.lower()} {register_map.canary.address:#06x} ({kind})"
    if checks:
        return f"{words}; on RTU a check of changing length from {checks[0].address:#06x} on"
    return words if register_map.canary is not None else f"{words}; not on RTU, where late answers could not be told"


def _field(field: Field) -> str:
    place = f"{field.table.name.lower()} {field.address:#06x}"
    match field.kind:
        case Kind.UINT16 | Kind.INT16:
            kind = field.kind.value
        case Kind.BIT:
            kind = ("not " if field.is_inverted else "") + (
                "bit" if field.table.is_of_bits else f"bit {field.bit_first}"
            )
        case Kind.BITS | Kind.ENUM:
            bits = field.bits
            kind = f"{field.kind.value} {bits.start}-{bits.stop - 1}"
    scale = f" x {field.scale:g} {field.unit}".rstrip() if field.scale != 1.0 or field.unit else ""
    bounds = ""
    if field.minimum is not None or field.maximum is not None:
        bounds = f", {'' if field.minimum is None else f'{field.minimum:g}'} to "
        bounds += "" if field.maximum is None else f"{field.maximum:g}"
    feeds = f" -> {field.feeds.value}" if field.feeds is not None else ""
    return f"  {place:16} {field.name:26} {kind}{scale}{bounds}{feeds}"


def _word(meaning: object) -> str:
    return str(getattr(meaning, "value", meaning)).lower()


def _paragraph(title: str, text: str) -> Iterator[str]:
    return iter(textwrap.wrap(f"{title}: {text}", WIDTH, initial_indent="  ", subsequent_indent="    "))


def _wrapped(text: str, indent: int) -> Iterator[str]:
    return iter(textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent))
