"""Shows a program a /dev/i2c-1 that is not there: its own smbus2 and system calls run, the ioctls are answered here.

    umockdev-wrapper /usr/bin/python3 labs/i2c-mock/mock.py -- COMMAND [ARGUMENT ...]

Needs the packages umockdev, gir1.2-umockdev-1.0 and python3-gi. The wrapper is a library put in front of the C library,
so COMMAND must be of this machine's own architecture. An address without a chip gives errno 121 (EREMOTEIO), as the
Pi's i2c-bcm2835 says it. Source: Linux uapi/linux/i2c.h and i2c-dev.h.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import gi

gi.require_version("UMockdev", "1.0")
from chips import EREMOTEIO, BusError, fitted  # noqa: E402
from gi.repository import GLib, UMockdev  # noqa: E402

SLAVE, FUNCS, SLAVE_FORCE, RDWR, SMBUS = 0x703, 0x705, 0x706, 0x707, 0x720
FUNCTIONS_OF_A_PI = 0x0EFF0009
ENOTTY, EOPNOTSUPP = 25, 95
BYTE_DATA, WORD_DATA, BLOCK_DATA = 2, 3, 8
MESSAGE = struct.Struct("<HHHxxQ")  # struct i2c_msg on a 64-bit machine: address, flags, length, pointer
READ_FLAG = 1


class Bus:
    """The ioctls of one adapter."""

    def __init__(self, chips: dict[int, Any]) -> None:
        self.chips = chips
        self.address_of: dict[int, int] = {}  # I2C_SLAVE belongs to an open file, not to the bus

    def on_ioctl(self, _base: object, client: Any) -> bool:
        """One system call of the program."""
        request, argument = client.get_property("request"), client.get_property("arg")
        try:
            result = self._answer(request, argument, hash(client))
        except BusError as error:
            client.complete(-1, error.args[0])
        else:
            client.complete(result, 0)
        return True

    def _answer(self, request: int, argument: Any, file: int) -> int:
        if request == FUNCS:
            argument.resolve(0, 8).update(0, struct.pack("<Q", FUNCTIONS_OF_A_PI))
            return 0
        if request in (SLAVE, SLAVE_FORCE):
            self.address_of[file] = struct.unpack("<Q", bytes(argument.retrieve()))[0]
            return 0
        if request == RDWR:
            return self._transfer(argument)
        if request == SMBUS:
            return self._smbus(argument, self._chip(self.address_of.get(file, 0)))
        raise BusError(ENOTTY)

    def _chip(self, address: int) -> Any:
        if address not in self.chips:
            raise BusError(EREMOTEIO)
        return self.chips[address]

    def _transfer(self, argument: Any) -> int:
        head = argument.resolve(0, 16)
        _, count = struct.unpack("<QI", bytes(head.retrieve())[:12])
        array = head.resolve(0, MESSAGE.size * count)
        raw = bytes(array.retrieve())
        for index in range(count):
            address, flags, length, _ = MESSAGE.unpack_from(raw, MESSAGE.size * index)
            chip = self._chip(address)
            buffer = array.resolve(MESSAGE.size * index + 8, length)
            if flags & READ_FLAG:
                buffer.update(0, chip.read(length))
            else:
                chip.write(bytes(buffer.retrieve())[:length])
        return count

    def _smbus(self, argument: Any, chip: Any) -> int:
        head = argument.resolve(0, 16)
        is_read, command, size = struct.unpack("<BBxxI", bytes(head.retrieve())[:8])
        block = head.resolve(8, 34)
        given = bytes(block.retrieve())
        if size not in (BYTE_DATA, WORD_DATA, BLOCK_DATA):
            raise BusError(EOPNOTSUPP)
        count = given[0] if size == BLOCK_DATA else size - 1
        at = 1 if size == BLOCK_DATA else 0
        if is_read:
            chip.write(bytes([command]))
            block.update(0, given[:at] + chip.read(count))
        else:
            chip.write(bytes([command]) + given[at : at + count])
        return 0


def main() -> int:
    command = sys.argv[sys.argv.index("--") + 1 :]
    testbed = UMockdev.Testbed.new()
    testbed.add_from_string(
        "P: /devices/platform/i2c-1\nN: i2c-1\nE: SUBSYSTEM=i2c-dev\nE: DEVNAME=/dev/i2c-1\nE: MAJOR=89\nE: MINOR=1\n"
    )
    base = UMockdev.IoctlBase()
    base.connect("handle-ioctl", Bus(fitted()).on_ioctl)
    testbed.attach_ioctl("/dev/i2c-1", base)
    child = subprocess.Popen(command)
    loop = GLib.MainLoop()
    GLib.timeout_add(20, lambda: child.poll() is None or loop.quit())
    loop.run()
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
