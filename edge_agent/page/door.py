"""Who may come in: the PIN of the label, wrong tries counted on the disk, and sessions of half an hour at most.

Five wrong PINs, from whomever, and nobody comes in for 15 minutes; who is in stays in. The count outlives the page, so
that switching it off and on gives no new tries. Source: design/wire.md, section 5.4.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from edge_agent.durable_file import replace_file
from edge_agent.errors import EdgeAgentError

PIN_FILE = "page.pin"
TRIES_FILE = "page.tries"
PIN_DIGITS = 8
TRIES_MAX = 5
LOCK_NS = 15 * 60 * 1_000_000_000
SESSIONS_MAX = 4
COOKIE = "lift_page"
BYTES_MAX = 1_024


def pin_in(state_folder: Path) -> str:
    """The PIN of this box, made where there is none. Raises EdgeAgentError where it cannot be read or kept."""
    path = state_folder / PIN_FILE
    try:
        try:
            pin = path.read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            pin = ""
        if len(pin) != PIN_DIGITS or not pin.isdecimal():
            pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
            replace_file(path, pin + "\n")
    except OSError as error:
        raise EdgeAgentError(
            f"the PIN of the page cannot be read or kept: {error.strerror}",
            subject=str(path),
            hint="Run this as root or as the user of the agent, and look whether the disk can be written",
        ) from error
    return pin


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a try. token: of the new session, "" where it failed. wait_s: until the next try counts."""

    token: str = ""
    left: int = TRIES_MAX
    wait_s: int = 0
    has_just_locked: bool = False


class Door:
    """State: wrong tries (on the disk), sessions (in memory)."""

    def __init__(self, state_folder: Path, pin: str, boot: str) -> None:
        """boot: the kernel's name of this boot; times of another boot say nothing, so a lock begins again with it."""
        self._path = state_folder / TRIES_FILE
        self._pin = pin.encode("ascii")
        self._boot = boot
        self._names: dict[str, str] = {}
        self._wrong_count, self._until_ns = 0, 0
        self._is_read = False

    def enter(self, pin: str, who: str, now_ns: int) -> Entry:
        """Try to come in. While it is locked the right PIN is refused, too."""
        self._read(now_ns)
        if now_ns < self._until_ns:
            return Entry(left=0, wait_s=self.wait_s(now_ns))
        if self._wrong_count >= TRIES_MAX:
            self._wrong_count = 0  # the lock has run out
        if not hmac.compare_digest(pin.encode("utf-8"), self._pin):
            self._wrong_count += 1
            is_locked = self._wrong_count >= TRIES_MAX
            self._until_ns = now_ns + LOCK_NS if is_locked else 0
            self._write()
            return Entry(left=TRIES_MAX - self._wrong_count, wait_s=self.wait_s(now_ns), has_just_locked=is_locked)
        if self._wrong_count:
            self._wrong_count, self._until_ns = 0, 0
            self._write()
        if len(self._names) >= SESSIONS_MAX:
            self._names.pop(next(iter(self._names)))  # the oldest
        token = secrets.token_urlsafe(32)
        self._names[token] = who
        return Entry(token)

    def wait_s(self, now_ns: int) -> int:
        """Seconds until somebody may try again; 0: now."""
        self._read(now_ns)
        return max(0, -(-(self._until_ns - now_ns) // 1_000_000_000))

    def who(self, cookies: str) -> str | None:
        """Who has this session, as they call themselves; None: nobody."""
        token = cookie_in(cookies)
        return next((who for known, who in self._names.items() if hmac.compare_digest(known, token)), None)

    def leave(self, cookies: str) -> None:
        """End a session."""
        self._names.pop(cookie_in(cookies), None)

    def _read(self, now_ns: int) -> None:
        if self._is_read:
            return
        self._is_read = True
        try:
            with self._path.open("rb") as file:
                said = json.loads(file.read(BYTES_MAX))
            wrong, until_ns, boot = int(said["wrong"]), int(said["until_ns"]), said["boot"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            wrong, until_ns, boot = TRIES_MAX, 0, ""  # whoever damages it gains nothing
        self._wrong_count = wrong
        is_of_this_boot = boot == self._boot and until_ns <= now_ns + LOCK_NS
        self._until_ns = until_ns if is_of_this_boot else now_ns + LOCK_NS if wrong >= TRIES_MAX else 0

    def _write(self) -> None:
        """Where the disk takes nothing, the count in memory stands for this run of the page."""
        text = json.dumps({"wrong": self._wrong_count, "until_ns": self._until_ns, "boot": self._boot})
        try:
            replace_file(self._path, text)
        except OSError:
            return


def cookie_in(cookies: str) -> str:
    """The token in a Cookie header; "" where there is none."""
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and value.isascii():
            return value
    return ""


def cookie_for(token: str) -> str:
    """A Set-Cookie header; token "": take it away."""
    gone = "" if token else "; Max-Age=0"
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{gone}"
