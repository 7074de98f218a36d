"""`edge-agent run`: puts the agent together for one lift and watches until told to stop.

The composition root: here, and in `sources` beside it, concrete drivers, clock, outbox and uplink are named.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.modem_turns import ModemTurns
from edge_agent.agent import Agent
from edge_agent.agent_baselines import BaselinesKeeper
from edge_agent.agent_core import AgentCore, Recorder
from edge_agent.agent_delivery import Dispatch
from edge_agent.agent_duties import Duties
from edge_agent.agent_keys import KeyChanges
from edge_agent.agent_lamps import LampKeeper
from edge_agent.agent_page import LiveTap, PageRequests
from edge_agent.agent_sources import SourceWatch
from edge_agent.agent_status import Identity
from edge_agent.agent_texts import Texts
from edge_agent.agent_uploads import Uploads
from edge_agent.agent_visits import VisitKeeper
from edge_agent.alarms import Alarm, OpenIncident
from edge_agent.baselines_file import BaselinesFile
from edge_agent.box_health import box_health
from edge_agent.cli import SUMMARIES
from edge_agent.cli.aside import Aside, start_again
from edge_agent.cli.check_config import what_it_starts
from edge_agent.cli.log_lines import start_log
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.sources import sources_of
from edge_agent.cli.state_folder import StateFolder
from edge_agent.cli.watches import BoxParts, Numbers, RunEnd, watches_of
from edge_agent.cli.ways import Ways
from edge_agent.clock import SystemClock, boot_id
from edge_agent.detect.baselines import Baselines
from edge_agent.detect.detector import Detector
from edge_agent.evidence import EvidenceKeeper, EvidenceShelf
from edge_agent.journal import LOGGER, Journal
from edge_agent.local_requests import RequestFolder
from edge_agent.outbox import Outbox
from edge_agent.outbox_volatile import Life, Opened, Places
from edge_agent.records import draft_of_started
from edge_agent.sd_notify import ServiceNotifier
from edge_agent.settings import Settings
from edge_agent.settings_safe import left_out, safe_settings
from edge_agent.start_ledger import Start, StartLedger
from edge_agent.timeline import Timeline

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from edge_agent.agent_renewals import Listener

# How late a reading may reach the core. A FIFO is drained every 40 ms, a controller answers within 80 ms at 10 polls a
# second, and on one core a thread may wait for its turn; hard events are still judged well within a second.
LATENESS_NS = 200_000_000
EVIDENCE_FOLDER = "evidence"
LATER_KEY_FILE = "record-later.key"


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("run", help=SUMMARIES["run"], description=__doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="settings file (TOML)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")


def run(args: argparse.Namespace) -> int:
    """Watch until SIGTERM or SIGINT."""
    clock = SystemClock()
    started_ns = clock.now_ns()
    settings = load_settings(args.config)
    start_log(args.log_level)
    runtime = os.environ.get("RUNTIME_DIRECTORY")
    folder = StateFolder(Path(settings.state_folder), Path(runtime) if runtime else None)
    for line in what_it_starts(settings):
        LOGGER.info(line)
    ledger = StartLedger(folder.path, folder.volatile)
    start = ledger.begin(_version())
    if start.is_safe:
        LOGGER.error("Safe mode: %d short runs on end. Left out: %s", start.short_count, left_out(settings))
    aside = Aside(ServiceNotifier(os.environ.get("NOTIFY_SOCKET")))
    made = _agent(_Begun(settings, folder, clock, started_ns, _digest_of(args.config), ledger, start), aside)

    def stop(_number: int, _frame: object) -> None:
        aside.stop()
        made.agent.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    made.agent.run()
    ledger.stopped()
    waiting = made.core.unwritten()
    if waiting and not made.places.keep_in_memory(waiting, made.life):
        LOGGER.error("%d records that the outbox refused are lost", len(waiting))
    folder.release()
    if aside.is_over(folder.path):
        LOGGER.info("The calibration has ended: watching again")
        start_again()
    return 0


@dataclass(frozen=True, slots=True)
class _Begun:
    """What is known when the agent is put together. settings: all of them, also in safe mode."""

    settings: Settings
    folder: StateFolder
    clock: SystemClock
    started_ns: int
    configuration: bytes
    ledger: StartLedger
    start: Start


@dataclass(frozen=True, slots=True)
class _Made:
    """The agent, and what is asked after its run."""

    agent: Agent
    core: AgentCore
    places: Places
    life: Life


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Incidents: what earlier runs left open, and the numbers of this run. core: its first; the others have one."""

    lamps: int
    certificate: int
    box: Numbers
    core: int
    resumed: tuple[OpenIncident, ...]

    @classmethod
    def of(cls, outbox: Outbox) -> _Numbers:
        """Behind all that were ever given out."""
        first = outbox.next_incident()
        box = first + 2
        return cls(first, first + 1, Numbers.of(box), box + Numbers.COUNT, outbox.open_incidents())

    def listener(self, renewed: Callable[[int], None], report: Callable[[Alarm, int], None]) -> Listener:
        """Who hears of renewals of the certificate."""
        from edge_agent.agent_renewals import Listener  # with X.509, for boxes that have joined

        return Listener(renewed, report, self.certificate, self.resumed)


