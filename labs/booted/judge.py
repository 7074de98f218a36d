"""judge.py FEED PRESSES: does the receiver have each press of the alarm button, as its records tell it?

A record that came twice, because the disk could not be written for a while, has the same time since boot.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edge_agent.alarms import AlarmKind
from edge_agent.wire import Phase, decode_record


def main() -> int:
    raised: list[tuple[int, int]] = []
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.get("type") == "record" and entry["kind"] == AlarmKind.ALARM_BUTTON:
            record = decode_record(bytes.fromhex(entry["body"]))
            if record.phase is Phase.RAISED:
                raised.append((record.stamp.boot, record.stamp.up_ms))
    wanted, found = int(sys.argv[2]), len(set(raised))
    print(f"{wanted} presses, {found} alarms at the receiver, {len(raised) - found} records more than alarms")
    return 0 if found == wanted else 1


sys.exit(main())
