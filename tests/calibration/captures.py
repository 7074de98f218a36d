"""A whole calibration as a simulated story: what the sensors say in each step, under virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from calibration.guided import levels_at
from calibration.session import Session
from calibration.session_tells import Answer, Found, Stored
from calibration.session_watchers import PRESENCE_PLACES, source_names
from calibration.sides_still import SIDES
from calibration.words import StepName, StepResult, said
from drivers.map_files import load_register_map
from edge_agent.readings import Reading, Signal, SignalEdge
from edge_agent.settings import Settings
from edge_agent.settings_devices import ACCELEROMETERS
from edge_agent.settings_toml import settings_from
from sim.fifo_chips import CHIPS
from sim.live import PINS
from sim.scenario import Played, play
from sim.scenario_file import parse_scenario

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """One lift as a story. landings, drive, box: as in a scenario file; extra: more lines of [lift].

    has_sides: the box is laid on its six sides first.
    """

    landings: int = 5
    seed: int = 1
    lift: str = ""
    box: str = 'signals = ["door_open", "door_closed", "presence"]\ncontroller = "full"\npressure = true'
    has_sides: bool = False


def story_of(site: Site) -> str:
    """The text of a scenario in which an installer does all steps, each under a mark of its name."""
    rows = ["format = 1", 'title = "Calibration"', 'story = "An installer does all steps."', ""]
    rows += ["[lift]", f"landings = {site.landings}", "start_landing = 0", site.lift, "", "[box]", site.box]

    def step(mark: str | None = None, **keys: object) -> None:
        rows.extend(["", "[[step]]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())])
        if mark is not None:
            rows.append(f'mark = "{mark}"')

    if site.has_sides:
        step("sides", do="wait", for_s=1)
        for side in SIDES:
            step(do="lay_box", up=side)
            step(do="wait", for_s=5)
        step(do="lay_box", up="mounted")
    step("mount", do="wait", for_s=14)
    step("noise", do="wait", for_s=36)
    step("doors", do="wait", for_s=3)
    for _ in range(3):
        step(do="open_door")
        step(do="wait", for_s=2)
        step(do="close_door")
        step(do="wait", for_s=1)
    step(do="travel", to=1)
    step(do="wait", for_s=3)
    step(do="travel", to=0)
    step(do="wait", for_s=3)
    step("presence", do="open_door")
    step(do="enter", people=1)
    step(do="behave", how="restless")
    step(do="wait", for_s=60)
    step(do="leave")
    step(do="wait", for_s=60)
    step(do="close_door")
    step("trips", do="wait", for_s=5)
    for landing in [*range(1, site.landings), 0]:
        step(do="travel", to=landing)
        step(do="open_door")
        step(do="wait", for_s=3)
        step(do="close_door")
        step(do="wait", for_s=3)
    step("controller", do="wait", for_s=5)
    step(do="travel", to=1)
    step(do="wait", for_s=5)
    step(do="travel", to=0)
    step(do="wait", for_s=5)
    step("after", do="wait", for_s=10)
    return "\n".join(rows) + "\n"


def settings_text(live: Played, more: str = "") -> str:
    """Settings of an agent for that box; nothing is told of the lift but its name."""
    rows = ["# as an installer leaves it", "[lift]", 'id = "test-lift"', ""]
    accel = live.box.accel
    if accel is not None:
        chip = "adxl345"
        rate = min(ACCELEROMETERS[chip].rates_hz, key=lambda allowed: abs(allowed - accel.rate_hz))
        rows += ["[accelerometer]", f'chip = "{chip}"', f"rate_hz = {rate}  # by the chip"]
        rows += [f"range_g = {CHIPS[chip].range_g}", ""]
    if live.box.pressure is not None:
        rows += ["[pressure]", 'chip = "bmp280"', ""]
    if live.box.signals:
        rows += ["[contacts]"]
        rows += [
            f'{signal.value} = {{ pin = {PINS[signal]}, active = "high", pull = "down" }}'
            for signal in sorted(live.box.signals, key=lambda each: each.value)
        ]
    if live.box.controller is not None:
        rows += ["", "[controller]", 'kind = "modbus_tcp"', 'host = "10.0.0.5"', 'map = "nice3000plus"']
    rows += ["", "[delivery]", 'receivers = [ { name = "firm", url = "http://127.0.0.1:1" } ]', more]
    return "\n".join(rows) + "\n"


def settings_of(text: str, file_name: str = "box.toml") -> Settings:
    """As the agent reads them."""
    return settings_from(text, file_name, load_register_map)


@cache
def played(site: Site) -> Played:
    """The story, lived through."""
    return play(parse_scenario(story_of(site), "calibration.toml", "calibration"), site.seed)


@cache
def _pieces(site: Site) -> dict[StepName, list[Reading]]:
    live = played(site)
    marks = sorted((start_s, name) for name, start_s in live.marks.items())
    spans = {name: (a * NS_PER_S, b * NS_PER_S) for (a, name), (b, _) in pairwise(marks)}
    found: dict[StepName, list[Reading]] = {StepName(name): [] for name in spans if name != "after"}
    levels: dict[Signal, SignalEdge] = {}
    for reading in live.readings():
        for name, (start_ns, end_ns) in spans.items():
            if start_ns <= reading.t_ns < end_ns and name != "after":
                piece = found[StepName(name)]
                if not piece:
                    piece += levels_at(levels.values(), reading.t_ns)
                piece.append(reading)
        if isinstance(reading, SignalEdge):
            levels[reading.signal] = reading
    return found


def pieces(site: Site) -> dict[StepName, list[Reading]]:
    """The readings of each step."""
    return {step: list(readings) for step, readings in _pieces(site).items()}


def do_step(session: Session, step: StepName, readings: Sequence[Reading]) -> StepResult:
    """Feed a step as a person at the lift would."""
    session.begin(step)
    places = list(PRESENCE_PLACES) if step is StepName.PRESENCE else []
    share = max(1, len(readings) // (len(places) or 1))
    for number, reading in enumerate(readings):
        session.push((reading,))
        if places and (number + 1) % share == 0:
            session.tell(Answer(f"place.{places.pop(0)}", "yes"))
    for question in session.questions():
        session.tell(Answer(question.key, "yes"))
    return session.finish(step)


def wired(settings: Settings) -> Iterator[Found]:
    """As the wiring check finds a box on which everything is well."""
    for name in source_names(settings):
        yield Found(name, 100)


def all_steps(session: Session, settings: Settings, site: Site) -> dict[StepName, StepResult]:
    """A whole calibration; the receiver has stored the test alarm."""
    taken = pieces(site)
    results = {}
    for step in StepName:
        reason = session.reason_to_skip(step)
        if reason is not None:
            results[step] = session.skip(step, reason)
        elif step not in taken and step is StepName.SIDES:
            results[step] = session.skip(step, said("skip.asked"))
        elif step is StepName.WIRING:
            session.begin(step)
            for found in wired(settings):
                session.tell(found)
            results[step] = session.finish(step)
        elif step is StepName.TEST_ALARM:
            session.begin(step)
            session.tell(Stored("firm", True, 0.4))
            results[step] = session.finish(step)
        else:
            results[step] = do_step(session, step, taken[step])
    return results
