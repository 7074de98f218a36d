# What hangs on I2C bus 1 of the emulated Pi: QEMU has none of our chips, so memories stand for their registers. They keep
# what is written and never measure. A thermometer stands for a wrong chip. Sourced by lab.sh; sets `devices`.
"$python" "$share/chips.py" "$share"
devices=(
  -drive "if=none,id=bmp280,format=raw,file=/share/bmp280.bin"
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x76,rom-size=512,address-size=1,drive=bmp280"
  -drive "if=none,id=adxl345,format=raw,file=/share/adxl345.bin"
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x53,rom-size=512,address-size=1,drive=adxl345"
  -drive "if=none,id=ina219,format=raw,file=/share/ina219.bin"
  -device "at24c-eeprom,bus=i2c-bus.1,address=0x40,rom-size=512,address-size=1,drive=ina219"
  -device "tmp105,bus=i2c-bus.1,address=0x48"
)
