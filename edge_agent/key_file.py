"""The secret key of the box: made here at the first start, readable by the agent's user only, never sent anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.durable_file import PRIVATE, replace_file
from edge_agent.errors import EdgeAgentError
from edge_agent.wire_sealing import SEED_BYTES, SigningKey


def key_in(path: Path) -> tuple[SigningKey, Path | None]:
    """The key in a file, made where there is none; and where a file that holds no key was set aside.

    A box with a damaged key goes on as a new box rather than not at all. Raises `EdgeAgentError` where the folder
    cannot be used.
    """
    try:
        seed = _seed_in(path)
        if seed is not None:
            return SigningKey(seed), None
        aside = None
        if path.exists():
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
        seed = os.urandom(SEED_BYTES)
        replace_file(path, seed.hex() + "\n")
        return SigningKey(seed), aside
    except OSError as error:
        raise EdgeAgentError(
            f"the key of this box cannot be read or made: {error.strerror}",
            subject=str(path),
            hint="Check that this user may write there and that the disk is not full",
        ) from error


def later_key_in(path: Path) -> SigningKey | None:
    """A key that came after the first, in a file beside it; None: there is none, or the file is damaged."""
    try:
        seed = _seed_in(path)
    except OSError:
        return None
    return None if seed is None else SigningKey(seed, is_named=True)


def new_later_key(path: Path, seed: bytes) -> SigningKey:
    """Keep another key in place of a later one. seed: 32 secret random bytes. Raises OSError; then nothing changed."""
    key = SigningKey(seed, is_named=True)
    replace_file(path, seed.hex() + "\n")
    return key


def _seed_in(path: Path) -> bytes | None:
    """None: no file, or one that holds no key. Others lose the right to read it."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE)
        seed = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (FileNotFoundError, ValueError):
        return None
    return seed if len(seed) == SEED_BYTES else None
