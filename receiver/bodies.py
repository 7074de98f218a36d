"""Request bodies, bounded in size and time; requests and answers that refuse, each with a hint."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from receiver.json_view import problem_text

_KINDS = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


class Refusal(Exception):
    """An answer that says no. closes: the connection ends with it."""

    def __init__(
        self, status: int, problem: str, hint: str, *, closes: bool = False, retry_after_s: int | None = None
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.hint = hint
        self.closes = closes
        self.retry_after_s = retry_after_s

    def response(self) -> web.Response:
        """As sent."""
        answer = web.Response(
            status=self.status, text=problem_text(self.problem, self.hint), content_type="application/json"
        )
        if self.retry_after_s is not None:
            answer.headers["Retry-After"] = str(self.retry_after_s)
        if self.closes:
            answer.force_close()
        return answer


async def read_body(request: web.Request, content_type: str, bytes_max: int, body_s: float) -> bytes:
    """The whole body. Raises `Refusal`: 415 other type, 413 too long, 408 too slow, the last two closing."""
    if request.content_type != content_type:
        raise Refusal(415, f"the body is {request.content_type}", f"Send it as {content_type}")
    too_long = Refusal(413, f"the body is longer than {bytes_max} bytes", "Send less at a time", closes=True)
    if (request.content_length or 0) > bytes_max:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(body_s):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise too_long
    except TimeoutError as error:
        problem = f"the body did not come within {body_s:g} s"
        raise Refusal(408, problem, "Send it again", closes=True) from error
    return bytes(body)


def fields_in(body: bytes, kinds: Mapping[str, type], hint: str) -> dict[str, Any]:
    """The fields of a JSON object, each of its kind. Raises `Refusal` 400 for anything else."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is no JSON", hint) from error
    if not isinstance(said, dict):
        raise Refusal(400, "the body is no JSON object", hint)
    for name, value in said.items():
        if name not in kinds:
            raise Refusal(400, f"the field {name[:40]!r} is unknown", hint)
        if type(value) is not kinds[name]:
            raise Refusal(400, f"{name}: expected {_KINDS.get(kinds[name], 'another kind of value')}", hint)
        if isinstance(value, str) and not _is_storable(value):
            raise Refusal(400, f"{name}: text that cannot be written as UTF-8, or that holds U+0000", hint)
    return said


def device_in(request: web.Request) -> bytes:
    """The id of a box in the address. Raises `Refusal` 404."""
    word = request.match_info["device"]
    if re.fullmatch(r"[0-9a-f]{16}", word) is None:
        raise Refusal(404, "no box is called so", "Take an id from `devices` of /v1/incidents")
    return bytes.fromhex(word)


def _is_storable(text: str) -> bool:
    """As every database takes it: PostgreSQL has no place for U+0000."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def whole_query(request: web.Request, name: str, low: int, high: int, default: int) -> int:
    """A whole number from the address. Raises `Refusal` 400."""
    text = request.query.get(name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,10}", text) is None or not low <= int(text) <= high:
        raise Refusal(400, f"{name}={text[:20]!r} is no whole number in {low}..{high}", f"Give {name} in that range")
    return int(text)
