"""Entry point of `lift-receiver` and of `python -m receiver`."""

from __future__ import annotations

import sys

from receiver.cli import main

if __name__ == "__main__":
    sys.exit(main())
