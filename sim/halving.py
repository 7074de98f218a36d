"""A formula turned round: the raw number at which a chip's own formula gives what is to be measured."""

from __future__ import annotations

from collections.abc import Callable


def halved(error: Callable[[int], float], raw_max: int, *, is_rising: bool) -> int:
    """The raw number (0 to `raw_max`) nearest below which the error changes its sign."""
    low, high = 0, raw_max
    while low < high:
        middle = (low + high + 1) // 2
        if (error(middle) <= 0.0) is is_rising:
            low = middle
        else:
            high = middle - 1
    return low
