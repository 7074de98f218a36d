"""Fixtures of the driver tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.drivers.modbus_bench import POLL_HZ, Bench
from tests.drivers.modbus_servers import Script


@pytest.fixture
def start() -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def begin(script: Script, *, is_rtu: bool = False, poll_hz: float = POLL_HZ) -> Bench:
        benches.append(Bench(script, is_rtu=is_rtu, poll_hz=poll_hz))
        return benches[-1]

    yield begin
    for bench in benches:
        bench.close()
