"""The exception tree: every error names its subject and a hint for the person who can fix it."""

from __future__ import annotations


class EdgeAgentError(Exception):
    """An expected failure: what happened, to what (`subject`), and what to do about it (`hint`)."""

    def __init__(self, problem: str, *, subject: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}. {self.hint}"


class SettingsError(EdgeAgentError):
    """The operator's settings cannot be used. `subject` is `file:line` where a line is known."""


class InstallationError(EdgeAgentError):
    """The installation file (what the installer measured) cannot be used."""


class RecordingError(EdgeAgentError):
    """A recording is broken. `subject` is `file:line` or `file:byte N`."""


class SourceError(EdgeAgentError):
    """A source of readings cannot be opened or used."""


class SourceUnavailable(SourceError):
    """The source is absent or silent now; opening it again later may work."""


class WrongDevice(SourceError):
    """Something answers, but it is not the device that was configured."""


class WireError(EdgeAgentError):
    """Bytes from outside are no valid record, batch or receipt. `subject` says what was expected of them."""


class OutboxError(EdgeAgentError):
    """The durable queue cannot be opened or written."""


class UplinkError(EdgeAgentError):
    """A receiver could not be told."""


class UplinkUnavailable(UplinkError):
    """No usable answer: send the same bytes again later."""


class UplinkRefused(UplinkError):
    """The receiver refuses this request as it stands: sending it again unchanged will not help."""
