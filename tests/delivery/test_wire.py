"""Records, batches, receipts, notices and short forms: golden bytes, sizes, ranges from both sides, round trips."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from edge_agent.errors import WireError
from edge_agent.gate import write_item
from edge_agent.record_form import record_to_tree
from edge_agent.wire import (
    Act,
    Batch,
    Checkpoint,
    ClockFix,
    ClockSource,
    Gap,
    Head,
    Identity,
    IncidentRef,
    LaterField,
    Lost,
    LostReason,
    Mark,
    Notice,
    Part,
    Phase,
    Receipt,
    Record,
    Short,
    Stamp,
    Stream,
    Verdict,
    answer_tag,
    chain_start,
    decode_batch,
    decode_notice,
    decode_part,
    decode_receipt,
    decode_record,
    decode_short,
    digest,
    encode_batch,
    encode_notice,
    encode_part,
    encode_receipt,
    encode_record,
    encode_short,
)
from tests.delivery.making import (
    DEVICE,
    FULL,
    MINIMAL,
    RECEIVER,
    UNSET,
    batches,
    notices,
    parts,
    receipts,
    records,
    shorts,
)

# Source: design/wire.md appendix B, produced there by two versions of cbor2 and read back by two other decoders.
FULL_HEX = (
    "ad00010148a1b2c3d4e5f60718021a9e3779b9030004182905010684111a05268c39"
    "1b000001a209b5347b19015e07482d711642b726b04408010aa50007010102000319"
    "536604020ba3002b01182d02030c185d0d17"
)
NOTICE = Notice(5, Act.TAKEN_OVER, IncidentRef(2654435769, Stream.ALARM, 41), 1795459200123, "Wang Li", 8)
SHORT = Short(DEVICE, 2654435769, 41, 1, Phase.RAISED, 7, 12)

# Written down by hand from RFC 8949 and alarm.cddl.
GOLDEN: list[tuple[str, Callable[[], bytes], str]] = [
    ("appendix B", lambda: encode_record(FULL), FULL_HEX),
    (
        "minimal, clock unset",
        lambda: encode_record(UNSET),
        "a9 00 01 01 48a1b2c3d4e5f60718 02 1a9e3779b9 03 00 04 1829 05 01 06 82 11 1a05268c39 "
        "07 482d711642b726b044 08 01",
    ),
    (
        "lost",
        lambda: encode_record(
            Record(
                DEVICE,
                1,
                Stream.FAULT,
                2,
                67,
                Stamp(1, 5),
                bytes(8),
                detail=Lost(Stream.TELEMETRY, 5, 900, LostReason.NO_ROOM),
            )
        ),
        "a9 00 01 01 48a1b2c3d4e5f60718 02 01 03 01 04 02 05 1843 06 82 01 05 07 480000000000000000 "
        "0f 85 02 02 05 190384 01",
    ),
    (
        "clock fix",
        lambda: encode_record(
            Record(
                DEVICE,
                1,
                Stream.FAULT,
                3,
                65,
                Stamp(1, 5),
                bytes(8),
                detail=ClockFix(1795459200123, 350, ClockSource.CELLULAR, -90000),
            )
        ),
        "a9 00 01 01 48a1b2c3d4e5f60718 02 01 03 01 04 03 05 1841 06 82 01 05 07 480000000000000000 "
        "0f 85 01 1b000001a209b5347b 19015e 03 3a00015f8f",
    ),
    (
        "checkpoint",
        lambda: encode_record(
            Record(
                DEVICE,
                1,
                Stream.FAULT,
                4,
                66,
                Stamp(1, 5),
                bytes(8),
                detail=Checkpoint((Head(Stream.ALARM, 41, b"d" * 32),), 12),
            )
        ),
        "a9 00 01 01 48a1b2c3d4e5f60718 02 01 03 01 04 04 05 1842 06 82 01 05 07 480000000000000000 "
        "0f 83 03 81 83 00 1829 5820" + "64" * 32 + " 0c",
    ),
    (
        "identity",
        lambda: encode_record(
            Record(DEVICE, 1, Stream.FAULT, 1, 64, Stamp(1, 5), bytes(8), detail=Identity("31", "0.1.0", b"c" * 8))
        ),
        "a9 00 01 01 48a1b2c3d4e5f60718 02 01 03 01 04 01 05 1840 06 82 01 05 07 480000000000000000 "
        "0f 84 04 62 3331 65 302e312e30 48 6363636363636363",
    ),
    (
        "batch",
        lambda: encode_batch(Batch(DEVICE, (bytes(16),), Stamp(17, 86500000), 3)),
        "a5 00 01 01 48a1b2c3d4e5f60718 02 81 50" + "00" * 16 + " 03 82 11 1a0527e2a0 04 03",
    ),
    (
        "receipt",
        lambda: encode_receipt(
            Receipt(
                DEVICE,
                2654435769,
                (Verdict.STORED, Verdict.HAD_IT, Verdict.CONFLICT),
                (Mark(Stream.ALARM, 41), Mark(Stream.FAULT, 0)),
                1795459200123,
                DEVICE,
                (Gap(Stream.ALARM, 3, 5),),
                (NOTICE,),
                5,
            )
        ),
        # The vector "receipt all" of the design.
        "aa00010148a1b2c3d4e5f60718021a9e3779b90383000104048282001829820100058183000305061b000001a209b5347b"
        "0781a60005010202831a9e3779b9001829031b000001a209b5347b046757616e67204c69050808050948a1b2c3d4e5f60718",
    ),
    (
        "notice",
        lambda: encode_notice(NOTICE),
        "a6 00 05 01 02 02 83 1a9e3779b9 00 1829 03 1b000001a209b5347b 04 67 57616e67204c69 05 08",
    ),
    ("short", lambda: encode_short(SHORT), "88 01 48a1b2c3d4e5f60718 1a9e3779b9 1829 01 01 07 0c"),
]


@pytest.mark.parametrize(("name", "make", "text"), GOLDEN, ids=[name for name, _, _ in GOLDEN])
def test_golden_bytes(name: str, make: Callable[[], bytes], text: str) -> None:
    assert make().hex() == text.replace(" ", "")


def test_sizes_are_those_of_the_budget() -> None:
    # Source: design/wire.md section 1.4, bare forms.
    sizes = [len(encode_record(record)) for record in (UNSET, MINIMAL, FULL)]
    assert sizes == [46, 58, 86]
    assert len(encode_short(SHORT)) == 22


def test_the_chain_starts_over_device_log_and_stream() -> None:
    # SHA-256 over "lift/1" a1b2c3d4e5f60718 9e3779b9 00, computed with sha256sum.
    expected = "da830d6ea7a1d776952e5567842309d7b672ebcf85a63e4d731082a1acac603e"
    assert chain_start(DEVICE, 2654435769, Stream.ALARM).hex() == expected


def test_the_link_is_the_beginning_of_the_digest_of_the_record_before() -> None:
    first = encode_record(FULL)
    assert decode_record(encode_record(replace(FULL, seqno=42, link=digest(first)[:8]))).link == digest(first)[:8]
    assert answer_tag(first) == digest(first)[:8]


@given(records)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    data = encode_record(record)
    assert decode_record(data) == record
    assert len(data) <= 1_024


@given(batches)
def test_a_batch_comes_back_as_it_was(batch: Batch) -> None:
    assert decode_batch(encode_batch(batch)) == batch


@given(receipts)
def test_a_receipt_comes_back_as_it_was(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(parts)
def test_a_part_of_a_recording_comes_back_as_it_was(part: Part) -> None:
    assert decode_part(encode_part(part)) == part


@given(notices)
def test_a_notice_comes_back_as_it_was(notice: Notice) -> None:
    assert decode_notice(encode_notice(notice)) == notice


@given(shorts)
def test_a_short_form_comes_back_as_it_was(short: Short) -> None:
    assert decode_short(encode_short(short)) == short


# (path, values at the ends of the range, values just beyond). Source: design/alarm.cddl.
_BIG = 1 << 32
FIELDS: list[tuple[tuple[int, ...], tuple[object, ...], tuple[object, ...]]] = [
    ((0,), (1,), (0, 2, True, "1")),
    ((1,), (bytes(8),), (bytes(7), bytes(9), "12345678")),
    ((2,), (0, _BIG - 1), (-1, _BIG)),
    ((3,), (0, 3), (-1, 4, True)),
    ((4,), (1, _BIG - 1), (0, _BIG)),
    ((5,), (1, 255), (0, 256, b"\x01")),
    (
        (6,),
        ([1, 0], [1, 0, 1_500_000_000_000, 0]),
        ([1], [1, 0, 1_500_000_000_000], [1, 0, 1_500_000_000_000, 0, 0], 1),
    ),
    ((6, 0), (1, _BIG - 1), (0, _BIG)),
    ((6, 1), (0, (1 << 48) - 1), (-1, 1 << 48)),
    ((6, 2), (1_500_000_000_000, 4_102_444_800_000), (1_499_999_999_999, 4_102_444_800_001)),
    ((6, 3), (0, _BIG - 1), (-1, _BIG)),
    ((7,), (bytes(8),), (bytes(7), bytes(32))),
    ((8,), (1, 5), (0, 6)),
    ((9,), (1, _BIG - 1), (0, _BIG)),
    ((10,), ({}, {0: 1}), ({5: 1}, [], 0)),
    ((10, 0), (-20, 200), (-21, 201)),
    ((10, 1), (0, 4), (-1, 5)),
    ((10, 2), (-1, 1), (-2, 2)),
    ((10, 3), (-100_000, 1_000_000), (-100_001, 1_000_001)),
    ((10, 4), (0, 99), (-1, 100)),
    ((11,), ({}, {15: 0}), ({16: 0}, [0])),
    *(((11, key), (-(1 << 31), (1 << 31) - 1), (-(1 << 31) - 1, 1 << 31, True)) for key in range(3)),
    ((12,), (0, 100), (-1, 101)),
    ((13,), (0, 65_535), (-1, 65_536)),
    ((14,), ("x", "x" * 80, "门" * 26), ("", "x" * 81, "门" * 27, b"x")),
    (
        (15,),
        ([2, 0, 1, 1, 1],),
        ([], [2, 0, 1, 1], [2, 0, 1, 1, 1, 1], [9, 0, 1, 1, 1], [2, 4, 1, 1, 1], [2, 0, 0, 1, 1]),
    ),
    ((15,), ([2, 3, 1, _BIG - 1, 4],), ([2, 0, 1, 0, 1], [2, 0, 1, 1, 0], [2, 0, 1, 1, 5])),
    (
        (15,),
        ([1, 1_500_000_000_000, 0, 0, -5],),
        ([1, 0, 0, 0, 0], [1, 1_500_000_000_000, 0, 6, 0], [1, 1_500_000_000_000, 0, 0]),
    ),
    ((15,), ([3, [[0, 1, bytes(32)]], 0],), ([3, [], 0], [3, [[0, 1, bytes(31)]], 0], [3, [[0, 0, bytes(32)]], 0])),
    ((15,), ([3, [[0, 1, bytes(32)]] * 4, 0],), ([3, [[0, 1, bytes(32)]] * 5, 0], [3, [[0, 1, bytes(32)]]])),
    ((15,), ([4, "3" * 32, "0" * 24, bytes(8)],), ([4, "", "0", bytes(8)], [4, "3" * 33, "0", bytes(8)])),
    (
        (15,),
        ([4, "3", "0", bytes(8)],),
        ([4, "3", "0" * 25, bytes(8)], [4, "3", "", bytes(8)], [4, "3", "0", bytes(7)]),
    ),
    *(((key,), (5, -5, True, (1 << 64) - 1), ([5], "5", {})) for key in range(16, 20)),
    ((20,), (), (0,)),
]


def _with(path: tuple[int, ...], value: object) -> bytes:
    tree = copy.deepcopy(record_to_tree(FULL))
    inner: object = tree
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    return write_item(tree)


@pytest.mark.parametrize(("path", "good", "bad"), FIELDS, ids=[f"key {path}" for path, _, _ in FIELDS])
def test_each_field_of_a_record_is_held_to_its_range_from_both_sides(
    path: tuple[int, ...], good: tuple[object, ...], bad: tuple[object, ...]
) -> None:
    for value in good:
        data = _with(path, value)
        assert encode_record(decode_record(data)) == data
    for value in bad:
        with pytest.raises(WireError):
            decode_record(_with(path, value))


@pytest.mark.parametrize("key", range(8))
def test_a_record_without_a_required_field_is_refused(key: int) -> None:
    tree = record_to_tree(FULL)
    del tree[key]
    with pytest.raises(WireError, match=f"key {key} is missing"):
        decode_record(write_item(tree))


@pytest.mark.parametrize(
    "record",
    [
        replace(FULL, percent=101),
        replace(FULL, note="x" * 81),
        replace(FULL, note=""),
        replace(FULL, note="\ud800"),
        replace(FULL, device=b"short"),
        replace(FULL, stamp=Stamp(1, 2, 1_795_459_200_123)),
        replace(FULL, stamp=Stamp(1, 2, None, 5)),
        replace(FULL, stamp=Stamp(0, 2)),
        replace(FULL, later=(LaterField(20, 1),)),
    ],
)
def test_a_record_that_no_receiver_would_take_is_not_made(record: Record) -> None:
    with pytest.raises(WireError):
        encode_record(record)


def test_fields_of_a_newer_sender_are_kept_and_written_again() -> None:
    data = _with((16,), 5)
    assert decode_record(data).later == (LaterField(16, 5),)
    assert encode_record(decode_record(data)) == data


def test_a_batch_holds_1_to_64_items_of_16_to_1024_bytes() -> None:
    def batch(*items: bytes) -> bytes:
        return write_item({0: 1, 1: DEVICE, 2: list(items), 3: [1, 2]})

    assert len(decode_batch(batch(*[bytes(16)] * 64)).items) == 64
    assert decode_batch(batch(bytes(1_024))).acted_notice is None
    for items in ((), (bytes(15),), (bytes(1_025),), tuple([bytes(16)] * 65)):
        with pytest.raises(WireError):
            decode_batch(batch(*items))


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (3, [], [6]),
        (4, [[0, 0], [3, _BIG - 1]], [[4, 1]]),
        (4, [[0, 1]], [[0, 1, 2]]),
        (5, [[0, 1, 1]] * 16, [[0, 1, 1]] * 17),
        (5, [[0, 1, 1]], []),
        (5, [[0, 1, 1]], [[0, 0, 1]]),
        (6, 1_500_000_000_000, 1_499_999_999_999),
        (7, [{0: 1, 1: 7, 2: [0, 0, 1], 3: 1_500_000_000_000}], [{0: 1, 1: 8, 2: [0, 0, 1], 3: 1_500_000_000_000}]),
        (7, [{0: 1, 1: 1, 2: [0, 0, 1], 3: 1_500_000_000_000, 5: 1_440}], []),
        (
            7,
            [{0: 1, 1: 1, 2: [0, 0, 1], 3: 1_500_000_000_000, 4: "x" * 32}],
            [{0: 1, 1: 1, 2: [0, 0], 3: 1_500_000_000_000}],
        ),
        (8, 1, 0),
        (8, 3_600, 3_601),
        (9, RECEIVER, b"seven77"),
        (10, bytes(8), bytes(9)),
    ],
)
def test_each_field_of_a_receipt_is_held_to_its_range_from_both_sides(key: int, good: object, bad: object) -> None:
    def receipt(value: object) -> bytes:
        return write_item({0: 1, 1: DEVICE, 2: 7, 3: [0], 4: [], 6: 1_795_459_200_123, 9: RECEIVER, key: value})

    assert encode_receipt(decode_receipt(receipt(good))) == receipt(good)
    with pytest.raises(WireError):
        decode_receipt(receipt(bad))


def test_a_receipt_beyond_8_kibibytes_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(WireError, match="at most 8192"):
        decode_receipt(bytes(8_193))
