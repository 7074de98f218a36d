"""A box joins a receiver: the pin is checked before anything is sent, a code is good once, TLS both ways afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from edge_agent.agent_renewals import LOOK_NS, Listener, Renewals
from edge_agent.certificates import in_pem, new_key, validity_of
from edge_agent.cli import join as join_command
from edge_agent.cli.join import join
from edge_agent.clock import WallSource, WallTime
from edge_agent.delivery_steps import AnswerRefused
from edge_agent.enrol import Invitation, keeper_of
from edge_agent.enrolment_folder import enrolled
from edge_agent.errors import SettingsError, WireError
from edge_agent.journal import Journal
from edge_agent.uplink.http import HttpUplink
from edge_agent.uplink.tls import PrivateTls
from edge_agent.wire import encode_record
from edge_agent.wire_sealing import Direction as Way
from edge_agent.wire_sealing import MacKey, SealRefused, SigningKey, Use
from receiver.cli import main
from receiver.enrolment import CODE_VALID_MS, CODES_OPEN_MAX
from receiver.errors import ReceiverError
from receiver.store import Store
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import KEY, NOW_MS, OTHER_KEY, alarm, raw_batch

HOST = "127.0.0.1"


class Here:
    """A receiver without a network; `heard`: what it was sent."""

    def __init__(self, store: Store, now_ms: int = NOW_MS) -> None:
        self.store, self.now_ms = store, now_ms
        self.heard: list[bytes] = []

    def hello(self, nonce: bytes) -> bytes:
        return self.store.hello(nonce, self.now_ms)

    def join(self, body: bytes) -> bytes:
        self.heard.append(body)
        return self.store.join(body, self.now_ms)[1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "receiver")
    yield store
    store.close()


def invited(store: Store, now_ms: int = NOW_MS) -> Invitation:
    return Invitation("https://firm.example:8443", store.key, store.invite(now_ms))


def joined_by(store: Store, invitation: Invitation, key: SigningKey = KEY, now_ms: int = NOW_MS) -> bytes:
    """The secret."""
    return join(invitation, key, new_key(), Here(store, now_ms), os.urandom)[1]


def test_an_invitation_is_about_100_characters_and_comes_back_from_its_text(store: Store) -> None:
    invitation = invited(store)
    assert Invitation.parse(f" {invitation}\n") == invitation
    assert 90 <= len(str(invitation)) <= 110


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("LIFT1", "LIFT2"),
        lambda text: text[:-1],
        lambda text: text.replace("https://", "ftp://"),
        lambda text: text + " more",
        lambda text: text[:-1] + "!",
        lambda text: "",
    ],
)
def test_a_damaged_invitation_is_refused(store: Store, spoil: Callable[[str], str]) -> None:
    with pytest.raises(WireError):
        Invitation.parse(spoil(str(invited(store))))


def test_a_box_that_joins_is_known_with_its_key_certificate_and_secret(store: Store) -> None:
    tls_key = new_key()
    joined, secret = join(invited(store), KEY, tls_key, Here(store), os.urandom)
    certificate, ca = (x509.load_der_x509_certificate(data) for data in (joined.certificate, joined.ca))
    certificate.verify_directly_issued_by(ca)
    name = certificate.subject.rfc4514_string()
    assert name == f"CN={KEY.public.fingerprint.hex()}"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 399
    record = alarm(1)
    sealed = MacKey(secret, Way.UP).seal(encode_record(record), Use.RECORD)
    assert [verdict.name for verdict in store.take(raw_batch([sealed]), NOW_MS).verdicts] == ["STORED"]


def test_nothing_is_sent_to_a_receiver_that_has_not_the_key_of_the_invitation(store: Store, tmp_path: Path) -> None:
    impostor = Store(tmp_path / "impostor")
    far_end = Here(impostor)
    with pytest.raises(SealRefused):
        join(invited(store), KEY, new_key(), far_end, os.urandom)
    assert far_end.heard == []
    impostor.close()


def test_an_old_hello_is_not_believed(store: Store) -> None:
    class Replaying(Here):
        def hello(self, nonce: bytes) -> bytes:
            return self.store.hello(bytes(16), self.now_ms)

    far_end = Replaying(store)
    with pytest.raises(SealRefused, match="an old answer"):
        join(invited(store), KEY, new_key(), far_end, os.urandom)
    assert far_end.heard == []


def test_the_code_never_travels(store: Store) -> None:
    invitation = invited(store)
    far_end = Here(store)
    join(invitation, KEY, new_key(), far_end, os.urandom)
    (body,) = far_end.heard
    assert invitation.code not in body
    assert keeper_of(invitation.code) not in body


def test_a_code_is_good_for_one_box_which_may_come_again(store: Store) -> None:
    invitation = invited(store)
    first = joined_by(store, invitation)
    assert joined_by(store, invitation) != first  # the answer got lost; the last secret counts
    with pytest.raises(SealRefused, match="no invitation"):
        joined_by(store, invitation, OTHER_KEY)


def test_of_two_boxes_with_one_code_exactly_one_wins(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        code = await asyncio.to_thread(_invite, tmp_path / "receiver", far_end.clock.ms)
        invitation = Invitation(far_end.url, far_end.key, code)

        def attempt(key: SigningKey) -> bool:
            uplink = HttpUplink(far_end.url)
            try:
                join(invitation, key, new_key(), uplink, os.urandom)
            except AnswerRefused as error:
                return error.status != 403
            finally:
                uplink.close()
            return True

        keys = [SigningKey(bytes([n]) * 32) for n in range(6)]
        won = await asyncio.gather(*(asyncio.to_thread(attempt, key) for key in keys))
        assert sum(won) == 1

    with_receiver(tmp_path / "receiver", story)


def _invite(folder: Path, now_ms: int) -> bytes:
    """As `lift-receiver invite` does beside a running receiver."""
    from receiver.database import open_for_writing
    from receiver.enrolment import Enrolment
    from receiver.keyring import Keyring

    opened = open_for_writing(folder)
    with opened.transaction() as db:
        code = Enrolment(db, Keyring(db)).invite(now_ms)
    opened.close()
    return code


def test_a_code_expires_after_seven_days(store: Store) -> None:
    invitation = invited(store)
    with pytest.raises(SealRefused):
        joined_by(store, invitation, now_ms=NOW_MS + CODE_VALID_MS + 1)
    joined_by(store, invitation, now_ms=NOW_MS + CODE_VALID_MS)


def test_invitations_are_bounded(store: Store) -> None:
    for _ in range(CODES_OPEN_MAX):
        store.invite(NOW_MS)
    with pytest.raises(ReceiverError, match="wait already"):
        store.invite(NOW_MS)
    store.invite(NOW_MS + CODE_VALID_MS + 1)


def test_a_join_that_another_key_sealed_is_refused(store: Store) -> None:
    invitation = invited(store)

    class Altering(Here):
        def join(self, body: bytes) -> bytes:
            return super().join(body[:-1] + bytes([body[-1] ^ 1]))

    with pytest.raises(SealRefused):
        join(invitation, KEY, new_key(), Altering(store), os.urandom)


def test_the_command_joins_keeps_it_private_and_the_settings_need_no_receiver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"

    async def story(far_end: FarEnd) -> None:
        code = await asyncio.to_thread(_invite, tmp_path / "receiver", far_end.clock.ms)
        text = str(Invitation(far_end.url, far_end.key, code))
        args = type("Args", (), {"text": text, "state": str(state)})()
        assert await asyncio.to_thread(join_command.run, args) == 0

    with_receiver(tmp_path / "receiver", story)
    assert "has joined http://127.0.0.1" in capsys.readouterr().out
    (receiver,) = enrolled(state)
    assert receiver.url.startswith("http://127.0.0.1")
    assert receiver.secret_file is not None
    assert Path(receiver.secret_file).stat().st_mode & 0o77 == 0
    folder = Path(receiver.secret_file).parent
    assert folder.stat().st_mode & 0o77 == 0
    (folder / "receiver.json").write_text("{")
    with pytest.raises(SettingsError, match="no enrolment"):
        enrolled(state)


def test_a_text_that_is_no_invitation_is_answered_before_anything_is_made(tmp_path: Path) -> None:
    args = type("Args", (), {"text": "hello", "state": str(tmp_path / "state")})()
    with pytest.raises(SettingsError, match="no invitation"):
        join_command.run(args)
    assert not (tmp_path / "state").exists()


def test_the_receivers_commands_make_an_invitation_and_a_server_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "receiver"
    assert main(["invite", "--url", "https://firm.example", "--data", str(folder)]) == 2
    Store(folder).close()
    assert main(["invite", "--url", "https://firm.example", "--data", str(folder)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("LIFT1 "))
    assert Invitation.parse(line).url == "https://firm.example"
    assert main(["invite", "--url", "firm.example", "--data", str(folder)]) == 2
    assert main(["tls", HOST, "--data", str(folder), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "server.pem").stat().st_mode & 0o77 == 0


def test_box_and_receiver_show_each_other_certificates_of_the_one_ca(store: Store, tmp_path: Path) -> None:
    tls_key = new_key()
    joined, _ = join(invited(store), KEY, tls_key, Here(store), os.urandom)
    key, certificate, ca = store.server_identity(HOST, NOW_MS)
    files = {
        "server.pem": key + in_pem(certificate),
        "ca.pem": in_pem(ca),
        "box.pem": tls_key + in_pem(joined.certificate),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem")
    server.load_verify_locations(tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VerifyFlags(0x200000)  # the date of these tests lies in the future
    shown: list[object] = []
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        for _ in range(2):
            client, _ = listener.accept()
            try:
                with server.wrap_socket(client, server_side=True) as tls:
                    shown.append(tls.getpeercert())
                    tls.recv(1)
            except (ssl.SSLError, OSError) as error:
                shown.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    for identity in (tmp_path / "box.pem", None):
        context = PrivateTls(tmp_path / "ca.pem", lambda: False, identity)()
        with socket.create_connection(listener.getsockname()) as plain:
            try:
                with context.wrap_socket(plain, server_hostname=HOST) as tls:
                    tls.sendall(b"x")
            except (ssl.SSLError, OSError):
                assert identity is None
    thread.join()
    listener.close()
    first, second = shown
    assert isinstance(first, dict)
    assert first["subject"] == ((("commonName", KEY.public.fingerprint.hex()),),)
    assert isinstance(second, ssl.SSLError)


class Known:
    """A wall clock that says what the test wants."""

    def __init__(self, unix_ms: int | None) -> None:
        self.unix_ms = unix_ms

    def now_ns(self) -> int:
        return 0

    def wall_estimate(self) -> WallTime | None:
        return None if self.unix_ms is None else WallTime(self.unix_ms, 50, WallSource.NTP)

    def learn_from_receiver(self, t_ns: int, unix_ms: int, uncertainty_ms: int) -> None:
        return


class Renewing(Here):
    def renew(self, sealed: bytes) -> bytes:
        return self.store.renew(sealed, self.now_ms)[1]

    def close(self) -> None:
        return


def held_identity(store: Store, path: Path) -> Path:
    tls_key = new_key()
    joined, _ = join(invited(store), KEY, tls_key, Here(store), os.urandom)
    path.write_bytes(tls_key + in_pem(joined.certificate))
    return path


NOBODY = Listener(lambda _now_ns: None, lambda _alarm, _now_ns: None, 7)


def renewals(
    store: Store,
    identity: Path,
    clock: Known,
    key: SigningKey = KEY,
    now_ms: int = NOW_MS,
    listener: Listener = NOBODY,
) -> Renewals:
    journal = Journal(logging.getLogger("test"))
    return Renewals(store.key, key, identity, Renewing(store, now_ms), clock, os.urandom, journal, listener)


def test_a_certificate_is_renewed_when_two_thirds_of_its_time_are_over(store: Store, tmp_path: Path) -> None:
    identity = held_identity(store, tmp_path / "box.pem")
    clock = Known(None)
    later_ms = NOW_MS + 280 * 86_400_000
    box = renewals(store, identity, clock, now_ms=later_ms)
    assert box.due(0) == ()  # what day it is is not known
    clock.unix_ms = NOW_MS + 250 * 86_400_000
    assert box.due(1) == ()
    clock.unix_ms = later_ms
    assert box.due(2) == ()  # asked once a day
    ((way, errand),) = box.due(2 * LOOK_NS)
    before = identity.read_bytes()
    box.answered(way, errand, box.ways()[way].ask(errand.body), 2 * LOOK_NS)
    after = identity.read_bytes()
    assert after.partition(b"-----BEGIN CERT")[0] == before.partition(b"-----BEGIN CERT")[0]
    assert validity_of(after)[1] == pytest.approx(later_ms / 1000 + 398 * 86_400, abs=1.0)
    assert identity.stat().st_mode & 0o77 == 0
    assert box.due(4 * LOOK_NS) == ()


def test_a_forged_answer_leaves_the_certificate_as_it_is(store: Store, tmp_path: Path) -> None:
    identity = held_identity(store, tmp_path / "box.pem")
    before = identity.read_bytes()
    box = renewals(store, identity, Known(NOW_MS + 300 * 86_400_000))
    ((way, errand),) = box.due(0)
    answer = box.ways()[way].ask(errand.body)
    for forged in (b"x", answer[:-1] + b"x", OTHER_KEY.seal(b"x", Use.JOIN)):
        box.answered(way, errand, forged, 0)
    assert identity.read_bytes() == before


def test_a_box_that_is_not_known_gets_no_certificate(store: Store, tmp_path: Path) -> None:
    identity = held_identity(store, tmp_path / "box.pem")
    box = renewals(store, identity, Known(NOW_MS + 300 * 86_400_000), OTHER_KEY)
    ((way, errand),) = box.due(0)
    with pytest.raises(SealRefused, match="not known here"):
        box.ways()[way].ask(errand.body)
