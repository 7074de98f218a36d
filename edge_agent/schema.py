"""The few checks that a decoded CBOR tree is put through: type, range, size, keys; each names what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NoReturn, TypeVar

from edge_agent.errors import WireError
from edge_agent.gate import HINT

_Closed = TypeVar("_Closed", bound=IntEnum)


def refuse(what: str, problem: str) -> NoReturn:
    """Raise the `WireError` that says what about which part."""
    raise WireError(problem, subject=what, hint=HINT)


def whole(value: object, low: int, high: int, what: str) -> int:
    """A whole number in low..high; a boolean is none."""
    if type(value) is not int:
        refuse(what, f"expected a whole number, not {_kind_of(value)}")
    if not low <= value <= high:
        refuse(what, f"{value} is outside {low}..{high}")
    return value


def one_of(value: object, closed: type[_Closed], what: str) -> _Closed:
    """A member of a closed set, by its number."""
    if type(value) is not int and not isinstance(value, closed):
        refuse(what, f"expected a whole number, not {_kind_of(value)}")
    try:
        return closed(value)
    except ValueError:
        refuse(what, f"{value} is none of {', '.join(str(int(member)) for member in closed)}")


def octets(value: object, low: int, high: int, what: str) -> bytes:
    """A byte string of low..high bytes."""
    if type(value) is not bytes:
        refuse(what, f"expected bytes, not {_kind_of(value)}")
    if not low <= len(value) <= high:
        refuse(what, f"{len(value)} bytes, expected {_span(low, high)}")
    return value


def text(value: object, low: int, high: int, what: str) -> str:
    """A text of low..high bytes of UTF-8."""
    if type(value) is not str:
        refuse(what, f"expected text, not {_kind_of(value)}")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        refuse(what, "text that cannot be written as UTF-8")
    if not low <= size <= high:
        refuse(what, f"{size} bytes of text, expected {_span(low, high)}")
    return value


def array(value: object, low: int, high: int, what: str) -> Sequence[object]:
    """An array of low..high members. cbor2 6 gives tuples inside a tag, lists elsewhere."""
    if not isinstance(value, list | tuple):
        refuse(what, f"expected an array, not {_kind_of(value)}")
    if not low <= len(value) <= high:
        refuse(what, f"{len(value)} members, expected {_span(low, high)}")
    return value


def keyed(value: object, required: frozenset[int], optional: frozenset[int], what: str) -> Mapping[int, object]:
    """A map that has all of the required keys and no others but the optional ones. cbor2 6: frozen inside a tag."""
    if not isinstance(value, Mapping):
        refuse(what, f"expected a map, not {_kind_of(value)}")
    for key in sorted(required - value.keys()):
        refuse(what, f"key {key} is missing")
    for key in value.keys() - required - optional:
        refuse(what, f"key {key!r} is unknown")
    return value


def scalar(value: object, what: str) -> int | bool:
    """A whole number of at most 64 bits and a sign, or a boolean."""
    if type(value) is bool:
        return value
    return whole(value, -(1 << 64), (1 << 64) - 1, what)


def _kind_of(value: object) -> str:
    return type(value).__name__


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}..{high}"
