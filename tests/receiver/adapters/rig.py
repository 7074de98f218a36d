"""A receiver with one adapter that tests turn by hand, under a clock set by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from receiver.adapters.http_out import PlatformAdapter
from receiver.adapters.mapping import PlatformMapping, mapping_from
from receiver.adapters.runner import AdapterLoop
from receiver.adapters.settings import MAPPINGS
from tests.receiver.adapters.platform import PASSWORD, Platform, a_platform
from tests.receiver.live import FarEnd, with_receiver

SHIPPED = MAPPINGS / "gbt24476-2017.toml"
SECRETS = {"user": "firm", "password": PASSWORD}
Turn = Callable[[], Awaitable[int]]
Story = Callable[[FarEnd, Platform, Turn], Awaitable[None]]


def mapping(toml: str | None = None) -> PlatformMapping:
    """The mapping that comes with the receiver, or another."""
    return mapping_from(SHIPPED.read_text("utf-8") if toml is None else toml, SHIPPED.name, SECRETS)


def adapter(far_end: FarEnd, url: str, used: PlatformMapping | None = None, name: str = "city") -> PlatformAdapter:
    """An adapter on the clock of the test."""
    return PlatformAdapter(name, url, used or mapping(), SECRETS, lambda: far_end.clock.ms / 1000)


def told(folder: Path, story: Story, used: PlatformMapping | None = None) -> None:
    """A receiver and a platform; the loop has begun before the story does."""

    async def run(far_end: FarEnd) -> None:
        async with a_platform() as platform:
            city = adapter(far_end, platform.url, used)
            loop = AdapterLoop(far_end.service, city)
            await loop.turn()
            platform.taken.clear()
            try:
                await story(far_end, platform, loop.turn)
            finally:
                await city.close()

    with_receiver(folder, run)
