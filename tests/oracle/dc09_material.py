"""Frames of SIA DC-09 for the judges: alarms in both forms, with and without AES, and what they must be read as."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from receiver.adapters.dc09 import Event, Form, Line, event_frame, link_test

NOW_S = 1_795_459_200
KEYS = (None, b"0123456789ABCDEF", b"0123456789ABCDEF01234567", b"0123456789ABCDEF" * 2)
EVENTS = (
    Event(False, "101", "QA", 1, 1, NOW_S * 1000 - 60_000, "Entrapment, lift 31104403532019060007 (a1b2-0-1)"),
    Event(True, "101", "QR", 1, 1),
    Event(False, "301", "AT", 1, 54, NOW_S * 1000, "停电"),
    Event(True, "330", "UJ", 99, 999, None, "x" * 390),
)


def frames() -> Iterator[dict[str, object]]:
    """Every event in every form under every key, as hexadecimal bytes with what it says."""
    pad = bytes(range(0, 128, 4))
    for key in KEYS:
        line = Line("1234ABCD", receiver="1F", prefix="2A", key=key)
        shown = None if key is None else key.hex()
        yield {"frame": link_test(line, NOW_S, pad).hex(), "key": shown, "token": "NULL"}
        for number, event in enumerate(EVENTS, start=1):
            for form in Form:
                yield {
                    "frame": event_frame(line, number, form, event, NOW_S, pad).hex(),
                    "key": shown,
                    "token": form.value,
                    "sequence": number,
                    "is_restoral": event.is_restoral,
                    "code": event.cid if form is Form.CONTACT_ID else event.sia,
                    "area": event.area,
                    "zone": event.zone,
                    "text": event.text,
                    "occurred_s": None if event.occurred_ms is None else event.occurred_ms // 1000,
                }


if __name__ == "__main__":
    json.dump(list(frames()), sys.stdout)
