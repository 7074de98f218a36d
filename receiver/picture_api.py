"""The address of pictures: GET /v1/incidents/{id}/picture, drawn from the recording of the incident once it is here."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import OrderedDict

from aiohttp import web
from sqlalchemy import Connection, or_, select

from receiver import tables as t
from receiver.bodies import Refusal
from receiver.incidents import IncidentKey
from receiver.people_api import json_answer, key_in
from receiver.service import Service

KEPT_MAX = 16
STAGES_MAX = 40
DRAWING_S_MAX = 60.0
"""Pictures kept drawn, some 40 kB each: several people look at one incident. Stages marked on one. Ours: drawing takes
a second, most of it the start of the process."""

_COMMAND = ("-m", "receiver.cli_picture")
_HINT = "Save the recording and look at it with `edge-agent replay`"


class Drawings:
    """Draws one recording at a time, in a process of its own; keeps the last pictures."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[IncidentKey, tuple[bytes, ...]], str] = OrderedDict()

    async def of(self, key: IncidentKey, records: tuple[bytes, ...], service: Service) -> str | None:
        """As JSON. None: the recording is not here. Raises `Refusal` for one that cannot be drawn."""
        async with self._turn:
            name = (key, records)
            if name not in self._kept:
                content = await service.evidence(key)
                if content is None:
                    return None
                self._kept[name] = await _drawn(content, records)
                while len(self._kept) > KEPT_MAX:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            return self._kept[name]


async def _drawn(content: bytes, records: tuple[bytes, ...]) -> str:
    head = json.dumps({"records": [record.hex() for record in records]}).encode() + b"\n"
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(sys.executable, *_COMMAND, stdin=pipe, stdout=pipe, stderr=none)
    try:
        async with asyncio.timeout(DRAWING_S_MAX):
            told, _ = await child.communicate(head + content)
    except TimeoutError as error:
        raise Refusal(422, f"the recording cannot be drawn in {DRAWING_S_MAX:.0f} s", _HINT) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        problem = json.loads(told)["problem"] if told.startswith(b"{") else "it ended the drawing"
        raise Refusal(422, f"the recording cannot be drawn: {problem}", _HINT)
    return told.decode("ascii").strip()


def bodies_of(db: Connection, key: IncidentKey) -> tuple[bytes, ...]:
    """The first records of an incident as stored, at most STAGES_MAX, by number."""
    at = t.record.c
    is_of_it = or_(at.seqno == key.seqno, at.incident == key.seqno)
    asked = select(at.body).where(at.dev == key.device, at.log == key.log, at.stream == int(key.stream), is_of_it)
    return tuple(bytes(row.body) for row in db.execute(asked.order_by(at.seqno).limit(STAGES_MAX)))


def picture_routes(service: Service) -> list[web.RouteDef]:
    """GET of /v1/incidents/{id}/picture."""
    drawings = Drawings()

    async def get_picture(request: web.Request) -> web.Response:
        key = key_in(request)
        records = await service.read(lambda db: bodies_of(db, key))
        picture = await drawings.of(key, records, service) if records else None
        if picture is None:
            raise Refusal(404, "the recording of this incident is not here", "Ask for it: POST to .../evidence")
        return json_answer(picture)

    return [web.get("/v1/incidents/{id}/picture", get_picture)]
