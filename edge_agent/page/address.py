"""Where the page may listen: loopback, or one named address of a service port; never where the box reaches the world.

Refused are every address at once (0.0.0.0), an interface that is a mobile modem by its kind, its driver or its name,
and one that carries a default route, because that is the way out whatever it is called. A named address is tied to its
interface (SO_BINDTODEVICE): Linux would else answer to it on any other interface, the modem's included.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import EdgeAgentError

LOOPBACK = ("127.0.0.1", "::1")
SYS_NET = Path("/sys/class/net")
PROC_NET = Path("/proc/net")
BACKLOG = 16
INTERFACES_MAX = 64
ROUTES_BYTES_MAX = 256 * 1024

_SIOCGIFCONF = 0x8912  # Source: linux/sockios.h
_IFREQ = struct.Struct("16s2xH4s16x")  # name, port, IPv4 address. Source: netdevice(7), 64-bit
_CELLULAR_TYPES = ("512", "519")  # ARPHRD_PPP, ARPHRD_RAWIP. Source: linux/if_arp.h
_CELLULAR_NAMES = ("wwan", "ppp", "rmnet", "mhi_")
_CELLULAR_DRIVERS = (
    "qmi_wwan",
    "cdc_mbim",
    "huawei_cdc_ncm",
    "cdc_ether",  # sticks that look like a network card; some real cards, too: refused rather than believed
    "rndis_host",
    "cdc_ncm",
    "hso",
    "sierra_net",
    "mhi_net",
)
"""Source: drivers/net/usb and drivers/net/wwan of Linux; which stick uses which is from memory, unverified."""


class AddressRefused(EdgeAgentError):
    """The page does not listen there."""


@dataclass(frozen=True, slots=True)
class Held:
    """An address and the interface that has it."""

    interface: str
    address: str


def interface_for(address: str, held: Iterable[Held], sys_net: Path = SYS_NET, proc_net: Path = PROC_NET) -> str | None:
    """The interface to which the page is tied; None: loopback. Raises AddressRefused."""
    if address in LOOPBACK:
        return None
    interface = next((each.interface for each in held if each.address == address), None)
    if interface is None:
        raise _refused(address, "no interface of this box has this address")
    why = cellular_sign(interface, sys_net)
    if why:
        raise _refused(address, f"{interface} is the way of a mobile modem ({why})")
    if interface in ways_out(proc_net):
        raise _refused(address, f"{interface} carries a default route: it is a way out, not a service port")
    return interface


def cellular_sign(interface: str, sys_net: Path = SYS_NET) -> str:
    """What shows that it is a mobile modem; "": nothing does."""
    if interface.startswith(_CELLULAR_NAMES):
        return "its name"
    folder = sys_net / interface
    with contextlib.suppress(OSError):
        if (folder / "type").read_text(encoding="ascii").strip() in _CELLULAR_TYPES:
            return "its kind"
    with contextlib.suppress(OSError):
        if "DEVTYPE=wwan" in (folder / "uevent").read_text(encoding="utf-8").split():
            return "its device"
    with contextlib.suppress(OSError):
        driver = Path(os.readlink(folder / "device" / "driver")).name
        if driver in _CELLULAR_DRIVERS:
            return f"driver {driver}"
    return ""


def ways_out(proc_net: Path = PROC_NET) -> frozenset[str]:
    """Interfaces with a default route, IPv4 or IPv6. Source: /proc/net/route and ipv6_route."""
    found = set()
    for fields in _rows(proc_net / "route"):
        if len(fields) > 7 and fields[1] == "00000000" and fields[7] == "00000000":
            found.add(fields[0])
    for fields in _rows(proc_net / "ipv6_route"):
        if len(fields) > 9 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo":
            found.add(fields[9])
    return frozenset(found)


def held_addresses() -> tuple[Held, ...]:
    """IPv4 addresses of this box."""
    room = array("B", bytes(_IFREQ.size * INTERFACES_MAX))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asked = struct.pack("iP", len(room), room.buffer_info()[0])
        filled = struct.unpack("iP", fcntl.ioctl(asking, _SIOCGIFCONF, asked))[0]
    held = []
    for offset in range(0, filled, _IFREQ.size):
        name, _, packed = _IFREQ.unpack_from(room, offset)
        held.append(Held(name.split(b"\0")[0].decode("ascii", "replace"), socket.inet_ntoa(packed)))
    return tuple(held)


def listening(address: str, port: int) -> socket.socket:
    """A socket that listens there and nowhere else. Raises AddressRefused."""
    interface = interface_for(address, held_addresses())
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if interface is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode("ascii") + b"\0")
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(f"{address}:{port}", f"it cannot be listened at: {error.strerror}") from error
    return listener


def handed_over(listener: socket.socket) -> socket.socket:
    """A listening socket of systemd, looked at by the same rules. Raises AddressRefused."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6) or listener.type != socket.SOCK_STREAM:
        raise _refused("the socket of systemd", "it is no TCP socket")
    address = listener.getsockname()[0]
    interface = interface_for(address, held_addresses())
    if interface is not None:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode("ascii") + b"\0")
        except OSError as error:
            tied = listener.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).split(b"\0")[0]
            if tied.decode("ascii", "replace") != interface:
                raise _refused(address, f"it is not tied to {interface} ({error.strerror})") from error
    return listener


def _rows(path: Path) -> Iterable[list[str]]:
    try:
        with path.open("r", encoding="ascii", errors="replace") as file:
            return [line.split() for line in file.read(ROUTES_BYTES_MAX).splitlines()]
    except OSError:
        return []


def _refused(address: str, problem: str) -> AddressRefused:
    return AddressRefused(
        problem, subject=address, hint="Give 127.0.0.1, or the address of a service port: docs/calibration.md, The page"
    )
