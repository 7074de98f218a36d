"""The shape of one row of the alarm catalogue and of the list of other records."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.alarms import AlarmKind, Severity


@dataclass(frozen=True, slots=True)
class EvidenceField:
    """One sign that an alarm of this kind may carry. `unit`: "" for a count, "yes/no" or "name" where none fits."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """Everything a person or another system must know about one alarm kind.

    severity_note: "" where the severity is fixed; else what decides it (`severity` is then the usual one).
    gb: code points of GB/T 24476-2017 as publicly implemented; "profile": a private extension; "-": none.
    bacnet: BACnetLiftFault value or property; "-": none. Both use the code points, neither claims conformance.
    """

    kind: AlarmKind
    severity: Severity
    title_en: str
    title_zh: str
    raised_when_en: str
    cleared_when_en: str
    evidence: tuple[EvidenceField, ...]
    first_check_en: str
    first_check_zh: str
    gb: str
    bacnet: str
    severity_note: str = ""

    @property
    def number(self) -> int:
        """The `kind` of the wire record; never reused."""
        return int(self.kind)

    @property
    def name(self) -> str:
        """The public name."""
        return self.kind.public_name


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record on the same path that is no alarm."""

    number: int
    name: str
    title_en: str
    title_zh: str
