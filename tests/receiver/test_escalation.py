"""Escalation against a real mail server, a real webhook and a gateway, under a clock set by hand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from edge_agent.alarms import AlarmKind
from edge_agent.wire import Phase
from edge_agent.wire_sealing import SigningKey
from receiver import escalation
from receiver.board import BoardReader
from receiver.common_cause import occasions, occupied_first
from receiver.errors import ReceiverError
from receiver.escalation import Channel, MessageState, Step
from receiver.escalator import Escalator
from receiver.service import Service
from receiver.store import Store
from receiver.ways_out import GatewaySettings, MailSettings, Ways, WebhookSettings
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, batch, body, identity, known_to
from tests.receiver.postgresql import Cluster
from tests.receiver.test_people import ROOT

ID = f"{DEVICE.hex()}-{LOG}-0-1"
MAIL = Step(0, Channel.MAIL, "duty@firm.example", "en")
SECRET = "of the webhook"


@dataclass
class MailBox:
    """A mail server that keeps what it takes. refuses: the answer to every recipient instead."""

    refuses: str | None = None
    mails: list[Message] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refuses is not None:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=default))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]).strip() for mail in self.mails]


@dataclass
class Hook:
    """An HTTP server that keeps what it is sent. status: its answer."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, object]] = field(default_factory=list)
    signatures: list[bool] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        content = await request.read()
        seal = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
        self.signatures.append(request.headers.get("Lift-Signature") == f"sha256={seal}")
        self.names.append(request.headers["Idempotency-Key"])
        self.bodies.append(json.loads(content))
        return web.Response(status=self.status)


