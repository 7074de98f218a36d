"""`python -m receiver.cli_picture`: draws one recording, in a process of its own that may fail or be ended alone.

In, on standard input: a line of JSON, {"records": [hex, ...]} with the records of the incident, then the bytes of the
`.liftrec`. Out: the picture as JSON, or {"problem": ..., "hint": ...} and exit code 1. A recording comes from outside:
whatever it holds, the receiver goes on.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_agent.errors import RecordingError
from edge_agent.recording import Recording
from edge_agent.recording_native import SUFFIX
from edge_agent.wire_values import Record
from receiver.decoding import decoded
from receiver.picture_marks import alarm_ns, marks_of
from receiver.pictures import picture_of, picture_tree

HEAD_BYTES_MAX = 1 << 20
_HINT = "Save the recording and look at it with `edge-agent replay`"


def main() -> int:
    """Draw what comes in."""
    head = json.loads(sys.stdin.buffer.readline(HEAD_BYTES_MAX))
    records = tuple(decoded(bytes.fromhex(word)) for word in head["records"])
    try:
        tree = drawn(sys.stdin.buffer.read(), records)
    except RecordingError as error:
        tree = {"problem": error.problem, "hint": error.hint or _HINT}
    print(json.dumps(tree, ensure_ascii=True, separators=(",", ":"), allow_nan=False))
    return 1 if "problem" in tree else 0


def drawn(content: bytes, records: Sequence[Record]) -> dict[str, object]:
    """The picture of these bytes with the stages of these records, at least one. Raises `RecordingError`."""
    with tempfile.TemporaryDirectory(prefix="lift-picture-") as folder:
        path = Path(folder) / f"alarm{SUFFIX}"
        path.write_bytes(content)
        picture = picture_of(Recording.open(path).joined())
    if picture is None:
        raise RecordingError("holds no reading", subject=SUFFIX, hint=_HINT)
    zero_ns = alarm_ns(records)
    if not picture.from_ns <= zero_ns <= picture.to_ns:
        zero_ns = picture.from_ns  # recorded by another clock: the picture then counts from its own beginning
    return picture_tree(picture, zero_ns, marks_of(records, picture))


if __name__ == "__main__":
    sys.exit(main())
