"""Entry point of `lift-receiver` and of `python -m receiver`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; says what to install where the server library is not there."""
    try:
        from receiver import cli
    except ModuleNotFoundError as error:
        if error.name not in ("aiohttp", "sqlalchemy"):
            raise
        hint = "pip install 'lift-edge-agent[receiver]'"
        print(f"lift-receiver: {error.name} is not installed. {hint}", file=sys.stderr)
        return 2
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
