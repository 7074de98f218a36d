"""Appends alarms and says each one that is committed: `python -m tests.delivery.appending FOLDER COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.alarms import AlarmState
from edge_agent.errors import OutboxError
from edge_agent.records import draft_of_alarm
from edge_agent.wire import Stamp
from tests.delivery.making import alarm, open_outbox


def main() -> None:
    """A refused one is said too, and the next is tried."""
    outbox = open_outbox(Path(sys.argv[1]))
    for n in range(1, int(sys.argv[2]) + 1):
        draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=outbox.next_incident(), note=f"n{n}"))
        assert draft is not None
        try:
            stored = outbox.append(draft, Stamp(1, 10_000 + n))
        except OutboxError as error:
            print(f"refused {n}: {error}", flush=True)
            continue
        assert stored is not None
        print(f"committed {stored.seqno} n{n}", flush=True)


if __name__ == "__main__":
    main()
