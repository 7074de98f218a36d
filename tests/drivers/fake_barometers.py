"""Byte-level barometers and a supply monitor, written from the data sheets, independently of the drivers."""

from __future__ import annotations

from collections.abc import Callable

# BMP280 data sheet, section 3.12, worked example (from memory; it fits the formulas of appendix 8.1 to the last digit).
BMP280_TRIMMING = (27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
BMP280_ADC_T, BMP280_ADC_P = 519888, 415148
# Trimming and reading of a real BMP3xx as published in the tests of elixir-sensors/bmp3xx.
BMP390_TRIMMING = bytes.fromhex("236b5849f65cffcef42300ea636e79f3f6aa4312c4")
BMP390_RAW_P, BMP390_RAW_T = 7184279, 8771699


class FakeBmp280:
    data_register = 0xF7

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.device_id = 0x58
        self.stuck: dict[int, int] = {}
        self.is_stopped = False
        self.adc_p, self.adc_t = BMP280_ADC_P, BMP280_ADC_T
        self.power_on()

    def power_on(self) -> None:
        self.registers = bytearray(256)
        for at, value in enumerate(BMP280_TRIMMING):
            self.registers[0x88 + 2 * at : 0x8A + 2 * at] = (value & 0xFFFF).to_bytes(2, "little")

    def read(self, register: int, count: int) -> bytes:
        self.registers[0xD0] = self.device_id
        is_measuring = self.registers[0xF4] & 3 == 3
        adc_p, adc_t = (self.adc_p, self.adc_t) if is_measuring and not self.is_stopped else (0x80000, 0x80000)
        self.registers[0xF7:0xFD] = (adc_p << 4).to_bytes(3, "big") + (adc_t << 4).to_bytes(3, "big")
        return bytes(self.registers[register : register + count])

    def write(self, register: int, data: bytes) -> None:
        if register == 0xF5 and self.registers[0xF4] & 3:
            return  # "config" is deaf outside sleep mode
        self.registers[register] = self.stuck.get(register, data[0])


class FakeBmp390:
    data_register = 0x04

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.device_id = 0x60
        self.stuck: dict[int, int] = {}
        self.is_stopped = False
        self.adc_p, self.adc_t = BMP390_RAW_P, BMP390_RAW_T
        self._read_ns = 0
        self.power_on()

    def power_on(self) -> None:
        self.registers = bytearray(256)
        self.registers[0x19] = 0x02
        self.registers[0x1C] = 0x02
        self.registers[0x31:0x46] = BMP390_TRIMMING

    def read(self, register: int, count: int) -> bytes:
        self.registers[0x00] = self.device_id
        is_measuring = self.registers[0x1B] == 0x33 and not self.is_stopped
        # 25 Hz leaves 40 ms; with pressure x16 and temperature x2 a measurement takes 37 ms, more does not fit.
        self.registers[0x02] = 0x04 if self.registers[0x1D] == 3 and self.registers[0x1C] > 0x0C else 0
        is_new = is_measuring and self._now_ns() - self._read_ns >= 40_000_000
        self.registers[0x03] = 0x70 if is_new else 0x10
        self.registers[0x04:0x0A] = self.adc_p.to_bytes(3, "little") + self.adc_t.to_bytes(3, "little")
        if register == 0x04:
            self._read_ns = self._now_ns()
        return bytes(self.registers[register : register + count])

    def write(self, register: int, data: bytes) -> None:
        self.registers[register] = self.stuck.get(register, data[0])


class FakeIna219:
    data_register = 0x02

    def __init__(self) -> None:
        self.shunt, self.bus = 2000, 0x5D98
        self.at_reset = 0x399F
        self.power_on()

    def power_on(self) -> None:
        self.configuration = self.at_reset

    def read(self, register: int, count: int) -> bytes:
        assert count == 2
        value = {0x00: self.configuration, 0x01: self.shunt & 0xFFFF, 0x02: self.bus}[register]
        return value.to_bytes(2, "big")

    def write(self, register: int, data: bytes) -> None:
        assert register == 0x00
        value = int.from_bytes(data, "big")
        self.configuration = self.at_reset if value & 0x8000 else value
