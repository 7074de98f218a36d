"""A box that is revoked: refused with its next request on every way, said, written down, heard again when wanted."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import Connection

from edge_agent.certificates import in_pem, new_key
from edge_agent.cli.join import join
from edge_agent.delivery import Outcome
from edge_agent.wire import PART_TYPE, Part, Verdict, encode_part
from edge_agent.wire_sealing import Direction, MacKey, SealRefused, SigningKey, Use
from receiver import revocation
from receiver.cli import main
from receiver.database import FILE_NAME, Place
from receiver.errors import ReceiverError
from receiver.roles import Role
from receiver.store import Store
from receiver.taken import Arrival
from tests.delivery.mosquitto import Mosquitto, needs_mosquitto
from tests.delivery.test_mqtt import DEVICE as MQTT_DEVICE
from tests.delivery.test_mqtt import Box, far_end
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import (
    DEVICE,
    KEY,
    NOW_MS,
    OTHER_DEVICE,
    OTHER_KEY,
    alarm,
    batch,
    body,
    identity,
    known_to,
    sealed,
)
from tests.receiver.postgresql import Cluster
from tests.receiver.test_enrolment import HOST, Here, invited
from tests.receiver.test_people import ROOT, ask, signed_in, with_people

BOX = DEVICE.hex()
ADDRESS = f"/v1/boxes/{BOX}/revocation"
RECORD_TYPE = "application/vnd.lift-record+cbor"


def revoked(store: Store, device: bytes = DEVICE) -> None:
    store.change(lambda db: revocation.revoke(db, device, "stolen", ROOT, NOW_MS))


def test_nothing_of_a_revoked_box_is_stored_and_others_in_the_same_commit_are(place: Place) -> None:
    store = known_to(Store(place))
    assert store.take(batch(alarm(1)), NOW_MS).verdicts == (Verdict.STORED,)
    revoked(store)
    other = batch(alarm(1, device=OTHER_DEVICE), device=OTHER_DEVICE)
    first, second, third = store.take_all(
        [Arrival(batch(alarm(2)), NOW_MS), Arrival(other, NOW_MS), Arrival(batch(alarm(3)), NOW_MS)]
    )
    assert (first.is_revoked, second.is_revoked, third.is_revoked) == (True, False, True)
    assert (first.receipt.verdicts, first.receipt.marks, first.new) == ((), (), ())
    assert second.receipt.verdicts == (Verdict.STORED,)
    with pytest.raises(SealRefused, match="is revoked"):
        store.notices_after(DEVICE, 0, NOW_MS)
    assert store.change(lambda db: revocation.reinstate(db, DEVICE, ROOT, NOW_MS))
    assert store.take(batch(alarm(2), alarm(3)), NOW_MS).verdicts == (Verdict.STORED, Verdict.STORED)
    store.close()


def test_a_revocation_outlives_a_restart_and_a_box_that_never_came_has_none(place: Place) -> None:
    store = known_to(Store(place))
    with pytest.raises(ReceiverError, match="no box of this id"):
        revoked(store, bytes(8))
    revoked(store)
    revoked(store)
    store.close()
    store = Store(place)
    assert store.take_all([Arrival(batch(alarm(1)), NOW_MS)])[0].is_revoked
    (one,) = store.change(revocation.revocations)
    assert (one.device, one.by, one.why) == (DEVICE, "root", "stolen")
    store.close()


def test_a_revoked_box_can_neither_join_nor_renew_and_its_certificates_are_on_the_list(tmp_path: Path) -> None:
    store = Store(tmp_path)
    joined, _ = join(invited(store), KEY, new_key(), Here(store), os.urandom)
    other, _ = join(invited(store), OTHER_KEY, new_key(), Here(store), os.urandom)
    revoked(store)
    with pytest.raises(SealRefused, match="is revoked"):
        join(invited(store), KEY, new_key(), Here(store), os.urandom)
    store.close()
    assert main(["enrol", "crl", "--data", str(tmp_path), "--out", str(tmp_path / "revoked.pem")]) == 0
    listed = x509.load_pem_x509_crl((tmp_path / "revoked.pem").read_bytes())
    certificate, ca, good = (
        x509.load_der_x509_certificate(it) for it in (joined.certificate, joined.ca, other.certificate)
    )
    assert listed.is_signature_valid(ca.public_key())  # type: ignore[arg-type]
    assert listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
    assert listed.get_revoked_certificate_by_serial_number(good.serial_number) is None


def test_tls_in_front_with_the_list_turns_the_certificate_of_a_revoked_box_away(tmp_path: Path) -> None:
    """The list as a proxy uses it: OpenSSL checks it in the handshake."""
    store = Store(tmp_path / "receiver")
    boxes = {}
    for key in (KEY, OTHER_KEY):
        tls_key = new_key()
        joined, _ = join(invited(store), key, tls_key, Here(store), os.urandom)
        boxes[key.public.fingerprint] = tmp_path / f"{key.public.fingerprint.hex()}.pem"
        boxes[key.public.fingerprint].write_bytes(tls_key + in_pem(joined.certificate))
    server_key, certificate, ca = store.server_identity(HOST, NOW_MS)
    revoked(store)
    store.close()
    (tmp_path / "server.pem").write_bytes(server_key + in_pem(certificate))
    assert main(["enrol", "crl", "--data", str(tmp_path / "receiver"), "--out", str(tmp_path / "list.pem")]) == 0
    (tmp_path / "ca.pem").write_bytes(in_pem(ca) + (tmp_path / "list.pem").read_bytes())
    assert _handshake(tmp_path, boxes[OTHER_DEVICE])
    assert not _handshake(tmp_path, boxes[DEVICE])


def _handshake(folder: Path, box: Path) -> bool:
    """Whether a server that knows the list lets a box in."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    server.load_verify_locations(folder / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF | ssl.VerifyFlags(0x200000)  # the tests' date lies in the future
    listener = socket.create_server((HOST, 0))
    let_in: list[bool] = []

    def serve() -> None:
        client, _ = listener.accept()
        try:
            with server.wrap_socket(client, server_side=True):
                let_in.append(True)
        except (ssl.SSLError, OSError):
            let_in.append(False)

    thread = threading.Thread(target=serve)
    thread.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(box)
    with (
        contextlib.suppress(ssl.SSLError, OSError),
        socket.create_connection(listener.getsockname()) as plain,
        context.wrap_socket(plain) as tls,
    ):
        tls.recv(1)
    thread.join()
    listener.close()
    return let_in == [True]


