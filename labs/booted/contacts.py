"""contacts.py SOCKET FOLDER: lines as drivers/gpio.py reads them; line N is high while the file FOLDER/N exists."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

PINS = (5, 6, 7, 8)
socket, folder = Path(sys.argv[1]), Path(sys.argv[2])


def level(pin: int) -> int:
    return int((folder / str(pin)).exists())


def line(pin: int) -> bytes:
    return f"{pin} {level(pin)} {time.clock_gettime_ns(time.CLOCK_BOOTTIME)}\n".encode()


async def client(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    told: dict[int, int] = {}
    try:
        while True:
            for pin in PINS:
                if told.get(pin) != level(pin):
                    told[pin] = level(pin)
                    writer.write(line(pin))
            await writer.drain()
            await asyncio.sleep(0.05)
    except OSError:
        writer.close()


async def main() -> None:
    folder.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(client, socket)
    socket.chmod(0o666)
    async with server:
        await server.serve_forever()


asyncio.run(main())