def _opened(places: Places, life: Life, folder: StateFolder) -> Opened:
    """The outbox, and what is to be said of where it is."""
    opened = places.open(life)
    if folder.trouble:
        LOGGER.error("%s", folder.trouble)
    if opened.trouble:
        LOGGER.critical("RECORDS ARE IN MEMORY ONLY and are lost with the supply: %s", opened.trouble)
    if opened.taken_count:
        LOGGER.warning("%d records that waited in memory are on the disk again", opened.taken_count)
    if opened.outbox.set_aside is not None:
        aside = opened.outbox.set_aside
        LOGGER.error("The outbox was damaged; it was set aside as %s and what could be read goes on", aside)
    return opened


def _agent(begun: _Begun, aside: Aside) -> _Made:
    settings = safe_settings(begun.settings) if begun.start.is_safe else begun.settings
    folder, clock, started_ns = begun.folder, begun.clock, begun.started_ns
    journal = Journal()
    key, damaged_key = folder.record_key()
    if damaged_key is not None:
        LOGGER.error("The key of this box was damaged (kept as %s): it goes on as a new box", damaged_key)
    device_id = key.public.fingerprint
    LOGGER.info("This box is %s, its key %s", device_id.hex(), key.public.text)
    ways = Ways(settings.delivery.receivers, key, clock)
    up_s = started_ns / 1e9
    places = Places(Path(settings.delivery.outbox), folder.volatile)
    life = Life(device_id, boot_id(), round(up_s * 1e3), tuple(ways.names))
    opened = _opened(places, life, folder)
    outbox = opened.outbox
    shelf = EvidenceShelf(folder.path / EVIDENCE_FOLDER)
    turns = ModemTurns()
    uploads = Uploads(ways.evidence_deliveries(), ways.part_uplinks(), shelf, outbox.lacks_alarm, journal)
    texts = Texts(ways.sms_deliveries(outbox.last), ways.sms_ways(turns), outbox.record, journal)
    keys = KeyChanges(key, folder.path / LATER_KEY_FILE, outbox, ways.seals, os.urandom, journal)
    dispatch = Dispatch(outbox, ways.deliveries(up_s), clock, journal, ways.standby, uploads.wanted, (texts, keys))
    texts.settles_with(dispatch.take_in)
    sources = sources_of(settings, clock, turns)
    numbers = _Numbers.of(outbox)
    end = RunEnd(outbox)
    tap = LiveTap(folder.path)
    watch = SourceWatch([source.name for source in sources], journal, tap)
    core = _core(settings, begun, opened, dispatch, journal, watch, numbers, end)
    keys.commits_with(core.commit)

    def stand_aside() -> None:
        aside.begin()
        agent.stop()

    lift_no = settings.registration_code or settings.lift.lift_id
    now_ns = clock.now_ns()
    cause = "safe mode: " * begun.start.is_safe + folder.start_cause(boot_id())
    core.commit(draft_of_started(lift_no, _version(), begun.configuration, cause), now_ns, now_ns)
    without = left_out(begun.settings) if begun.start.is_safe else None
    agent = Agent(
        core=core,
        sources=sources,
        uplinks=ways.uplinks(),
        beside=(
            uploads,
            texts,
            keys,
            *ways.renewals(journal, lambda: numbers.listener(keys.change, core.report)),
        ),
        device_id=device_id,
        clock=clock,
        notifier=aside,
        identity=Identity(
            _version(), settings.lift.lift_id, boot_id(), os.getpid(), started_ns, without, opened.trouble
        ),
        write_status=folder.write_status,
        requests=PageRequests(
            RequestFolder(folder.path), tap, clock, journal, core.commit, stand_aside, outbox.unended
        ),
    )
    end.stop = agent.stop
    return _Made(agent, core, places, life)


