"""Records out of their bytes, the last ones remembered: a record is looked at again when its incident is folded."""

from __future__ import annotations

from functools import lru_cache

from edge_agent.wire import decode_record
from edge_agent.wire_values import Record

REMEMBERED_MAX = 2_048
"""A few MiB. Our choice."""


@lru_cache(REMEMBERED_MAX)
def decoded(body: bytes) -> Record:
    """The record in `body`. Raises `WireError`, every time anew."""
    return decode_record(body)
