"""The private CA of a receiver: signs the TLS certificates of its boxes and of what speaks TLS in front of it.

Dates: valid from a day back, because clocks differ, for 398 days. Source: design/wire.md sections 4 and 5.2.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_agent.certificates import key_in, named
from edge_agent.errors import WireError

VALID_DAYS = 398
CA_VALID_DAYS = 20 * 365
LIST_VALID_DAYS = 7
"""How long a list of revoked certificates is good; fetch it more often. Ours."""

_DAY = datetime.timedelta(days=1)


def new_ca(key_pem: bytes, name: str, now_s: float) -> bytes:
    """The certificate of a CA in DER, signed by itself."""
    key = key_in(key_pem)
    builder = _builder(name, now_s, CA_VALID_DAYS).issuer_name(named(name)).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def certified(request: bytes, name: str, ca_key_pem: bytes, ca: bytes, now_s: float) -> bytes:
    """The certificate of a box in DER. Raises `WireError` for a request that is none, or for another name."""
    try:
        asked = x509.load_der_x509_csr(request)
        if asked.subject != named(name) or not asked.is_signature_valid:
            raise _no_request("it is for another name, or not signed by its key")
        public = asked.public_key()
    except (ValueError, InvalidSignature) as error:
        raise _no_request(str(error)) from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise _no_request("the key is not P-256")
    return _signed(_builder(name, now_s, VALID_DAYS), public, ExtendedKeyUsageOID.CLIENT_AUTH, ca_key_pem, ca)


def server_certificate(key_pem: bytes, host: str, ca_key_pem: bytes, ca: bytes, now_s: float) -> bytes:
    """A certificate in DER for what speaks TLS in front of the receiver."""
    try:
        host_name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        host_name = x509.DNSName(host)
    builder = _builder(host[:64], now_s, VALID_DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName([host_name]), critical=False)
    return _signed(builder, key_in(key_pem).public_key(), ExtendedKeyUsageOID.SERVER_AUTH, ca_key_pem, ca)


def serial_and_end(certificate: bytes) -> tuple[int, int]:
    """Of a certificate in DER: its serial number, and the Unix time in ms until which it is valid."""
    read = x509.load_der_x509_certificate(certificate)
    return read.serial_number, round(read.not_valid_after_utc.timestamp() * 1000)


def revocation_list(revoked: Iterable[tuple[int, int]], ca_key_pem: bytes, ca: bytes, now_s: float) -> bytes:
    """A list of revoked certificates in PEM. revoked: serial number and Unix time in ms. Source: RFC 5280 section 5."""
    now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    issuer = x509.load_der_x509_certificate(ca).subject
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    builder = builder.last_update(now - _DAY).next_update(now + LIST_VALID_DAYS * _DAY)
    builder = builder.add_extension(x509.CRLNumber(int(now_s)), critical=False)
    for serial, at_ms in revoked:
        at = datetime.datetime.fromtimestamp(at_ms / 1000.0, datetime.UTC)
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(key_in(ca_key_pem), SHA256()).public_bytes(Encoding.PEM)


def _builder(name: str, now_s: float, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _signed(
    builder: x509.CertificateBuilder,
    public: ec.EllipticCurvePublicKey,
    purpose: x509.ObjectIdentifier,
    ca_key_pem: bytes,
    ca: bytes,
) -> bytes:
    issuer = x509.load_der_x509_certificate(ca).subject
    builder = builder.issuer_name(issuer).public_key(public)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(key_in(ca_key_pem), SHA256()).public_bytes(Encoding.DER)


def _no_request(problem: str) -> WireError:
    return WireError(problem, subject="certificate request", hint="Run `edge-agent join` again")
