"""The alarm catalogue as Markdown: the content of ALARMS.md, which a test keeps current."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.catalogue import CATALOGUE, RECORDS, CatalogueRow
from edge_agent.catalogue_sources import CONFUSED, NEEDS, Senses

_HEAD = """\
# Alarm catalogue

Written by `make alarms-doc` from `edge_agent/catalogue*.py`; change it there.

Names and numbers are a public contract: they appear in recordings, on the wire, in the receiver and in exports. They
never change meaning; a new meaning gets a new number. The number is the `kind` of the wire record: 1-31 people may be
in danger (stream 0), 32-63 faults (stream 1), 64-95 system (stream 1), 96-255 telemetry (stream 2).

**GB**: code points of GB/T 24476-2017 as publicly implemented; the code space is local beyond 01-08, 40-47 and 90
("profile"). **BACnet**: BACnetLiftFault. The agent uses these code points; it does not claim to conform to either text.

**Seen with**: the senses that a kind needs; a word such as `controller.door` is one that the controller must tell.
`edge-agent status` says what cannot be seen with those that work now.

Every threshold is a setting with an allowed range: `edge-agent alarms --limits` lists them.

"""


def catalogue_markdown() -> str:
    """The whole of ALARMS.md."""
    return _HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| no. | name | severity | title | 名称 | GB | BACnet |"
    yield "|---|---|---|---|---|---|---|"
    for row in CATALOGUE.values():
        yield (
            f"| {row.number} | `{row.name}` | {_severity(row)} | {row.title_en} | {row.title_zh} | {row.gb} "
            f"| {row.bacnet} |"
        )
    for row in CATALOGUE.values():
        yield from _section(row)
    yield ""
    yield "## Records that are no alarms"
    yield ""
    yield "| no. | name | title | 名称 |"
    yield "|---|---|---|---|"
    for record in RECORDS:
        yield f"| {record.number} | `{record.name}` | {record.title_en} | {record.title_zh} |"


def _section(row: CatalogueRow) -> Iterator[str]:
    yield ""
    yield f"## {row.number} `{row.name}`: {row.title_en} ({row.title_zh})"
    yield ""
    yield f"Severity: {_severity(row)}."
    yield f"Raised when: {row.raised_when_en}"
    yield f"Cleared when: {row.cleared_when_en}"
    yield from _senses(row)
    yield ""
    yield f"First check: {row.first_check_en}"
    yield f"首先检查：{row.first_check_zh}"
    yield ""
    yield "| evidence | unit | meaning |"
    yield "|---|---|---|"
    for field in row.evidence:
        yield f"| `{field.name}` | {field.unit} | {field.meaning} |"


def _senses(row: CatalogueRow) -> Iterator[str]:
    need = NEEDS.get(row.kind)
    if need is None:
        return
    yield f"Seen with: {_sets(need.full)}."
    if need.partly:
        yield f"Partly with {_sets(need.partly)}: {need.lost_en}."
    if row.kind in CONFUSED:
        yield f"Raised for nothing: {CONFUSED[row.kind][1]}."


def _sets(senses: Senses) -> str:
    return "; or ".join(" and ".join(f"`{sense}`" for sense in sorted(each)) for each in senses)


def _severity(row: CatalogueRow) -> str:
    return row.severity_note or row.severity.value
