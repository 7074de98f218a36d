"""The hand-written loop: poll with pymodbus, publish changes with paho at QoS 1. Nothing is kept on disk.

`python -m benchmarks.peers.loop_python MODBUS_PORT MQTT_PORT HZ`
"""

from __future__ import annotations

import asyncio
import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient


async def main(modbus_port: int, mqtt_port: int, hz: float) -> None:
    """Poll and publish for ever."""
    mqtt = paho.Client(CallbackAPIVersion.VERSION2, client_id="loop-python")
    mqtt.reconnect_delay_set(1, 1)
    while True:
        try:
            mqtt.connect("127.0.0.1", mqtt_port)
            break
        except OSError:
            await asyncio.sleep(1.0)
    mqtt.loop_start()
    modbus = AsyncModbusTcpClient("127.0.0.1", port=modbus_port)
    await modbus.connect()
    old, number, due_s = [0], 0, time.monotonic()
    while True:
        registers = list((await modbus.read_holding_registers(0, count=1, device_id=1)).registers)
        if registers != old:
            old, number = registers, number + 1
            mqtt.publish("out/loop", f'{{"n":{number},"r0":{registers[0]}}}', qos=1)
        due_s += 1.0 / hz
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
