"""Several receivers on one database, figures, retention, and a receiver that runs by itself with an adapter."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from receiver.adapters import queue
from receiver.adapters.http_out import PlatformAdapter
from receiver.adapters.runner import AdapterLoop
from receiver.board import BoardReader
from receiver.outgoing import MessageState
from receiver.retention import DAY_MS, Kept, prune
from receiver.service import Service
from receiver.store import Store
from tests.receiver.adapters.platform import Platform, a_platform, code
from tests.receiver.adapters.rig import SECRETS, Turn, mapping, told
from tests.receiver.live import FarEnd
from tests.receiver.making import KEY, NOW_MS, alarm, batch, body, known_to
from tests.receiver.postgresql import Cluster


@pytest.mark.system
def test_two_receivers_on_one_database_tell_a_platform_once(cluster: Cluster) -> None:
    url = cluster.new_database()

    async def run() -> None:
        stores = [known_to(Store(url)) for _ in range(2)]
        readers = [BoardReader(url) for _ in range(2)]
        services = [Service(s, r, lambda: NOW_MS) for s, r in zip(stores, readers, strict=True)]
        async with a_platform() as platform:
            cities = [PlatformAdapter("city", platform.url, mapping(), SECRETS, lambda: 0.0) for _ in range(2)]
            loops = [AdapterLoop(service, city) for service, city in zip(services, cities, strict=True)]
            await asyncio.gather(*(loop.turn() for loop in loops))
            stores[0].take(batch(*(alarm(number) for number in range(1, 31))), NOW_MS)
            for _ in range(4):
                await asyncio.gather(*(loop.turn() for loop in loops))
            told = [said["alarmId"] for path, said in platform.taken if path.endswith("/alarm")]
            assert len(told) == len(set(told)) == 30
            beats = [path for path, _ in platform.taken if path.endswith("/heartbeat")]
            assert len(beats) == 1
            for city in cities:
                await city.close()
        for service in services:
            await service.stop()
        for reader, store in zip(readers, stores, strict=True):
            reader.close()
            store.close()

    asyncio.run(run())


def test_prometheus_and_the_view_count_by_adapter(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(400))
        await far_end.receipt(body(alarm(1), alarm(2)))
        await turn()
        figures = await (await far_end.client.get(f"{far_end.url}/metrics")).text()
        assert 'lift_receiver_adapter_messages{adapter="city",state="dead"} 1' in figures
        assert 'lift_receiver_adapter_messages{adapter="city",state="sent"} 1' in figures
        assert "escalation_messages{" not in figures
        view = await (await far_end.client.get(f"{far_end.url}/v1/adapters?adapter=city&state=sent")).json()
        assert [each["dead"] for each in view["adapters"]] == [1]
        assert view["adapters"][0]["behind"] == {"alarms": 0, "rest": 0}
        assert len(view["messages"]) == 1
        people = await (await far_end.client.get(f"{far_end.url}/v1/escalation")).json()
        assert people["messages"] == []
        assert (await far_end.client.get(f"{far_end.url}/v1/adapters?state=lost")).status == 400

    told(tmp_path, story)


def test_what_was_taken_is_forgotten_after_a_month_and_what_waits_or_is_dead_is_not(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(400), code(99))
        await far_end.receipt(body(alarm(1), alarm(2), alarm(3)))
        await turn()
        later_ms = NOW_MS + 31 * DAY_MS
        removed = await far_end.service.change(lambda db: prune(db, Kept(), later_ms))
        assert removed == 1
        rows = await far_end.service.read(lambda db: queue.rows_of(db, "city", None))
        assert {row.state for row in rows} == {MessageState.DEAD, MessageState.WAITING}

    told(tmp_path, story)


def test_a_clock_that_was_a_year_ahead_holds_nothing_back(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        right_ms = far_end.clock.ms
        far_end.clock.ms += 365 * DAY_MS
        platform.then(code(50300), code(99))
        await far_end.receipt(body(alarm(1), alarm(2)))
        await turn()
        far_end.clock.ms = right_ms + 300_000
        beats = len(platform.taken)
        await turn()
        heard = [path.rpartition("/")[2] for path, _ in platform.taken[beats:]]
        assert sorted(heard) == ["alarm", "alarm", "heartbeat"]

    told(tmp_path, story)


@pytest.mark.system
def test_a_receiver_that_runs_tells_the_platform_by_itself_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_platform() as platform:
            settings = tmp_path / "settings.toml"
            settings.write_text(
                f'[adapter.city]\nkind = "http"\nurl = "{platform.url}"\nmapping = "shipped:gbt24476-2017"\n'
                f'secret = {{ user = "firm", password = "{SECRETS["password"]}" }}\n'
            )
            settings.chmod(0o600)
            known_to(Store(tmp_path)).close()
            for number in (1, 2):
                process, url = await asyncio.to_thread(_started, tmp_path, settings)
                try:
                    await _post(url, number)
                    while not any(said.get("alarmId", "").endswith(f"-0-{number}") for _, said in platform.taken):
                        platform.news.clear()
                        await platform.news.wait()
                finally:
                    process.send_signal(signal.SIGKILL if number == 1 else signal.SIGTERM)
                    await asyncio.to_thread(process.wait)
            assert process.returncode == 0
            told = [said["alarmId"] for path, said in platform.taken if path.endswith("/alarm")]
            assert len(set(told)) == 2

    asyncio.run(asyncio.wait_for(run(), 50.0))


def _started(folder: Path, settings: Path) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable,
        "-m",
        "receiver",
        "run",
        "--port",
        "0",
        "--data",
        str(folder),
        "--settings",
        str(settings),
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    found = re.fullmatch(r"listening on (http://\S+)\n", process.stdout.readline())
    assert found is not None
    return process, found[1]


async def _post(url: str, number: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as client:
        headers = {"Content-Type": "application/vnd.lift-batch+cbor", "Lift-Key": KEY.public.text}
        answer = await client.post(f"{url}/v1/records", data=body(alarm(number)), headers=headers)
        assert answer.status == 200
