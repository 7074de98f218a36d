"""A real receiver for a real browser: in a thread of its own, behind a line that can be cut, its clock goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from edge_agent.wire import PART_TYPE, Part, encode_part
from edge_agent.wire_sealing import SigningKey, Use
from tests.page.material import Told
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY, NOW_MS

_T = TypeVar("_T")
_START_S = 30.0
_PART_BYTES = 16_000


class Line:
    """Passes bytes on to the receiver; `cut` closes everything, `heal` listens again at the same port."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def heal(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Nobody gets through, and those who had are thrown out."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


class Site:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self.far_end: FarEnd
        self.line: Line
        self._thread = threading.Thread(target=self._run, args=(folder,), daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S) or self._trouble is not None:
            raise AssertionError(f"the receiver did not start: {self._trouble}")

    @property
    def url(self) -> str:
        """Of the page, through the line."""
        return f"http://127.0.0.1:{self.line.port}/"

    @property
    def now_ms(self) -> int:
        """The receiver's time."""
        return self.far_end.clock.ms

    def do(self, act: Callable[[FarEnd], Awaitable[_T]]) -> _T:
        """Do something with the receiver, in its own loop, and wait for it."""

        async def acted() -> _T:
            return await act(self.far_end)

        return asyncio.run_coroutine_threadsafe(acted(), self._loop).result(_START_S)

    def store(self, body: bytes, key: SigningKey = KEY) -> None:
        """A batch of a box."""
        self.do(lambda far_end: far_end.receipt(body, key))

    def send_recording(self, told: Told) -> None:
        """All parts of a recording that was asked for."""
        self.do(lambda far_end: send_recording(far_end, told))

    def cut(self) -> None:
        """The line to the page is down."""
        asyncio.run_coroutine_threadsafe(self.line.cut(), self._loop).result(_START_S)

    def heal(self) -> None:
        """The line is up again."""
        asyncio.run_coroutine_threadsafe(self.line.heal(), self._loop).result(_START_S)

    def wait_for_clock(self) -> None:
        """Until what `ahead_ms` says is so."""
        end = time.monotonic() + _START_S
        while self.now_ms < NOW_MS + self.ahead_ms:
            assert time.monotonic() < end, "the clock stands"
            time.sleep(0.01)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_START_S)

    def _run(self, folder: Path) -> None:
        try:
            with_receiver(folder, self._live)
        except BaseException as trouble:
            self._trouble = trouble
            self._ready.set()
            raise

    async def _live(self, far_end: FarEnd) -> None:
        self.far_end = far_end
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self.line = Line(far_end.port)
        await self.line.heal()
        began = time.monotonic()
        self._ready.set()
        while not self._end.is_set():
            far_end.clock.ms = NOW_MS + self.ahead_ms + round((time.monotonic() - began) * 1000)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 0.05)
        await self.line.cut()

    ahead_ms = 0
    """How far the receiver's clock is set ahead, for what takes long."""


async def send_recording(far_end: FarEnd, told: Told) -> None:
    """All parts of a recording that was asked for, as its box sends them."""
    content = told.recording
    for at in range(0, len(content), _PART_BYTES):
        part = encode_part(Part(DEVICE, told.digest, len(content), at, content[at : at + _PART_BYTES]))
        answer = await far_end.client.post(
            f"{far_end.url}/v1/evidence", data=KEY.seal(part, Use.PART), headers={"Content-Type": PART_TYPE}
        )
        assert answer.status == 200, await answer.text()
