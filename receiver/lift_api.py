"""The address of one lift: GET /v1/boxes/{device}, what its page shows."""

from __future__ import annotations

import json
import re

from aiohttp import web

from receiver.adapters import senml
from receiver.bodies import Refusal
from receiver.json_view import Json, incident_tree, measures_of
from receiver.lift_view import Day, LiftView, TripView, load_lift
from receiver.out_api import wants_senml
from receiver.people_api import json_answer
from receiver.service import Service
from receiver.visit_view import commissioned_tree, visit_tree

_DEVICE = re.compile(r"[0-9a-f]{16}")


def lift_routes(service: Service) -> list[web.RouteDef]:
    """GET of /v1/boxes/{device}."""

    async def get_box(request: web.Request) -> web.Response:
        device, is_senml = request.match_info["device"], wants_senml(request)
        view = None
        if _DEVICE.fullmatch(device):
            view = await service.read(lambda db: load_lift(db, bytes.fromhex(device)))
        if view is None:
            raise Refusal(404, "no box of this id has sent anything", "Take an id from `devices` of /v1/incidents")
        if is_senml:
            pack = senml.senml_text(senml.pack_of_box(view)).encode()
            return web.Response(body=pack, content_type=senml.SENML, headers={"Cache-Control": "no-store"})
        return json_answer(lift_text(view, service.now_ms()))

    return [web.get("/v1/boxes/{device}", get_box)]


def lift_text(view: LiftView, now_ms: int) -> str:
    """As JSON: speeds in m/s, accelerations in m/s2, distances in m, times in s; null: not told."""
    health: Json | None = None
    if view.health is not None:
        at_ms, beat = view.health
        health = {"at_ms": at_ms, "measures": measures_of(beat)}
    tree: Json = {
        "now_ms": now_ms,
        "device": view.device.hex(),
        "lift": view.lift_no,
        "firmware": view.firmware,
        "first_contact_ms": view.first_contact_ms,
        "last_contact_ms": view.last_contact_ms,
        "test_ms": view.test_ms,
        "trips": [_trip(trip) for trip in view.trips],
        "days": [_day(day) for day in view.days],
        "every": view.every,
        "health": health,
        "signal": [{"landing": landing, "dbm": dbm} for landing, dbm in view.signal_dbm],
        "incidents": [incident_tree(incident) for incident in view.incidents],
        "visits": [visit_tree(visit) for visit in view.visits],
        "commissionings": [commissioned_tree(made) for made in view.commissionings],
    }
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _trip(trip: TripView) -> Json:
    return {
        "at_ms": trip.at_ms,
        "from": trip.from_landing,
        "to": trip.to_landing,
        "moving": None if trip.moving is None else ("down", "none", "up")[trip.moving + 1],
        "distance_m": _thousandth(trip.distance_mm),
        "time_s": _thousandth(trip.time_ms),
        "speed_mps": _thousandth(trip.speed_mmps),
        "accel_mps2": _thousandth(trip.accel_mmps2),
        "decel_mps2": _thousandth(trip.decel_mmps2),
        "jerk_mps3": _thousandth(trip.jerk_mmps3),
    }


def _day(day: Day) -> Json:
    return {
        "start_ms": day.start_ms,
        "looked_at": day.looked_at,
        "speed_mps": _thousandth(day.speed_mmps),
        "accel_mps2": _thousandth(day.accel_mmps2),
        "decel_mps2": _thousandth(day.decel_mmps2),
        "jerk_mps3": _thousandth(day.jerk_mmps3),
    }


def _thousandth(value: float | None) -> float | None:
    return None if value is None else round(value / 1000.0, 4)
