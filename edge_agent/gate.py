"""The gate before the CBOR decoder: definite lengths, shortest forms, sorted unique keys 0..23, few types, bounded.

cbor2 turns hostile input into regular expressions, cyclic lists and seconds of hash collisions. Foreign bytes come
past this gate first, and what passes has exactly one meaning and exactly one encoding.
Source: design/wire.md section 7.2 (limits), 7.3 (attacks) and appendix A.
"""

from __future__ import annotations

from typing import NoReturn

import cbor2

from edge_agent.errors import WireError

BODY_BYTES_MAX = 65_536
NESTING_MAX = 6
ITEMS_MAX = 2_048
KEYS_MAX = 24
KEY_MAX = 23  # one-byte keys: here the key orders of RFC 7049 and RFC 8949 agree

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE = 20, 21

HINT = "The sender does not speak wire format 1, or the bytes were damaged on the way"


def read_item(data: bytes, what: str, *, bytes_max: int = BODY_BYTES_MAX, tags: tuple[int, ...] = ()) -> object:
    """Decode one CBOR item that passes the gate. `what` names it in errors. Raises `WireError`."""
    pass_gate(data, what, bytes_max=bytes_max, tags=tags)
    try:
        return cbor2.loads(data)
    except cbor2.CBORError as error:  # no input is known that gets here
        raise WireError(f"the decoder refuses it ({error})", subject=what, hint=HINT) from error


def write_item(tree: object) -> bytes:
    """Encode a tree of maps, arrays, whole numbers, bytes, text and booleans in the one deterministic form."""
    return cbor2.dumps(tree, canonical=True)


def pass_gate(data: bytes, what: str, *, bytes_max: int = BODY_BYTES_MAX, tags: tuple[int, ...] = ()) -> None:
    """Raise `WireError`, naming the byte, unless `data` is exactly one item of the narrow form.

    tags: tag numbers allowed outermost; none inside.
    """
    if len(data) > bytes_max:
        raise WireError(f"{len(data)} bytes, at most {bytes_max} are allowed", subject=what, hint=HINT)
    scan = _Scan(data, what, tags)
    end = scan.item(0, 0)
    if end != len(data):
        scan.refuse(end, "bytes after the item")


class _Scan:
    """One pass over the bytes. State: how many items were met."""

    def __init__(self, data: bytes, what: str, tags: tuple[int, ...]) -> None:
        self._data = data
        self._what = what
        self._tags = tags
        self._items = 0

    def refuse(self, at: int, problem: str) -> NoReturn:
        raise WireError(problem, subject=f"{self._what}, byte {at}", hint=HINT)

    def item(self, at: int, depth: int) -> int:
        """Check the item that begins at byte `at`, and return where it ends."""
        self._items += 1
        if self._items > ITEMS_MAX:
            self.refuse(at, f"more than {ITEMS_MAX} items")
        major, argument, inside = self._head(at)
        if major in (_UNSIGNED, _NEGATIVE):
            return inside
        if major in (_BYTES, _TEXT):
            return self._string(at, inside, argument, is_text=major == _TEXT)
        if major == _SIMPLE:
            if argument not in (_FALSE, _TRUE):
                self.refuse(at, "a simple value other than true and false")
            return inside
        if depth >= NESTING_MAX:
            self.refuse(at, f"nested deeper than {NESTING_MAX}")
        if major == _ARRAY:
            return self._array(at, inside, argument, depth)
        if major == _MAP:
            return self._map(at, inside, argument, depth)
        if argument not in self._tags or depth > 0:
            self.refuse(at, f"tag {argument} is not allowed here")
        return self.item(inside, depth + 1)

    def _head(self, at: int) -> tuple[int, int, int]:
        """Major type, argument, and where the content begins. RFC 8949 section 3, shortest form only."""
        if at >= len(self._data):
            self.refuse(at, "ends early")
        first = self._data[at]
        major, short = first >> 5, first & 31
        inside = at + 1
        if short < 24:
            return major, short, inside
        if short > 27:
            self.refuse(at, "indefinite length or reserved form")
        width = 1 << (short - 24)
        if inside + width > len(self._data):
            self.refuse(at, "ends early")
        if major == _SIMPLE:
            self.refuse(at, "a float or a simple value other than true and false")
        argument = int.from_bytes(self._data[inside : inside + width], "big")
        if argument < 24 or (width > 1 and argument >> (4 * width) == 0):
            self.refuse(at, "not the shortest form of its number")
        return major, argument, inside + width

    def _string(self, at: int, inside: int, length: int, *, is_text: bool) -> int:
        if length > len(self._data) - inside:
            self.refuse(at, "ends early")
        end = inside + length
        if is_text:
            try:
                self._data[inside:end].decode("utf-8")
            except UnicodeDecodeError as error:
                self.refuse(inside + error.start, "text that is not UTF-8")
        return end

    def _array(self, at: int, inside: int, count: int, depth: int) -> int:
        if count > len(self._data) - inside:
            self.refuse(at, "ends early")
        for _ in range(count):
            inside = self.item(inside, depth + 1)
        return inside

    def _map(self, at: int, inside: int, count: int, depth: int) -> int:
        if count > KEYS_MAX:
            self.refuse(at, f"more than {KEYS_MAX} keys")
        last = -1
        for _ in range(count):
            if inside >= len(self._data):
                self.refuse(inside, "ends early")
            key = self._data[inside]
            if key > KEY_MAX:
                self.refuse(inside, f"a key that is not 0..{KEY_MAX}")
            if key <= last:
                self.refuse(inside, "keys out of order or twice")
            last = key
            inside = self.item(inside + 1, depth + 1)
        return inside
