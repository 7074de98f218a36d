"""`lift-sim serve`: one lift, live, for an agent (or anybody's Modbus client) started against it."""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from drivers.map_files import load_register_map
from edge_agent.clock import SystemClock
from edge_agent.errors import EdgeAgentError
from sim.cli_agent_config import agent_config
from sim.library import load_scenario
from sim.live import LiveLift
from sim.scenario import play
from sim.tell_live import told

_LEAD_S = 5.0
_POLL_S = 0.1


def serve(story: str, *, seed: int, port: int, folder: Path | None, receiver_url: str, map_name: str) -> int:
    """Serve until SIGINT or SIGTERM; after the story, normal traffic goes on. Raises EdgeAgentError."""
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # its words for a client that leaves
    is_over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        is_over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    played = play(load_scenario(story), seed)
    register_map = load_register_map(map_name)
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-sim-")))
        try:
            place.mkdir(parents=True, exist_ok=True)
            lift = LiveLift(
                played, place, register_map, SystemClock().now_ns, lead_s=_LEAD_S, port=port, keeps_running=True
            )
            stack.callback(lift.close)
            lift.start()
            config = place / "agent.toml"
            config.write_text(agent_config(lift, receiver_url, place / "state", map_name), encoding="utf-8")
            stack.callback(config.unlink, missing_ok=True)
        except OSError as error:
            raise EdgeAgentError(
                f"cannot serve here: {error.strerror}", subject=str(place), hint="Name another folder with --folder"
            ) from error
        _say_where(lift, config)
        waiting = list(told(played))
        while not is_over.wait(_POLL_S):
            while waiting and waiting[0].t_s <= lift.story_s:
                print(f"{lift.story_s:8.1f} s  {waiting.pop(0).sentence}", flush=True)
    print("Stopped.")
    return 0


def _say_where(lift: LiveLift, config: Path) -> None:
    print(f"{lift.played.scenario.title} (seed {lift.played.seed}); after that, normal traffic. Ctrl-C ends it.")
    if lift.chip is not None:
        print(f"  I2C bus   unix:{lift.i2c.path}")
    print(f"  GPIO      unix:{lift.gpio.path}")
    if lift.controller is not None:
        print(f"  Modbus    127.0.0.1:{lift.controller.port} unit {lift.controller.unit}, reads only")
    print(f"  Agent     edge-agent run --config {config}", flush=True)
