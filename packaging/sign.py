"""Sign a package for `edge-agent update`: `make sign-deb DEB=FILE KEY=FILE`. A key file that is not there is made.

The key never leaves the machine of whoever releases; the box has `KEY.pub` as /etc/lift-edge-agent/update.pub, or in a
package that was built with UPDATE_KEY=KEY.pub. The signature is Ed25519 over all bytes of the package, in base64.
"""

from __future__ import annotations

import argparse
import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def key_in(path: Path) -> Ed25519PrivateKey:
    """The secret key in a PEM file, made with its public one beside it where there is none."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.with_name(f"{path.name}.pub").write_bytes(public)
        print(f"made {path} and {path}.pub: keep the first secret, and a copy of it safe")
        return key
    held = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(held, Ed25519PrivateKey):
        raise SystemExit(f"{path}: no Ed25519 key")
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("key", type=Path)
    parser.add_argument("package", type=Path)
    options = parser.parse_args()
    signature = options.package.with_name(f"{options.package.name}.sig")
    seal = key_in(options.key).sign(options.package.read_bytes())
    signature.write_text(base64.b64encode(seal).decode("ascii") + "\n", encoding="ascii")
    print(signature)


if __name__ == "__main__":
    main()
