"""A made-up message of each kind, so that people can see what a mapping makes of it before it is used."""

from __future__ import annotations

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from receiver.adapters.fields import FIELDS
from receiver.adapters.words import BY_THE_CLOCK, Telling, Value, What

NOW_MS = 1_795_459_200_000
DEVICE = "a1b2c3d4e5f60718"
INCIDENT = f"{DEVICE}-2654435769-0-41"
LIFT = "31104403532019060007"


def example_of(what: What, language: str) -> Telling:
    """Somebody is stuck between the fourth and the fifth landing; or the lift after that, in a snapshot."""
    row = CATALOGUE[AlarmKind.ENTRAPMENT]
    title = row.title_zh if language == "zh" else row.title_en
    key = f"{INCIDENT}-{what.value}" if what in BY_THE_CLOCK else INCIDENT
    facts: dict[str, Value] = dict.fromkeys(FIELDS)
    facts |= {"key": key, "what": what.value, "now": NOW_MS, "device": DEVICE, "lift": LIFT}
    if what is What.ONLINE:
        return Telling(what, key, None, facts)
    facts |= {
        "landing": 4,
        "landing_name": "5",
        "between_landings": True,
        "door": "closed",
        "door_closed": True,
        "moving": "none",
        "height_mm": 13_480,
        "occupied_percent": 93,
        "occupied": True,
        "text": f"{title}, {LIFT}",
        "happened": NOW_MS - 60_000,
    }
    if what is What.SNAPSHOT:
        facts |= {"online": True, "last_contact": NOW_MS, "open_alarms": 1, "open_faults": 0, "place_at": NOW_MS}
        return Telling(what, key, None, {**facts, "open_names": [row.name], "open_codes": ["11"]})
    facts |= {
        "incident": INCIDENT,
        "kind": int(AlarmKind.ENTRAPMENT),
        "name": row.name,
        "title": title,
        "severity": row.severity.value,
        "is_alarm": True,
        "bacnet_fault": 8,
        "passenger_alarm": True,
        "state": "stored",
        "raised": NOW_MS - 60_000,
        "stored": NOW_MS - 59_000,
        "still_s": 62,
        "act": what.value,
        "who": "Li",
        "acted": NOW_MS,
        "eta_min": 15,
    }
    return Telling(what, key, int(AlarmKind.ENTRAPMENT), facts)
