"""The modem on a real pseudo-terminal, as a source: the truth, lies, late and lost answers, a restart, unplugging."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.at_answers import AnswerReader, AtAnswer, registration_of, rsrp_dbm_of, rssi_dbm_of, sim_of
from drivers.modem import Modem, Question
from drivers.serial_line import SerialLine
from edge_agent.detect.modem import trouble_of
from edge_agent.errors import SettingsError, SourceUnavailable
from edge_agent.readings import FaultReason, ModemReport, Reading, Registration, SimState, SourceFault
from tests.drivers.fake_modem import WELL, FakeModem


class Bench:
    def __init__(self, folder: Path, period_s: float = 1.0) -> None:
        self.fake = FakeModem(folder, WELL)
        self.modem = Modem(SerialLine(str(self.fake.line.path), 115200), now_ns=time.monotonic_ns, period_s=period_s)

    def readings(self, seconds: float = 4.0) -> list[Reading]:
        """What comes first; each read is short."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            begun_s = time.monotonic()
            readings = list(self.modem.read(0.2))
            assert time.monotonic() - begun_s < 0.5
            if readings:
                return readings
        raise AssertionError(f"nothing within {seconds} s")

    def round(self) -> ModemReport:
        """The next report."""
        [reading] = self.readings()
        assert isinstance(reading, ModemReport), reading
        return reading

    def fault(self) -> SourceFault:
        """The next fault; reports before it are passed over."""
        for _ in range(5):
            [reading] = self.readings()
            if isinstance(reading, SourceFault):
                return reading
        raise AssertionError("no fault in five readings")

    def close(self) -> None:
        self.modem.close()
        self.fake.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_signal_registration_and_sim_are_told_in_one_round(bench: Bench) -> None:
    status = bench.round()
    # 27.007: +CSQ 17 is -113 + 2 * 17 = -79 dBm; +CESQ rsrp 45 is -141 + 45 = -96 dBm.
    assert status == ModemReport(status.t_ns, SimState.READY, Registration.HOME, -79, -96)
    assert trouble_of(status) is None
    assert time.monotonic_ns() - status.t_ns < 2_000_000_000


def test_nothing_is_sent_that_changes_the_modem_or_the_network(bench: Bench) -> None:
    bench.round()
    bench.round()
    assert set(bench.fake.commands) == {question.value for question in Question}
    for command in bench.fake.commands:
        assert command.endswith("?") or command in ("ATE0", "AT+CMEE=1", "AT+CSQ", "AT+CESQ")


def test_the_first_report_does_not_wait_for_the_second_round(tmp_path: Path) -> None:
    bench = Bench(tmp_path, period_s=600.0)
    try:
        bench.round()
        assert bench.fake.commands == [question.value for question in Question]
    finally:
        bench.close()


def answer(text: str, final: str = "OK") -> AtAnswer:
    return AtAnswer(tuple(text.splitlines()), final)


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CSQ: 0,0", -113),
        ("+CSQ: 1,0", -111),
        ("+CSQ: 30,0", -53),
        ("+CSQ: 31,0", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ: 32,0", None),
        ("+CSQ: -1,0", None),
        ("+CSQ: 17", None),
        ("+CSQ: ,99", None),
        ("+CSQ: 1e1,0", None),
        ("+CSQX: 17,99", None),
        ("nonsense", None),
    ],
)
def test_rssi_is_what_27_007_says_or_unknown(line: str, dbm: int | None) -> None:
    assert rssi_dbm_of(answer(line)) == dbm


@pytest.mark.parametrize(
    ("line", "dbm"),
    [
        ("+CESQ: 99,99,255,255,0,0", -141),
        ("+CESQ: 99,99,255,255,20,1", -140),
        ("+CESQ: 99,99,255,255,20,97", -44),
        ("+CESQ: 99,99,255,255,255,255", None),
        ("+CESQ: 99,99,255,255,20,98", None),
        ("+CESQ: 99,99,255,255,20", None),
    ],
)
def test_rsrp_is_what_27_007_says_or_unknown(line: str, dbm: int | None) -> None:
    assert rsrp_dbm_of(answer(line)) == dbm