@dataclass
class Outside:
    """Everybody who can be told."""

    mail: MailBox
    hook: Hook
    ways: Ways


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    box, hook = MailBox(), Hook()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    app = web.Application()
    app.router.add_post("/told", hook.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/told"
    await asyncio.to_thread(server.start)
    try:
        mail = MailSettings("127.0.0.1", "lifts@firm.example", port, "none")
        yield Outside(box, hook, Ways(mail, GatewaySettings(hook.url), WebhookSettings(SECRET)))
    finally:
        await asyncio.to_thread(server.stop)
        await runner.cleanup()


Story = Callable[[FarEnd, Outside, Callable[[], Awaitable[int]]], Awaitable[None]]


def escalated(folder: Path, steps: tuple[Step, ...], story: Story) -> None:
    """A receiver with this default list; the story turns the escalator by hand."""

    async def run(far_end: FarEnd) -> None:
        async with outside() as others:
            meant = [Step(s.after_s, s.channel, s.target or others.hook.url, s.language) for s in steps]
            await far_end.service.change(lambda db: escalation.put_list(db, "*", meant, ROOT, NOW_MS))
            escalator = Escalator(far_end.service, others.ways)

            async def turn() -> int:
                begun = await escalator.turn()
                await escalator.settled()
                return begun

            await story(far_end, others, turn)

    with_receiver(folder, run)


async def states(far_end: FarEnd) -> list[str]:
    answer = await far_end.client.get(f"{far_end.url}/v1/escalation")
    found = sorted((await answer.json())["messages"], key=lambda each: each["name"])
    return [each["state"] for each in found]


def test_an_alarm_that_nobody_takes_over_climbs_the_list(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        await turn()
        (mail,) = others.mail.mails
        assert mail["To"] == "duty@firm.example"
        assert mail["Subject"] == "ALARM: Entrapment, lift 31104403532019060007, someone inside 93 %"
        far_end.clock.ms += 89_000
        await turn()
        assert others.hook.bodies == []
        far_end.clock.ms += 1_000
        await turn()
        (told,) = others.hook.bodies
        incidents = told["incidents"]
        assert isinstance(incidents, list)
        assert incidents[0]["id"] == ID
        assert others.hook.signatures == [True]
        await turn()
        assert (len(others.mail.mails), len(others.hook.bodies)) == (1, 1)

    escalated(tmp_path, (MAIL, Step(90, Channel.WEBHOOK, "", "en")), story)


def test_whoever_takes_over_stops_the_climb(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(alarm(1)))
        await turn()
        await far_end.tell(ID, {"act": "taken_over", "who": "Li"})
        far_end.clock.ms += 600_000
        assert await turn() == 0
        assert others.hook.bodies == []
        assert await states(far_end) == ["sent"]

    escalated(tmp_path, (MAIL, Step(90, Channel.WEBHOOK, "", "en")), story)


def test_a_mail_server_that_is_away_is_tried_again_and_told_once(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        others.mail.refuses = "451 later"
        await far_end.receipt(body(alarm(1)))
        assert await turn() == 1
        assert await states(far_end) == ["waiting"]
        assert await turn() == 0
        others.mail.refuses = None
        far_end.clock.ms += escalation.AGAIN_MS
        assert await turn() == 1
        assert await states(far_end) == ["sent"]
        assert len(others.mail.mails) == 1

    escalated(tmp_path, (MAIL,), story)


def test_a_message_that_is_refused_for_good_is_shown_as_dead_and_can_be_tried_again(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        others.mail.refuses = "550 no such person"
        await far_end.receipt(body(alarm(1)))
        await turn()
        answer = await (await far_end.client.get(f"{far_end.url}/v1/escalation?state=dead")).json()
        assert answer["ways"]["mail"]["dead"] == 1
        (dead,) = answer["messages"]
        assert "550" in dead["error"]
        others.mail.refuses = None
        retried = await far_end.client.post(f"{far_end.url}/v1/escalation/retry", json={"name": dead["name"]})
        assert retried.status == 200
        await turn()
        assert await states(far_end) == ["sent"]
        gone = await far_end.client.post(f"{far_end.url}/v1/escalation/retry", json={"name": dead["name"]})
        assert gone.status == 404

    escalated(tmp_path, (MAIL,), story)


def test_there_is_an_end_to_trying(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        others.hook.status = 500
        await far_end.receipt(body(alarm(1)))
        for _ in range(escalation.TRIES_MAX):
            await turn()
            far_end.clock.ms += escalation.AGAIN_MS_MAX
        assert await states(far_end) == ["dead"]
        assert len(others.hook.bodies) == escalation.TRIES_MAX
        assert set(others.hook.names) == {f"{ID}-1-raised"}

    escalated(tmp_path, (Step(0, Channel.WEBHOOK, "", "en"),), story)


def test_whoever_dies_between_sending_and_marking_is_followed_by_the_same_message_again(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(alarm(1)))
        claimed = await far_end.service.change(lambda db: (escalation.plan(db, far_end.clock.ms), _claim(db, far_end)))
        assert len(claimed[1]) == 1
        assert await turn() == 0
        far_end.clock.ms += escalation.CLAIM_MS
        assert await turn() == 1
        assert await turn() == 0
        assert len(others.mail.mails) == 1

    escalated(tmp_path, (MAIL,), story)


def _claim(db: object, far_end: FarEnd) -> tuple[escalation.Message, ...]:
    return escalation.claim(db, far_end.clock.ms)  # type: ignore[arg-type]


def test_who_was_told_hears_that_it_recovered_by_itself_and_that_it_came_back(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(alarm(1)))
        await turn()
        await far_end.receipt(body(alarm(2, phase=Phase.CONDITION_GONE, incident=1)))
        await turn()
        assert [subject.split(":")[0] for subject in others.mail.subjects] == ["ALARM", "recovered by itself"]
        shown = await (await far_end.client.get(f"{far_end.url}/v1/incidents/{ID}")).json()
        assert shown["incident"]["recovered_by_itself"]
        await far_end.receipt(body(alarm(3, phase=Phase.UPDATED, incident=1)))
        await turn()
        assert [subject.split(":")[0] for subject in others.mail.subjects][2:] == ["ALARM"]

    escalated(tmp_path, (MAIL,), story)


@pytest.mark.parametrize(("late_ms", "told"), [(-1, 2), (0, 1)])
def test_what_recovers_more_than_a_month_after_it_was_told_is_no_news(tmp_path: Path, late_ms: int, told: int) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(alarm(1)))
        await turn()
        await far_end.receipt(body(alarm(2, phase=Phase.CONDITION_GONE, incident=1)))
        far_end.clock.ms += escalation.RECOVERED_MS_MAX + late_ms
        await turn()
        assert len(others.mail.subjects) == told

    escalated(tmp_path, (MAIL,), story)


def test_a_blackout_is_one_message_with_occupied_cars_first(tmp_path: Path) -> None:
    boxes = [SigningKey(bytes([n]) * 32) for n in range(1, 31)]

    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        for percent, key in enumerate(boxes):
            device = key.public.fingerprint
            for record in (
                alarm(1, device=device, percent=3 * percent),
                alarm(1, device=device, kind=AlarmKind.MAINS_LOST),
            ):
                await far_end.client.post(
                    f"{far_end.url}/v1/records",
                    data=_body(record, device, key),
                    headers={"Content-Type": "application/vnd.lift-batch+cbor", "Lift-Key": key.public.text},
                )
        await turn()
        (mail,) = others.mail.mails
        text = mail.get_content()  # type: ignore[attr-defined]
        lines = text.splitlines()
        assert lines[0] == "30 alarms, occupied cars first"
        assert boxes[-1].public.fingerprint.hex() in lines[1]
        assert lines[-1] == "15 more"
        board = await (await far_end.client.get(f"{far_end.url}/v1/incidents")).json()
        (occasion,) = board["occasions"]
        assert (occasion["cause"], occasion["lifts"], occasion["occupied"]) == ("power", 30, 13)
        assert occasion["incidents"][0].startswith(boxes[-1].public.fingerprint.hex())

    escalated(tmp_path, (MAIL,), story)


def _body(record: object, device: bytes, key: SigningKey) -> bytes:
    from edge_agent.wire import encode_batch

    return encode_batch(batch(record, device=device, key=key))  # type: ignore[arg-type]


def test_a_lift_number_cannot_forge_a_line_of_a_mail(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(identity(1, "1\r\nBcc: x@y\u2028<b>"), alarm(1)))
        await turn()
        (mail,) = others.mail.mails
        assert mail["Bcc"] is None
        assert "\\u000d\\u000aBcc" in mail["Subject"]

    escalated(tmp_path, (MAIL,), story)


def test_chinese_lists_are_told_in_chinese_and_by_sms_short(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        await far_end.receipt(body(identity(1), alarm(1)))
        await turn()
        (sent,) = others.hook.bodies
        assert sent == {"to": "+8613800138000", "text": "报警: 困人, 电梯 31104403532019060007, 轿内有人 93 %"}

    escalated(tmp_path, (Step(0, Channel.SMS, "+8613800138000", "zh"),), story)


def test_a_lift_with_a_list_of_its_own_does_not_use_the_default_one(tmp_path: Path) -> None:
    async def story(far_end: FarEnd, others: Outside, turn: Callable[[], Awaitable[int]]) -> None:
        sent = {"steps": [{"after_s": 0, "channel": "webhook", "target": others.hook.url}]}
        path = f"{far_end.url}/v1/escalation/lists/31104403532019060007"
        assert (await far_end.client.put(path, json=sent)).status == 200
        await far_end.receipt(body(identity(1), alarm(1)))
        await turn()
        assert (len(others.mail.mails), len(others.hook.bodies)) == (0, 1)

    escalated(tmp_path, (MAIL,), story)


@pytest.mark.parametrize(
    "step",
    [
        Step(0, Channel.MAIL, "nobody", "en"),
        Step(0, Channel.MAIL, "a@b\r\nBcc: c@d", "en"),
        Step(0, Channel.SMS, "call me", "en"),
        Step(0, Channel.WEBHOOK, "file:///etc/passwd", "en"),
        Step(-1, Channel.SMS, "110", "en"),
        Step(0, Channel.SMS, "110", "fr"),
    ],
)
def test_a_step_that_can_reach_nobody_is_refused(tmp_path: Path, step: Step) -> None:
    store = Store(tmp_path)
    with pytest.raises(ReceiverError):
        store.change(lambda db: escalation.put_list(db, "*", [step], ROOT, NOW_MS))
    store.close()


def test_settings_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ways.toml"
    path.write_text('[sms]\nurl = "http://127.0.0.1/"\n')
    path.chmod(0o644)
    with pytest.raises(ReceiverError, match="others may read it"):
        Ways.read(path)
    path.chmod(0o600)
    assert Ways.read(path).sms == GatewaySettings("http://127.0.0.1/")
    path.write_text('[sms]\nurk = "x"\n')
    with pytest.raises(ReceiverError, match=r"urk in \[sms\] is unknown"):
        Ways.read(path)


def test_occasions_are_the_same_in_any_order(tmp_path: Path) -> None:
    store = known_to(Store(tmp_path))
    for n in range(1, 8):
        key = SigningKey(bytes([n]) * 32)
        device = key.public.fingerprint
        store.learn(device, key.public, NOW_MS)
        store.take(batch(alarm(1, device=device, percent=None if n % 3 else 10 * n), device=device, key=key), NOW_MS)
    store.close()
    reader = BoardReader(tmp_path)
    views = list(reader.board(NOW_MS).incidents)
    reader.close()
    expected, urgent = occasions(views), occupied_first(views)
    assert [(each.cause, each.lifts) for each in expected] == [("unknown", 7)]
    chance = random.Random(3)
    for _ in range(20):
        chance.shuffle(views)
        assert occasions(views) == expected
        assert occupied_first(views) == urgent


@pytest.mark.system
def test_two_receivers_on_one_database_tell_each_target_once(cluster: Cluster) -> None:
    url = cluster.new_database()

    async def run() -> None:
        stores = [known_to(Store(url)) for _ in range(2)]
        readers = [BoardReader(url) for _ in range(2)]
        services = [Service(s, r, lambda: NOW_MS) for s, r in zip(stores, readers, strict=True)]
        stores[0].change(lambda db: escalation.put_list(db, "*", [MAIL], ROOT, NOW_MS))
        stores[0].take(batch(*(alarm(n) for n in range(1, 20))), NOW_MS)
        async with outside() as others:
            escalators = [Escalator(service, others.ways) for service in services]
            for _ in range(3):
                await asyncio.gather(*(escalator.turn() for escalator in escalators))
                await asyncio.gather(*(escalator.settled() for escalator in escalators))
            assert others.mail.subjects == ["19 alarms, occupied cars first"]
        found = stores[0].change(lambda db: escalation.messages(db, None))
        assert {message.state for message in found} == {MessageState.SENT}
        for service in services:
            await service.stop()
        for reader, store in zip(readers, stores, strict=True):
            reader.close()
            store.close()

    asyncio.run(run())
