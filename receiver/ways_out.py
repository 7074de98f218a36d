"""Ways to tell people outside: a mail server, an SMS gateway, a webhook. One sending each, bounded, no retry here.

In: what to say and to whom. Out: nothing, or `WayError` with whether another try makes sense. Settings come from a TOML
file that holds passwords, so it must be readable by its owner only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp

from receiver.errors import ReceiverError
from receiver.escalation import Channel
from receiver.sentences import printable

SEND_S = 20.0
SMS_CHARACTERS_MAX = 300
ANSWER_BYTES_MAX = 2_048
"""A sending ends well before its claim does; two SMS at the most; what is read of an answer. Ours."""

ADAPTERS = "adapter"
"""The table of the settings file that is about other programs."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """A mail server. security: "none", "starttls" or "tls"."""

    host: str
    sender: str
    port: int = 587
    security: str = "starttls"
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """An SMS gateway that takes POST {"to": ..., "text": ...}. token: sent as `Authorization: Bearer`."""

    url: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """secret: of the HMAC-SHA256 over the body, in the header Lift-Signature."""

    secret: str


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways out that are set."""

    mail: MailSettings | None = None
    sms: GatewaySettings | None = None
    webhook: WebhookSettings | None = None

    @classmethod
    def read(cls, path: Path) -> Ways:
        """From a TOML file with tables [mail], [sms], [webhook]. Raises `ReceiverError`."""
        hint = "See docs/receiver.md, escalation"
        try:
            if path.stat().st_mode & 0o077:
                problem = "others may read it, and it holds passwords"
                raise ReceiverError(problem, subject=str(path), hint=f"chmod 600 {path}")
            tables = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ReceiverError(f"cannot be read ({error})", subject=str(path), hint=hint) from error
        kinds = {"mail": MailSettings, "sms": GatewaySettings, "webhook": WebhookSettings}
        found: dict[str, Any] = {}
        for name, values in tables.items():
            if name == ADAPTERS:  # read by `receiver.adapters.settings`
                continue
            if name not in kinds or not isinstance(values, dict):
                raise ReceiverError(f"[{name}] is unknown", subject=str(path), hint=hint)
            unknown = values.keys() - {field.name for field in fields(kinds[name])}
            if unknown:
                raise ReceiverError(f"{min(unknown)} in [{name}] is unknown", subject=str(path), hint=hint)
            try:
                found[name] = kinds[name](**values)
            except TypeError as error:
                raise ReceiverError(f"[{name}] is not whole ({error})", subject=str(path), hint=hint) from error
        return cls(**found)


class WayError(ReceiverError):
    """It was not taken. is_final: the other end said never."""

    def __init__(self, problem: str, *, is_final: bool = False) -> None:
        super().__init__(problem, subject="way out", hint="See GET /v1/escalation")
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Saying:
    """What to say. name: the same each time; tree: for programs."""

    name: str
    subject: str
    text: str
    tree: Mapping[str, object]


async def send(ways: Ways, channel: Channel, target: str, saying: Saying) -> None:
    """Tell one target. Raises `WayError`."""
    match channel:
        case Channel.MAIL:
            await asyncio.to_thread(_mail, ways.mail, target, saying)
        case Channel.SMS:
            if ways.sms is None:
                raise WayError("no SMS gateway is set: [sms] in the settings")
            headers = {} if ways.sms.token is None else {"Authorization": f"Bearer {ways.sms.token}"}
            body = {"to": target, "text": saying.text[:SMS_CHARACTERS_MAX]}
            await _post(ways.sms.url, json.dumps(body, ensure_ascii=False).encode(), saying.name, headers)
        case Channel.WEBHOOK:
            body_bytes = json.dumps(saying.tree, ensure_ascii=False).encode()
            signed = {}
            if ways.webhook is not None:
                seal = hmac.new(ways.webhook.secret.encode(), body_bytes, hashlib.sha256).hexdigest()
                signed = {"Lift-Signature": f"sha256={seal}"}
            await _post(target, body_bytes, saying.name, signed)


def _mail(settings: MailSettings | None, target: str, saying: Saying) -> None:
    if settings is None:
        raise WayError("no mail server is set: [mail] in the settings")
    mail = EmailMessage()
    mail["From"] = settings.sender
    mail["To"] = target
    mail["Subject"] = printable(saying.subject)
    mail["Date"] = formatdate()
    digest = hashlib.sha256(f"{saying.name} {target}".encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{digest}@lift-receiver.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Lift-Name"] = saying.name
    mail.set_content(saying.text)
    try:
        with _opened(settings) as server:
            if settings.user is not None:
                server.login(settings.user, settings.password or "")
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise WayError(f"the mail server refused {target}: {codes}", is_final=all(c >= 500 for c in codes)) from error
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise WayError(f"the mail server said {error.smtp_code} {printable(str(said))[:200]}") from error
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise WayError(f"the mail server cannot be reached ({error})") from error


def _opened(settings: MailSettings) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SEND_S / 2, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=SEND_S / 2)
    if settings.security == "starttls":
        server.starttls(context=context)
    return server


async def _post(url: str, body: bytes, name: str, headers: Mapping[str, str]) -> None:
    sent = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": name, **headers}
    timeout = aiohttp.ClientTimeout(total=SEND_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.post(url, data=body, headers=sent, allow_redirects=False) as answer,
        ):
            said = (await answer.content.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
            if answer.status // 100 != 2:
                is_final = 400 <= answer.status < 500 and answer.status not in (408, 425, 429)
                raise WayError(f"{answer.status}: {printable(said)[:200]}", is_final=is_final)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise WayError(f"cannot be reached ({type(error).__name__}: {error})") from error
