"""The house keeps its rules, and each rule is shown to catch what it forbids."""

from __future__ import annotations

import gc
import tomllib
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.architecture import rules
from tests.architecture.source_files import PACKAGES, ROOT, SourceFile, Violation, project_files, text_files

Rule = Callable[[Iterable[SourceFile]], Iterator[Violation]]

PRODUCTION = project_files(*PACKAGES)
EVERYTHING = PRODUCTION + project_files("tests", "benchmarks")


@pytest.fixture(scope="module", autouse=True)
def _trees_are_not_walked_by_the_collector() -> Iterator[None]:
    """Millions of nodes that stay: the garbage collector would look at all of them again and again."""
    gc.disable()
    for file in EVERYTHING:
        assert file.nodes
    gc.freeze()
    gc.enable()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        (rules.imports_point_down, EVERYTHING),
        (rules.pure_files_are_pure, PRODUCTION),
        (rules.numpy_stays_where_samples_are, EVERYTHING),
        (rules.device_libraries_stay_at_the_seams, EVERYTHING),
        (rules.no_mode_flags, PRODUCTION),
        (rules.nothing_writes_to_the_lift, PRODUCTION),
        (rules.only_our_own_lamps_are_driven, PRODUCTION),
        (rules.threads_start_in_the_shell_only, PRODUCTION),
        (rules.files_and_functions_stay_short, EVERYTHING),
        (rules.one_place_catches_everything, EVERYTHING),
        (rules.files_say_what_they_are_for, EVERYTHING),
        (rules.names_are_not_vague, EVERYTHING),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_house_keeps_the_rule(rule: Rule, files: list[SourceFile]) -> None:
    broken = [str(violation) for violation in rule(files)]
    assert not broken, "\n" + "\n".join(broken)


def test_no_file_names_a_path_of_one_machine() -> None:
    broken = [str(violation) for violation in rules.no_path_of_a_machine(text_files())]
    assert not broken, "\n" + "\n".join(broken)


def test_register_maps_only_read() -> None:
    for path in sorted((ROOT / "drivers" / "maps").glob("*.toml")):
        words = _words(tomllib.loads(path.read_text(encoding="utf-8")))
        assert not {word for word in words if word == "write" or word.startswith("write_")}, path.name