def _core(
    settings: Settings,
    begun: _Begun,
    opened: Opened,
    dispatch: Dispatch,
    journal: Journal,
    watch: SourceWatch,
    numbers: _Numbers,
    end: RunEnd,
) -> AgentCore:
    """The middle of the agent, beginning with what earlier runs left: open incidents and what was learned.

    In safe mode what was learned with all sensors is used, and stays as it is.
    """
    folder, clock, outbox, is_safe = begun.folder, begun.clock, opened.outbox, begun.start.is_safe
    first_incident, resumed = numbers.core, numbers.resumed
    for incident in resumed:
        LOGGER.warning("Incident %d (%s) is still open from before", incident.incident, incident.kind.public_name)
    installation = settings.installation()
    file = BaselinesFile(folder.path)
    learned = file.read(begun.settings.installation()) if is_safe else file.take(installation)
    if learned.problem:
        LOGGER.warning("The box learns its lift anew: %s %s", file.path, learned.problem)
    detector = Detector(
        installation, settings.limits, first_incident=first_incident, resumed=resumed, baselines=learned.baselines
    )
    parts = BoxParts(
        settings,
        folder,
        clock,
        opened,
        begun.ledger,
        begun.start,
        begun.started_ns,
        end,
        lambda: core.is_outbox_well,
    )
    core = AgentCore(
        detector=detector,
        timeline=Timeline(LATENESS_NS),
        outbox=outbox,
        dispatch=dispatch,
        watch=watch,
        recorder=_recorder(settings, first_incident, resumed, learned.baselines),
        journal=journal,
        resumed=resumed,
        keeper=_keeper(settings, folder.path, first_incident, resumed, detector.baselines),
        baselines=None if is_safe else BaselinesKeeper(file, installation, journal, clock.now_ns(), learned.baselines),
        duties=Duties(outbox, clock, clock.now_ns(), lambda: box_health(folder.path), lambda: _queued(outbox)),
        lamps=_lamps(settings, outbox, numbers.lamps),
        watches=watches_of(parts, numbers.box, resumed),
        visits=VisitKeeper(folder.path, clock, boot_id(), journal),
    )
    return core


def _lamps(settings: Settings, outbox: Outbox, incident: int) -> LampKeeper | None:
    """The indicator lamps of the box, if it has any. incident: the number of a fault of theirs."""
    if settings.lamps is None:
        return None
    from drivers.lamps import IndicatorLamps, LampLine

    yellow, green = (
        LampLine(lamp.pin, lamp.is_active_low) for lamp in (settings.lamps.alarm_sent, settings.lamps.help_is_coming)
    )
    return LampKeeper(IndicatorLamps(settings.lamps.chip, yellow, green), incident, outbox.alarms_in_hand)


def _queued(outbox: Outbox) -> int:
    """Records that some receiver still lacks."""
    return max((outbox.waiting_count(name) for name in outbox.destinations), default=0)


def _keeper(
    settings: Settings,
    folder: Path,
    first_incident: int,
    resumed: tuple[OpenIncident, ...],
    baselines: Callable[[], Baselines | None],
) -> EvidenceKeeper | None:
    """Only where raw readings are recorded at all. baselines: what is learned when a file of evidence is made."""
    if settings.recording is None:
        return None
    from edge_agent.recording_writer import RecordingWriter

    return EvidenceKeeper(
        folder / EVIDENCE_FOLDER,
        lambda path: RecordingWriter(
            path,
            settings.installation(),
            None,
            limits=settings.limit_overrides,
            first_incident=first_incident,
            resumed=resumed,
            baselines=baselines(),
        ),
    )


def _recorder(
    settings: Settings, first_incident: int, resumed: tuple[OpenIncident, ...], baselines: Baselines | None
) -> Recorder | None:
    if settings.recording is None:
        return None
    from edge_agent.recording_writer import RecordingWriter

    path = Path(settings.recording.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return RecordingWriter(
        path,
        settings.installation(),
        settings.recording.max_bytes,
        limits=settings.limit_overrides,
        first_incident=first_incident,
        resumed=resumed,
        baselines=baselines,
    )


def _digest_of(file_name: str) -> bytes:
    return hashlib.sha256(Path(file_name).read_bytes()).digest()


def _version() -> str:
    try:
        return version("lift-edge-agent")
    except PackageNotFoundError:
        return "0"
