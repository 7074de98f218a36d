"""What the registers of the chips hold that memories stand for on the emulated Pi."""

from __future__ import annotations

import struct

import smbus2

# BMP280 data sheet, section 3.12, worked example (from memory): trimming, and raw values that give 1006.53 hPa.
TRIMMING = struct.pack("<HhhHhhhhhhhh", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
ADC_P, ADC_T = 415148, 519888
CHUNK_BYTES = 8


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


def burn(bus_name: str, address: int, image: bytes) -> None:
    """Write an image into a memory over the bus. Raises OSError."""
    with smbus2.SMBus(bus_name) as bus:
        for at in range(0, len(image), CHUNK_BYTES):
            bus.write_i2c_block_data(address, at, list(image[at : at + CHUNK_BYTES]))
