"""What a receiver has been told before somebody looks at its page."""

from __future__ import annotations

from edge_agent.wire import Phase, Stream
from tests.page.material import LIFT_NO, Log, Told, alarm_records, coverage, heartbeat, trip
from tests.page.site import Site
from tests.receiver.live import FarEnd
from tests.receiver.making import DEVICE, UP_MS, alarm, identity, lost
from tests.receiver.test_people import signed_in

ALARM_BUTTON = 2
GAP_MS = 185_000


def stuck(site: Site) -> None:
    """Somebody is stuck; of the records before it one is missing, long enough to be shown."""
    early = [identity(1, LIFT_NO), lost(2, Stream.ALARM, 1, 40), alarm(42, kind=ALARM_BUTTON, phase=Phase.TEST)]
    log = Log()
    site.store(log.posted(*early, up_ms=UP_MS + 400))
    site.ahead_ms = GAP_MS
    site.wait_for_clock()
    site.store(log.posted(alarm(43, up_ms=UP_MS + GAP_MS), up_ms=UP_MS + GAP_MS + 400))


def filled(site: Site, told: Told) -> str:
    """A lift with trips and an entrapment whose recording is here; the address of its picture."""
    log, records = Log(), alarm_records(told)
    raised_ms = records[0].stamp.up_ms
    trips = [trip(n, raised_ms - 600_000 + n * 18_000, accel_mmps2=780 + 3 * n) for n in range(1, 31)]
    late = [identity(1, LIFT_NO), heartbeat(31, raised_ms - 2_000), coverage(32, raised_ms - 1_000, 2, -71)]
    site.store(log.posted(*trips, *late, *records, up_ms=records[-1].stamp.up_ms + 100))

    async def asked(far_end: FarEnd) -> str:
        answer = await far_end.client.get(f"{far_end.url}/v1/incidents")
        incident = (await answer.json())["incidents"][0]["id"]
        await far_end.client.post(f"{far_end.url}/v1/incidents/{incident}/evidence", json={})
        return str(incident)

    incident = site.do(asked)
    site.send_recording(told)
    return f"#lift={DEVICE.hex()}&picture={incident}"


def known(site: Site, password: str, *people: tuple[str, str]) -> None:
    """These people may sign in, the first of them an administrator: name and role."""

    async def made(far_end: FarEnd) -> None:
        headers: dict[str, str] = {}
        for name, role in people:
            person = {"name": name, "shown": name.title(), "role": role, "password": password}
            answer = await far_end.client.post(f"{far_end.url}/v1/users", json=person, headers=headers)
            assert answer.status == 200, await answer.text()
            headers = headers or await signed_in(far_end, name, password)

    site.do(made)
