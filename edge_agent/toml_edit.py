"""Changes single values of a TOML text and leaves every other character as it is: remarks, order, blank lines. Pure.

In: a text that is valid TOML, and changes ("section.key", value as TOML text). Out: the new text, of which it has been
checked that it says the same but for the changes. A value that says the same already is left as it is written.
Errors: SettingsError where the text says the value in a way that is not understood here (dotted keys, sub-tables).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping

from edge_agent.errors import SettingsError
from edge_agent.toml_lines import key_lines

_HEADER = re.compile(r"^\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(?:#.*)?$")
_ANY_HEADER = re.compile(r"^\s*\[")


def with_values(text: str, changes: Iterable[tuple[str, str]], file_name: str) -> str:
    """The text with the changes made. A section that is not there is put at the end. Raises SettingsError."""
    wanted = tomllib.loads(text)
    new = text
    for name, value_text in changes:
        section, _, key = name.partition(".")
        value = _value(value_text, name)
        table = wanted.get(section)
        if isinstance(table, dict) and key in table and table[key] == value and type(table[key]) is type(value):
            continue
        new = _changed(new, section, key, value_text, file_name)
        wanted.setdefault(section, {})[key] = value
    if _parsed(new) != wanted:
        raise _not_understood(file_name, "the changes")
    return new


def _value(value_text: str, name: str) -> object:
    try:
        return tomllib.loads(f"v = {value_text}")["v"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{value_text!r} is no value", subject=name, hint="This is a fault of the program"
        ) from error


def _parsed(text: str) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _changed(text: str, section: str, key: str, value_text: str, file_name: str) -> str:
    lines = text.splitlines(keepends=True)
    places = key_lines(text)
    at = places.get((section, key))
    if at is not None:
        return _replaced(lines, at - 1, key, value_text, f"{file_name}:{at}")
    if (section,) not in places:
        end = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{end}\n[{section}]\n{key} = {value_text}\n"
    header = next((number for number, line in enumerate(lines) if _is_header(line, section)), None)
    if header is None:
        raise _not_understood(f"{file_name}:{places[(section,)]}", f"{section}.{key}")
    last = header
    for number in range(header + 1, len(lines)):
        if _ANY_HEADER.match(lines[number]) and _is_top(lines, header, number):
            break
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            last = number
    if not lines[last].endswith("\n"):
        lines[last] += "\n"
    lines.insert(last + 1, f"{key} = {value_text}\n")
    return "".join(lines)


def _is_header(line: str, section: str) -> bool:
    found = _HEADER.match(line)
    return found is not None and found.group(1) == section


def _is_top(lines: list[str], header: int, number: int) -> bool:
    """Whether the bracket at the beginning of a line is a header, and not inside a value of several lines."""
    return _parsed("".join(lines[header:number])) is not None


def _replaced(lines: list[str], at: int, key: str, value_text: str, subject: str) -> str:
    found = re.match(rf"\s*{re.escape(key)}\s*=\s*", lines[at])
    if found is None:
        raise _not_understood(subject, key)
    head = found.group()
    for end in range(at + 1, len(lines) + 1):
        rest = "".join(lines[at:end])[len(head) :]
        if _parsed(f"v = {rest}") is not None:
            return "".join([*lines[:at], head, value_text, _behind(rest), *lines[end:]])
    raise _not_understood(subject, key)


def _behind(rest: str) -> str:
    """The remark behind a value, and the end of its line."""
    for place in (found.start() for found in re.finditer(r"\s*#|\s*\Z", rest)):
        if place and _parsed(f"v = {rest[:place]}") is not None:
            return rest[place:]
    return "\n"


def _not_understood(subject: str, what: str) -> SettingsError:
    return SettingsError(
        f"{what} cannot be changed in the way this file is written",
        subject=subject,
        hint="Change it by hand; a plain [section] with key = value on a line of its own can be changed here",
    )