def test_one_request_revokes_and_every_next_one_of_that_box_is_refused_and_written_down(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        root = await signed_in(far_end, "root")
        assert await ask(far_end, "POST", ADDRESS, root, {"why": "stolen from car 3"}) == 200
        assert (await far_end.post(body(alarm(2)))).status == 403
        part = KEY.seal(encode_part(Part(DEVICE, bytes(16), 4, 0, b"abcd")), Use.PART)
        for path, kind, sent in (("record", RECORD_TYPE, sealed(alarm(2))), ("evidence", PART_TYPE, part)):
            answer = await far_end.client.post(f"{far_end.url}/v1/{path}", data=sent, headers={"Content-Type": kind})
            assert answer.status == 403, path
        assert (await far_end.client.get(f"{far_end.url}/v1/notices?dev={BOX}")).status == 403
        subject = {"X-Client-Subject": f"O=Firm,CN={BOX}"}  # its certificate, under another box's name
        other = f"{far_end.url}/v1/notices?dev={OTHER_DEVICE.hex()}"
        assert (await far_end.client.get(other, headers=subject)).status == 403
        assert (await far_end.client.get(other, headers={"X-Client-Subject": f"CN={'0' * 16}"})).status == 404
        board = await (await far_end.client.get(f"{far_end.url}/v1/incidents", headers=root)).json()
        assert board["devices"][0]["revoked_ms"] == NOW_MS
        assert [one["number"] for one in board["incidents"] if one["kind"] == 1] == [1]
        lines = (await (await far_end.client.get(f"{far_end.url}/v1/audit", headers=root)).json())["lines"]
        assert ("box revoked", BOX, "done") in {(line["what"], line["subject"], line["outcome"]) for line in lines}
        refused = [line for line in lines if line["outcome"] == "refused"]
        assert len(refused) == 5
        assert all(BOX in line["detail"] for line in refused)
        assert await ask(far_end, "DELETE", ADDRESS, root) == 200
        assert (await far_end.receipt(body(alarm(2)))).verdicts == (Verdict.STORED,)

    with_people(tmp_path)
    with_receiver(tmp_path, story)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.INSTALLER])
def test_only_an_administrator_revokes(tmp_path: Path, role: Role) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        li = await signed_in(far_end, "li")
        assert await ask(far_end, "POST", ADDRESS, li, {}) == 403
        assert (await far_end.receipt(body(alarm(2)))).verdicts == (Verdict.STORED,)

    with_people(tmp_path, ("li", role))
    with_receiver(tmp_path, story)


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/v1/boxes/nonsense/revocation", {}, 404),
        (f"/v1/boxes/{'0' * 16}/revocation", {}, 404),
        (ADDRESS, {"why": "x" * 401}, 400),
        (ADDRESS, {"reason": "x"}, 400),
    ],
)
def test_what_makes_no_sense_revokes_nothing(tmp_path: Path, path: str, sent: object, status: int) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        assert await ask(far_end, "POST", path, {}, sent) == status
        assert await ask(far_end, "DELETE", ADDRESS, {}) == 404
        assert (await far_end.receipt(body(alarm(2)))).verdicts == (Verdict.STORED,)

    with_receiver(tmp_path, story)


