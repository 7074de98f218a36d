"""On the emulated Pi: gives the memories on its bus the registers of a barometer and of a silent accelerometer."""

import chips

BUS = "/dev/i2c-1"

chips.burn(BUS, 0x76, chips.bmp280())
chips.burn(BUS, 0x53, chips.adxl345())
