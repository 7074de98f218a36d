"""The section [delivery] of a settings file: who gets the records, how they are reached, and whom the box believes."""

from __future__ import annotations

import re
from pathlib import PurePath

from edge_agent.delivery_seals import NOT_PINNED, pinned
from edge_agent.errors import WireError
from edge_agent.settings import DeliverySettings, ReceiverSettings
from edge_agent.toml_table import TomlTable, Unfit, text, truth

RECEIVERS_MAX = 4
SMS_NUMBERS_MAX = 2  # Source: wire design, section 2.4
_PIN_HINT = 'Write receiver_key = "..." as `lift-receiver key` prints it'


def delivery_from(
    table: TomlTable, folder: PurePath, state_folder: PurePath, enrolled: tuple[ReceiverSettings, ...] = ()
) -> DeliverySettings:
    """The section; problems are noted in the table. folder: where relative paths start. enrolled: by `join`."""
    receivers: list[ReceiverSettings] = list(enrolled)
    for row in table.tables("receivers", maximum=RECEIVERS_MAX):
        receiver = _receiver(row, folder)
        if receiver.name and receiver.name in {known.name for known in receivers}:
            row.problem("name", f'two receivers are named "{receiver.name}"', "Give each its own name")
        receivers.append(receiver)
    if not table.has("receivers") and not enrolled:
        table.problem(
            "receivers",
            "no receiver is named, so nobody would hear an alarm",
            'Join one (edge-agent join), or write [delivery] with: receivers = [ { name = "firm", url = ... } ]',
        )
    if receivers and all(receiver.is_standby for receiver in receivers):
        hint = "Leave standby out for the one that is to hear first"
        table.problem("receivers", "every receiver is a stand-by", hint)
    outbox = state_folder / "outbox.sqlite"
    if table.has("outbox"):
        outbox = folder / table.take("outbox", text(r"[^\0]+", "a path"), "")
    table.refuse_unknown()
    return DeliverySettings(outbox=outbox, receivers=tuple(receivers))


def is_loopback(url: str) -> bool:
    """It never leaves this machine."""
    host = url.partition("://")[2].partition("/")[0]
    return re.fullmatch(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d*)?", host) is not None


def _receiver(row: TomlTable, folder: PurePath) -> ReceiverSettings:
    ca = row.take("ca", text(r"[^\0]+", "a path"), "")
    identity = row.take("certificate", text(r"[^\0]+", "a path"), "")
    secret_file = row.take("secret_file", text(r"[^\0]+", "a path"), "")
    receiver = ReceiverSettings(
        name=row.need("name", text(r"[a-z0-9_-]{1,16}", "1 to 16 of a-z 0-9 _ -"), "", 'name = "firm"'),
        url=row.need("url", _url, "", 'url = "http://10.0.0.9:8080"'),
        ca=folder / ca if ca else None,
        is_standby=row.take("standby", truth(), False),
        secret_file=folder / secret_file if secret_file else None,
        key=row.take("receiver_key", _receiver_key, NOT_PINNED),
        identity=folder / identity if identity else None,
        sms=row.take("sms", _numbers, ()),
    )
    if receiver.identity is not None and receiver.ca is None:
        row.problem("certificate", "it is shown only to a receiver whose CA is named", 'Write ca = "..." too')
    if receiver.sms and receiver.key == NOT_PINNED:
        row.problem("sms", "by SMS anybody could answer in the receiver's name", _PIN_HINT)
    if receiver.url.startswith("mqtt") and receiver.key == NOT_PINNED:
        row.problem("url", "over a broker anybody could answer in the receiver's name", _PIN_HINT)
    elif not row.has("receiver_key") and receiver.url and not is_loopback(receiver.url):
        row.problem(
            "url",
            "the key of this receiver is not pinned, so anybody on the way could silence an alarm",
            f'{_PIN_HINT}, or "none" on a closed network',
        )
    row.refuse_unknown()
    return receiver


def _receiver_key(key: str, value: object) -> str:
    words = text(r"none|[A-Za-z0-9_-]{43,44}", 'the characters that `lift-receiver key` prints, or "none"')(key, value)
    try:
        pinned(words)
    except WireError as error:
        raise Unfit(f"{key}: {error.problem}", error.hint) from error
    return words


def _numbers(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= SMS_NUMBERS_MAX:
        raise Unfit(f"{key} is no list of one or two numbers", 'Write sms = ["+8613800138000"]')
    return tuple(text(r"\+?[0-9]{3,15}", "a telephone number like +8613800138000")(key, number) for number in value)


def _url(key: str, value: object) -> str:
    host = r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)"
    pattern = rf"(https?|mqtts?)://{host}(:\d{{1,5}})?(/[A-Za-z0-9._~/-]*)?"
    return text(pattern, "https://HOST:PORT, http://, mqtts:// or mqtt://")(key, value).rstrip("/")
