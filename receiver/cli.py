"""The commands of `lift-receiver`: run it, and list incidents without a browser."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from edge_agent.errors import SettingsError
from edge_agent.wire import DEVICE_ID_BYTES
from edge_agent.wire_sealing import MAC_KEY_BYTES, SigningKey, text_of_secret
from receiver.adapters.settings import Configured, adapters_in
from receiver.board import BoardReader
from receiver.cli_adapter import adapter, add_adapter
from receiver.cli_care import add_backup, add_export, back_up, export, load, verify
from receiver.cli_enrol import add_enrol, enrol, invite, write_tls
from receiver.cli_people import add_init, add_user, change_people, make
from receiver.cli_report import add_report, report
from receiver.database import Place, key_seed, open_for_reading
from receiver.errors import ReceiverError
from receiver.escalator import Escalator
from receiver.incident_rows import IncidentView
from receiver.people import People
from receiver.retention import Kept
from receiver.sentences import lift_name, printable, title_of
from receiver.server import Address, start, warn_if_reachable
from receiver.service import Service
from receiver.store import Store
from receiver.ways_out import Ways

PORT = 8080
_KEEP = "0: for ever (default %(default)s); alarms and faults are always kept"
DATABASE_VARIABLE = "LIFT_RECEIVER_DATABASE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 2 the command cannot be carried out as it was given."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "mqtt":
            return _bridge(asked.broker, asked.receiver, asked.client_id, asked.group)
        place = place_of(asked)
        if asked.command == "incidents":
            return _list_incidents(place)
        if asked.command == "key":
            return _print_key(place)
        if asked.command == "share":
            return _share(place, asked.device)
        if asked.command == "init":
            if asked.backup is not None:
                load(place, asked.backup)
            return make(place, asked.admin, asked.password_stdin)
        if asked.command == "backup":
            return back_up(place, asked.out)
        if asked.command == "verify":
            return verify(place)
        if asked.command == "export":
            return export(place, asked.what, asked.lift, asked.out, _now_ms())
        if asked.command == "adapter":
            return adapter(place, asked.act, asked.name, asked.settings, _now_ms())
        if asked.command == "report":
            return report(place, asked.file)
        if asked.command == "user":
            return change_people(place, asked)
        if asked.command == "enrol":
            return enrol(place, asked, _now_ms())
        if asked.command == "invite":
            return invite(place, asked.url, _now_ms())
        if asked.command == "tls":
            return write_tls(place, asked.host, asked.out, _now_ms())
        address = Address(asked.host, asked.port, tuple(name.lower() for name in asked.name))
        ways = Ways() if asked.settings is None else Ways.read(asked.settings)
        told = () if asked.settings is None else adapters_in(asked.settings)
        return asyncio.run(_run(place, address, ways, Kept(asked.keep_telemetry, asked.keep_audit), told))
    except (ReceiverError, SettingsError) as error:
        print(f"lift-receiver: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left; nothing more to say
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lift-receiver", description="The far end for a maintenance firm.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="receive records, answer boxes, show the live page")
    run.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    run.add_argument("--port", type=_port, default=PORT, help=f"port (default {PORT}; 0: any free one)")
    run.add_argument("--name", action="append", default=[], help="further host name of the page, behind a proxy")
    run.add_argument(
        "--settings", type=Path, metavar="FILE", help="mail server, SMS gateway, platforms: who is told outside"
    )
    run.add_argument("--keep-telemetry", type=_days, default=Kept().telemetry_days, metavar="DAYS", help=_KEEP)
    run.add_argument("--keep-audit", type=_days, default=Kept().audit_days, metavar="DAYS", help=_KEEP)
    made = commands.add_parser("init", help="make the database and the key, and the first administrator")
    add_init(made)
    user = commands.add_parser("user", help="the people who may sign in, also while a receiver runs")
    add_user(user)
    incidents = commands.add_parser("incidents", help="list open incidents, also while a receiver runs")
    key = commands.add_parser("key", help="print the key that boxes pin as receiver_key")
    share = commands.add_parser(
        "share", help="make a secret shared with one box, for short seals; stop the receiver first"
    )
    share.add_argument("device", type=_device, help="the id of the box, 16 hexadecimal digits")
    copied = commands.add_parser("backup", help="a whole copy in a new folder, checked; also while a receiver runs")
    add_backup(copied)
    checked = commands.add_parser("verify", help="check digest, seal and chain of every record")
    exported = commands.add_parser("export", help="incidents or lifts as CSV, records as lines of JSON")
    add_export(exported)
    told = commands.add_parser(
        "adapter", help="platforms, alarm centres, brokers: check, list, try dead messages again"
    )
    add_adapter(told)
    checked_report = commands.add_parser("report", help="check a commissioning report against what its box has told")
    add_report(checked_report)
    invited = commands.add_parser("invite", help="make a one-time code for a box to join, also while a receiver runs")
    invited.add_argument("--url", required=True, help="where boxes reach this receiver, https://HOST:PORT")
    enrolled = commands.add_parser("enrol", help="boxes: invite one, hear one no more or again, list those")
    add_enrol(enrolled, _device)
    tls = commands.add_parser("tls", help="make a certificate for what speaks TLS in front; stop the receiver first")
    tls.add_argument("host", help="name or address by which boxes reach it")
    tls.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="for server.pem and ca.pem (default here)"
    )
    mqtt = commands.add_parser(
        "mqtt", help="carry batches from an MQTT broker to a running receiver, and receipts back"
    )
    mqtt.add_argument("--broker", required=True, metavar="HOST:PORT")
    mqtt.add_argument("--receiver", default=f"http://127.0.0.1:{PORT}", metavar="URL", help="default %(default)s")
    mqtt.add_argument("--client-id", help="one bridge each (default lift-receiver; in a group a new one each time)")
    mqtt.add_argument("--group", help="share the messages with all bridges of this group")
    for command in (run, made, user, copied, checked, exported, told, incidents, key, share, invited, enrolled, tls):
        add_place(command)
    add_place(checked_report)
    return parser


def add_place(command: argparse.ArgumentParser) -> None:
    """--data or --database; the latter also from the environment, where a password is not seen by everybody."""
    command.add_argument("--data", type=Path, default=_data_folder(), help="folder (default %(default)s)")
    command.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get(DATABASE_VARIABLE),
        help=f"postgresql://user@host/name instead of a folder (default ${DATABASE_VARIABLE})",
    )


def place_of(asked: argparse.Namespace) -> Place:
    """Where the receiver of this command keeps things."""
    return asked.database or asked.data  # type: ignore[no-any-return]


def _device(text: str) -> bytes:
    try:
        device = bytes.fromhex(text)
    except ValueError:
        device = b""
    if len(device) != DEVICE_ID_BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is no id of a box, 16 hexadecimal digits")
    return device


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port in 0..65535")
    return int(text)


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) > 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days in 0..36500")
    return int(text)


def _data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "lift-receiver"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _run(place: Place, address: Address, ways: Ways, kept: Kept, told: tuple[Configured, ...]) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with ExitStack() as stack:
        store = Store(place)
        stack.callback(store.close)
        reader = BoardReader(place)
        stack.callback(reader.close)
        people = People(place)
        stack.callback(people.close)
        warnings = warn_if_reachable(address, not people.is_empty())
        service = Service(store, reader, _now_ms, kept=kept)
        running = await start(service, people, address, escalator=Escalator(service, ways), adapters=told)
        for warning in warnings:
            logging.getLogger("receiver").warning("%s", warning)
        print(f"listening on {running.url}", flush=True)
        await stop.wait()
        await running.stop()
        logging.getLogger("receiver").info("stopped")
    return 0


def _bridge(broker: str, receiver: str, client_id: str | None, group: str | None) -> int:
    from receiver.cli_mqtt import Bridge, broker_at  # paho is loaded only where it is used

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    name = client_id or ("lift-receiver" if group is None else f"lift-receiver-{os.urandom(4).hex()}")
    try:
        bridge = Bridge(broker_at(broker), receiver, name, group)
    except ValueError as error:
        hint = "Write them like --broker 127.0.0.1:1883 --group firm"
        raise ReceiverError(str(error), subject="lift-receiver mqtt", hint=hint) from error
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    bridge.run(lambda: bool(stopped), lambda words: print(words, flush=True))
    return 0


def _share(place: Place, device: bytes) -> int:
    secret = os.urandom(MAC_KEY_BYTES)
    store = Store(place)
    try:
        is_known = store.share(device, secret)
    finally:
        store.close()
    if not is_known:
        hint = "It is known after its first batch; the id stands on the page"
        raise ReceiverError("no box of this id has ever sent here", subject=device.hex(), hint=hint)
    print(text_of_secret(secret))
    return 0


def _print_key(place: Place) -> int:
    opened = open_for_reading(place)
    try:
        with opened.snapshot() as db:
            print(SigningKey(key_seed(db)).public.text)
    finally:
        opened.close()
    return 0


def _list_incidents(place: Place) -> int:
    reader = BoardReader(place)
    try:
        board = reader.board(_now_ms())
    finally:
        reader.close()
    views = [view for view in board.incidents if view.incident.is_open]
    for view in views:
        print(_line(view))
    if not views:
        print("No open incident.")
    return 0


def _line(view: IncidentView) -> str:
    incident = view.incident
    assert incident.first is not None
    raised = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(view.raised.latest_ms // 1000))
    lift = lift_name(incident.key.device, view.lift_no)
    takeover = incident.takeover
    who = "nobody has taken it over" if takeover is None else f"taken over by {printable(takeover.who or 'somebody')}"
    return f"{raised}  {title_of(incident.first.kind)}, {lift}, {incident.state.value}, {who}  [{incident.key}]"
