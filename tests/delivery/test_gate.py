"""The gate in front of the CBOR decoder, each rule from both sides."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import WireError
from edge_agent.gate import BODY_BYTES_MAX, ITEMS_MAX, pass_gate, read_item, write_item
from edge_agent.wire import encode_batch, encode_record
from tests.delivery.making import FULL, batches

ALLOWED = [
    ("zero", "00"),
    ("largest one-byte number", "17"),
    ("smallest two-byte number", "1818"),
    ("largest number", "1bffffffffffffffff"),
    ("smallest negative number", "3bffffffffffffffff"),
    ("empty bytes", "40"),
    ("text in Chinese", "66e997a8e58cba"),
    ("true", "f5"),
    ("false", "f4"),
    ("empty array", "80"),
    ("empty map", "a0"),
    ("keys 0 and 23", "a200011702"),
    ("six levels", "8181818181" + "8101"),
]

REFUSED = [
    ("nothing at all", "", 0, "ends early"),
    ("second byte missing", "18", 0, "ends early"),
    ("bytes shorter than said", "4201", 0, "ends early"),
    ("text shorter than said", "6261", 0, "ends early"),
    ("array shorter than said", "8201", 0, "ends early"),
    ("array of 4 GiB claimed", "9affffffff", 0, "ends early"),
    ("string of 2^63 claimed", "5b8000000000000000", 0, "ends early"),
    ("map that stops before a key", "a20001", 3, "ends early"),
    ("number in a longer form", "1817", 0, "shortest"),
    ("number in a form of two bytes too long", "1900ff", 0, "shortest"),
    ("number in a form of four bytes too long", "1a0000ffff", 0, "shortest"),
    ("number in a form of eight bytes too long", "1b00000000ffffffff", 0, "shortest"),
    ("length in a longer form", "580101", 0, "shortest"),
    ("indefinite bytes", "5f4101ff", 0, "indefinite"),
    ("indefinite array", "9f01ff", 0, "indefinite"),
    ("indefinite map", "bf0001ff", 0, "indefinite"),
    ("break alone", "ff", 0, "indefinite"),
    ("reserved form", "1c", 0, "indefinite"),
    ("half float", "f93c00", 0, "float"),
    ("double", "fb3ff0000000000000", 0, "float"),
    ("null", "f6", 0, "simple"),
    ("undefined", "f7", 0, "simple"),
    ("simple value 19", "f3", 0, "simple"),
    ("simple value in two bytes", "f8ff", 0, "simple"),
    ("text that is not UTF-8", "62c328", 1, "UTF-8"),
    ("text with a surrogate", "63eda080", 1, "UTF-8"),
    ("key 24", "a1181800", 1, "key"),
    ("negative key", "a12000", 1, "key"),
    ("text key", "a1616100", 1, "key"),
    ("same key twice", "a201010102", 3, "twice"),
    ("keys out of order", "a202010101", 3, "order"),
    ("tag outside", "c100", 0, "tag"),
    ("self-description tag outside", "d9d9f700", 0, "tag"),
    ("tag inside", "81c100", 1, "tag"),
    ("a byte after the item", "0000", 1, "after"),
    ("seven levels", "818181818181" + "8101", 6, "deeper"),
    ("25 keys", "b819" + "".join(f"{key:02x}00" for key in range(25)), 0, "keys"),
]


@pytest.mark.parametrize(("name", "text"), ALLOWED, ids=[name for name, _ in ALLOWED])
def test_what_the_narrow_form_allows_passes_and_encodes_to_the_same_bytes(name: str, text: str) -> None:
    data = bytes.fromhex(text)
    assert write_item(read_item(data, "item")) == data


@pytest.mark.parametrize(("name", "text", "at", "problem"), REFUSED, ids=[name for name, _, _, _ in REFUSED])
def test_what_it_does_not_allow_is_refused_by_naming_the_byte(name: str, text: str, at: int, problem: str) -> None:
    with pytest.raises(WireError, match=problem) as caught:
        pass_gate(bytes.fromhex(text), "record")
    assert caught.value.subject == f"record, byte {at}"


def test_a_tag_passes_outermost_only_where_it_is_expected() -> None:
    pass_gate(bytes.fromhex("d2820102"), "sealed", tags=(18,))
    with pytest.raises(WireError, match="tag 17"):
        pass_gate(bytes.fromhex("d1820102"), "sealed", tags=(18,))
    with pytest.raises(WireError, match="tag 18"):
        pass_gate(bytes.fromhex("d2d20102"), "sealed", tags=(18,))


def test_2048_items_pass_and_one_more_does_not() -> None:
    def array_of(count: int) -> bytes:
        return b"\x99" + count.to_bytes(2, "big") + bytes(count)

    pass_gate(array_of(ITEMS_MAX - 1), "item")
    with pytest.raises(WireError, match="more than 2048 items"):
        pass_gate(array_of(ITEMS_MAX), "item")


def test_64_kibibytes_pass_and_one_more_does_not() -> None:
    pass_gate(b"\x59" + (BODY_BYTES_MAX - 3).to_bytes(2, "big") + bytes(BODY_BYTES_MAX - 3), "item")
    with pytest.raises(WireError, match="at most 65536"):
        pass_gate(bytes(BODY_BYTES_MAX + 1), "item")


_trees = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=20) | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 23), inner, max_size=4),
    max_leaves=12,
)


def _depth(tree: object) -> int:
    if isinstance(tree, list):
        return 1 + max((_depth(member) for member in tree), default=0)
    if isinstance(tree, dict):
        return 1 + max((_depth(member) for member in tree.values()), default=0)
    return 0


@given(_trees)
def test_every_tree_of_the_allowed_types_comes_back_as_it_was(tree: object) -> None:
    data = write_item(tree)
    if _depth(tree) <= 6:
        assert read_item(data, "item") == tree
    else:
        with pytest.raises(WireError):
            read_item(data, "item")


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_encode_to_the_same_bytes(data: bytes) -> None:
    _refused_or_same(data)


@given(st.data(), batches)
def test_damaged_batches_are_refused_or_encode_to_the_same_bytes(data: st.DataObject, batch: object) -> None:
    whole = encode_record(FULL) if data.draw(st.booleans()) else encode_batch(batch)  # type: ignore[arg-type]
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(("flip", "cut", "insert"))):
            case "flip":
                damaged[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del damaged[at:]
                damaged = damaged or bytearray(b"\x00")
            case _:
                damaged.insert(at, data.draw(st.integers(0, 255)))
    _refused_or_same(bytes(damaged))


def _refused_or_same(data: bytes) -> None:
    try:
        pass_gate(data, "item")
    except WireError:
        return
    assert cbor2.dumps(cbor2.loads(data), canonical=True) == data
