"""Seals: sizes, every way to be wrong, both algorithms, and what a box and a receiver make of a foreign one."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.cose import (
    ED25519,
    ES256,
    ESP256,
    SEAL_BYTES_MAX,
    Seal,
    Sealed,
    SealHeader,
    decode_sealed,
    encode_header,
    encode_sealed,
)
from edge_agent.delivery import Delivery, Lane, Send
from edge_agent.delivery_seals import BoxSeals, pinned
from edge_agent.errors import WireError
from edge_agent.gate import write_item
from edge_agent.records import StoredRecord
from edge_agent.wire import (
    Batch,
    Phase,
    Receipt,
    Short,
    Stamp,
    Stream,
    Verdict,
    answer_tag,
    encode_batch,
    encode_receipt,
    encode_record,
    encode_short,
)
from edge_agent.wire_sealing import (
    Direction,
    MacKey,
    PublicKey,
    SealRefused,
    SigningKey,
    Use,
    sealed_in,
    secret_in,
    text_of_secret,
)
from receiver import database, upgrades
from receiver.store import Store
from tests.delivery.making import DEVICE, FULL, MINIMAL, RECEIVER, UNSET, heartbeat, open_outbox
from tests.delivery.receiver_model import AT_MS
from tests.receiver.making import KEY, NOW_MS, alarm, batch, raw_batch, sealed

BOX = SigningKey(bytes(range(32)))
FIRM = SigningKey(bytes(range(1, 33)))
SHARED = bytes(range(2, 34))
UP = MacKey(SHARED, Direction.UP)


def test_sizes_are_those_of_the_budget() -> None:
    def signed(record: bytes) -> int:
        return len(BOX.seal(record, Use.RECORD))

    assert signed(encode_record(MINIMAL)) == 133
    assert signed(encode_record(UNSET)) == 121
    assert signed(encode_record(FULL)) == 161
    assert len(UP.seal(encode_record(MINIMAL), Use.RECORD)) == 76
    assert len(UP.seal(encode_record(FULL), Use.RECORD)) == 104
    short = encode_short(Short(DEVICE, 2_654_435_769, 41, 1, Phase.RAISED, 7, 12))
    assert (len(short), len(UP.seal(short, Use.SHORT))) == (22, 39)
    item = BOX.seal(encode_record(FULL), Use.RECORD)
    assert len(encode_batch(Batch(DEVICE, (item,), Stamp(17, 86_412_345, 1_795_459_200_123, 350)))) <= 222
    receipt = encode_receipt(Receipt(DEVICE, 2_654_435_769, (Verdict.STORED,), (), AT_MS, RECEIVER))
    assert len(FIRM.seal(receipt, Use.RECEIPT)) - len(receipt) == SEAL_BYTES_MAX


def test_a_seal_is_the_same_on_every_retry_and_opens_with_its_key_only() -> None:
    item = BOX.seal(b"x" * 60, Use.RECORD)
    assert BOX.seal(b"x" * 60, Use.RECORD) == item
    assert BOX.public.open(item, Use.RECORD) == b"x" * 60
    with pytest.raises(SealRefused, match="signature is wrong"):
        FIRM.public.open(item, Use.RECORD)


@pytest.mark.parametrize("use", [Use.RECEIPT, Use.SHORT])
def test_a_seal_made_for_one_use_is_worthless_for_another(use: Use) -> None:
    with pytest.raises(SealRefused):
        BOX.public.open(BOX.seal(b"payload", Use.RECORD), use)
    with pytest.raises(SealRefused):
        UP.open(UP.seal(b"payload", Use.RECORD), use)


def test_one_direction_cannot_be_thrown_back_as_the_other() -> None:
    with pytest.raises(SealRefused, match="tag is wrong"):
        MacKey(SHARED, Direction.DOWN).open(UP.seal(b"payload", Use.RECORD), Use.RECORD)


def opened(item: bytes) -> bytes:
    sealed_item = sealed_in(item)
    return (BOX.public if sealed_item.seal is Seal.SIGN1 else UP).check(sealed_item, Use.RECORD)


@pytest.mark.parametrize("make", [lambda data: BOX.seal(data, Use.RECORD), lambda data: UP.seal(data, Use.RECORD)])
def test_no_flipped_bit_passes(make: object) -> None:
    assert callable(make)
    item = make(encode_record(UNSET))
    for position in range(len(item)):
        for bit in range(8):
            damaged = bytearray(item)
            damaged[position] ^= 1 << bit
            with pytest.raises(WireError):
                opened(bytes(damaged))


def test_a_header_cannot_be_swapped_and_a_seal_not_be_emptied() -> None:
    made = decode_sealed(BOX.seal(b"payload", Use.RECORD), Seal.SIGN1)
    for protected in (encode_header(SealHeader(ED25519), Seal.SIGN1), encode_header(SealHeader(-8, b"k"), Seal.SIGN1)):
        with pytest.raises(SealRefused):
            BOX.public.check(replace(made, protected=protected), Use.RECORD)
    with pytest.raises(SealRefused):
        BOX.public.check(replace(made, proof=bytes(64)), Use.RECORD)
    mac_header = encode_header(SealHeader(4), Seal.MAC0)
    confused = write_item(cbor2.CBORTag(18, [mac_header, {}, b"payload", bytes(64)]))
    with pytest.raises(WireError, match="4 is not one of"):
        sealed_in(confused)
    crossed = write_item(cbor2.CBORTag(17, [made.protected, {}, b"payload", bytes(8)]))
    with pytest.raises(WireError, match="-8 is not one of"):
        sealed_in(crossed)


def signed_with_p256(key: ec.EllipticCurvePrivateKey, algorithm: int, *, high: bool) -> bytes:
    """A Sign1 made with the library alone; s and n - s are both valid for ECDSA."""
    protected = encode_header(SealHeader(algorithm), Seal.SIGN1)
    to_sign = cbor2.dumps(["Signature1", protected, b"lift/1 record", b"payload"])
    r, s = utils.decode_dss_signature(key.sign(to_sign, ec.ECDSA(hashes.SHA256())))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # Source: SEC 2, secp256r1
    s = max(s, order - s) if high else min(s, order - s)
    return encode_sealed(Sealed(Seal.SIGN1, protected, b"payload", r.to_bytes(32, "big") + s.to_bytes(32, "big")))


@pytest.mark.parametrize("algorithm", [ES256, ESP256])
@pytest.mark.parametrize("high", [False, True])
def test_a_secure_elements_es256_is_checked_too(algorithm: int, high: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = PublicKey(key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    item = signed_with_p256(key, algorithm, high=high)
    assert public.open(item, Use.RECORD) == b"payload"
    with pytest.raises(SealRefused):
        public.open(item, Use.RECEIPT)
    with pytest.raises(SealRefused, match="does not belong to this key"):
        BOX.public.open(item, Use.RECORD)
    with pytest.raises(SealRefused, match="does not belong to this key"):
        public.open(BOX.seal(b"payload", Use.RECORD), Use.RECORD)


def test_the_fully_specified_name_of_ed25519_is_accepted() -> None:
    protected = encode_header(SealHeader(ED25519), Seal.SIGN1)
    to_sign = cbor2.dumps(["Signature1", protected, b"lift/1 record", b"payload"])
    proof = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(to_sign)
    assert BOX.public.open(encode_sealed(Sealed(Seal.SIGN1, protected, b"payload", proof)), Use.RECORD) == b"payload"


def test_keys_travel_as_text_and_what_is_none_is_said() -> None:
    assert PublicKey.from_text(BOX.public.text) == BOX.public
    assert len(BOX.public.text) == 43
    assert pinned("none") is None
    assert pinned(BOX.public.text) == BOX.public
    for wrong in ("", "ä" * 43, BOX.public.text[:-2], "A" * 60, BOX.public.text + "="):
        with pytest.raises(WireError):
            PublicKey.from_text(wrong)
    for secret in (b"", bytes(31), bytes(33)):
        with pytest.raises(WireError):
            SigningKey(secret)
        with pytest.raises(WireError):
            MacKey(secret, Direction.UP)


def test_the_id_of_a_box_is_the_digest_of_the_der_form_of_its_key() -> None:
    # SubjectPublicKeyInfo of Ed25519 is a fixed head and the raw key. Source: RFC 8410 section 10.1.
    spki = bytes.fromhex("302a300506032b6570032100") + BOX.public.raw
    assert BOX.public.fingerprint == hashlib.sha256(spki).digest()[:8]


def test_alarms_and_faults_are_signed_and_telemetry_takes_the_short_seal_where_a_secret_is_shared() -> None:
    body = encode_record(FULL)
    for shared, expected in ((SHARED, Seal.MAC0), (None, Seal.SIGN1)):
        seals = BoxSeals(BOX, FIRM.public, shared)
        for stream, seal in zip(Stream, (Seal.SIGN1, Seal.SIGN1, expected, expected), strict=True):
            assert sealed_in(seals.seal(StoredRecord(stream, 1, 1, body))).seal is seal


def test_a_box_believes_only_its_own_receiver(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    delivery = Delivery("main", Lane.REST, seed=1, start_spread_s=0.0, envelope=BoxSeals(BOX, FIRM.public))
    now_ns = 10**9

    def told(answers: bytes | None, wrap: object) -> str:
        nonlocal now_ns
        assert callable(wrap)
        now_ns += 10**12
        step = delivery.due(now_ns, Stamp(1, 1), outbox)
        assert isinstance(step, Send)
        tag = answer_tag(step.body) if answers is None else answers or None
        receipt = encode_receipt(
            Receipt(DEVICE, outbox.log_id, (Verdict.STORED,) * len(step.records), (), AT_MS, RECEIVER, answers=tag)
        )
        return delivery.answered(now_ns, wrap(receipt), outbox).problem

    outbox.append(heartbeat(), Stamp(1, 1))
    assert "tag 18 is missing" in told(None, lambda receipt: receipt)
    assert "signature is wrong" in told(None, lambda receipt: BOX.seal(receipt, Use.RECEIPT))
    assert "signature is wrong" in told(None, lambda receipt: FIRM.seal(receipt, Use.RECORD))
    assert "no secret is shared" in told(None, lambda receipt: UP.seal(receipt, Use.RECEIPT))
    assert "another batch" in told(b"12345678", lambda receipt: FIRM.seal(receipt, Use.RECEIPT))
    assert "does not say which batch" in told(b"", lambda receipt: FIRM.seal(receipt, Use.RECEIPT))
    assert told(None, lambda receipt: FIRM.seal(receipt, Use.RECEIPT)) == ""


def test_a_receiver_pins_the_first_key_that_gives_the_id_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    arrival = batch(alarm(1))
    assert store.take(arrival, NOW_MS).verdicts == (Verdict.LATER,)
    store.learn(arrival.device, BOX.public, NOW_MS)
    assert store.take(arrival, NOW_MS).verdicts == (Verdict.LATER,)
    store.learn(arrival.device, KEY.public, NOW_MS)
    store.learn(arrival.device, BOX.public, NOW_MS)
    forged = raw_batch([sealed(alarm(1), BOX), sealed(alarm(1))[:-1] + b"\x00", encode_record(alarm(1))])
    assert store.take(forged, NOW_MS).verdicts == (Verdict.NOT_ALLOWED, Verdict.NOT_ALLOWED, Verdict.MALFORMED)
    assert store.take(arrival, NOW_MS).verdicts == (Verdict.STORED,)
    store.close()


def test_who_has_never_sealed_anything_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path)
    receipt = store.take(batch(alarm(1), acted=7), NOW_MS)
    assert (receipt.verdicts, receipt.log, receipt.marks) == ((Verdict.LATER,), 0, ())
    assert store.notices_after(KEY.public.fingerprint, 0, NOW_MS) is None
    store.close()


def test_a_shared_secret_opens_the_short_seal_and_the_seal_is_kept_as_proof(tmp_path: Path) -> None:
    store = Store(tmp_path)
    device = KEY.public.fingerprint
    assert not store.share(device, SHARED)
    store.learn(device, KEY.public, NOW_MS)
    short_sealed = raw_batch([UP.seal(encode_record(alarm(1)), Use.RECORD)])
    assert store.take(short_sealed, NOW_MS).verdicts == (Verdict.LATER,)
    assert store.share(device, SHARED)
    assert store.take(short_sealed, NOW_MS).verdicts == (Verdict.STORED,)
    store.close()
    ((body, seal),) = sqlite3.connect(tmp_path / database.FILE_NAME).execute("SELECT body, seal FROM record").fetchall()
    whole = replace(sealed_in(seal), payload=body)
    assert UP.check(whole, Use.RECORD) == encode_record(alarm(1))


def test_an_older_database_is_brought_up_to_date_and_gets_a_key(tmp_path: Path) -> None:
    path = tmp_path / database.FILE_NAME
    old = sqlite3.connect(path)
    old.executescript(upgrades.FIRST_TABLES + "PRAGMA user_version=1;")
    old.execute("INSERT INTO meta VALUES ('receiver', x'0102030405060708')")
    old.commit()
    old.close()
    store = Store(tmp_path)
    key = store.key
    store.learn(KEY.public.fingerprint, KEY.public, NOW_MS)
    assert store.take(batch(alarm(1)), NOW_MS).verdicts == (Verdict.STORED,)
    store.close()
    assert Store(tmp_path).key == key
    assert path.stat().st_mode & 0o077 == 0


def test_a_shared_secret_travels_as_text_too() -> None:
    assert secret_in(text_of_secret(SHARED)) == SHARED
    for wrong in ("", "short", text_of_secret(SHARED) + "A", text_of_secret(SHARED)[:-1] + "ä"):
        with pytest.raises(WireError, match="no shared secret"):
            secret_in(wrong)