@pytest.mark.parametrize(
    ("rule", "path", "text", "line"),
    [
        (rules.imports_point_down, "edge_agent/detect/x.py", '"""X."""\nfrom edge_agent.outbox import Outbox\n', 2),
        (rules.imports_point_down, "edge_agent/detect/x.py", '"""X."""\nimport drivers.adxl345\n', 2),
        (rules.imports_point_down, "edge_agent/alarms.py", "def f():\n    from edge_agent.detect import limits\n", 2),
        (rules.imports_point_down, "edge_agent/detect/x.py", "from .. import outbox\n", 1),
        (rules.imports_point_down, "drivers/x.py", "from edge_agent.outbox import Outbox\n", 1),
        (rules.imports_point_down, "edge_agent/outbox.py", "import edge_agent.agent\n", 1),
        (rules.pure_files_are_pure, "edge_agent/timeline.py", "import os.path\n", 1),
        (rules.pure_files_are_pure, "edge_agent/detect/x.py", "def f():\n    from time import time\n", 2),
        (rules.pure_files_are_pure, "edge_agent/settings.py", "x = open('a')\n", 1),
        (rules.pure_files_are_pure, "edge_agent/settings.py", "\nx = path.read_text()\n", 2),
        (rules.numpy_stays_where_samples_are, "edge_agent/detect/motion.py", "import numpy as np\n", 1),
        (rules.device_libraries_stay_at_the_seams, "drivers/adxl345.py", "from smbus2 import SMBus\n", 1),
        (rules.device_libraries_stay_at_the_seams, "edge_agent/cli/run.py", "import pymodbus.client\n", 1),
        (rules.no_mode_flags, "edge_agent/detect/x.py", "if settings.is_simulated:\n    pass\n", 1),
        (rules.no_mode_flags, "drivers/x.py", "x = 1 if mode == 'replay' else 2\n", 1),
        (rules.no_mode_flags, "edge_agent/agent.py", "while not testing:\n    pass\n", 1),
        (rules.no_mode_flags, "edge_agent/agent.py", "match REPLAYING:\n    case 1: pass\n", 1),
        (rules.nothing_writes_to_the_lift, "drivers/modbus.py", "client.write_register(1, 2)\n", 1),
        (rules.nothing_writes_to_the_lift, "drivers/modbus.py", "\nclient.write_coils(1, [True])\n", 2),
        (rules.nothing_writes_to_the_lift, "drivers/adxl345.py", "getattr(c, 'write_registers')(1)\n", 1),
        (
            rules.nothing_writes_to_the_lift,
            "drivers/modbus.py",
            "from pymodbus.pdu.register_message import WriteSingleRegisterRequest\n",
            1,
        ),
        (rules.nothing_writes_to_the_lift, "edge_agent/x.py", "FUNCTION_CODE = 16\n", 1),
        (rules.nothing_writes_to_the_lift, "drivers/modbus.py", "ask(function_code=6)\n", 1),
        (rules.only_our_own_lamps_are_driven, "drivers/x.py", "pin.function = 'output'\n", 1),
        (rules.only_our_own_lamps_are_driven, "drivers/x.py", "from gpiozero import LED\n", 1),
        (rules.only_our_own_lamps_are_driven, "drivers/door_contacts.py", "lines = gpio.Outputs('lgpio', {})\n", 1),
        (rules.only_our_own_lamps_are_driven, "drivers/gpio.py", "lgpio.gpio_write(1, 2, 1)\n", 1),
        (rules.only_our_own_lamps_are_driven, "edge_agent/agent.py", "import drivers.lamps\n", 1),
        (rules.threads_start_in_the_shell_only, "edge_agent/outbox.py", "import threading\n", 1),
        (rules.files_and_functions_stay_short, "sim/x.py", "\n" * 401, 401),
        (rules.files_and_functions_stay_short, "sim/x.py", "def f():\n" + "    x = 1\n" * 70, 1),
        (rules.one_place_catches_everything, "sim/x.py", "try:\n    f()\nexcept Exception:\n    pass\n", 3),
        (
            rules.one_place_catches_everything,
            "sim/x.py",
            "try:\n    f()\nexcept (OSError, BaseException):\n    pass\n",
            3,
        ),
        (rules.one_place_catches_everything, "sim/x.py", "try:\n    f()\nexcept:\n    pass\n", 3),
        (rules.files_say_what_they_are_for, "sim/x.py", "import os\n", 1),
        (rules.names_are_not_vague, "sim/x.py", "class DoorManager:\n    pass\n", 1),
    ],
)
def test_a_rule_finds_what_it_forbids(rule: Rule, path: str, text: str, line: int) -> None:
    known = [SourceFile(file.path, "") for file in PRODUCTION if file.path != path]
    also_there = [SourceFile("edge_agent/outbox.py", ""), SourceFile("drivers/adxl345.py", "")]
    others = [file for file in also_there if file.path not in {path, *(other.path for other in known)}]
    agent = [] if any(file.path == "edge_agent/agent.py" for file in known) else [SourceFile("edge_agent/agent.py", "")]
    found = [
        violation for violation in rule([*known, *others, *agent, SourceFile(path, text)]) if violation.path == path
    ]
    assert [violation.line for violation in found] == [line]
    assert str(found[0]).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (rules.imports_point_down, "edge_agent/detect/x.py", "from edge_agent.alarms import Alarm\n"),
        (rules.pure_files_are_pure, "edge_agent/clock.py", "import time\n"),
        (rules.no_mode_flags, "edge_agent/detect/x.py", "if latest > 3:\n    pass\n"),
        (rules.nothing_writes_to_the_lift, "drivers/adxl345.py", "bus.write_register(0x53, 0x2D, b'\\x08')\n"),
        (rules.nothing_writes_to_the_lift, "drivers/modbus.py", "FUNCTION_CODE = 3\n"),
        (rules.only_our_own_lamps_are_driven, "drivers/lamps.py", "from drivers.gpio_outputs import Outputs\n"),
        (rules.one_place_catches_everything, "edge_agent/__main__.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
        (rules.names_are_not_vague, "sim/x.py", "class Database:\n    pass\n"),
    ],
)
def test_a_rule_lets_the_allowed_pass(rule: Rule, path: str, text: str) -> None:
    known = [SourceFile(file.path, "") for file in PRODUCTION if file.path != path]
    assert not [violation for violation in rule([*known, SourceFile(path, text)]) if violation.path == path]


def test_the_machine_path_rule_finds_one() -> None:
    found = list(rules.no_path_of_a_machine([("docs/a.md", "see\n/ho" + "me/pi/x\n")]))
    assert [(violation.path, violation.line) for violation in found] == [("docs/a.md", 2)]


def _words(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield str(key)
                yield from _words(inner)
        case list():
            for inner in value:
                yield from _words(inner)
        case str():
            yield value
