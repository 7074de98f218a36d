"""Runs `edge-agent` as it is, and tells the kernel the name of each thread, so that CPU can be read by thread.

`python -m benchmarks.named_threads run --config FILE`. A name is given once, when its thread starts.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path


class _NamedThread(threading.Thread):
    """A thread that the kernel knows by name. Python does this by itself from 3.14 on."""

    def start(self) -> None:
        super().start()
        task = Path(f"/proc/self/task/{self.native_id}/comm")
        task.write_text(self.name.partition("/")[0].strip()[:15], encoding="utf-8")


if __name__ == "__main__":
    vars(threading)["Thread"] = _NamedThread  # before the agent is imported
    from edge_agent.__main__ import main

    sys.exit(main())
