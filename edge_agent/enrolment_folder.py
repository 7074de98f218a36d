"""What joining a receiver left in the state folder: one folder a receiver, readable by the agent's user only."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.settings import ReceiverSettings

FOLDER = "enrolment"
RECEIVER_FILE, CA_FILE, IDENTITY_FILE, SECRET_FILE = "receiver.json", "ca.pem", "box.pem", "secret"
NAME = "enrolled"


def keep(state_folder: Path, url: str, receiver_key: str, ca: bytes, identity: bytes, secret: str) -> Path:
    """Write all of it, the file that makes it count last. ca, identity: PEM. Raises `EdgeAgentError`."""
    folder = state_folder / FOLDER / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / CA_FILE, ca.decode("ascii"))
        replace_file(folder / IDENTITY_FILE, identity.decode("ascii"))
        replace_file(folder / SECRET_FILE, secret + "\n")
        replace_file(folder / RECEIVER_FILE, json.dumps({"url": url, "receiver_key": receiver_key}) + "\n")
    except OSError as error:
        hint = "Check that this user may write there and that the disk is not full"
        raise EdgeAgentError(f"the enrolment cannot be kept ({error})", subject=str(folder), hint=hint) from error
    return folder


def enrolled(state_folder: PurePath) -> tuple[ReceiverSettings, ...]:
    """The receiver that was joined, if any. Raises `SettingsError` for a damaged file."""
    folder = Path(state_folder) / FOLDER / NAME
    try:
        kept = json.loads((folder / RECEIVER_FILE).read_text(encoding="ascii"))
        url, key = str(kept["url"]), str(kept["receiver_key"])
    except FileNotFoundError:
        return ()
    except PermissionError:
        return ()  # another user's box: the agent itself may read it
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "Join again: edge-agent join ..."
        raise SettingsError(f"this is no enrolment ({error})", subject=str(folder), hint=hint) from error
    is_tls = url.startswith("https")
    return (
        ReceiverSettings(
            name=NAME,
            url=url,
            ca=folder / CA_FILE if is_tls else None,
            identity=folder / IDENTITY_FILE if is_tls else None,
            secret_file=folder / SECRET_FILE,
            key=key,
        ),
    )
