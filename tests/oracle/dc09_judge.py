"""Judges frames of SIA DC-09 with two libraries that are not ours: siadc09 and pysiaalarm.

Runs in an environment that holds them and nothing of this project. Exit code 1 where one of them disagrees.
"""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

from pysiaalarm import SIAAccount
from pysiaalarm.errors import EventFormatError
from pysiaalarm.event import SIAEvent
from siadc09.message import parse_frame

STUMBLES = (AssertionError, AttributeError, EventFormatError, KeyError, RuntimeError, TypeError, ValueError)
"""Whatever a judge stumbles over is its verdict."""

NOW = datetime.datetime.fromtimestamp(1_795_459_200, datetime.timezone.utc)  # noqa: UP017  (its Python may be older)


def by_siadc09(each: dict[str, Any]) -> None:
    """Everything that was put in comes out."""
    key = None if each["key"] is None else bytes.fromhex(each["key"])
    message = parse_frame(bytes.fromhex(each["frame"]), key)
    assert message.idtoken == each["token"], message
    assert (message.account.acct, message.account.pref, message.account.rcvr) == (0x1234ABCD, 0x2A, 0x1F)
    assert message.timestamp == NOW
    assert message.encrypted == (key is not None)
    if each["token"] == "NULL":
        return
    assert message.seq == each["sequence"]
    extras = {extra.prefix: extra.value for extra in message.xdata}
    assert extras.get("I", "") == each["text"], extras
    occurred = extras.get("H")
    assert (None if occurred is None else occurred.timestamp()) == each["occurred_s"]
    if each["token"] == "ADM-CID":
        event = message.data.event
        assert event.qualifier == ("3" if each["is_restoral"] else "1")
        assert (event.code, event.group, event.addr) == (
            each["code"],
            int(str(each["area"]), 16),
            int(str(each["zone"]), 16),
        )


def by_pysiaalarm(each: dict[str, Any]) -> None:
    """CRC, form and code; it takes extra data of plain letters only, so others are left to the first judge."""
    frame = bytes.fromhex(each["frame"]).decode("utf-8").strip()
    account = SIAAccount("1234ABCD", None if each["key"] is None else bytes.fromhex(each["key"]).decode("ascii"))
    event = SIAEvent.from_line(frame, {"1234ABCD": account})
    assert event.valid_message, (event.msg_crc, event.calc_crc)
    assert event.message_type.value == each["token"]
    if each["token"] == "NULL":
        return
    if each["token"] == "SIA-DCS":
        assert event.code == each["code"], event
        assert event.ri == str(each["area"]), event
    else:
        assert (event.event_type, event.partition, event.ri) == (
            each["code"], f"{each['area']:02d}", f"{each['zone']:03d}"
        )  # fmt: skip
        assert event.sia_code is not None


def main() -> int:
    """0: both judges agree with every frame."""
    frames = json.loads(Path(sys.argv[1]).read_text())
    wrong = 0
    for each in frames:
        for judge in (by_siadc09, by_pysiaalarm):
            # The second judge's patterns know one extra field and no letters beyond ASCII.
            is_too_much = judge is by_pysiaalarm and each.get("text") and each["token"] != "NULL"
            if is_too_much:
                continue
            try:
                judge(each)
            except STUMBLES as error:
                wrong += 1
                print(f"{judge.__name__}: {each['token']} key {each['key']}: {type(error).__name__}: {error}")
        flipped = bytearray.fromhex(each["frame"])
        flipped[-5] ^= 1
        try:
            parse_frame(bytes(flipped), None if each["key"] is None else bytes.fromhex(each["key"]))
        except (ValueError, RuntimeError):
            continue
        wrong += 1
        print(f"a flipped bit was not seen: {each['token']}")
    print(f"DC-09: {len(frames)} frames judged by siadc09 and pysiaalarm, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