def test_the_command_revokes_beside_a_running_receiver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        place = ["--data", str(tmp_path)]
        assert main(["enrol", "revoke", BOX, "--why", "copied \x1b[2J", *place]) == 0
        assert (await far_end.post(body(alarm(2)))).status == 403
        assert main(["enrol", "list", *place]) == 0
        assert f"{BOX}  no lift  since" in (said := capsys.readouterr().out)
        assert "\x1b" not in said
        assert main(["enrol", "reinstate", BOX, *place]) == 0
        assert (await far_end.receipt(body(alarm(2)))).verdicts == (Verdict.STORED,)
        assert main(["enrol", "revoke", "0" * 16, *place]) == 2
        assert main(["enrol", "revoke", *place]) == 2
        assert main(["enrol", *place]) == 2
        assert main(["enrol", "--url", "https://firm.example", *place]) == 0

    with_receiver(tmp_path, story)


def test_short_seals_of_a_revoked_box_are_refused_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    _, secret = join(invited(store), KEY, new_key(), Here(store), os.urandom)
    revoked(store)
    item = MacKey(secret, Direction.UP).seal(b"anything", Use.RECORD)
    taken = store.take_all([Arrival(type(batch())(DEVICE, (item,), batch().stamp), NOW_MS)])
    assert taken[0].is_revoked
    store.close()


def test_a_box_has_so_many_certificates_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.enrolment.CERTIFICATES_MAX", 2)
    store = Store(tmp_path)
    for _ in range(2):
        join(invited(store), KEY, new_key(), Here(store), os.urandom)
    with pytest.raises(SealRefused, match="2 certificates"):
        join(invited(store), KEY, new_key(), Here(store), os.urandom)
    join(invited(store), OTHER_KEY, new_key(), Here(store), os.urandom)
    store.close()


def test_a_file_of_the_format_before_is_brought_up_to_date(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    store.take(batch(alarm(1)), NOW_MS)
    store.close()
    file = sqlite3.connect(tmp_path / FILE_NAME)
    file.executescript("DROP TABLE revoked; DROP TABLE certificate; PRAGMA user_version=9")
    file.close()
    store = Store(tmp_path)
    revoked(store)
    assert store.take_all([Arrival(batch(alarm(2)), NOW_MS)])[0].is_revoked
    store.close()


@pytest.mark.system
@needs_mosquitto
def test_over_a_broker_a_revoked_box_gets_no_receipt_and_keeps_its_alarm_until_it_is_heard_again(
    tmp_path: Path,
) -> None:
    mosquitto = Mosquitto(tmp_path)
    with far_end(tmp_path, mosquitto) as receiver:
        box = Box(tmp_path, mosquitto.broker, receiver, timeout_s=2.0)
        box.raise_alarm()
        box.step()
        assert box.waiting == 0
        place = ["--data", str(tmp_path / "firm")]
        assert main(["enrol", "revoke", MQTT_DEVICE.hex(), *place]) == 0
        box.raise_alarm()
        outcome = box.step()
        assert isinstance(outcome, Outcome)
        assert box.waiting == 1
        assert main(["enrol", "reinstate", MQTT_DEVICE.hex(), *place]) == 0
        box.step()
        assert box.waiting == 0
        box.close()
    mosquitto.kill()


def test_a_forger_cannot_have_another_box_revoked_by_its_name(tmp_path: Path) -> None:
    """Only people revoke: no request of a box, however it is sealed, does."""

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        assert await ask(far_end, "POST", ADDRESS, {"X-Client-Subject": f"CN={BOX}"}, {}) == 401
        forged = body(alarm(2))
        assert (await far_end.post(forged, SigningKey(bytes(32)))).status == 200
        assert (await far_end.receipt(body(alarm(3)))).verdicts == (Verdict.STORED,)

    with_people(tmp_path)
    with_receiver(tmp_path, story)


@pytest.mark.system
def test_a_database_in_postgresql_of_the_format_before_is_brought_up_to_date(cluster: Cluster) -> None:
    url = cluster.new_database()
    store = known_to(Store(url))
    store.take(batch(alarm(1)), NOW_MS)

    def age(db: Connection) -> None:
        db.exec_driver_sql("DROP TABLE revoked, certificate")
        db.exec_driver_sql("UPDATE meta SET value = '9'::bytea WHERE name = 'format'")

    store.change(age)
    store.close()
    store = Store(url)
    revoked(store)
    assert store.take_all([Arrival(batch(alarm(2)), NOW_MS)])[0].is_revoked
    store.close()


def test_a_revocation_is_part_of_a_backup(place: Place, tmp_path: Path) -> None:
    store = known_to(Store(place))
    store.take(batch(alarm(1)), NOW_MS)
    revoked(store)
    store.close()
    at = ["--database", place] if isinstance(place, str) else ["--data", str(place)]
    assert main(["backup", str(tmp_path / "copy"), *at]) == 0
    store = Store(tmp_path / "copy")
    assert store.take_all([Arrival(batch(alarm(2)), NOW_MS)])[0].is_revoked
    store.close()
