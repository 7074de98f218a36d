"""A proposed map as text in the format of `drivers/register_map_toml.py`, for a person to look at and others to use.

What is written: where each word was found, the codes that were seen, how sure it is. Codes that were not seen stand
nowhere, so they are unknown. `polling_is_safe` is false: correlation says nothing of what polling does.
"""

from __future__ import annotations

import json

from calibration.controller import Detected, Word
from calibration.controller_words import Candidate
from calibration.words import CalibrationError
from drivers.register_map import WORD_BITS, Evidence, Feed

FLOOR_MIN, FLOOR_MAX = 0, 200


def map_text(found: Detected, *, name: str, maker: str, model: str, made_by: str) -> str:
    """The map. name: 1 to 32 of a-z 0-9 _ -. made_by: who, where and when, for `source`. Raises CalibrationError."""
    words = [word for word in found.words if word.candidate is not None]
    if not words:
        raise CalibrationError("no word was found", subject=name, hint="Make a longer log, with more trips")
    missing = [word.feed.value for word in found.words if word.candidate is None]
    left = ", ".join(missing) or "-"
    source = f"Proposed by correlation with accelerometer and door contacts. {made_by}. Not found: {left}."
    lines = [
        "# Proposed by correlation: look at each word on the lift before you use it.",
        "",
        "[map]",
        f"name = {_text(name)}",
        f"maker = {_text(maker)}",
        f"model = {_text(model)}",
        'firmware = "not known"',
        f"evidence = {_text(Evidence.CORRELATED.value)}",
        f"source = {_text(source)}",
        "polling_is_safe = false",
        'polling_note = "Nothing is known of what this controller does when it is polled, or no longer polled: ask the '
        'maintenance firm, and make the first connection with the car empty."',
        "max_registers_per_read = 16",
        "gap_registers_max = 0",
    ]
    if found.steady:
        table, address = found.steady[0]
        lines += ["", "[canary]", f"table = {_text(table)}", f"address = {address:#06x}"]
    for word in words:
        lines += ["", *_field(word)]
    return "\n".join(lines) + "\n"


def _field(word: Word) -> list[str]:
    one = word.candidate
    assert one is not None, "only words that were found are written"
    place = one.place
    last = place.bit_first + place.bit_count - 1
    also = f" The same is said by: {'; '.join(str(other.place) for other in word.others)}." if word.others else ""
    lines = [
        "[[field]]",
        f"name = {_text(one.feed.value)}",
        f"table = {_text(place.table.name.lower())}",
        f"address = {place.address:#06x}",
        f"feeds = {_text(one.feed.value)}",
        f"note = {_text(f'Found with a confidence of {100.0 * one.confidence:.0f} %.{also}')}",
    ]
    bits = [] if place.bit_count == WORD_BITS else [f"bits = [{place.bit_first}, {last}]"]
    if one.values:
        lines += ['kind = "enum"', *bits, "[field.values]", *(f"{code} = {_text(word)}" for code, word in one.values)]
        return lines
    lines += ['kind = "bits"' if bits else 'kind = "uint16"', *bits, *_bounds(one)]
    return lines


def _bounds(one: Candidate) -> list[str]:
    if one.feed is not Feed.FLOOR:
        return []
    most = min(FLOOR_MAX, (1 << one.place.bit_count) - 1)
    return [f"minimum = {FLOOR_MIN}", f"maximum = {most}"]


def _text(value: str) -> str:
    """A TOML string: JSON's is one, but for what stands outside the basic plane, which it would write in halves."""
    return json.dumps(value, ensure_ascii=False)
