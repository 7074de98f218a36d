"""`edge-agent`: finds the command, runs it, and reports whatever goes wrong in words for the person at the keyboard."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from edge_agent.cli import SUMMARIES, module_of
from edge_agent.errors import EdgeAgentError, InstallationError, RecordingError, SettingsError

EXIT_BAD_INPUT = 2
EXIT_UNABLE = 3  # the input is right, the machine is not: try again
EXIT_BROKEN = 70  # Source: EX_SOFTWARE of sysexits(3)
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy works on small blocks here; more threads only cost memory
    try:
        return _run(arguments)
    except (SettingsError, InstallationError, RecordingError) as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except EdgeAgentError as error:
        print(error, file=sys.stderr)
        return EXIT_UNABLE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left; nothing more to say
        return 0
    except Exception:
        traceback.print_exc()
        print(
            "edge-agent: this is a mistake in the program, not in your input; please report it with the lines above",
            file=sys.stderr,
        )
        return EXIT_BROKEN


def _run(arguments: list[str]) -> int:
    command = next((word for word in arguments if not word.startswith("-")), None)
    module = None
    if command is not None and command in SUMMARIES:
        module = importlib.import_module(module_of(command))
    parser = argparse.ArgumentParser(
        prog="edge-agent",
        description="Watches one lift: entrapment, abnormal acceleration, door faults; and makes sure somebody hears.",
        epilog="It only observes. It is no safety device and does not replace the emergency telephone of the lift.",
    )
    parser.add_argument("--version", action="version", version=f"edge-agent {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in SUMMARIES.items():
        if module is not None and name == command:
            module.add_parser(commands)
        else:
            commands.add_parser(name, help=summary)
    args = parser.parse_args(arguments)
    if module is None:
        parser.error("no command")
    return int(module.run(args))


def _version() -> str:
    try:
        return version("lift-edge-agent")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
