"""The alarm catalogue: what each kind means, what to check first, and its foreign codes.

The rows stand in `catalogue_*.py`. Names and numbers are a public contract: they never change meaning; a new meaning
gets a new number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edge_agent import catalogue_box, catalogue_danger, catalogue_doors, catalogue_movement, catalogue_records
from edge_agent.alarms import AlarmKind
from edge_agent.catalogue_row import CatalogueRow, EvidenceField, RecordRow

__all__ = ["CATALOGUE", "RECORDS", "CatalogueRow", "EvidenceField", "RecordRow"]

_ROWS = catalogue_danger.ROWS + catalogue_movement.ROWS + catalogue_doors.ROWS + catalogue_box.ROWS

CATALOGUE: Mapping[AlarmKind, CatalogueRow] = MappingProxyType({row.kind: row for row in _ROWS})
RECORDS: tuple[RecordRow, ...] = catalogue_records.RECORDS
