"""X.509 for mutual TLS inside one private CA, the box's half: its key and its request.

The name of a box's certificate is its id. `receiver.authority` signs. Source: design/wire.md section 5.1.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from edge_agent.errors import WireError


def new_key() -> bytes:
    """A P-256 key in PEM, unencrypted: for a file that only its owner may read."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_for(key_pem: bytes, name: str) -> bytes:
    """A certificate request in DER for this key and name."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(named(name))
    return builder.sign(key_in(key_pem), SHA256()).public_bytes(Encoding.DER)


def validity_of(identity_pem: bytes) -> tuple[float, float]:
    """From when to when a certificate in PEM (a key may stand before it) is valid, Unix time. Raises `WireError`."""
    try:
        found = x509.load_pem_x509_certificate(identity_pem[identity_pem.index(b"-----BEGIN CERT") :])
    except ValueError as error:
        raise WireError(str(error), subject="certificate", hint="Join again: edge-agent join") from error
    return found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()


def in_pem(certificate: bytes) -> bytes:
    """From DER. Raises `WireError`."""
    try:
        return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)
    except ValueError as error:
        raise WireError(str(error), subject="certificate", hint="Ask the receiver again") from error


def named(name: str) -> x509.Name:
    """The whole name of a certificate."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def key_in(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The reverse of `new_key`. Raises `WireError`."""
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise WireError("no key on a curve", subject="key", hint="Remove the file: a new one is made")
    return key
