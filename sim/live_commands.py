"""One line of text to a command for served lifts: `[LIFT] VERB key=value ...`. What cannot be understood is explained.

The verbs are those of a story file (`ride to=3`), stories in one word (`trap people=2`), faults, and plugs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any

from edge_agent.errors import EdgeAgentError
from edge_agent.readings import Signal
from edge_agent.toml_table import ProblemList, TomlTable, nearest_hint, number, one_of
from sim.live_faults import ACCELEROMETER, CONTROLLER, MODEM, PRESSURE, SUPPLY, TALKER, Kind, kinds_of
from sim.one_word_stories import STORIES, Story
from sim.scenario_file import step_checks, step_from
from sim.steps import VERBS, Step

LINE_CHARACTERS_MAX = 500
FAULT_S = 60.0  # how long a fault lasts if nothing is said
FOR_S_MAX = 3600.0
_FOR_S = number(0.1, FOR_S_MAX, "s")
_AMOUNT = number(0.01, 100.0, "")
_ALL = "all"


class CommandError(EdgeAgentError):
    """A line that cannot be obeyed; `str` says why and what to write."""


class Plain(Enum):
    """Commands without keys."""

    HELP = "help"
    STATE = "state"
    FAULTS = "faults"
    HEAL = "heal"
    HOLD = "hold"
    GO = "go"


PLAIN_MEANINGS = {
    Plain.HELP: "this list",
    Plain.STATE: "where the car is, and what its controller could say",
    Plain.FAULTS: "what is wrong with sensors and lines now",
    Plain.HEAL: "everything that is wrong with sensors and lines ends now",
    Plain.HOLD: "the lift stands, and only commands move it, until `go`",
    Plain.GO: "normal traffic goes on when the lift is fit for it",
}


class Plug(Enum):
    """What can be pulled out."""

    TCP = "tcp"
    RTU = "rtu"
    RTU_TCP = "rtu_tcp"
    I2C = "i2c"
    GPIO = "gpio"
    SERIAL = "serial"
    MODEM = "modem"

    @property
    def is_shared(self) -> bool:
        """True if all lifts hang on it."""
        return self in (Plug.TCP, Plug.RTU, Plug.RTU_TCP)


@dataclass(frozen=True, slots=True)
class FaultCommand:
    """`fault of=controller is=bad_crc for_s=10`"""

    of: str
    kind: Kind
    for_s: float
    amount: float


@dataclass(frozen=True, slots=True)
class UnplugCommand:
    """`unplug what=rtu for_s=10`"""

    plug: Plug
    for_s: float


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done with which lifts."""

    lifts: tuple[int, ...]
    order: Step | Story | FaultCommand | UnplugCommand | Plain


def command_from(line: str, landings: Mapping[int, int]) -> Command:
    """The command in `line`. landings: how many each lift has, by its number. Raises CommandError."""
    if len(line) > LINE_CHARACTERS_MAX:
        raise _error(f"the line has {len(line)} characters", f"At most {LINE_CHARACTERS_MAX}")
    words = line.split()
    lifts: tuple[int, ...] = (min(landings),)
    if words and (words[0] == _ALL or _is_number(words[0])):
        lifts = tuple(landings) if words[0] == _ALL else (int(words[0]),)
        words = words[1:]
    if not words:
        raise _error("no command is given", "Write for example: trap people=2, or: help")
    if lifts[0] not in landings:
        raise _error(f"there is no lift {lifts[0]}", "There are " + ", ".join(str(lift) for lift in landings))
    verb, *rest = words
    known = (*VERBS, *STORIES, *(plain.value for plain in Plain), "fault", "unplug")
    if verb not in known:
        raise _error(f'"{verb}" is no command', nearest_hint(verb, known))
    problems = ProblemList("command", {})
    table = TomlTable(_values(verb, rest), (), problems)
    order = _order(verb, table, min(landings[lift] for lift in lifts))
    if found := problems.in_order_of_lines():
        raise _error("; ".join(each.problem for each in found), found[0].hint)
    return Command(lifts, order)