@pytest.mark.parametrize(
    ("line", "registration"),
    [
        ("+CEREG: 0,1", Registration.HOME),
        ('+CEREG: 2,5,"0A3B","01",7', Registration.ROAMING),
        ("+CEREG: 0,2", Registration.SEARCHING),
        ("+CEREG: 0,3", Registration.DENIED),
        ("+CEREG: 0,0", Registration.NOT_SEARCHING),
        ("+CEREG: 0,8", Registration.EMERGENCY_ONLY),
        ("+CEREG: 0,77", Registration.UNKNOWN),
        ("+CEREG: 1", None),
        ("+CEREG: 0,2\n+CEREG: 1", Registration.SEARCHING),
        ("+CREG: 0,1", None),
    ],
)
def test_registration_is_read_from_the_answer_and_not_from_news(line: str, registration: Registration | None) -> None:
    assert registration_of(answer(line), "+CEREG") == registration


@pytest.mark.parametrize(
    ("said", "sim"),
    [
        (answer("+CPIN: READY"), SimState.READY),
        (answer("+CPIN: SIM PIN"), SimState.PIN_NEEDED),
        (answer("+CPIN: SIM PUK"), SimState.PUK_NEEDED),
        (answer("+CPIN: PH-NET PIN"), SimState.UNKNOWN),
        (answer("", "+CME ERROR: 10"), SimState.ABSENT),
        (answer("", "+CME ERROR: 13"), SimState.BROKEN),
        (answer("", "+CME ERROR: 14"), SimState.BUSY),
        (answer("", "+CME ERROR: SIM not inserted"), SimState.UNKNOWN),
        (answer("", "ERROR"), SimState.UNKNOWN),
        # News that the SIM is ready, and then an error: the error is the answer.
        (answer("+CPIN: READY", "+CME ERROR: 10"), SimState.ABSENT),
    ],
)
def test_the_sim_is_what_the_answer_or_its_error_says(said: AtAnswer, sim: SimState) -> None:
    assert sim_of(said) is sim


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AT+CPIN?": "+CME ERROR: 10"}, "no SIM card"),
        ({"AT+CPIN?": "+CPIN: SIM PIN\r\nOK"}, "PIN"),
        ({"AT+CPIN?": "+CPIN: SIM PUK\r\nOK"}, "PUK"),
        ({"AT+CPIN?": "+CME ERROR: 13"}, "contacts"),
        (
            dict.fromkeys(("AT+CEREG?", "AT+CGREG?", "AT+CREG?"), "ERROR") | {"AT+CEREG?": "+CEREG: 0,3\r\nOK"},
            "contract",
        ),
        (dict.fromkeys(("AT+CGREG?", "AT+CREG?"), "ERROR") | {"AT+CEREG?": "+CEREG: 0,2\r\nOK"}, "aerial"),
        (dict.fromkeys(("AT+CGREG?", "AT+CREG?"), "ERROR") | {"AT+CEREG?": "+CEREG: 0,8\r\nOK"}, "emergency calls"),
    ],
)
def test_each_trouble_is_one_sentence_for_the_person_on_site(bench: Bench, changes: dict[str, str], words: str) -> None:
    bench.fake.answers |= changes
    trouble = trouble_of(bench.round())
    assert trouble is not None
    assert words in trouble.sentence


def test_registered_in_an_older_network_is_registered(bench: Bench) -> None:
    bench.fake.answers |= {"AT+CEREG?": "+CEREG: 0,2\r\nOK", "AT+CGREG?": "ERROR", "AT+CREG?": "+CREG: 0,5\r\nOK"}
    status = bench.round()
    assert status.registration is Registration.ROAMING
    assert trouble_of(status) is None


def test_a_modem_that_knows_fewer_commands_says_less(bench: Bench) -> None:
    bench.fake.answers |= {"AT+CESQ": "ERROR", "AT+CEREG?": "ERROR"}
    status = bench.round()
    assert (status.rssi_dbm, status.rsrp_dbm, status.registration) == (-79, None, Registration.HOME)


def test_lies_are_unknown_and_never_a_number(bench: Bench) -> None:
    bench.fake.answers |= {
        "AT+CSQ": "+CSQ: 250,99\r\nOK",
        "AT+CESQ": "+CESQ: \xff\xfe,,,\r\nOK",
        "AT+CPIN?": "+CPIN: MAYBE\r\nOK",
        "AT+CEREG?": "+CEREG: 0,99\r\nOK",
        "AT+CGREG?": "+CGREG: x\r\nOK",
        "AT+CREG?": "+CREG: 9,9\r\nOK",
    }
    status = bench.round()
    assert status == ModemReport(status.t_ns, SimState.UNKNOWN, Registration.UNKNOWN, None, None)


