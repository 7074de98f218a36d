"""Reads the mapping file of a platform over HTTP and JSON: calls, templates, codes, what its answers mean.

In: a TOML text. Out: a `PlatformMapping`, or every problem of the file with its line and the nearest name. Pure.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_agent.alarms import AlarmKind
from edge_agent.settings import SettingsProblems
from edge_agent.toml_lines import KeyPath
from edge_agent.toml_table import ProblemList, TomlTable, Unfit, nearest_hint, one_of, text, truth, whole
from edge_agent.toml_text import toml_from
from receiver.adapters.fields import FIELDS, TIMES
from receiver.adapters.template import (
    Node,
    Scalar,
    Style,
    Tables,
    TemplateError,
    TextTemplate,
    compile_text,
    compile_tree,
)
from receiver.adapters.words import BY_THE_CLOCK, What

NONE = "none"
OTHER = "other"
HINT = "See docs/adapters.md, the mapping file"
TABLES_MAX, ROWS_MAX, HEADERS_MAX = 20, 200, 20
_NO_SCALAR: Scalar = NONE
_NO_PLACE: tuple[str, ...] = ()
_KINDS = {kind.public_name: kind for kind in AlarmKind}
_WHATS = {what.value: what for what in What}
_METHODS = {word: word for word in ("POST", "PUT", "PATCH", "GET")}
_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ZONE = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. body None: without one."""

    method: str
    path: TextTemplate
    headers: tuple[tuple[str, TextTemplate], ...]
    body: Node | None


