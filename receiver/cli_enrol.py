"""`lift-receiver invite`, `enrol` and `tls`: let boxes join, revoke them, certify what speaks TLS in front."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.certificates import in_pem
from edge_agent.enrol import Invitation
from edge_agent.errors import WireError
from edge_agent.wire_sealing import SigningKey
from receiver import revocation
from receiver.database import FILE_NAME, Place, Turn, key_seed, open_for_reading, open_for_writing
from receiver.enrolment import Enrolment
from receiver.errors import ReceiverError
from receiver.keyring import Keyring
from receiver.roles import COMMAND_LINE
from receiver.sentences import lift_name, printable
from receiver.store import Store

PRIVATE = 0o600
ACTIONS = ("invite", "revoke", "reinstate", "list", "crl")


def add_enrol(parser: argparse.ArgumentParser, device: Callable[[str], bytes]) -> None:
    """The options of `enrol`."""
    parser.add_argument("action", choices=ACTIONS, nargs="?", default="invite", help="default: %(default)s")
    parser.add_argument("device", nargs="?", type=device, help="of revoke and reinstate: the id of the box")
    parser.add_argument("--url", help="of invite: where boxes reach this receiver, https://HOST:PORT")
    parser.add_argument("--why", default="", metavar="TEXT", help="of revoke: for the audit log")
    parser.add_argument("--out", type=Path, metavar="FILE", help="of crl: where to (default: standard output)")


def enrol(place: Place, asked: argparse.Namespace, now_ms: int) -> int:
    """Carry out one action of `enrol`, also while a receiver runs. Raises `ReceiverError`."""
    hint = "See lift-receiver enrol --help"
    if asked.action == "invite":
        if asked.url is None:
            raise ReceiverError("--url is missing", subject="enrol invite", hint=hint)
        return invite(place, asked.url, now_ms)
    if asked.action == "list":
        return _list_revoked(place)
    if asked.action == "crl":
        return _write_list(place, asked.out, now_ms)
    if asked.device is None:
        raise ReceiverError("the id of the box is missing", subject=f"enrol {asked.action}", hint=hint)
    opened = open_for_writing(place)
    try:
        with opened.transaction(turn=Turn.ENROLMENT) as db:
            if asked.action == "revoke":
                revocation.revoke(db, asked.device, asked.why, COMMAND_LINE, now_ms)
                done = "nothing is taken from it from its next request on"
            else:
                was_revoked = revocation.reinstate(db, asked.device, COMMAND_LINE, now_ms)
                done = "it is heard again" if was_revoked else "it was not revoked"
    finally:
        opened.close()
    print(f"Box {asked.device.hex()}: {done}")
    return 0


def _list_revoked(place: Place) -> int:
    opened = open_for_reading(place)
    try:
        with opened.snapshot() as db:
            found = revocation.revocations(db)
    finally:
        opened.close()
    for one in found:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at_ms // 1000))
        lift = "no lift" if one.lift_no is None else lift_name(one.device, one.lift_no)
        print(f"{one.device.hex()}  {lift}  since {at} by {printable(one.by)}: {printable(one.why) or '-'}")
    if not found:
        print("No box is revoked.")
    return 0


def _write_list(place: Place, out: Path | None, now_ms: int) -> int:
    opened = open_for_writing(place)
    try:
        with opened.transaction(turn=Turn.ENROLMENT) as db:
            signed = Enrolment(db, Keyring(db)).revocation_list(now_ms)
    finally:
        opened.close()
    if out is None:
        sys.stdout.write(signed.decode("ascii"))
        return 0
    try:
        fresh = out.with_name(f"{out.name}.new")
        fresh.write_bytes(signed)
        fresh.replace(out)
    except OSError as error:
        hint = "Give --out a file in a folder that this user may write"
        raise ReceiverError(error.strerror or str(error), subject=str(out), hint=hint) from error
    return 0


def invite(place: Place, url: str, now_ms: int) -> int:
    """Print the text of a QR code, and the code itself where segno is installed."""
    if isinstance(place, Path) and not (place / FILE_NAME).is_file():
        hint = "Run the receiver once, or give --data its folder"
        raise ReceiverError("there is no receiver here", subject=str(place), hint=hint)
    opened = open_for_writing(place)  # beside a running receiver: one short transaction, for which the other waits
    try:
        with opened.transaction(turn=Turn.ENROLMENT) as db:
            code = Enrolment(db, Keyring(db)).invite(now_ms)
            invitation = Invitation(url.rstrip("/"), SigningKey(key_seed(db)).public, code)
            try:
                Invitation.parse(str(invitation))
            except WireError as error:
                raise ReceiverError("not a usable url", subject=url, hint="Write it like https://host:8443") from error
    finally:
        opened.close()
    _print_qr(str(invitation))
    print(f'{invitation}\n\nGood for one box and seven days. At the box: edge-agent join "{invitation}"')
    return 0


def _print_qr(text: str) -> None:
    try:
        import segno
    except ModuleNotFoundError:
        print("(no QR code: install segno)")
        return
    segno.make(text, error="m", micro=False).terminal(compact=True)


def write_tls(place: Place, host: str, out: Path, now_ms: int) -> int:
    """Write server.pem (key and certificate) and ca.pem."""
    store = Store(place)
    try:
        key, certificate, ca = store.server_identity(host, now_ms)
    finally:
        store.close()
    try:
        out.mkdir(parents=True, exist_ok=True)
        server = out / "server.pem"
        server.unlink(missing_ok=True)
        with os.fdopen(os.open(server, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            file.write(key + in_pem(certificate))
        (out / "ca.pem").write_bytes(in_pem(ca))
    except OSError as error:
        hint = "Give --out a folder that this user may write"
        raise ReceiverError(error.strerror or str(error), subject=str(out), hint=hint) from error
    print(f"{server}: key and certificate for {host}, 398 days\n{out / 'ca.pem'}: the CA of the boxes")
    return 0
