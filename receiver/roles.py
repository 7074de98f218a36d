"""Who may do what: four roles, each with everything of the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a person is trusted with. The name in small letters is its name in the JSON and on the command line."""

    VIEWER = 1  # sees lifts, incidents and recordings
    OPERATOR = 2  # takes over, closes, asks for recordings
    INSTALLER = 3  # lets boxes join, keeps the records of lifts
    ADMIN = 4  # people, hand-over of lifts, escalation

    @property
    def word(self) -> str:
        """Its name."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> Role | None:
        """The reverse of `word`; None for anything else."""
        return next((role for role in cls if role.word == word), None)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, as written into the audit log. name: "local" where no people are known yet."""

    name: str
    shown: str
    role: Role
    address: str
    firm: str | None = None  # sees only the lifts of this firm; None: all


COMMAND_LINE = Actor("command line", "command line", Role.ADMIN, "this machine")
"""Whoever may run commands on the machine of the receiver."""
