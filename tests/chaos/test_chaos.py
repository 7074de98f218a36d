"""A short campaign, and an alarm that must not wait behind telemetry on a slow link."""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.alarms import AlarmState
from edge_agent.delivery import Delivery, Lane, Send
from edge_agent.delivery_evidence import EvidenceDelivery
from edge_agent.delivery_seals import BoxSeals
from edge_agent.errors import UplinkError
from edge_agent.evidence import EvidenceShelf
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_alarm, draft_of_evidence
from edge_agent.uplink.http import HttpUplink
from edge_agent.wire import Stamp, Want
from edge_agent.wire_sealing import PublicKey, SigningKey
from tests.chaos.campaign import Campaign
from tests.chaos.proxy import Proxy
from tests.delivery.making import MAIN, alarm, heartbeat
from tests.delivery.mosquitto import needs_mosquitto

KEY = SigningKey(bytes(range(32)))


@pytest.mark.system
@pytest.mark.timeout(240)
def test_nothing_is_lost_doubled_or_altered_by_kills_and_a_bad_network(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, seed=5, rate=60.0)
    try:
        report = campaign.run(kills=10, records=500)
    finally:
        campaign.close()
    assert report.problems == []
    assert report.committed >= 500
    assert min(report.kills.values()) >= 1


@pytest.mark.system
@pytest.mark.timeout(420)
@needs_mosquitto
def test_nothing_is_lost_doubled_or_altered_over_a_broker_that_is_killed_too(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, seed=7, rate=60.0, over="mqtt")
    try:
        report = campaign.run(kills=14, records=500)
    finally:
        campaign.close()
    assert report.problems == []
    assert report.committed >= 500
    assert min(report.kills.values()) >= 1


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[int, PublicKey]]:
    """Its port and key."""
    command = [sys.executable, "-m", "receiver"]
    process = subprocess.Popen(
        [*command, "run", "--port", "0", "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        shown = subprocess.run([*command, "key", "--data", str(folder)], capture_output=True, text=True, check=True)
        yield port, PublicKey.from_text(shown.stdout.strip())
    finally:
        process.kill()
        process.communicate()


class SlowBox:
    """Both lanes of one box over one link of 2 kB/s upwards; the rest in a thread of its own, as in the agent."""

    def __init__(self, folder: Path, url: str, far_end: PublicKey) -> None:
        self.outbox = Outbox.open(folder / "o.db", KEY.public.fingerprint, boot_id="b", up_ms=1, destinations=(MAIN,))
        seals = BoxSeals(KEY, far_end)
        self.lanes = {lane: Delivery(MAIN, lane, seed=1, start_spread_s=0.0, envelope=seals) for lane in Lane}
        self.uplinks = {lane: HttpUplink(url, key=KEY.public.text) for lane in Lane}
        self.turn = threading.Lock()  # the agent's loop is single; here two threads take turns

    def stamp(self) -> Stamp:
        return Stamp(1, time.monotonic_ns() // 1_000_000)

    def carry(self, lane: Lane) -> None:
        """One request of a lane."""
        with self.turn:
            step = self.lanes[lane].due(time.monotonic_ns(), self.stamp(), self.outbox)
        if not isinstance(step, Send):
            return
        try:
            answer = self.uplinks[lane].post(step.body)
        except UplinkError as error:
            with self.turn:
                self.lanes[lane].failed(time.monotonic_ns(), error)
            return
        with self.turn:
            outcome = self.lanes[lane].answered(time.monotonic_ns(), answer, self.outbox)
            self.outbox.settle(MAIN, outcome, self.stamp())

    def raise_alarm(self, incident: int) -> float:
        """Seconds from the commit until the receipt."""
        draft = draft_of_alarm(alarm(AlarmState.RAISED, incident=incident))
        assert draft is not None
        with self.turn:
            self.outbox.append(draft, self.stamp())
        began_s = time.monotonic()
        while self.outbox.confirmed(MAIN, draft.stream) < incident:
            self.carry(Lane.ALARMS)
        return time.monotonic() - began_s


@pytest.mark.system
@pytest.mark.timeout(120)
def test_an_alarm_during_the_upload_of_a_recording_on_2_kilobytes_a_second_is_stored_within_2_seconds(
    tmp_path: Path,
) -> None:
    content = bytes(200_000)
    found = hashlib.sha256(content).digest()
    (tmp_path / f"alarm-000001-incident-1-{found[:16].hex()}.liftrec").write_bytes(content)
    with receiver(tmp_path / "firm") as (port, far_end):
        proxy = Proxy(port, 1, up_bytes_s=2_000)
        url = f"http://127.0.0.1:{proxy.port}"
        box = SlowBox(tmp_path, url, far_end)
        parts, uplink = EvidenceDelivery(MAIN, KEY.public.fingerprint, BoxSeals(KEY, far_end)), HttpUplink(url)
        box.raise_alarm(1)
        box.outbox.append(draft_of_evidence(1, 1, found, len(content), is_present=True), box.stamp())
        while box.outbox.lacks_alarm(MAIN):
            box.carry(Lane.ALARMS)
        incident = f"{KEY.public.fingerprint.hex()}-{box.outbox.log_id}-0-1"
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/v1/incidents/{incident}/evidence", b"{}")
        ask.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(ask) as answer:
            assert json.load(answer)["incident"]["recording"]["state"] == "asked"
        parts.wanted(Want(found[:16], 0))
        is_over, sent = threading.Event(), []

        def upload() -> None:
            while not is_over.is_set():
                with box.turn:
                    waits = box.outbox.lacks_alarm(MAIN)
                    step = parts.due(time.monotonic_ns(), EvidenceShelf(tmp_path), is_alarm_waiting=waits)
                if step is None:
                    time.sleep(0.02)
                    continue
                answer = uplink.part(step.body)
                with box.turn:
                    assert parts.answered(time.monotonic_ns(), answer) == ""
                sent.append(len(step.body))

        thread = threading.Thread(target=upload)
        thread.start()
        seconds = []
        for number in range(2, 12):
            before = len(sent)
            while len(sent) < before + 2:
                time.sleep(0.05)
            seconds.append(box.raise_alarm(number + 1))
        is_over.set()
        thread.join()
        proxy.close()
        print(f"alarms stored after {sorted(round(s, 2) for s in seconds)} s, {sum(sent)} bytes of parts meanwhile")
    assert sum(sent) < len(content)  # the upload was under way all the time
    assert statistics.median(seconds) < 2.0


@pytest.mark.system
@pytest.mark.timeout(120)
def test_an_alarm_behind_300_telemetry_records_on_2_kilobytes_a_second_is_stored_within_2_seconds(
    tmp_path: Path,
) -> None:
    with receiver(tmp_path / "firm") as (port, far_end):
        proxy = Proxy(port, 1, up_bytes_s=2_000)
        box = SlowBox(tmp_path, f"http://127.0.0.1:{proxy.port}", far_end)
        box.outbox.append_many([(heartbeat(n, "door cycles 12"), box.stamp()) for n in range(300)])
        is_over = threading.Event()

        def rest() -> None:
            while not is_over.is_set():
                box.carry(Lane.REST)

        thread = threading.Thread(target=rest)
        thread.start()
        time.sleep(0.5)
        seconds = [box.raise_alarm(n) for n in range(1, 11)]
        left = box.outbox.waiting_count(MAIN)
        is_over.set()
        thread.join()
        proxy.close()
        print(f"alarms stored after {sorted(round(s, 2) for s in seconds)} s, {left} telemetry records still waiting")
    assert left > 100  # the backlog was there all the time
    assert statistics.median(seconds) < 2.0
