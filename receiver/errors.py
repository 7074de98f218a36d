"""What can go wrong at the receiver, each for the person who can act on it."""

from __future__ import annotations

from edge_agent.errors import EdgeAgentError


class ReceiverError(EdgeAgentError):
    """The receiver cannot be started or asked as it was."""


class StoreUnavailable(ReceiverError):
    """Nothing was stored and nothing acknowledged: disk full, database locked or damaged. Sending again is right."""


class NoticeRefused(ReceiverError):
    """What a person wanted to say about an incident cannot be taken."""
