"""Every TOML file that somebody outside may have written is read through here: bytes to text, text to values and lines.

In: bytes or text of any kind. Out: values, and the line of each key. Pure and bounded: `bytes_max` of text,
`DEPTH_MAX` levels, keys of at most `KEY_PARTS_MAX` parts, whole numbers of 64 bits (Source: TOML 1.0, "Integer").
Decision: what `tomllib` cannot bear (it recurses, and takes minutes over a key of a hundred thousand parts) is refused
with the line where it stands, like every other mistake.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.errors import SettingsError
from edge_agent.toml_lines import KeyPath, key_lines, line_of_break, reason_of_break

TOML_BYTES_MAX = 128 * 1024  # the largest file that comes with the agent has 10 KiB
DEPTH_MAX, KEY_PARTS_MAX = 32, 32
WHOLE_MIN, WHOLE_MAX = -(1 << 63), (1 << 63) - 1

_PART = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{KEY_PARTS_MAX}}}")
_MANY_DIGITS = re.compile(r"[0-9][0-9_]{999}")
_OTHER_ENCODINGS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_BYTE_ORDER_MARK = "\ufeff"  # some editors put it before UTF-8


@dataclass(frozen=True, slots=True)
class TomlText:
    """What a text says: its values, and the line (from 1) of each key."""

    values: Mapping[str, object]
    lines: Mapping[KeyPath, int]


def text_of(raw: bytes, file_name: str, bytes_max: int = TOML_BYTES_MAX) -> str:
    """The text of a file of which at most `bytes_max` + 1 bytes were read; line ends are "\\n".

    Raises SettingsError: too large, or not UTF-8 (with the line).
    """
    if len(raw) > bytes_max:
        raise _too_large(file_name, bytes_max)
    for mark, encoding in _OTHER_ENCODINGS:
        if raw.startswith(mark):
            raise SettingsError(
                f"this is no UTF-8 text but {encoding}", subject=f"{file_name}:1", hint="Save it as UTF-8"
            )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError("this is no UTF-8 text", subject=f"{file_name}:{line}", hint="Save it as UTF-8") from None
    return text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")


def toml_from(text: str, file_name: str, hint: str, bytes_max: int = TOML_BYTES_MAX) -> TomlText:
    """What the text says. hint: what to do about text that is no TOML. Raises SettingsError with `file:line`."""
    if len(text) > bytes_max:
        raise _too_large(file_name, bytes_max)
    if (long_key := _LONG_KEY.search(text)) is not None:
        raise _refused(f"a key has more than {KEY_PARTS_MAX} parts", file_name, _line_at(text, long_key.start()))
    try:
        values = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        subject = f"{file_name}:{line_of_break(error, text)}"
        raise SettingsError(f"this is no valid TOML: {reason_of_break(error)}", subject=subject, hint=hint) from None
    except RecursionError:
        raise _refused("brackets are nested too deep", file_name, _line_of_depth(text)) from None
    except ValueError:  # Source: Python, sys.set_int_max_str_digits; dates that no calendar has
        found = _MANY_DIGITS.search(text)
        line = None if found is None else _line_at(text, found.start())
        problem = "a value is none that TOML knows" if found is None else "a number has too many digits"
        raise _refused(problem, file_name, line) from None
    for path, value in _all_in(values):
        if len(path) > DEPTH_MAX:
            raise _refused("brackets are nested too deep", file_name, _line_of(path, lines))
        if isinstance(value, int) and not WHOLE_MIN <= value <= WHOLE_MAX:
            raise _refused("a whole number is larger than 64 bits", file_name, _line_of(path, lines))
    return TomlText(values, lines)


def _all_in(values: Mapping[str, object]) -> Iterator[tuple[KeyPath, object]]:
    """Each value with its path. What lies deeper than allowed is named and not entered."""
    waiting: list[tuple[KeyPath, object]] = [((key,), value) for key, value in values.items()]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))


def _line_of_depth(text: str) -> int | None:
    """Where brackets first lie deeper than allowed; text and remarks are taken for structure, so this may be early."""
    depth = 0
    for found in re.finditer(r"[\[\]{}]", text):
        depth += 1 if found.group() in "[{" else -1
        if depth > DEPTH_MAX:
            return _line_at(text, found.start())
    return None


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def _line_at(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _refused(problem: str, file_name: str, line: int | None) -> SettingsError:
    subject = file_name if line is None else f"{file_name}:{line}"
    return SettingsError(problem, subject=subject, hint="No file of this kind needs that: correct or remove it")


def _too_large(file_name: str, bytes_max: int) -> SettingsError:
    return SettingsError(
        f"the file is larger than {bytes_max // 1024} KiB",
        subject=file_name,
        hint="Name the right file: none of this kind is nearly so large",
    )
