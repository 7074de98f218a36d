"""Inside the foreign root, counted: the agent as installed; each thread's number and name go to the file in NAMES."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path


class _NamedThread(threading.Thread):
    def start(self) -> None:
        super().start()
        with Path(os.environ["NAMES"]).open("a", encoding="utf-8") as names:
            names.write(f"{self.native_id} {self.name.partition('/')[0].strip()}\n")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    vars(threading)["Thread"] = _NamedThread  # before the agent is imported
    from edge_agent.__main__ import main

    sys.exit(main())
