"""Everything that goes onto the wire, made by the code of the project: `python -m tests.oracle.material > FILE`."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, Trip, Witness
from edge_agent.catalogue import CATALOGUE
from edge_agent.enrol import Hello, Join, Joined, encode_asked, encode_hello, encode_join, encode_joined, proof_of
from edge_agent.readings import Direction
from edge_agent.records import (
    RecordDraft,
    draft_of_alarm,
    draft_of_checkpoint,
    draft_of_clock_fix,
    draft_of_damage,
    draft_of_end,
    draft_of_heartbeat,
    draft_of_key_change,
    draft_of_lost,
    draft_of_periodic_test,
    draft_of_started,
    draft_of_trip,
)
from edge_agent.wire import (
    Act,
    Batch,
    Checkpoint,
    ClockFix,
    ClockSource,
    Gap,
    Head,
    IncidentRef,
    LostReason,
    Mark,
    Measure,
    Measured,
    Notice,
    Part,
    Phase,
    Receipt,
    Record,
    Short,
    Stamp,
    Stream,
    Verdict,
    Want,
    encode_batch,
    encode_part,
    encode_receipt,
    encode_record,
    encode_short,
)
from edge_agent.wire_sealing import Direction as Way
from edge_agent.wire_sealing import MacKey, SigningKey, Use

SEED = bytes(range(32))
SHARED = bytes(range(1, 33))
BOX = SigningKey(SEED)
LATER = SigningKey(SEED, is_named=True)  # the judge knows one seed: a later key differs by its name only
DEVICE = BOX.public.fingerprint
LOG = 2_654_435_769


def alarms() -> Iterator[RecordDraft]:
    """Every kind at every stage, with every sign of its catalogue row."""
    for kind in AlarmKind:
        row = CATALOGUE[kind]
        for state in (AlarmState.RAISED, AlarmState.UPDATED, AlarmState.CLEARED):
            draft = draft_of_alarm(
                Alarm(
                    t_ns=1,
                    kind=kind,
                    state=state,
                    severity=row.severity,
                    incident=7,
                    evidence=tuple(Evidence(field.name, 12.345) for field in row.evidence),
                    witnesses=frozenset(Witness),
                    place=Place(3, True, 9_870, DoorState.CLOSED, Direction.UP),
                    occupied_percent=88,
                    note="现场 " * 9,
                )
            )
            assert draft is not None
            yield draft
        yield draft_of_end(int(kind), Stream.ALARM if kind < 32 else Stream.FAULT, 7, "ended by 王")


def system() -> Iterator[RecordDraft]:
    """The records of the box itself."""
    yield draft_of_started("31104403532019060007", "0.1.0", bytes(32), "power-up of the box")
    yield draft_of_clock_fix(ClockFix(1_795_459_200_123, 35, ClockSource.NTP, -2_000))
    yield draft_of_checkpoint(Checkpoint(tuple(Head(stream, 9, bytes(32)) for stream in Stream), 17))
    yield draft_of_lost(Stream.TELEMETRY, 4, 900, LostReason.NO_ROOM, "full")
    yield draft_of_damage("outbox damaged")
    yield draft_of_periodic_test()
    yield draft_of_key_change(LATER.public.raw, BOX.public.fingerprint)
    yield draft_of_key_change(bytes(33), BOX.public.fingerprint)  # a key of a secure element is a byte longer
    yield draft_of_heartbeat((Measured(Measure.DISK_FREE, 1_000_000), Measured(Measure.TRIPS, 4)), "ok")
    yield draft_of_trip(Trip(12 * 10**9, 10**9, 11 * 10**9, Direction.DOWN, 9.5, 1.0, 0.8, 0.9, 1.1, 4, 0))


def records() -> Iterator[tuple[str, bytes]]:
    """Each draft with and without wall time, as records of its stream."""
    stamps = (Stamp(17, 86_412_345), Stamp(17, 86_412_345, 1_795_459_200_123, 350))
    for draft in (*alarms(), *system()):
        for number, stamp in enumerate(stamps, start=40):
            record = Record(
                device=DEVICE,
                log=LOG,
                stream=draft.stream,
                seqno=number,
                kind=int(draft.kind),
                stamp=stamp,
                link=b"8 bytes.",
                phase=draft.phase,
                incident=None if draft.phase is Phase.RAISED else draft.incident,
                place=draft.place,
                measures=draft.measures or None,
                percent=draft.percent,
                evidence=draft.evidence or None,
                note=draft.note or None,
                detail=draft.detail,
            )
            yield f"kind {int(draft.kind)} phase {draft.phase} stamp {len(str(stamp))}", encode_record(record)


def everything() -> Iterator[tuple[str, str, bytes]]:
    """(root type of the schema, name, bytes)."""
    mac = MacKey(SHARED, Way.UP)
    items = []
    for name, record in records():
        yield "record", name, record
        items.append(BOX.seal(record, Use.RECORD))
        yield "sign1", name, items[-1]
        yield "mac0", name, mac.seal(record, Use.RECORD)
    yield "sign1", "record of a later key", LATER.seal(record, Use.RECORD)
    stamp = Stamp(17, 5, 1_795_459_200_123, 1)
    for start in range(0, len(items), 64):
        yield "batch", f"from {start}", encode_batch(Batch(DEVICE, tuple(items[start : start + 64]), stamp, 3))
    notice = Notice(3, Act.TAKEN_OVER, IncidentRef(LOG, Stream.ALARM, 41), 1_795_459_200_123, "李娜", 12)
    receipt = encode_receipt(
        Receipt(
            device=DEVICE,
            log=LOG,
            verdicts=tuple(Verdict),
            marks=tuple(Mark(stream, 41) for stream in Stream),
            at_ms=1_795_459_200_123,
            receiver=bytes(8),
            gaps=(Gap(Stream.FAULT, 2, 5),),
            notices=(notice,),
            ask_again_s=5,
            answers=bytes(8),
            want=Want(bytes(16), 4_096),
        )
    )
    part = encode_part(Part(DEVICE, bytes(16), 10_000, 4_096, bytes(1_024)))
    yield "part", "some of a recording", part
    yield "part", "of none that is kept", encode_part(Part(DEVICE, bytes(16), 0, 0, b""))
    yield "sign1", "part", BOX.seal(part, Use.PART)
    yield from joining()
    yield "receipt", "full", receipt
    yield "sign1", "receipt", BOX.seal(receipt, Use.RECEIPT)
    yield "short", "entrapment", encode_short(Short(DEVICE, LOG, 41, 1, Phase.RAISED, 7, 12))


def joining() -> Iterator[tuple[str, str, bytes]]:
    """What a box and a receiver say to each other when the box joins."""
    hello = encode_hello(Hello(bytes(16), 1_795_459_200_123))
    join = encode_join(Join(DEVICE, BOX.public, bytes(300), bytes(16)))
    sealed = BOX.seal(join, Use.JOIN)
    yield "hello", "of the receiver", hello
    yield "sign1", "hello", BOX.seal(hello, Use.HELLO)
    yield "join", "of the box", join
    yield "sign1", "join", sealed
    yield "asked", "with proof", encode_asked(sealed, proof_of(bytes(32), sealed))
    yield (
        "joined",
        "with certificates",
        encode_joined(Joined(DEVICE, bytes(8), bytes(400), bytes(400), 1_795_459_200_123)),
    )


def main() -> None:
    """Print the material, and some of it damaged, which the schema or the seal must refuse."""
    good = list(everything())
    chance = random.Random(1)
    damaged = []
    for root, name, data in chance.sample(good, 60):
        if root in ("sign1", "mac0") and not name.startswith("receipt"):
            position = len(data) - 1 - chance.randrange(8)
            damaged.append((root, name, data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]))
    json.dump(
        {
            "seed": SEED.hex(),
            "mac_key": _derived().hex(),
            "good": [[root, name, data.hex()] for root, name, data in good],
            "damaged": [[root, name, data.hex()] for root, name, data in damaged],
        },
        sys.stdout,
    )


def _derived() -> bytes:
    """HKDF-SHA256 with an empty salt and one block, by hand. Source: RFC 5869 section 2."""
    import hmac

    extracted = hmac.digest(bytes(32), SHARED, "sha256")
    return hmac.digest(extracted, b"lift/1 up\x01", "sha256")


if __name__ == "__main__":
    main()
