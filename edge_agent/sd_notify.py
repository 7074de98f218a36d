"""Tells systemd that the agent is ready, alive and stopping. Source: sd_notify(3)."""

from __future__ import annotations

import contextlib
import socket


class ServiceNotifier:
    """Datagrams to the service manager. Without an address every call does nothing, as sd_notify(3) asks for."""

    def __init__(self, address: str | None) -> None:
        """`address`: the value of NOTIFY_SOCKET; a leading @ names the abstract namespace."""
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        """The agent is armed."""
        self._send("READY=1")

    def alive(self) -> None:
        """There was progress; feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(sentence.splitlines()))

    def stopping(self) -> None:
        """The clean stop has begun."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(OSError):  # a manager that does not listen must not stop the agent
            self._socket.sendto(message.encode(), self._address)
