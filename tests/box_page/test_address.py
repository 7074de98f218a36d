"""Where the page listens: loopback or a service port; never everywhere, never the way out, never a modem."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge_agent.page.address import AddressRefused, Held, handed_over, held_addresses, interface_for, listening

HELD = (Held("lo", "127.0.0.1"), Held("eth1", "192.168.4.1"), Held("wwan0", "10.0.0.5"), Held("usb0", "192.168.8.2"))
ROUTES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, Path]:
    """/sys/class/net and /proc/net of a box."""
    sys_net, proc_net = tmp_path / "sys", tmp_path / "proc"
    for name in ("eth1", "wwan0", "usb0"):
        (sys_net / name).mkdir(parents=True)
        (sys_net / name / "type").write_text("1\n", encoding="ascii")
    proc_net.mkdir()
    (proc_net / "route").write_text(ROUTES + "eth1 0004A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n", encoding="ascii")
    return sys_net, proc_net


def test_loopback_needs_no_interface_and_a_service_port_is_tied_to_its_own(tree: tuple[Path, Path]) -> None:
    assert interface_for("127.0.0.1", HELD, *tree) is None
    assert interface_for("192.168.4.1", HELD, *tree) == "eth1"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.4.7", "8.8.8.8"])
def test_everywhere_and_what_is_not_ours_is_refused(address: str, tree: tuple[Path, Path]) -> None:
    with pytest.raises(AddressRefused, match="no interface"):
        interface_for(address, HELD, *tree)


def test_a_modem_is_known_by_name_kind_device_and_driver(tree: tuple[Path, Path]) -> None:
    sys_net, proc_net = tree
    with pytest.raises(AddressRefused, match="its name"):
        interface_for("10.0.0.5", HELD, sys_net, proc_net)
    (sys_net / "usb0" / "device").mkdir()
    (sys_net / "usb0" / "device" / "driver").symlink_to("../../../bus/usb/drivers/rndis_host")
    with pytest.raises(AddressRefused, match="driver rndis_host"):
        interface_for("192.168.8.2", HELD, sys_net, proc_net)
    (sys_net / "eth1" / "uevent").write_text("DEVTYPE=wwan\nINTERFACE=eth1\n", encoding="ascii")
    with pytest.raises(AddressRefused, match="its device"):
        interface_for("192.168.4.1", HELD, sys_net, proc_net)
    (sys_net / "eth1" / "type").write_text("512\n", encoding="ascii")
    with pytest.raises(AddressRefused, match="its kind"):
        interface_for("192.168.4.1", HELD, sys_net, proc_net)


def test_the_way_out_is_refused_whatever_it_is_called(tree: tuple[Path, Path]) -> None:
    sys_net, proc_net = tree
    (proc_net / "route").write_text(ROUTES + "eth1 00000000 0104A8C0 0003 0 0 0 00000000 0 0 0\n", encoding="ascii")
    with pytest.raises(AddressRefused, match="default route"):
        interface_for("192.168.4.1", HELD, sys_net, proc_net)
    (proc_net / "route").write_text(ROUTES, encoding="ascii")
    (proc_net / "ipv6_route").write_text(f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} 0 0 0 3 eth1\n", encoding="ascii")
    with pytest.raises(AddressRefused, match="default route"):
        interface_for("192.168.4.1", HELD, sys_net, proc_net)


def test_this_machine_has_loopback_and_listens_there_alone() -> None:
    assert Held("lo", "127.0.0.1") in held_addresses()
    listener = listening("127.0.0.1", 0)
    with listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert handed_over(listener) is listener
        with pytest.raises(AddressRefused, match="cannot be listened at"):
            listening("127.0.0.1", listener.getsockname()[1])


def test_a_socket_of_the_service_manager_is_looked_at_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as everywhere, pytest.raises(AddressRefused, match="no interface"):
        handed_over(everywhere)
    with socket.socket(socket.AF_UNIX) as other, pytest.raises(AddressRefused, match="no TCP"):
        handed_over(other)
