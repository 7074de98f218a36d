"""chips.py FOLDER: images of 256 registers for the memories that stand for our chips on the emulated Pi.

QEMU takes images in steps of 512 bytes; the second half is never reached by addresses of one byte.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

# BMP280 data sheet, section 3.12, worked example (from memory): trimming, and raw values that give 1006.53 hPa.
TRIMMING = struct.pack("<HhhHhhhhhhhh", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
ADC_P, ADC_T = 415148, 519888


def bmp280() -> bytes:
    registers = bytearray(256)
    registers[0x88 : 0x88 + len(TRIMMING)] = TRIMMING
    registers[0xD0] = 0x58
    registers[0xF7:0xFD] = (ADC_P << 4).to_bytes(3, "big") + (ADC_T << 4).to_bytes(3, "big")
    return bytes(registers)


def adxl345() -> bytes:
    """The right id and an empty FIFO; from 0x80 on the numbers of the registers, for a long read."""
    registers = bytearray(256)
    registers[0x00] = 0xE5
    registers[0x80:] = bytes(range(0x80, 0x100))
    return bytes(registers)


def main(folder: str) -> None:
    for name, image in (("bmp280", bmp280()), ("adxl345", adxl345()), ("ina219", bytes(256))):
        (Path(folder) / f"{name}.bin").write_bytes(image + bytes(256))


if __name__ == "__main__":
    main(*sys.argv[1:])
