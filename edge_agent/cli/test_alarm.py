"""One test alarm end to end: into the outbox, over the alarm lane, until each receiver's sealed receipt has come.

The record is the one of the daily test, so that it walks the path of a real alarm and disturbs nobody. The caller holds
the state folder; alarms that still wait there go out on the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from calibration.session_tells import Stored
from edge_agent.agent_delivery import Dispatch
from edge_agent.cli.state_folder import StateFolder
from edge_agent.cli.ways import Ways
from edge_agent.clock import SystemClock, boot_id
from edge_agent.delivery import Lane
from edge_agent.delivery_steps import Send
from edge_agent.errors import EdgeAgentError, UplinkError
from edge_agent.journal import Journal
from edge_agent.outbox import Outbox
from edge_agent.records import draft_of_periodic_test
from edge_agent.settings import Settings
from edge_agent.wire import Stream

PAUSE_S = 0.05
GIVE_UP_S = 90.0


def send_test_alarm(
    settings: Settings,
    folder: StateFolder,
    clock: SystemClock,
    tell: Callable[[Stored], None],
    is_over: Callable[[], bool],
) -> None:
    """Tells once of each receiver that gets alarms at once; gives up after `GIVE_UP_S` or when `is_over`."""
    names = [receiver.name for receiver in settings.delivery.receivers if not receiver.is_standby]
    begin_ns = clock.now_ns()
    try:
        waiting = _sent(settings, folder, clock, names, tell, is_over)
    except EdgeAgentError as error:
        waiting = dict.fromkeys(names, f"{error.subject}: {error.problem}")
    for name, problem in waiting.items():
        tell(Stored(name, False, (clock.now_ns() - begin_ns) / 1e9, problem))


def _sent(
    settings: Settings,
    folder: StateFolder,
    clock: SystemClock,
    names: list[str],
    tell: Callable[[Stored], None],
    is_over: Callable[[], bool],
) -> dict[str, str]:
    """Receivers that have not stored it, with the last trouble. Raises EdgeAgentError."""
    key, _ = folder.record_key()
    ways = Ways(settings.delivery.receivers, key, clock)
    begin_ns = clock.now_ns()
    outbox = Outbox.open(
        Path(settings.delivery.outbox),
        key.public.fingerprint,
        boot_id=boot_id(),
        up_ms=begin_ns // 1_000_000,
        destinations=ways.names,
    )
    uplinks = ways.uplinks()
    waiting = dict.fromkeys(names, "no receipt has come")
    try:
        lanes = [each for each in ways.deliveries(begin_ns / 1e9) if each.lane is Lane.ALARMS]
        dispatch = Dispatch(outbox, lanes, clock, Journal(), ways.standby)
        record = outbox.append(draft_of_periodic_test(), dispatch.stamp_at(begin_ns, begin_ns))
        if record is None:
            return waiting
        dispatch.appended(clock.now_ns(), (record,))
        while waiting and not is_over() and (clock.now_ns() - begin_ns) / 1e9 < GIVE_UP_S:
            for step in dispatch.steps(clock.now_ns()):
                uplink = uplinks[step.destination, step.lane]
                try:
                    if isinstance(step, Send):
                        answer = uplink.post(step.body)
                    else:
                        answer = uplink.notices(key.public.fingerprint, step.after, 0)
                except UplinkError as error:
                    waiting |= {step.destination: str(error.problem)} if step.destination in waiting else {}
                    dispatch.failed(step, error, clock.now_ns())
                else:
                    dispatch.answered(step, answer, clock.now_ns())
            for name in [each for each in waiting if outbox.confirmed(each, Stream.ALARM) >= record.seqno]:
                del waiting[name]
                tell(Stored(name, True, (clock.now_ns() - begin_ns) / 1e9))
            time.sleep(PAUSE_S)
    finally:
        for uplink in uplinks.values():
            uplink.close()
        outbox.close()
    return waiting
