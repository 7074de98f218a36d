"""The address of pictures: GET /v1/incidents/{id}/picture, drawn from the recording of the incident once it is here."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import OrderedDict
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection, or_, select

from edge_agent.errors import RecordingError
from edge_agent.recording import Recording
from edge_agent.recording_native import SUFFIX
from edge_agent.wire_values import Record
from receiver import tables as t
from receiver.bodies import Refusal
from receiver.decoding import decoded
from receiver.incidents import IncidentKey
from receiver.people_api import json_answer, key_in
from receiver.picture_marks import alarm_ns, marks_of
from receiver.pictures import Picture, picture_of, picture_tree
from receiver.service import Service

KEPT_MAX = 16
STAGES_MAX = 40
"""Pictures kept drawn, some 40 kB each: several people look at one incident. Stages marked on one. Our choices."""


class Drawn:
    """Draws one recording at a time, in a thread, so that a picture never delays a receipt; keeps the last ones."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[IncidentKey, Picture | None] = OrderedDict()

    async def of(self, key: IncidentKey, service: Service) -> Picture | None:
        """None: the recording is not here, or holds nothing. Raises `Refusal` for one that cannot be read."""
        async with self._turn:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            content = await service.evidence(key)
            if content is None:
                return None
            try:
                picture = await asyncio.to_thread(drawn, content)
            except RecordingError as error:
                raise Refusal(422, f"the recording cannot be drawn: {error.problem}", error.hint) from error
            self._kept[key] = picture
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
            return picture


def drawn(content: bytes) -> Picture | None:
    """A picture of the bytes of a `.liftrec`. None: it holds no reading. Raises `RecordingError`."""
    with tempfile.TemporaryDirectory(prefix="lift-picture-") as folder:
        path = Path(folder) / f"alarm{SUFFIX}"
        path.write_bytes(content)
        return picture_of(Recording.open(path).joined())


def records_of(db: Connection, key: IncidentKey) -> tuple[Record, ...]:
    """The first records of an incident, at most STAGES_MAX, by number."""
    at = t.record.c
    is_of_it = or_(at.seqno == key.seqno, at.incident == key.seqno)
    asked = select(at.body).where(at.dev == key.device, at.log == key.log, at.stream == int(key.stream), is_of_it)
    rows = db.execute(asked.order_by(at.seqno).limit(STAGES_MAX))
    return tuple(decoded(bytes(row.body)) for row in rows)


def picture_routes(service: Service) -> list[web.RouteDef]:
    """GET of /v1/incidents/{id}/picture."""
    pictures = Drawn()

    async def get_picture(request: web.Request) -> web.Response:
        key = key_in(request)
        records = await service.read(lambda db: records_of(db, key))
        picture = await pictures.of(key, service) if records else None
        if picture is None:
            raise Refusal(404, "the recording of this incident is not here", "Ask for it: POST to .../evidence")
        zero_ns = alarm_ns(records)
        if not picture.from_ns <= zero_ns <= picture.to_ns:
            zero_ns = picture.from_ns  # recorded by another clock: the picture then counts from its own beginning
        tree = {"incident": str(key), **picture_tree(picture, zero_ns, marks_of(records, picture))}
        return json_answer(json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False))

    return [web.get("/v1/incidents/{id}/picture", get_picture)]