def help_text() -> str:
    """All commands, one a line."""
    rows = [("LIFT VERB key=value ...", "LIFT is a number or all, and may be left out: the first one")]
    rows += [(_usage(word, kind), _first_sentence(kind)) for word, kind in (*STORIES.items(), *VERBS.items())]
    rows += [(plain.value, PLAIN_MEANINGS[plain]) for plain in Plain]
    rows.append(("unplug what= [for_s]", "pull out " + ", ".join(plug.value for plug in Plug)))
    for of in (ACCELEROMETER, PRESSURE, SUPPLY, MODEM, CONTROLLER, TALKER, Signal.DOOR_CLOSED.value):
        kinds = ", ".join(kinds_of(of))
        rows.append((f"fault of={of} is= [for_s] [amount]", kinds + (" (so any contact)" if of in _SIGNALS else "")))
    return "\n".join(f"  {usage:52} {meaning}" for usage, meaning in rows)


_SIGNALS = tuple(signal.value for signal in Signal)
_SOURCES = (ACCELEROMETER, PRESSURE, SUPPLY, MODEM, CONTROLLER, TALKER, *_SIGNALS)


def _order(verb: str, table: TomlTable, landings: int) -> Step | Story | FaultCommand | UnplugCommand | Plain:
    if verb in VERBS:
        step = step_from(table, landings, "command").step
        if getattr(step, "for_s", 0.0) > FOR_S_MAX:
            table.problem("for_s", f"for_s is more than {FOR_S_MAX:g} s", "Give the command again when it is over")
        return step
    if verb in STORIES:
        return _story(STORIES[verb], table, landings)
    if verb == "fault":
        return _fault(table)
    if verb == "unplug":
        plug = table.need("what", one_of({plug.value: plug for plug in Plug}), Plug.TCP, "what=rtu")
        order = UnplugCommand(plug, table.take("for_s", _FOR_S, FAULT_S))
        table.refuse_unknown()
        return order
    table.refuse_unknown()
    return Plain(verb)


def _story(kind: type[Story], table: TomlTable, landings: int) -> Story:
    checks = {**step_checks(landings), "for_s": _FOR_S}
    given: dict[str, Any] = {
        field.name: table.take(field.name, checks[field.name], field.default) for field in fields(kind)
    }
    table.refuse_unknown()
    return kind(**given)


def _fault(table: TomlTable) -> FaultCommand:
    of = table.need("of", one_of({name: name for name in _SOURCES}), ACCELEROMETER, "of=accelerometer")
    kinds = kinds_of(of)
    stand_in = next(iter(kinds.values()))
    order = FaultCommand(
        of=of,
        kind=table.need("is", one_of(kinds), stand_in, f"is={stand_in.value}"),
        for_s=table.take("for_s", _FOR_S, FAULT_S),
        amount=table.take("amount", _AMOUNT, 2.0),
    )
    table.refuse_unknown()
    return order


def _values(verb: str, words: list[str]) -> dict[str, object]:
    values: dict[str, object] = {"do": verb} if verb in VERBS else {}
    for word in words:
        key, is_given, value = word.partition("=")
        if not is_given or not key:
            raise _error(f'"{word}" is no key with a value', "Write key=value without spaces, for example people=2")
        if key in values:
            raise _error(f"{key} is given twice", "Give it once")
        values[key] = _value(value)
    return values


def _value(text: str) -> object:
    """As a scenario file would read it: true, false, numbers, words."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip('"')


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 6


def _usage(word: str, kind: type[Any]) -> str:
    keys = [f"{field.name}=" if field.default is MISSING else f"[{field.name}]" for field in fields(kind)]
    return " ".join([word, *keys])


def _first_sentence(kind: type[Any]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _error(problem: str, hint: str) -> CommandError:
    return CommandError(problem, subject="command", hint=hint)
