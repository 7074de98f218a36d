"""Passwords of people: what is good enough, and their digests (Argon2id).

Costs are the defaults of argon2-cffi, 64 MiB and 3 passes, RFC 9106 section 4, second recommendation.
Source: argon2-cffi documentation, "Parameters". A digest names its own parameters, so they can be raised later.
"""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from receiver.errors import ReceiverError

CHARACTERS_MIN = 12
BYTES_MAX = 256
"""Ours. A sentence is easier to keep than eight odd characters; the upper bound keeps hashing cheap."""

_HASHER = PasswordHasher()


@cache
def _nobodys() -> str:
    """Checking against it takes as long as checking a real one. Made when first needed: it costs 0.1 s and 64 MiB."""
    return _HASHER.hash("nobody has this password")


def digest_of(password: str, name: str) -> str:
    """What is kept of a password. Raises `ReceiverError` for one that is too easy or cannot be written."""
    try:
        size = len(password.encode("utf-8"))
    except UnicodeEncodeError:
        size = BYTES_MAX + 1
    hint = f"Take at least {CHARACTERS_MIN} characters, for example four words, without the name"
    if len(password) < CHARACTERS_MIN or size > BYTES_MAX:
        raise ReceiverError("the password is too short, or longer than any", subject=name, hint=hint)
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise ReceiverError("the password is too easy to guess", subject=name, hint=hint)
    return _HASHER.hash(password)


def is_right(digest: str | None, password: str) -> bool:
    """Whether a password is the one kept; digest None: nobody has this name, which takes as long."""
    try:
        return _HASHER.verify(_nobodys() if digest is None else digest, password) and digest is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
