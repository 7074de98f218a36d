"""Which incidents a person ends, and the records that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.outbox_incidents import UnendedIncident
from edge_agent.records import RecordDraft, draft_of_end
from edge_agent.story import kind_name
from edge_agent.wire import Stream


@dataclass(frozen=True, slots=True)
class EndChoice:
    """What is to be committed, and one sentence for each incident looked at."""

    drafts: tuple[RecordDraft, ...]
    sentences: tuple[str, ...]


def choose_ends(unended: Sequence[UnendedIncident], number: int | None, who: str) -> EndChoice:
    """End the incident `number`, or (None) every alarm whose condition is gone.

    One whose condition is still there is ended only by its number: a person has looked at it.
    """
    drafts = []
    sentences = []
    for incident in unended:
        name = f"Incident {incident.number} ({kind_name(incident.kind)})"
        if incident.number == number or (
            number is None and incident.stream is Stream.ALARM and not incident.is_present
        ):
            note = f"ended by {who}" if who else "ended at the lift"
            drafts.append(draft_of_end(incident.kind, incident.stream, incident.number, note))
            sentences.append(f"{name} {note}")
        elif number is None and incident.stream is Stream.ALARM:
            sentences.append(
                f"{name} is not ended: its condition is still there; give its number to end it all the same"
            )
    if not sentences:
        words = "No alarm waits for its end" if number is None else f"There is no incident {number} to end"
        sentences.append(words)
    return EndChoice(tuple(drafts), tuple(sentences))
