"""Finds the line of every key in a TOML text, which `tomllib` does not tell.

Works on text that `tomllib` has accepted; it reads structure only and never values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR = re.compile(r"[^,\]\}#\n]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BROKEN_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)$")


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Line (from 1) of each table header, key and array item, by its full path; the first mention counts.

    `receivers = [{ url = "..." }]` and `[[receivers]]` with `url` both give ("receivers", 0, "url").
    """
    return _Scan(text).lines()


def line_of_break(error: tomllib.TOMLDecodeError, text: str) -> int:
    """Line on which `tomllib` gave up; the last line where it says "end of document"."""
    found = _BROKEN_AT_LINE.search(str(error))
    return int(found.group(1)) if found else max(1, len(text.splitlines()))


def reason_of_break(error: tomllib.TOMLDecodeError) -> str:
    """What `tomllib` objected to, without its own position text."""
    return re.sub(r" \(at .*\)$", "", str(error))


class _Scan:
    """One pass over the text with a cursor; collects path -> line."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._counted_to, self._line = 0, 1  # notes come in the order of the text: each line end is counted once
        self._found: dict[KeyPath, int] = {}
        self._array_sizes: dict[KeyPath, int] = {}

    def lines(self) -> Mapping[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK_LINES_AND_COMMENTS)
        while self._at < len(self._text):
            if self._peek("[["):
                table = self._array_table_header()
            elif self._peek("["):
                table = self._table_header()
            else:
                self._key_and_value(table)
            self._skip(_BLANK_LINES_AND_COMMENTS)
        return self._found

    def _table_header(self) -> KeyPath:
        self._at += 1
        path = self._resolved(tuple(self._dotted_key()))
        self._note(path)
        self._expect("]")
        return path

    def _array_table_header(self) -> KeyPath:
        self._at += 2
        *parents, last = self._dotted_key()
        array = (*self._resolved(tuple(parents)), last)
        index = self._array_sizes.get(array, 0)
        self._array_sizes[array] = index + 1
        self._note(array)
        self._note((*array, index))
        self._expect("]")
        self._expect("]")
        return (*array, index)

    def _resolved(self, keys: tuple[str, ...]) -> KeyPath:
        """A header below an array of tables means the last table of that array."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._array_sizes:
                path = (*path, self._array_sizes[path] - 1)
        return path

    def _key_and_value(self, table: KeyPath) -> None:
        path = table
        for key in self._dotted_key():
            path = (*path, key)
            self._note(path)
        self._expect("=")
        self._value(path)

    def _dotted_key(self) -> Iterator[str]:
        keys = [self._simple_key()]
        self._skip(_BLANK)
        while self._peek("."):
            self._at += 1
            keys.append(self._simple_key())
            self._skip(_BLANK)
        return iter(keys)

    def _simple_key(self) -> str:
        self._skip(_BLANK)
        quoted = _STRING.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            return str(tomllib.loads(f"key = {quoted.group()}")["key"])
        bare = _BARE_KEY.match(self._text, self._at)
        if bare is None:
            raise ValueError(f"no key at offset {self._at}: this text is not valid TOML")
        self._at = bare.end()
        return bare.group()

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK_LINES_AND_COMMENTS)
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif (string := _STRING.match(self._text, self._at)) is not None:
            self._at = string.end()
        else:
            self._skip(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK_LINES_AND_COMMENTS)
        while not self._peek("]"):
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._skip(_BLANK_LINES_AND_COMMENTS)
            if self._peek(","):
                self._at += 1
                self._skip(_BLANK_LINES_AND_COMMENTS)
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_BLANK_LINES_AND_COMMENTS)
        while not self._peek("}"):
            self._key_and_value(path)
            self._skip(_BLANK_LINES_AND_COMMENTS)
            if self._peek(","):
                self._at += 1
                self._skip(_BLANK_LINES_AND_COMMENTS)
        self._at += 1

    def _note(self, path: KeyPath) -> None:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        self._found.setdefault(path, self._line)

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _expect(self, token: str) -> None:
        self._skip(_BLANK)
        if not self._peek(token):
            raise ValueError(f"no {token!r} at offset {self._at}: this text is not valid TOML")
        self._at += len(token)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
