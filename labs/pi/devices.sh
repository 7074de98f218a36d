# What hangs on I2C bus 1 of the emulated Pi: QEMU has none of our chips, so memories stand for their registers. They keep
# what is written and never measure; `check.py` writes their first content. A thermometer stands for a wrong chip.
# Without a file behind them: with one, QEMU loses writes. Sourced by lab.sh; sets `devices`.
devices=(
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x76,rom-size=256"
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x53,rom-size=256"
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x40,rom-size=256"
  -device "tmp105,bus=i2c-bus.1,address=0x48"
)
