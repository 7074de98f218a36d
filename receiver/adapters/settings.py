"""Reads the tables [adapter.NAME] of the receiver's settings file, and the mapping files that they name.

In: the text of the file and a way to read files beside it. Out: adapters, ready to run; or every problem with its line
and the nearest name. Secrets stand here and nowhere else: the file must be readable by its owner only (`ways_out`).
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.alarms import AlarmKind
from edge_agent.errors import SettingsError
from edge_agent.settings import SettingsProblems
from edge_agent.toml_table import ProblemList, TomlTable, Unfit, nearest_hint, one_of, text, truth, whole
from edge_agent.toml_text import text_of, toml_from
from receiver.adapters.codes import CENTRE, AlarmCode
from receiver.adapters.dc09 import KEY_BYTES, Form, Line
from receiver.adapters.dc09_out import CentreAdapter, CentreSettings
from receiver.adapters.http_out import PlatformAdapter
from receiver.adapters.mapping import NONE, PlatformMapping, mapping_from
from receiver.adapters.words import Adapter

TABLE = "adapter"
SHIPPED = "shipped:"
ADAPTERS_MAX = 20
ACCOUNTS_MAX = 100_000
FILE_BYTES_MAX = 4 * 1024 * 1024  # a hundred thousand accounts of a centre
MAPPINGS = Path(__file__).parent / "mappings"
HINT = "See docs/adapters.md, the settings"
_KINDS = {kind.public_name: kind for kind in AlarmKind}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_HEX = r"[0-9A-Fa-f]{%s}"


@dataclass(frozen=True, slots=True)
class Configured:
    """One adapter as it is set. mapping: of a platform; path: where it stands."""

    adapter: Adapter
    kind: str
    where: str
    mapping: PlatformMapping | None = None
    path: str | None = None


def adapters_in(path: Path) -> tuple[Configured, ...]:
    """Every adapter of a settings file. Raises `SettingsError`, `SettingsProblems` for what cannot be used."""
    return _read(text_of(_bytes(path), str(path), FILE_BYTES_MAX), path)


def has_adapters(tables: Mapping[str, object]) -> bool:
    """Whether a settings file names any."""
    return bool(tables.get(TABLE))


def _read(toml: str, path: Path) -> tuple[Configured, ...]:
    found = toml_from(toml, str(path), HINT, FILE_BYTES_MAX)
    problems = ProblemList(str(path), found.lines)
    top = TomlTable(found.values, (), problems).table(TABLE)
    configured: list[Configured] = []
    nested: list[SettingsError] = []
    for name in top.given_keys():
        if _NAME.fullmatch(name) is None:
            top.problem(name, f"{name[:40]!r} is no name of an adapter", "Small letters, digits and _, at most 32")
            continue
        try:
            made = _Reading(name, top.table(name), path.parent).made()
        except SettingsProblems as error:
            nested += error.problems
        except SettingsError as error:
            nested.append(error)
        else:
            configured += [] if made is None else [made]
    if len(configured) > ADAPTERS_MAX:
        top.problem("", f"{len(configured)} adapters", f"At most {ADAPTERS_MAX} are allowed")
    wrong = (*problems.in_order_of_lines(), *nested)
    if wrong:
        raise SettingsProblems(wrong, subject=str(path))
    return tuple(configured)


class _Reading:
    """One table."""

    def __init__(self, name: str, table: TomlTable, folder: Path) -> None:
        self._name = name
        self._table = table
        self._folder = folder

    def made(self) -> Configured | None:
        """None: it cannot be made, and the problems say why."""
        makers: dict[str, Callable[[], Configured | None]] = {
            "http": self._platform,
            "dc09": self._centre,
            "mqtt": self._broker,
        }
        make = self._table.need("kind", one_of(makers), self._nothing, 'kind = "http"')
        made = make()
        if make != self._nothing:
            self._table.refuse_unknown()
        return made

    def _nothing(self) -> Configured | None:
        return None

    def _platform(self) -> Configured | None:
        table = self._table
        url = table.need("url", _url, "http://127.0.0.1", 'url = "https://platform.example/api"')
        secrets = self._secrets()
        named = table.need("mapping", text(r"[^\x00]{1,400}", "a file"), "", f'mapping = "{SHIPPED}gbt24476-2017"')
        tls = self._tls()
        if not named:
            return None
        shipped = named.removeprefix(SHIPPED)
        path = MAPPINGS / f"{shipped}.toml" if named.startswith(SHIPPED) else self._folder / named
        if named.startswith(SHIPPED) and shipped not in _shipped():
            table.problem(
                "mapping", f"no mapping {shipped!r} comes with the receiver", nearest_hint(shipped, _shipped())
            )
            return None
        mapping = mapping_from(text_of(_bytes(path), str(path)), str(path), secrets)
        adapter = PlatformAdapter(self._name, url, mapping, secrets, time.monotonic, tls)
        return Configured(adapter, "http", url, mapping, str(path))

    def _centre(self) -> Configured:
        table = self._table
        form = table.take("form", one_of({form.value: form for form in Form}), Form.CONTACT_ID)
        digits = text(_HEX % "3,16", "3 to 16 hexadecimal digits")
        line = Line(
            account=table.need("account", digits, "0000", 'account = "1234"').upper(),
            receiver=table.take("receiver", _short_hex, None),
            prefix=table.take("prefix", text(_HEX % "1,6", "1 to 6 hexadecimal digits"), "0").upper(),
            key=table.take("key", _aes_key, None),
        )
        host, port = self._host(), table.need("port", whole(1, 65_535), 1, "port = 9000")
        settings = CentreSettings(
            host=host,
            port=port,
            line=line,
            form=form,
            codes=self._codes(form),
            accounts=self._accounts(digits),
            supervision_s=table.take("supervision_s", _seconds(10, 86_400), None),
            tells_tests=table.take("tests", truth(), True),
            restores_when_gone=table.take("restores_when_gone", truth(), False),
            has_extras=table.take("extras", truth(), True),
            language=table.take("language", one_of({"en": "en", "zh": "zh"}), "en"),
        )
        return Configured(CentreAdapter(self._name, settings, _unix_ms), "dc09", f"{host}:{port}")

    def _broker(self) -> Configured | None:
        table = self._table
        try:
            from receiver.adapters.mqtt_out import BrokerAdapter, BrokerSettings  # paho: only where it is used
        except ModuleNotFoundError:
            table.problem("kind", "paho is not installed", "pip install 'lift-edge-agent[mqtt]'")
            return None
        tls = self._tls()
        is_tls = table.take("tls", truth(), False)
        host = self._host()
        port = table.take("port", whole(1, 65_535), 8883 if is_tls else 1883)
        secrets = self._secrets()
        settings = BrokerSettings(
            host=host,
            port=port,
            prefix=table.take("topic", text(r"[^/#+\x00\s][^#+\x00\s]{0,200}", "a topic"), "lift/out").rstrip("/"),
            client_id=table.take("client_id", text(r"[A-Za-z0-9_-]{1,60}", "a name"), f"lift-receiver-{self._name}"),
            payload=table.take("payload", one_of({"json": "json", "senml": "senml"}), "json"),
            telemetry=table.take("telemetry", truth(), False),
            user=secrets.get("user"),
            password=secrets.get("password"),
            tls=(tls or ssl.create_default_context()) if is_tls else None,
            snapshot_s=table.take("snapshot_s", _seconds(10, 86_400), None),
            language=table.take("language", one_of({"en": "en", "zh": "zh"}), "en"),
        )
        return Configured(BrokerAdapter(self._name, settings), "mqtt", f"{host}:{port}")

    def _host(self) -> str:
        return self._table.need("host", text(r"[A-Za-z0-9.:_-]{1,253}", "a name or address"), "?", 'host = "10.0.0.5"')

    def _secrets(self) -> dict[str, str]:
        given = self._table.table("secret")
        return {name: given.take(name, text(r"[^\r\n]{1,2000}", "one line"), "") for name in given.given_keys()}

    def _tls(self) -> ssl.SSLContext | None:
        """A firm's own authority, where `ca` names one."""
        named = self._table.take("ca", text(r"[^\x00]{1,400}", "a file"), "")
        if not named:
            return None
        path = self._folder / named
        try:
            return ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError) as error:
            self._table.problem("ca", f"{path} cannot be used ({error})", "Name a file of certificates in PEM")
            return None

    def _accounts(self, digits: Callable[[str, object], str]) -> Mapping[str, str]:
        given = self._table.table("accounts")
        lifts = tuple(given.given_keys())
        if len(lifts) > ACCOUNTS_MAX:
            self._table.problem("accounts", f"{len(lifts)} accounts", f"At most {ACCOUNTS_MAX} are allowed")
        return {lift: given.take(lift, digits, "0000").upper() for lift in lifts[:ACCOUNTS_MAX]}

    def _codes(self, form: Form) -> Mapping[AlarmKind, AlarmCode | None]:
        """Those that come with the receiver, and what the table changes."""
        codes: dict[AlarmKind, AlarmCode | None] = dict(CENTRE)
        given = self._table.table("codes")
        pattern = r"[0-9A-F]{3}|none" if form is Form.CONTACT_ID else r"[A-Z]{2}/[A-Z]{2}|none"
        meaning = '"150" or "none"' if form is Form.CONTACT_ID else '"UA/UR" or "none"'
        for name in given.given_keys():
            if name not in _KINDS:
                given.problem(name, f"{name} is no alarm kind", nearest_hint(name, _KINDS))
                continue
            word = given.take(name, text(pattern, meaning), NONE)
            kept = CENTRE[_KINDS[name]]
            if word == NONE:
                codes[_KINDS[name]] = None
            elif form is Form.CONTACT_ID:
                codes[_KINDS[name]] = AlarmCode(word, kept.event, kept.restoral)
            else:
                codes[_KINDS[name]] = AlarmCode(kept.cid, *word.split("/"))
        return codes


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsError(f"cannot be read ({error.strerror})", subject=str(path), hint=HINT) from error


def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in MAPPINGS.glob("*.toml")))


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


def _url(key: str, value: object) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        is_good = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        is_good = False
    if not isinstance(value, str) or not is_good:
        raise Unfit(f"{key} is no address", f'Write for example {key} = "https://platform.example/api"')
    return value


def _short_hex(key: str, value: object) -> str:
    return text(_HEX % "1,6", "1 to 6 hexadecimal digits")(key, value).upper()


def _seconds(low: int, high: int) -> Callable[[str, object], int]:
    return whole(low, high, "s")


def _aes_key(key: str, value: object) -> bytes:
    sizes = ", ".join(str(2 * size) for size in KEY_BYTES)
    if not isinstance(value, str) or len(value) // 2 not in KEY_BYTES or re.fullmatch(_HEX % "32,64", value) is None:
        raise Unfit(f"{key} is no AES key", f"{sizes} hexadecimal digits")
    return bytes.fromhex(value)
