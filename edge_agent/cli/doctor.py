"""`edge-agent doctor`: looks at everything the box needs, once, and says what to do about what is wrong.

While the agent runs it has the buses; then its own status tells of them. Otherwise each is opened here for a moment.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_agent.catalogue_doctor import MARKS, SUMMARY, Verdict
from edge_agent.catalogue_readiness import ReadyState
from edge_agent.cli import SUMMARIES
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import STATUS_FILE
from edge_agent.cli.status import STALE_S, age_of
from edge_agent.clock import SystemClock, boot_id, kernel_clock_error_ms
from edge_agent.doctor import DAY_S, Check, machine_checks
from edge_agent.errors import EdgeAgentError, WireError
from edge_agent.settings import ReceiverSettings, Settings
from edge_agent.status import AgentState, AgentStatus, status_from_json

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from edge_agent.outbox_reading import OutboxReader
    from edge_agent.source import Source

LISTEN_S = 3.0
CONNECT_S = 5.0
RENEWED_BEFORE_DAYS = 30.0
TEST_HOURS_MAX = 26.0  # one a day, and two hours of a busy box
PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("doctor", help=SUMMARIES["doctor"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file of the agent")
    parser.add_argument("--json", action="store_true", help="one JSON object for each thing that was looked at")
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of what it says")


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 if anything is wrong."""
    settings = load_settings(args.config)
    is_chinese = args.lang == "zh"
    checks = []
    for check in all_checks(settings):
        checks.append(check)
        print(as_json(check) if args.json else _in_words(check, is_chinese=is_chinese), flush=True)
    wrong, watch = (
        sum(1 for check in checks if check.verdict is verdict) for verdict in (Verdict.WRONG, Verdict.WATCH)
    )
    if not args.json:
        name = "some_wrong" if wrong or watch else "all_good"
        print(SUMMARY[name][is_chinese].format(count=wrong, watch=watch))
    return 1 if wrong else 0


def all_checks(settings: Settings) -> Iterator[Check]:
    """The board, the agent, its senses, its ways out, its records."""
    folder = Path(settings.state_folder)
    yield from machine_checks(folder, kernel_clock_error_ms())
    status, age_s = _running(folder)
    yield _agent_check(status, age_s)
    if status is not None and age_s is not None and age_s <= STALE_S:
        yield from _told_by_agent(status, settings)
    else:
        yield from _senses_by_hand(settings)
        yield from _ways_by_hand(settings)
    if not settings.delivery.receivers:
        yield Check("receiver.none")
    yield from _certificates(settings)
    yield from _records(Path(settings.delivery.outbox))


def _in_words(check: Check, *, is_chinese: bool) -> str:
    line = f"{MARKS[check.verdict][is_chinese]}  {check.text(is_chinese=is_chinese)}"
    advice = check.advice(is_chinese=is_chinese)
    return line + (f"\n         {SUMMARY['do'][is_chinese].format(text=advice)}" if advice else "")


def as_json(check: Check) -> str:
    """One line, in both languages."""
    said = {"name": check.name, "verdict": check.verdict.value}
    for language, is_chinese in (("en", False), ("zh", True)):
        said |= {language: check.text(is_chinese=is_chinese), f"do_{language}": check.advice(is_chinese=is_chinese)}
    return json.dumps(said, ensure_ascii=False)


# ---- the agent


