"""hand.py RUN_VM MACHINE SHARE: boots the machine, plays the far end of its USB serial adapter, and pulls it out and
plugs it in (over QMP) as `check.py` inside wishes. Exits with the status of the checks.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from io import TextIOWrapper
from itertools import count
from pathlib import Path

SENTENCE = b"$LIFT,5,U,C,N,0,1,1.25*"
ANSWERS = {
    "ATE0": "OK",
    "AT+CMEE=1": "OK",
    "AT+CPIN?": "+CPIN: READY\r\n\r\nOK",
    "AT+CSQ": "+CSQ: 17,99\r\n\r\nOK",
    "AT+CESQ": "+CESQ: 99,99,255,255,20,45\r\n\r\nOK",
    "AT+CEREG?": "+CEREG: 0,1\r\n\r\nOK",
}


class FarEnd:
    """Whatever hangs on the adapter: a controller that talks, a modem, or nothing."""

    def __init__(self, port: socket.socket) -> None:
        self._port = port
        self.role = "hush"
        threading.Thread(target=self._talk, daemon=True).start()
        threading.Thread(target=self._answer, daemon=True).start()

    def _talk(self) -> None:
        checksum = 0
        for byte in SENTENCE[1:-1]:
            checksum ^= byte
        while True:
            if self.role == "talk":
                self._port.sendall(SENTENCE + f"{checksum:02X}\r\n".encode())
            time.sleep(0.1)

    def _answer(self) -> None:
        received = b""
        while data := self._port.recv(256):
            received = received + data if self.role == "modem" else b""
            while b"\r" in received:
                command, _, received = received.partition(b"\r")
                answer = ANSWERS.get(command.decode("ascii", "replace").strip(), "ERROR")
                self._port.sendall(f"\r\n{answer}\r\n".encode())


class Plug:
    """The adapter's plug, over QEMU's control socket."""

    def __init__(self, control: TextIOWrapper) -> None:
        self._control = control
        self._names = count(1)
        self._name = "ftdi0"
        self._control.readline()
        self._say("qmp_capabilities")

    def pull_out(self) -> None:
        self._say("device_del", id=self._name)
        time.sleep(0.5)

    def put_in(self) -> None:
        self._name = f"ftdi{next(self._names)}"
        self._say("device_add", driver="usb-serial", id=self._name, chardev="us0", **{"always-plugged": True})
        time.sleep(0.5)

    def _say(self, command: str, **arguments: object) -> None:
        self._control.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._control.flush()
        while "return" not in (answer := json.loads(self._control.readline())):
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")


def connected(path: Path, machine: subprocess.Popen[bytes]) -> socket.socket:
    while not path.exists():
        if machine.poll() is not None:
            raise RuntimeError("the machine did not start")
        time.sleep(0.05)
    found = socket.socket(socket.AF_UNIX)
    found.connect(str(path))
    return found


def main(run_vm: str, machine_folder: str, share_name: str) -> int:
    share = Path(share_name)
    machine = subprocess.Popen([run_vm, machine_folder, "--share", share_name, "--fast", "--limit", "300"])
    far_end = FarEnd(connected(share / "ttyusb.sock", machine))
    plug = Plug(connected(share / "qmp.sock", machine).makefile("rw"))
    wish = share / "wish"
    while machine.poll() is None:
        text = wish.read_text() if wish.exists() else ""
        match text:
            case "":
                time.sleep(0.05)
                continue
            case "unplug":
                plug.pull_out()
            case "plug":
                plug.put_in()
            case role:
                far_end.role = role
        wish.unlink()
    return machine.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
