"""Mapping files, templates and settings: what they make of a message, and what is wrong with them, by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.alarms import AlarmKind
from edge_agent.catalogue import CATALOGUE
from edge_agent.errors import SettingsError
from edge_agent.settings import SettingsProblems
from receiver.adapters.codes import BACNET, BACNET_FAULTS
from receiver.adapters.dc09_out import CentreAdapter
from receiver.adapters.example import example_of
from receiver.adapters.fields import FIELDS, TIMES
from receiver.adapters.http_out import PlatformAdapter, inside
from receiver.adapters.mapping import PlatformMapping, mapping_from
from receiver.adapters.settings import adapters_in
from receiver.adapters.template import Style, TemplateError, compile_text, compile_tree, filled
from receiver.adapters.words import What
from receiver.cli import main
from receiver.errors import ReceiverError
from receiver.ways_out import Ways
from tests.receiver.adapters.rig import SECRETS, SHIPPED, mapping

TEXT = SHIPPED.read_text("utf-8")
STYLE = Style(time_format="unix_s")
TABLES = {"door": {"closed": 2, "*": 0}, "flag": {"true": 1, "false": 2, "null": 9}}


def value(text: str, **facts: object) -> object:
    return compile_text(text, FIELDS, TIMES, STYLE, TABLES).value(facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{landing}", 4),
        ("{landing|plus:1}", 5),
        ("{landing|text}", "4"),
        ("floor {landing}", "floor 4"),
        ("{height_mm|times:0.001|round:1}", 13.5),
        ("{height_mm|times:0.001|round:0}", 13),
        ("{door|in:door}", 2),
        ("{moving|in:door}", 0),
        ("{occupied|in:flag}", 1),
        ("{between_landings|in:flag}", 9),
        ("{people|or:?}", "?"),
        ("{people}", None),
        ("{people} people", " people"),
        ("{name|cut:3}", "ent"),
        ("{raised}", 1_795_459_200),
        ("{raised|time:unix_ms}", 1_795_459_200_123),
        ("{raised|time:%H:%M}", "18:40"),
        ("{raised|time:iso}", "2026-11-23T18:40:00.123+00:00"),
        ("{{{landing}}}", "{4}"),
        ("{open_codes}", ["11", "41"]),
        ("codes {open_codes}", "codes 11,41"),
        ("", ""),
    ],
)
def test_a_place_gives_the_value_and_words_around_it_text(text: str, expected: object) -> None:
    facts = {
        "landing": 4,
        "height_mm": 13_480,
        "door": "closed",
        "moving": "up",
        "occupied": True,
        "name": "entrapment",
    }
    assert value(text, **facts, raised=1_795_459_200_123, open_codes=["11", "41"]) == expected


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("{landin}", "{landin} is no field", "Did you mean landing?"),
        ("{landing|pluss:1}", "pluss is no filter", "Did you mean plus?"),
        ("{landing|plus:one}", "plus:one is no number", "plus:0.001"),
        ("{landing|in:dor}", "there is no [tables.dor]", "Did you mean door?"),
        ("{landing|round:99}", "no whole number from 0 to 9", "round:2"),
        ("{raised|time:soon}", "'soon' is no format of a time", "unix_s"),
        ("{landing", "a brace", "{field}"),
        ("}", "a brace", "{field}"),
        ("{key.__class__}", "is no field", ""),
        ("{}", "{} is no field", ""),
    ],
)
def test_a_template_that_says_nothing_is_refused_with_the_nearest_name(text: str, problem: str, hint: str) -> None:
    with pytest.raises(TemplateError) as refused:
        value(text)
    assert problem in refused.value.problem
    assert hint in refused.value.hint


@given(st.text(max_size=40), st.text(max_size=10))
def test_what_stands_in_a_fact_is_never_read_as_a_template(words: str, name: str) -> None:
    body = compile_tree({"a": ["{note}", "x{name}"]}, FIELDS, TIMES, STYLE, TABLES)
    assert filled(body, {"note": words, "name": name}, leaves_out_null=False) == {"a": [words, f"x{name}"]}


def test_what_is_not_known_is_null_or_left_out_as_the_file_says() -> None:
    body = compile_tree({"a": "{people}", "b": {"c": "{people}"}, "d": 1}, FIELDS, TIMES, STYLE, TABLES)
    assert filled(body, {}, leaves_out_null=False) == {"a": None, "b": {"c": None}, "d": 1}
    assert filled(body, {}, leaves_out_null=True) == {"b": {}, "d": 1}


def test_a_time_beyond_every_calendar_is_not_known() -> None:
    assert value("{raised|time:iso}", raised=1 << 62) is None


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        mapping_from(text, "city.toml", SECRETS)
    return str(refused.value).splitlines()


def line_of(words: str, text: str = TEXT) -> int:
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("alarm_button =", "alarm_buton =", "alarm_buton is no alarm kind. Did you mean alarm_button?"),
        ("[messages.raised]", "[messages.rised]", "rised is no message. Did you mean raised?"),
        ('registerNumber = "{lift}"', 'registerNumber = "{lft}"', "body: {lft} is no field. Did you mean lift?"),
        ("leave_out_null = true", "leave_out_nul = true", "Did you mean leave_out_null?"),
        ("code_ok = [0]", "code_ok = 0", "code_ok must be a list of codes"),
        ('time_zone = "+08:00"', 'time_zone = "Asia/Shanghai"', "time_zone is no offset from UTC"),
        ("every_s = 300", "every_s = 5", "every_s = 5 is impossible"),
        ('path = "/lift/alarm"', 'path = "lift/alarm"', "path is no path"),
        ('path = "/lift/alarm"', 'path = "//evil.example/a"', "path is no path"),
        ("{secret.password}", "{secret.passwort}", "{secret.passwort} is no field. Did you mean secret.password?"),
        ('field = "data.token"', 'field = "data token"', "field is no name inside an answer"),
        ("status_ok = [200]", "status_ok = [2000]", "status_ok must be a list of HTTP statuses"),
        ("format = 1", "format = 2", "format = 2 is impossible"),
    ],
)
def test_every_mistake_is_named_with_its_line(before: str, after: str, said: str) -> None:
    changed = TEXT.replace(before, after, 1)
    found = [each for each in problems(changed) if said in each]
    assert found, problems(changed)
    line = line_of(after, changed)
    assert any(each.startswith(f"city.toml:{line}:") for each in found), (line, found)


def test_a_kind_that_is_forgotten_is_named() -> None:
    (said,) = problems(TEXT.replace('door_slow = "none"\n', "", 1))
    assert "[codes] lacks door_slow" in said
    assert 'Write door_slow = "none"' in said


def test_all_mistakes_are_told_at_once() -> None:
    changed = (
        TEXT.replace("format = 1", "format = 9").replace("entrapment =", "entraped =").replace("{raised}", "{rased}")
    )
    assert len(problems(changed)) >= 4


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(SettingsError):
        mapping_from(text, "city.toml")


def test_the_file_that_comes_with_the_receiver_uses_the_code_points_of_the_catalogue() -> None:
    used: PlatformMapping = mapping()
    for kind, row in CATALOGUE.items():
        if row.gb.isdecimal() and kind is not AlarmKind.CONTROLLER_FAULT:
            assert used.codes[kind] == row.gb, kind
    assert used.codes[AlarmKind.ENTRAPMENT] == "11"
    assert "conform" not in used.profile


def test_the_example_of_each_message_can_be_shown() -> None:
    shown = PlatformAdapter("city", "https://p.example/api/", mapping(), SECRETS, lambda: 0.0)
    for what in mapping().messages:
        method, url, headers, _ = shown.shown(example_of(what, "zh"))
        assert method in ("POST", "PUT")
        assert url.startswith("https://p.example/api/")
        assert headers["Authorization"] == "Bearer ***"
    assert set(example_of(What.RAISED, "en").facts) >= set(FIELDS)


def test_every_kind_has_a_bacnet_code_or_says_that_it_has_none() -> None:
    assert set(BACNET) == set(AlarmKind)
    for kind, code in BACNET.items():
        told = CATALOGUE[kind].bacnet
        assert code.fault is None or code.fault in BACNET_FAULTS
        assert (code.fault is None and not code.passenger_alarm) == (told == "-"), kind
        assert code.fault is None or str(code.fault) in told
        assert code.passenger_alarm == ("Passenger_Alarm" in told)
        assert code.fault is not None or code.passenger_alarm or code.remark


def test_the_place_of_a_token_may_be_deep_and_a_strange_answer_has_none() -> None:
    assert inside({"a": [{"b": 1}]}, ("a", "0", "b")) == 1
    answers: tuple[object, ...] = (None, [], "x", {"a": None}, {"a": [1]})
    for strange in answers:
        assert inside(strange, ("a", "0", "b")) is None


def settings(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


GOOD = """
[sms]
url = "http://127.0.0.1/"
[adapter.city]
kind = "http"
url = "https://platform.example/api"
mapping = "shipped:gbt24476-2017"
secret = { user = "u", password = "p" }
[adapter.centre]
kind = "dc09"
host = "10.0.0.5"
port = 9000
account = "12ab"
form = "SIA-DCS"
key = "000102030405060708090a0b0c0d0e0f"
supervision_s = 60
accounts = { "31104403532019060007" = "AB12" }
codes = { overspeed = "EA/ER", door_slow = "none" }
[adapter.bus]
kind = "mqtt"
host = "broker.example"
topic = "city/lifts"
secret = { user = "u" }
telemetry = true
"""


def test_three_kinds_of_adapters_are_set_in_one_file_beside_the_ways_to_people(tmp_path: Path) -> None:
    path = settings(tmp_path, GOOD)
    city, centre, bus = adapters_in(path)
    assert (city.adapter.name, city.kind, city.where) == ("city", "http", "https://platform.example/api")
    assert isinstance(centre.adapter, CentreAdapter)
    assert centre.adapter.code_of(AlarmKind.DOOR_SLOW) is None
    assert not centre.adapter.wants(What.RAISED, AlarmKind.DOOR_SLOW)
    assert centre.adapter.wants(What.RAISED, AlarmKind.OVERSPEED)
    assert bus.adapter.wants_telemetry
    assert Ways.read(path).sms is not None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('kind = "dc09"', 'kind = "dc9"', 'kind = "dc9" is not known. Did you mean "dc09"?'),
        ("supervision_s", "supervison_s", "supervison_s is no key of [adapter] centre. Did you mean supervision_s?"),
        ("shipped:gbt24476-2017", "shipped:gbt24476-2023", "no mapping 'gbt24476-2023' comes with the receiver"),
        ('"https://platform.example/api"', '"platform.example"', "url is no address"),
        ('account = "12ab"', 'account = "12xy"', 'account = "12xy" cannot be used'),
        ('key = "0001', 'key = "01', "key is no AES key"),
        ("overspeed", "overspeeed", "overspeeed is no alarm kind. Did you mean overspeed?"),
        ('"EA/ER"', '"150"', 'overspeed = "150" cannot be used'),
        ("[adapter.bus]", "[adapter.Bus]", "'Bus' is no name of an adapter"),
        ('"city/lifts"', '"city/#"', 'topic = "city/#" cannot be used'),
        ('user = "u", password', 'usr = "u", password', "{secret.user} is no field. Did you mean secret.usr?"),
    ],
)
def test_a_mistake_in_the_settings_is_named_with_file_and_line(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    with pytest.raises(SettingsProblems) as refused:
        adapters_in(settings(tmp_path, GOOD.replace(before, after, 1)))
    found = [each for each in str(refused.value).splitlines() if said in each]
    assert found, str(refused.value)
    assert ".toml:" in found[0]


def test_a_mapping_beside_the_settings_is_found_and_a_missing_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TEXT, "utf-8")
    path = settings(tmp_path, GOOD.replace("shipped:gbt24476-2017", "own.toml"))
    assert adapters_in(path)[0].path == str(tmp_path / "own.toml")
    (tmp_path / "own.toml").unlink()
    with pytest.raises(SettingsError, match=r"own\.toml: cannot be read"):
        adapters_in(path)


def test_the_command_shows_what_would_be_sent_and_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = settings(tmp_path, GOOD.replace('password = "p"', 'password = "tops3cret"').replace("https", "http"))
    assert main(["adapter", "check", "--settings", str(path), "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "city: http, http://platform.example/api" in shown
    assert "REMARK: plain HTTP" in shown
    assert '"failureCode": "11"' in shown
    assert "tops3cret" not in shown
    path.write_text(GOOD.replace("shipped:", "shiped:"), "utf-8")
    assert main(["adapter", "check", "--settings", str(path), "--data", str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_command_lists_tries_again_and_forgets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.receiver.adapters.platform import Platform, code
    from tests.receiver.adapters.rig import Turn, told
    from tests.receiver.live import FarEnd
    from tests.receiver.making import alarm, body

    async def story(far_end: FarEnd, platform: Platform, turn: Turn) -> None:
        platform.then(code(400))
        await far_end.receipt(body(alarm(1)))
        await turn()

    told(tmp_path, story)
    place = ["--data", str(tmp_path)]
    assert main(["adapter", "list", *place]) == 0
    shown = capsys.readouterr().out
    assert "city: 0 waiting, 0 taken, 1 dead; 0 entries of the journal behind" in shown
    assert "code 400: says 400" in shown
    assert main(["adapter", "replay-dead", "city", *place]) == 0
    assert "1 dead messages are tried again" in capsys.readouterr().out
    assert main(["adapter", "forget", "city", *place]) == 0
    assert main(["adapter", "list", *place]) == 0
    assert "No adapter is set" in capsys.readouterr().out
    assert main(["adapter", "forget", *place]) == 2
    assert main(["adapter", "check", *place]) == 2


def test_a_receiver_does_not_start_on_settings_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings(tmp_path, GOOD.replace('account = "12ab"', 'accont = "12ab"'))
    assert main(["run", "--port", "0", "--data", str(tmp_path), "--settings", str(path)]) == 2
    said = capsys.readouterr().err
    assert "accont is no key of [adapter] centre. Did you mean account" in said
    path.chmod(0o644)
    with pytest.raises(ReceiverError, match="others may read it"):
        Ways.read(path)