def _running(folder: Path) -> tuple[AgentStatus | None, float | None]:
    """What it last said and how old that is; None: nothing of this boot."""
    try:
        status = status_from_json((folder / STATUS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, None
    return status, age_of(status, SystemClock().now_ns(), boot_id())


def _agent_check(status: AgentStatus | None, age_s: float | None) -> Check:
    if status is None or age_s is None or status.state == AgentState.STOPPED.value:
        return Check("agent.stopped")
    if age_s > STALE_S:
        return Check("agent.hangs", {"age_s": age_s})
    if status.state == AgentState.STARTING.value:
        return Check("agent.starting")
    return Check("agent.armed", {"hours": status.up_s / 3600.0})


def _told_by_agent(status: AgentStatus, settings: Settings) -> Iterator[Check]:
    ready = status.readiness
    is_ready = ready.state == ReadyState.READY.value
    yield Check("ready.good" if is_ready else "ready.not", {"en": ready.sentence_en, "zh": ready.sentence_zh})
    for source in status.sources:
        if source.trouble:
            yield Check("source.trouble", {"name": source.name, "text": source.trouble, "hint": ""})
        else:
            yield Check("source.good", {"name": source.name, "count": source.readings_count})
    urls = {receiver.name: receiver.url for receiver in settings.delivery.receivers}
    for way in status.destinations:
        url = urls.get(way.name, "")
        if way.trouble:
            yield Check("receiver.trouble", {"name": way.name, "text": way.trouble, "url": url})
        elif way.pending_count:
            yield Check("receiver.waiting", {"name": way.name, "count": way.pending_count})
        else:
            yield Check("receiver.good", {"name": way.name})


# ---- while it does not run


def _senses_by_hand(settings: Settings) -> Iterator[Check]:
    from edge_agent.cli.sources import sources_of

    for source in sources_of(settings, SystemClock()):
        yield _listened_to(source)


def _listened_to(source: Source) -> Check:
    from edge_agent.readings import SourceFault

    try:
        source.open()
        count, trouble, end_s = 0, "", time.monotonic() + LISTEN_S
        while time.monotonic() < end_s:
            for reading in source.read(0.5):
                if isinstance(reading, SourceFault):
                    trouble = reading.detail
                else:
                    count, trouble = count + 1, ""
    except EdgeAgentError as error:
        values = {"name": source.name, "text": f"{error.subject}: {error.problem}", "hint": error.hint}
        return Check("source.trouble", values)
    finally:
        source.close()
    if trouble:
        return Check("source.trouble", {"name": source.name, "text": trouble, "hint": ""})
    if count == 0:
        return Check("source.silent", {"name": source.name})
    return Check("source.good", {"name": source.name, "count": count})


def _ways_by_hand(settings: Settings) -> Iterator[Check]:
    for receiver in settings.delivery.receivers:
        trouble = _trouble_of_way(receiver)
        values = {"name": receiver.name, "text": trouble, "url": receiver.url}
        yield Check("receiver.trouble" if trouble else "receiver.good", values)


def _trouble_of_way(receiver: ReceiverSettings) -> str:
    """Whether something answers there, with the certificate that it should have. Nothing is sent."""
    url = urlsplit(receiver.url)
    is_tls = url.scheme in ("https", "mqtts")
    host = url.hostname or ""
    try:
        with socket.create_connection((host, url.port or PORTS.get(url.scheme, 443)), CONNECT_S) as plain:
            if is_tls:
                with _tls(receiver).wrap_socket(plain, server_hostname=host):
                    pass
    except ssl.SSLError as error:
        return f"no secure connection ({error.reason or error})"
    except OSError as error:
        return f"cannot be reached ({error.strerror or error})"
    except EdgeAgentError as error:
        return error.problem
    return ""


def _tls(receiver: ReceiverSettings) -> ssl.SSLContext:
    from edge_agent.uplink.tls import PrivateTls

    if receiver.ca is None:
        return ssl.create_default_context()
    identity = Path(receiver.identity) if receiver.identity is not None else None
    return PrivateTls(Path(receiver.ca), SystemClock().is_kernel_clock_set, identity)()


# ---- certificates, records


def _certificates(settings: Settings) -> Iterator[Check]:
    from edge_agent.certificates import validity_of

    for receiver in settings.delivery.receivers:
        if receiver.identity is None:
            continue
        try:
            _, until_s = validity_of(Path(receiver.identity).read_bytes())
        except (OSError, WireError) as error:
            yield Check("certificate.bad", {"name": receiver.name, "text": str(error)})
            continue
        days = (until_s - time.time()) / DAY_S
        name = "good" if days > RENEWED_BEFORE_DAYS else "soon" if days >= 0.0 else "over"
        yield Check(f"certificate.{name}", {"name": receiver.name, "days": abs(days)})


def _records(path: Path) -> Iterator[Check]:
    from edge_agent.outbox_reading import OutboxReader

    if not path.is_file():
        yield Check("outbox.none")
        return
    try:
        with OutboxReader(path) as reader:
            problems, count = reader.problems(), sum(state.count for state in reader.streams())
            tested_ms, boot = _last_test(reader), reader.boot
    except EdgeAgentError as error:
        yield Check("outbox.damaged", {"text": error.problem})
        return
    yield Check("outbox.damaged", {"text": problems[0]}) if problems else Check("outbox.good", {"count": count})
    if tested_ms is None or tested_ms[0] != boot:
        yield Check("test.before_boot")
        return
    hours = (SystemClock().now_ns() / 1e6 - tested_ms[1]) / 3_600_000.0
    yield Check("test.good" if hours <= TEST_HOURS_MAX else "test.old", {"hours": hours})


def _last_test(reader: OutboxReader) -> tuple[int, int] | None:
    """Boot and time since boot, ms, of the last daily test that is kept."""
    from edge_agent.wire import Stream
    from edge_agent.wire_values import SystemKind

    last = None
    for row in reader.records(Stream.ALARM):
        if row.kind == SystemKind.PERIODIC_TEST and row.record is not None:
            last = row.record.stamp.boot, row.record.stamp.up_ms
    return last
