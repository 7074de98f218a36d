"""`edge-agent support-bundle`: one file with what a support person asks for, and no secret in it.

Inside: the settings without passwords, the last status, what `doctor` finds, what the outbox holds, what was learned of
the lift, the last lines of the log, names and versions of what runs here. Never inside: keys, certificates, shared
secrets, recordings. Every file in it is bounded; what is cut or cannot be had is said in its place.
"""

from __future__ import annotations

import argparse
import io
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import STATUS_FILE
from edge_agent.errors import EdgeAgentError
from edge_agent.settings import Settings

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FILE_BYTES_MAX = 1 << 20
LOG_LINES = 2000
NEWEST_RECORDS = 50
ASK_S_MAX = 10.0
UNIT = "lift-edge-agent"
_PASSWORD = re.compile(r"(://[^\s/@:\"']*):[^\s/@\"']*@")
_SECRET_LINE = re.compile(r"(?im)^(\s*[\w.\"-]*(?:password|passphrase|secret|token|pin)\b[\w\"]*\s*=\s*).+$")
_CUT = b"[the beginning is cut: only the last part is here]\n"


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("support-bundle", help=SUMMARIES["support-bundle"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file of the agent")
    parser.add_argument("--to", metavar="FILE", default="support-bundle.tar.gz", help="default: %(default)s, here")


def run(args: argparse.Namespace) -> int:
    """Write the file; 3 if it cannot be written."""
    settings = load_settings(args.config)
    target = Path(args.to)
    names = []
    try:
        with tarfile.open(target, "w:gz") as bundle:
            for name, content in contents(Path(args.config), settings):
                _put(bundle, name, content)
                names.append(name)
    except OSError as error:
        hint = "Give another place with --to"
        raise EdgeAgentError(f"cannot be written ({error.strerror})", subject=str(target), hint=hint) from error
    print(f"{target} holds {', '.join(names)}. No key, certificate, shared secret or recording is inside.")
    return 0


def contents(settings_file: Path, settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in it; what cannot be had is a sentence."""
    yield "settings.toml", _or_why(lambda: without_secrets(settings_file.read_text(encoding="utf-8")))
    folder = Path(settings.state_folder)
    yield "status.json", _or_why(lambda: (folder / STATUS_FILE).read_text(encoding="utf-8"))
    yield "doctor.jsonl", _or_why(lambda: _doctor(settings))
    yield "outbox.txt", _or_why(lambda: _outbox(Path(settings.delivery.outbox)))
    yield "baselines.json", _or_why(lambda: (folder / "baselines.json").read_text(encoding="utf-8"))
    yield "log.txt", _or_why(_log)
    yield "machine.txt", _or_why(lambda: _machine(folder))


def without_secrets(text: str) -> str:
    """Passwords in addresses and values of keys that are named as secrets are left out."""
    return _SECRET_LINE.sub(r'\1"(left out)"', _PASSWORD.sub(r"\1:(left out)@", text))


def _or_why(ask: Callable[[], str]) -> bytes:
    try:
        return ask().encode()
    except (OSError, UnicodeDecodeError, EdgeAgentError, subprocess.SubprocessError) as error:
        return f"cannot be had: {error}\n".encode()


def _doctor(settings: Settings) -> str:
    from edge_agent.cli.doctor import all_checks, as_json

    return "".join(as_json(check) + "\n" for check in all_checks(settings))


def _outbox(path: Path) -> str:
    from edge_agent.cli.outbox import listed
    from edge_agent.outbox_reading import OutboxReader

    with OutboxReader(path) as reader:
        problems = reader.problems()
        return "\n".join([*listed(reader, NEWEST_RECORDS), *problems, "chain whole" if not problems else ""])


def _log() -> str:
    command = ["journalctl", "--unit", UNIT, "--lines", str(LOG_LINES), "--no-pager", "--output", "short-iso"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S_MAX, errors="replace", check=False)
    return without_secrets(done.stdout or done.stderr)


def _machine(folder: Path) -> str:
    lines = [platform.platform(), f"Python {platform.python_version()}", f"Unix time {time.time():.0f}"]
    model = Path("/proc/device-tree/model")
    lines += [model.read_text(encoding="utf-8").strip("\0")] if model.exists() else []
    lines += sorted(f"{found.name} {found.version}" for found in distributions())
    lines.append("")
    lines += sorted(f"{path.stat().st_size:>12} {path.relative_to(folder)}" for path in folder.rglob("*"))[:500]
    return "\n".join(lines) + "\n"


def _put(bundle: tarfile.TarFile, name: str, content: bytes) -> None:
    if len(content) > FILE_BYTES_MAX:
        content = _CUT + content[-FILE_BYTES_MAX:]
    member = tarfile.TarInfo(f"support-bundle/{name}")
    member.size, member.mode, member.mtime = len(content), 0o644, int(time.time())
    bundle.addfile(member, io.BytesIO(content))
