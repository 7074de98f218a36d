"""TLS of a box that believes it is yesterday: dates are left unchecked, chain and name never."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent.delivery import AnswerMissing
from edge_agent.errors import SettingsError
from edge_agent.uplink.http import HttpUplink
from edge_agent.uplink.tls import PrivateTls
from tests.delivery.servers import answer, serving

DAY = datetime.timedelta(days=1)


class Firm:
    """A private CA, and a receiver whose certificate begins tomorrow."""

    def __init__(self, folder: Path, begins: datetime.timedelta = DAY) -> None:
        self.ca_file = folder / "ca.pem"
        now = datetime.datetime.now(datetime.UTC)
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "firm")])
        ca = (
            x509.CertificateBuilder()
            .subject_name(ca_name)
            .issuer_name(ca_name)
            .public_key(ca_key.public_key())
            .serial_number(1)
            .not_valid_before(now + begins)
            .not_valid_after(now + 10 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(ca_key, hashes.SHA256())
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(2)
            .not_valid_before(now + begins)
            .not_valid_after(now + 10 * DAY)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
            )
            .sign(ca_key, hashes.SHA256())
        )
        self.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
        both = folder / "receiver.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        both.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(both)


def ask(firm: Firm, host: str, tls: PrivateTls) -> bytes:
    with serving(answer(b"receipt"), tls=firm.server) as served:
        uplink = HttpUplink(f"https://{host}:{served.port}", 5.0, tls=tls)
        try:
            return uplink.post(b"batch")
        finally:
            uplink.close()


def test_an_alarm_leaves_a_box_that_believes_it_is_yesterday_until_its_clock_is_set(tmp_path: Path) -> None:
    firm = Firm(tmp_path)
    is_set = False
    tls = PrivateTls(firm.ca_file, lambda: is_set)
    assert ask(firm, "127.0.0.1", tls) == b"receipt"
    is_set = True
    with pytest.raises(AnswerMissing, match="not yet valid"):
        ask(firm, "127.0.0.1", tls)


def test_a_wrong_name_and_a_foreign_ca_are_refused_without_a_clock_too(tmp_path: Path) -> None:
    firm = Firm(tmp_path)
    with pytest.raises(AnswerMissing, match="certificate is not accepted"):
        ask(firm, "localhost", PrivateTls(firm.ca_file, lambda: False))
    (tmp_path / "other").mkdir()
    other = Firm(tmp_path / "other")
    with pytest.raises(AnswerMissing, match="certificate is not accepted"):
        ask(firm, "127.0.0.1", PrivateTls(other.ca_file, lambda: False))


def test_with_a_clock_a_certificate_of_today_is_accepted(tmp_path: Path) -> None:
    firm = Firm(tmp_path, begins=-DAY)
    assert ask(firm, "127.0.0.1", PrivateTls(firm.ca_file, lambda: True)) == b"receipt"


def test_a_file_that_is_no_ca_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing\n")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(SettingsError, match="no certificate of a CA"):
            PrivateTls(tmp_path / name, lambda: True)