def test_a_late_answer_is_not_taken_for_the_next(bench: Bench) -> None:
    bench.round()
    for late_s in (0.45, 0.8):
        bench.fake.answers["AT+CSQ"] = "+CSQ: 5,99\r\nOK"
        bench.fake.late_s["AT+CSQ"] = late_s
        status = bench.round()
        assert status.rssi_dbm in (None, -103)
        assert status.rsrp_dbm in (None, -96)
        bench.fake.answers["AT+CSQ"] = WELL["AT+CSQ"]
        assert bench.round().rssi_dbm in (None, -79)
        assert bench.round().rssi_dbm == -79


def test_one_command_without_answer_leaves_its_value_unsaid(bench: Bench) -> None:
    bench.fake.answers["AT+CSQ"] = ""
    status = bench.round()
    assert (status.rssi_dbm, status.rsrp_dbm) == (None, -96)


def test_a_modem_that_answers_nothing_is_silent_and_comes_back(bench: Bench) -> None:
    bench.round()
    bench.fake.answers = dict.fromkeys(WELL, "")
    fault = bench.fault()
    assert fault.reason is FaultReason.SILENT
    assert "AT port" in fault.detail
    bench.fake.answers = dict(WELL)
    assert bench.round().rssi_dbm == -79


def test_rounds_come_once_in_a_period(bench: Bench) -> None:
    times_ns = [bench.round().t_ns for _ in range(3)]
    assert all(0.9e9 < later - earlier < 1.6e9 for earlier, later in itertools.pairwise(times_ns))


@pytest.mark.parametrize("period_s", [0.9, 3601.0])
def test_a_period_that_makes_no_sense_is_refused(period_s: float) -> None:
    with pytest.raises(SettingsError):
        Modem(SerialLine("/dev/ttyUSB2"), now_ns=time.monotonic_ns, period_s=period_s)


def test_a_modem_that_restarts_in_between_is_asked_on(bench: Bench) -> None:
    bench.round()
    bench.fake.restart()
    assert bench.round().sim is SimState.READY
    status = bench.round()
    assert (status.rssi_dbm, status.rsrp_dbm) == (-79, -96)


def test_a_modem_that_is_pulled_out_is_told_once_and_found_when_it_is_back(bench: Bench) -> None:
    bench.round()
    bench.fake.pull_out()
    assert bench.fault().reason is FaultReason.BUS_ERROR
    assert bench.fault().reason is FaultReason.ABSENT
    assert not [reading for _ in range(5) for reading in bench.modem.read(0.1)]
    bench.fake.plug_in()
    assert bench.round().rssi_dbm == -79


def test_a_port_that_is_not_there_raises_when_opened(tmp_path: Path) -> None:
    modem = Modem(SerialLine(str(tmp_path / "nothing")), now_ns=time.monotonic_ns)
    with pytest.raises(SourceUnavailable, match="not there"):
        modem.open()


def test_news_between_the_lines_of_an_answer_do_no_harm(bench: Bench) -> None:
    bench.fake.answers["AT+CSQ"] = "+CREG: 2\r\n\r\nRING\r\n\r\n+CSQ: 20,99\r\n+CEREG: 5\r\n\r\nOK"
    assert bench.round().rssi_dbm == -73


@given(st.lists(st.binary(max_size=50), max_size=20))
@settings(max_examples=300, deadline=None)
def test_no_bytes_at_all_can_break_the_reading(chunks: list[bytes]) -> None:
    reader = AnswerReader()
    for chunk in chunks:
        said = reader.feed(chunk)
        if said is not None:
            assert rssi_dbm_of(said) is None or -113 <= (rssi_dbm_of(said) or 0) <= -51
            assert rsrp_dbm_of(said) is None or -141 <= (rsrp_dbm_of(said) or 0) <= -44
            assert sim_of(said) in SimState
            registration_of(said, "+CREG")
    assert len(reader._rest) <= 512
    assert len(reader._lines) <= 64


@given(st.lists(st.sampled_from(["+CSQ: 17,99", "+CSQ: x", "RING", "+CESQ: 1,2,3,4,5,6", "", "OK", "+CME ERROR: 14"])))
def test_any_lines_give_a_number_that_can_be_or_none(lines: list[str]) -> None:
    reader = AnswerReader()
    said = reader.feed(b"".join(line.encode() + b"\r\n" for line in lines))
    if said is not None:
        assert rssi_dbm_of(said) in (None, -79)
        assert rsrp_dbm_of(said) in (None, -135)