@dataclass(frozen=True, slots=True)
class TokenCall:
    """How to sign in. field: where in the answer the token is; valid_s: after so long a new one is fetched."""

    call: Call
    field: tuple[str, ...]
    valid_s: int


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What an answer means. code_field: where its own code is; empty: the HTTP status says everything."""

    status_ok: frozenset[int]
    status_token_over: frozenset[int]
    code_field: tuple[str, ...]
    text_field: tuple[str, ...]
    ok: frozenset[str]
    token_over: frozenset[str]
    had_it: frozenset[str]
    refused: frozenset[str]
    later: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlatformMapping:
    """Everything about one platform but its address and secrets. codes: None for a kind that is not told."""

    profile: str
    language: str
    timeout_s: int
    at_once: int
    leaves_out_null: bool
    idempotency_header: str
    token: TokenCall | None
    answer: AnswerRules
    codes: Mapping[AlarmKind, Scalar | None]
    other: Scalar | None  # the code of kinds that this receiver does not know yet
    messages: Mapping[What, Call]
    snapshot_s: int | None
    online_s: int | None


def mapping_from(toml: str, file_name: str, secrets: Iterable[str] = ()) -> PlatformMapping:
    """secrets: names of what the settings give beside. Raises `SettingsProblems`, `SettingsError`."""
    found = toml_from(toml, file_name, HINT)
    problems = ProblemList(file_name, found.lines)
    mapping = _Reader(TomlTable(found.values, (), problems), problems, tuple(secrets)).read()
    wrong = problems.in_order_of_lines()
    if wrong:
        raise SettingsProblems(wrong, subject=file_name)
    return mapping


class _Reader:
    """One pass over the file."""

    def __init__(self, top: TomlTable, problems: ProblemList, secrets: tuple[str, ...]) -> None:
        self._top = top
        self._problems = problems
        self._secrets = tuple(f"secret.{name}" for name in secrets)
        self._tables: Tables = {}
        self._style = Style()

    def read(self) -> PlatformMapping:
        top = self._top
        top.need("format", whole(1, 1), 1, "format = 1")
        profile = top.need("profile", text(r".{1,300}", "what codes these are"), "?", 'profile = "GB/T 24476-2017 ..."')
        language = top.take("language", one_of({"en": "en", "zh": "zh"}), "en")
        form = top.take("time_format", text(r".{1,60}", "iso, unix_s, unix_ms, or like %Y-%m-%d %H:%M:%S"), "iso")
        self._style = Style(top.take("time_zone", _zone, datetime.UTC), form)
        self._tables = self._read_tables(top.table("tables"))
        codes, other = self._read_codes(top.table("codes"))
        headers = self._headers(top, "headers", (*FIELDS, "token", *self._secrets))
        token = self._read_token(top.table("token"), headers) if top.has("token") else None
        messages, every_s = self._read_messages(top.table("messages"), headers)
        mapping = PlatformMapping(
            profile=profile,
            language=language,
            timeout_s=top.take("timeout_s", whole(1, 25, "s"), 10),
            at_once=top.take("at_once", whole(1, 16), 4),
            leaves_out_null=top.take("leave_out_null", truth(), False),
            idempotency_header=top.take("idempotency_header", text(r"[A-Za-z0-9-]{0,60}", "a header"), ""),
            token=token,
            answer=self._read_answer(top.table("answer")),
            codes=codes,
            other=other,
            messages=messages,
            snapshot_s=every_s.get(What.SNAPSHOT),
            online_s=every_s.get(What.ONLINE),
        )
        top.refuse_unknown()
        return mapping

    def _read_tables(self, table: TomlTable) -> Tables:
        found: dict[str, Mapping[str, Scalar]] = {}
        for name in tuple(table.given_keys())[:TABLES_MAX]:
            rows = table.table(name)
            keys = tuple(rows.given_keys())
            if len(keys) > ROWS_MAX:
                table.problem(name, f"[tables.{name}] has {len(keys)} rows", f"At most {ROWS_MAX} are allowed")
            found[name] = {key: rows.take(key, _scalar, _NO_SCALAR) for key in keys[:ROWS_MAX]}
        return found

    def _read_codes(self, table: TomlTable) -> tuple[dict[AlarmKind, Scalar | None], Scalar | None]:
        codes: dict[AlarmKind, Scalar | None] = dict.fromkeys(AlarmKind)
        for name in table.given_keys():
            if name in _KINDS:
                codes[_KINDS[name]] = _code(table.take(name, _scalar, _NO_SCALAR))
            elif name != OTHER:
                table.problem(name, f"{name} is no alarm kind", nearest_hint(name, (*_KINDS, OTHER)))
        missing = [name for name in _KINDS if not table.has(name)]
        if missing:
            hint = f'Write {missing[0]} = "{NONE}" where the platform has no code for it'
            self._top.problem("codes", f"[codes] lacks {', '.join(missing)}", hint)
        return codes, _code(table.take(OTHER, _scalar, _NO_SCALAR))

    def _read_token(self, table: TomlTable, common: tuple[tuple[str, TextTemplate], ...]) -> TokenCall:
        table.need("path", _path, "/", 'path = "/login"')
        without_token = tuple(pair for pair in common if not pair[1].fields & {"token", *FIELDS})
        call = self._call(table, ("token",), without_token, self._secrets)
        field = table.need("field", _dotted, _NO_PLACE, 'field = "data.token"')
        valid_s = table.take("valid_s", whole(10, 31_536_000, "s"), 3_600)
        table.refuse_unknown()
        return TokenCall(call, field, valid_s)

    def _read_answer(self, table: TomlTable) -> AnswerRules:
        code_field = table.take("code_field", _dotted, _NO_PLACE)
        rules = AnswerRules(
            status_ok=table.take("status_ok", _statuses, frozenset({200, 201, 202, 204})),
            status_token_over=table.take("status_token_over", _statuses, frozenset({401})),
            code_field=code_field,
            text_field=table.take("text_field", _dotted, _NO_PLACE),
            ok=table.take("code_ok", _codes, frozenset()),
            token_over=table.take("code_token_over", _codes, frozenset()),
            had_it=table.take("code_had_it", _codes, frozenset()),
            refused=table.take("code_refused", _codes, frozenset()),
            later=table.take("code_later", _codes, frozenset()),
        )
        if code_field and not rules.ok:
            table.problem("code_ok", "code_field is given without code_ok", "Write for example code_ok = [0]")
        table.refuse_unknown()
        return rules

    def _read_messages(
        self, table: TomlTable, headers: tuple[tuple[str, TextTemplate], ...]
    ) -> tuple[dict[What, Call], dict[What, int]]:
        calls: dict[What, Call] = {}
        every_s: dict[What, int] = {}
        for name in table.given_keys():
            if name not in _WHATS:
                table.problem(name, f"{name} is no message", nearest_hint(name, _WHATS))
                continue
            what, own = _WHATS[name], table.table(name)
            own.need("path", _path, "/", 'path = "/alarms"')
            calls[what] = self._call(own, ("messages", name), headers, (*FIELDS, "token", *self._secrets))
            if what in BY_THE_CLOCK:
                every_s[what] = own.need("every_s", whole(10, 86_400, "s"), 300, "every_s = 300")
            own.refuse_unknown()
        if not calls:
            self._top.problem("messages", "no message is mapped", "Write at least [messages.raised]")
        return calls, every_s

    def _call(
        self,
        table: TomlTable,
        at: KeyPath,
        common: tuple[tuple[str, TextTemplate], ...],
        fields: tuple[str, ...],
    ) -> Call:
        path = self._template(table, "path", table.take("path", _quiet_path, "/"), fields)
        own = self._headers(table, "headers", fields)
        names = {name.lower() for name, _ in own}
        return Call(
            method=table.take("method", one_of(_METHODS), "POST"),
            path=path,
            headers=(*(pair for pair in common if pair[0].lower() not in names), *own),
            body=self._body(table, at, fields),
        )

    def _body(self, table: TomlTable, at: KeyPath, fields: tuple[str, ...]) -> Node | None:
        if not table.has("body"):
            return None
        try:
            return compile_tree(table.take("body", _any, None), fields, TIMES, self._style, self._tables)
        except TemplateError as error:
            self._problems.add((*at, "body", *error.path), f"body: {error.problem}", error.hint)
            return None

    def _headers(self, table: TomlTable, key: str, fields: tuple[str, ...]) -> tuple[tuple[str, TextTemplate], ...]:
        if not table.has(key):
            return ()
        given, found = table.table(key), []
        for name in tuple(given.given_keys())[:HEADERS_MAX]:
            value = given.take(name, text(r"[^\r\n]{0,2000}", "a header of one line"), "")
            if re.fullmatch(r"[A-Za-z0-9-]{1,60}", name) is None:
                given.problem(name, f"{name[:60]!r} is no name of a header", "Letters, digits and -")
            found.append((name, self._template(given, name, value, fields)))
        return tuple(found)

    def _template(self, table: TomlTable, key: str, words: str, fields: tuple[str, ...]) -> TextTemplate:
        try:
            return compile_text(words, fields, TIMES, self._style, self._tables)
        except TemplateError as error:
            table.problem(key, f"{key}: {error.problem}", error.hint)
            return TextTemplate(("",))


def _any(_: str, value: object) -> object:
    return value


def _scalar(key: str, value: object) -> Scalar:
    if not isinstance(value, str | int | float | bool):
        raise Unfit(f"{key} must be text, a number, or true or false", f'Write for example {key} = "04"')
    return value


def _code(value: Scalar) -> Scalar | None:
    return None if value == NONE else value


def _path(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or value.startswith("//"):
        raise Unfit(f"{key} is no path", f'Write for example {key} = "/alarms"; the address stands in the settings')
    return value


def _quiet_path(_: str, value: object) -> str:
    """What `_path` has complained about already."""
    return value if isinstance(value, str) else "/"


def _dotted(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, str) or _PATH.fullmatch(value) is None:
        raise Unfit(f"{key} is no name inside an answer", f'Write for example {key} = "data.token"')
    return tuple(value.split("."))


def _zone(key: str, value: object) -> datetime.timezone:
    found = _ZONE.fullmatch(value) if isinstance(value, str) else None
    hours = 99 if found is None else int(found[2])
    if found is None or hours > 14 or int(found[3]) > 59:
        raise Unfit(f"{key} is no offset from UTC", f'Write for example {key} = "+08:00"')
    offset = datetime.timedelta(hours=hours, minutes=int(found[3]))
    return datetime.timezone(-offset if found[1] == "-" else offset)


def _numbers_or_words(key: str, value: object) -> list[str | int]:
    if not isinstance(value, list) or not all(isinstance(each, str | int) for each in value) or len(value) > 50:
        raise Unfit(f"{key} must be a list of codes", f"Write for example {key} = [0]")
    return value


def _codes(key: str, value: object) -> frozenset[str]:
    return frozenset(_written(each) for each in _numbers_or_words(key, value))


def _written(code: str | int) -> str:
    return ("true" if code else "false") if isinstance(code, bool) else str(code)


def _statuses(key: str, value: object) -> frozenset[int]:
    codes = _numbers_or_words(key, value)
    if not all(isinstance(each, int) and 100 <= each <= 599 for each in codes):
        raise Unfit(f"{key} must be a list of HTTP statuses", f"Write for example {key} = [200]")
    return frozenset(each for each in codes if isinstance(each, int))
