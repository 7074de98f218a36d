"""Any order and duplication of records and notices gives one incident, through the store and in both databases."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sqlalchemy import select

from edge_agent.wire import Act, Phase, Stream
from edge_agent.wire_values import Record
from receiver import tables as t
from receiver.board import BoardReader
from receiver.database import Place
from receiver.incident_rows import IncidentView, load_incident
from receiver.incidents import IncidentKey
from receiver.store import Store
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, batch, chained, known_to

KEY = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)
ACTS = (Act.SHOWN, Act.TAKEN_OVER, Act.HELP_SENT, Act.ON_SITE, Act.CLOSED, Act.FALSE_ALARM)
Told = tuple[Act, str, int]
MINUTE_MS = 61_000


def story(chance: random.Random) -> list[Record | Told]:
    """One incident: what the lift says, and what people do, each at its own minute."""
    phases = chance.choices(
        [Phase.UPDATED, Phase.CONDITION_GONE, Phase.ENDED], weights=[4, 3, 1], k=chance.randint(0, 5)
    )
    later = (alarm(2 + n, phase=phase, incident=1, percent=40 + n) for n, phase in enumerate(phases))
    acts = chance.sample(ACTS, k=chance.randint(0, 4))
    told: list[Told] = [
        (act, chance.choice(["Li", "Wu"]), NOW_MS + MINUTE_MS * n) for n, act in enumerate(acts, start=1)
    ]
    return [*chained(alarm(1), *later), *told]


def picture_of(place: Place, parts: list[Record | Told]) -> tuple[object, ...]:
    """What a page shows after all parts came in this order. A notice waits for the first record, as people would."""
    store = known_to(Store(place))
    waiting: list[Told] = []
    for part in parts:
        if isinstance(part, Record):
            store.take(batch(part), NOW_MS)
            waiting = [told for told in waiting if not _tell(store, told)]
        elif not _tell(store, part):
            waiting.append(part)
    kept = store.change(
        lambda db: (db.execute(select(t.incident.c.is_open, t.incident.c.stage)).one(), load_incident(db, KEY))
    )
    store.close()
    reader = BoardReader(place)
    view = reader.incident(KEY)
    reader.close()
    assert view is not None
    row, incident = kept
    assert (bool(row.is_open), row.stage) == (incident.is_open, int(incident.stage))
    return _shown(view)


def _tell(store: Store, told: Told) -> bool:
    act, who, at_ms = told
    if any((n.act, n.at_ms) == (act, at_ms) for n in store.change(lambda db: load_incident(db, KEY)).notices):
        return True  # the same request again
    return store.take_notice(KEY, act, who, None, at_ms) is not None


def _shown(view: IncidentView) -> tuple[object, ...]:
    incident = view.incident
    said = {(notice.act, notice.who, notice.at_ms) for notice in incident.notices if notice.act is not Act.SHOWN}
    records = (incident.first, incident.latest, incident.present, incident.gone, incident.ended)
    # "shown" is kept only as a first word, so it is compared through the state alone
    return (
        records,
        said,
        incident.state,
        incident.stage,
        incident.takeover,
        incident.is_open,
        view.recovered_by_itself,
    )


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_records_and_notices_gives_the_same_incident(places: Callable[[], Place], seed: int) -> None:
    chance = random.Random(seed)
    parts = story(chance)
    expected = picture_of(places(), parts)
    for _ in range(3):
        mixed = parts + chance.choices(parts, k=3)
        chance.shuffle(mixed)
        assert picture_of(places(), mixed) == expected
