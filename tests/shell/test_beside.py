"""Requests beside the lanes go over threads of their own and come back to whoever asked, failed ones too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.agent_ways import Errand, Way
from edge_agent.delivery import Lane
from edge_agent.delivery_evidence import Upload
from edge_agent.delivery_steps import AnswerMissing
from edge_agent.errors import UplinkError
from tests.shell.making import ACCELEROMETER_ONLY, DEVICE, IDENTITY, S, ScriptedSource, bench
from tests.shell.test_agent import FAULTS, Ear


class Group:
    """Two ways: one answers, one fails. Each is asked once."""

    def __init__(self) -> None:
        self.came: dict[str, bytes | str] = {}
        self.threads: set[str] = set()
        self.closed: list[str] = []
        self.is_asked = False
        self.on_all: Callable[[], object] = dict

    def ways(self) -> Mapping[str, Way]:
        return {
            "good": Way(self._answer, lambda: self.closed.append("good")),
            "bad": Way(self._fail, lambda: self.closed.append("bad")),
        }

    def due(self, now_ns: int) -> Sequence[tuple[str, Errand]]:
        if self.is_asked:
            return ()
        self.is_asked = True
        return [(name, Upload("firm", name.encode())) for name in ("good", "bad")]

    def answered(self, way: str, errand: Errand, result: bytes | UplinkError, now_ns: int) -> None:
        assert errand.body == way.encode()
        self.came[way] = result if isinstance(result, bytes) else result.problem
        if len(self.came) == 2:
            self.on_all()

    def _answer(self, body: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        return body.upper()

    def _fail(self, body: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        raise AnswerMissing("nobody is there", subject=body.decode(), hint="Is it running?")


def test_each_way_has_a_thread_of_its_own_and_its_answer_comes_back_to_the_loop(tmp_path: Path) -> None:
    parts = bench(tmp_path, ACCELEROMETER_ONLY)
    group = Group()
    source = ScriptedSource("accelerometer", list(FAULTS), parts.clock, ends=False)
    agent = Agent(
        core=parts.core,
        sources=[source],
        uplinks={("firm", lane): parts.receivers["firm"] for lane in Lane},
        device_id=DEVICE,
        clock=parts.clock,
        notifier=Ear(),
        identity=IDENTITY,
        write_status=lambda _status: None,
        beside=(group,),
        open_again_s=(0.0,),
    )
    group.on_all = agent.stop
    agent.run()
    assert group.came == {"good": b"GOOD", "bad": "nobody is there"}
    assert group.threads == {"good", "bad"}
    assert parts.clock.now > 1_000 * S
