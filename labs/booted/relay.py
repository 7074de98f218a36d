"""relay.py LISTEN TARGET, each tcp:PORT (of 127.0.0.1) or unix:PATH: bytes both ways, between machine and container."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(place: str) -> Ends:
    kind, where = place.split(":", 1)
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection("127.0.0.1", int(where))


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(listen: str, target: str) -> None:
    async def caller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await opened(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    kind, where = listen.split(":", 1)
    if kind == "unix":
        Path(where).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(caller, where)
        Path(where).chmod(0o666)
    else:
        server = await asyncio.start_server(caller, "127.0.0.1", int(where))
    async with server:
        await server.serve_forever()


asyncio.run(serve(sys.argv[1], sys.argv[2]))
