"""The topics of a box. It may write its own `up`, `ask`, `part`, `key` and `state`, and read its own `down`, no more.

Source: design/wire.md section 2.3; `ask`, `part` and `key` are ours, see docs/wire.md.
"""

from __future__ import annotations

PREFIX = "lift/1"
_DEVICE_DIGITS = 16


def up_topic(device_id: bytes) -> str:
    """Batches."""
    return f"{PREFIX}/{device_id.hex()}/up"


def down_topic(device_id: bytes) -> str:
    """Sealed receipts."""
    return f"{PREFIX}/{device_id.hex()}/down"


def ask_topic(device_id: bytes) -> str:
    """The number beyond which the box wants notices, in digits."""
    return f"{PREFIX}/{device_id.hex()}/ask"


def part_topic(device_id: bytes) -> str:
    """Parts of recordings around alarms."""
    return f"{PREFIX}/{device_id.hex()}/part"


def key_topic(device_id: bytes) -> str:
    """The public key of the box, kept by the broker."""
    return f"{PREFIX}/{device_id.hex()}/key"


def state_topic(device_id: bytes) -> str:
    """ "1" while the box is connected, "0" as its will: a hint, no alarm."""
    return f"{PREFIX}/{device_id.hex()}/state"


def device_in(topic: str) -> tuple[bytes, str] | None:
    """The box and the last word of a topic; None: none of ours."""
    parts = topic.split("/")
    if len(parts) != 4 or "/".join(parts[:2]) != PREFIX or len(parts[2]) != _DEVICE_DIGITS:
        return None
    try:
        return bytes.fromhex(parts[2]), parts[3]
    except ValueError:
        return None
