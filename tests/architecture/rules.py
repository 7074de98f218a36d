"""The rules of the house, each a function from files to violations, so that every rule can be shown to fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch

from tests.architecture.source_files import LEAF, PACKAGES, SourceFile, Violation, layer_of

PURE_LAYERS = (0, 1)
BANNED_IN_PURE = ("time", "datetime", "random", "os", "socket", "threading", "asyncio", "logging", "sqlite3")
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}

NUMPY_FILES = (
    "edge_agent/readings.py",
    "edge_agent/detect/signal.py",
    "edge_agent/detect/ride.py",
    "edge_agent/recording*.py",
    "edge_agent/cli/convert.py",
    "edge_agent/cli/record.py",
    "drivers/adxl345.py",
    "drivers/fifo_accelerometer.py",
    "receiver/picture*.py",
    "calibration/*",
    "sim/*",
    "tests/*",
    "benchmarks/*",
)

ONLY_IMPORTED_BY = {
    "smbus2": ("drivers/i2c.py", "tests/*"),
    "gpiozero": ("drivers/gpio.py", "drivers/gpio_outputs.py", "tests/*"),
    "lgpio": ("drivers/gpio.py", "tests/*"),
    "serial": ("drivers/serial_port.py", "tests/*"),
    "pymodbus": ("drivers/modbus.py", "benchmarks/peers/loop_python.py", "tests/*"),
    "cryptography": (
        "edge_agent/wire_sealing.py",
        "edge_agent/certificates.py",
        "receiver/authority.py",
        "receiver/adapters/dc09.py",
        "tests/*",
    ),
    "paho": (
        "edge_agent/uplink/mqtt_client.py",
        "receiver/adapters/mqtt_out.py",
        "benchmarks/peers/loop_python.py",
        "tests/*",
    ),
    "aiohttp": ("receiver/*", "tests/receiver/*", "tests/page/*"),
    "sqlalchemy": ("receiver/*", "benchmarks/receiver/*", "tests/receiver/*", "tests/page/*"),
    "selenium": ("tests/page/*",),
}

MODE_WORDS = re.compile(r"(?:^|_)(?:simulat\w*|replay\w*|testing|under_test|is_test|is_demo)(?:_|$)", re.IGNORECASE)

# Everything with which pymodbus can change a device; `write_register` alone is also the word of the I2C seam.
MODBUS_WRITES = re.compile(
    r"(?:write_coils?|write_registers|mask_write_register|readwrite_registers|write_file_record|diag_\w+"
    r"|(?:Write|MaskWrite|ReadWrite)\w*Request)"
)
MODBUS_WRITE_CODES = {5, 6, 15, 16, 22, 23}
I2C_WRITE_FILES = ("drivers/i2c.py", "drivers/adxl345.py", "sim/buses.py")

# What drives a GPIO line. Contacts are inputs; the only outputs are the indicator lamps of the box itself.
GPIO_DRIVES = re.compile(
    r"output_with_state|gpio_write|gpio_claim_output|tx_\w+|\w*OutputDevice|(?:PWM|RGB)?LED|output|Outputs"
)
GPIO_DRIVE_FILES = {
    "output": ("calibration/report_pdf.py",),  # the word of fpdf2 for the bytes of a file; no GPIO library is near it
    "Outputs": ("drivers/gpio_outputs.py", "drivers/lamps.py"),
    "output_with_state": ("drivers/gpio_outputs.py",),
}

VAGUE_WORDS = {"Manager", "Handler", "Helper", "Util", "Utils", "Data", "Info"}
MACHINE_PATHS = re.compile("|".join(["/wor" + "k/", "/roo" + "t/", "/tm" + "p/", "/hom" + "e/[a-z]"]))

LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def imports_point_down(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """A module imports its own layer or lower ones; leaves of two packages do not know each other."""
    files = list(files)
    modules = {file.module for file in files}
    for file in files:
        for line, name in file.imports:
            target = _module_of(name, modules)
            if target is None or target == file.module:
                continue
            layer = layer_of(target)
            if layer > file.layer:
                yield Violation(
                    file.path, line, f"layer {file.layer} imports {target} of layer {layer}; imports point down"
                )
            elif file.layer == layer == LEAF and target.split(".")[0] != file.package:
                yield Violation(file.path, line, f"a leaf imports {target}, a leaf of another package")


def pure_files_are_pure(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """Layers 0 and 1 know no time, chance, system or file."""
    for file in files:
        if file.layer not in PURE_LAYERS or file.package == "tests":
            continue
        for line, name in file.imports:
            if name.split(".")[0] in BANNED_IN_PURE:
                yield Violation(file.path, line, f"imports {name}; layers 0 and 1 are pure")
        for node in file.nodes:
            match node:
                case ast.Call(func=ast.Name(id="open" | "print" | "input" as name)):
                    yield Violation(file.path, node.lineno, f"calls {name}(); layers 0 and 1 are pure")
                case ast.Call(func=ast.Attribute(attr=method)) if method in FILE_METHODS:
                    yield Violation(file.path, node.lineno, f"calls .{method}(); layers 0 and 1 are pure")


def numpy_stays_where_samples_are(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """numpy in frames, plain numbers in rules."""
    for file in files:
        for line, name in file.imports:
            if name.split(".")[0] == "numpy" and not _is_among(file.path, NUMPY_FILES):
                yield Violation(file.path, line, "imports numpy outside the files where samples are")


def device_libraries_stay_at_the_seams(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """One file a library, so that a fake below it replaces the whole device."""
    for file in files:
        for line, name in file.imports:
            allowed = ONLY_IMPORTED_BY.get(name.split(".")[0])
            if allowed is not None and not _is_among(file.path, allowed):
                yield Violation(file.path, line, f"imports {name}; only {', '.join(allowed)} may")


def no_mode_flags(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """Live, simulator and replay run the same lines: no condition asks which one it is."""
    for file in files:
        if file.layer == 4 or file.package == "sim":
            continue
        for condition in _conditions(file.tree):
            for node in ast.walk(condition):
                word = _word_of(node)
                if word is not None and MODE_WORDS.search(word):
                    yield Violation(file.path, condition.lineno, f"condition on {word!r}; production knows no mode")


def nothing_writes_to_the_lift(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """No pymodbus write call, request class or write function code anywhere in the agent or its drivers."""
    for file in files:
        if file.package not in ("edge_agent", "drivers", "calibration"):
            continue
        for node in file.nodes:
            word = _word_of(node)
            if word is not None and MODBUS_WRITES.fullmatch(word):
                yield Violation(file.path, _line_of(node), f"{word}: the code to write to the lift does not exist")
            if word == "write_register" and not _is_among(file.path, I2C_WRITE_FILES):
                yield Violation(file.path, _line_of(node), "write_register belongs to I2C chips only")
            code = _function_code_of(node)
            if code in MODBUS_WRITE_CODES:
                yield Violation(file.path, _line_of(node), f"Modbus function {code} writes; only 1 to 4 are allowed")


def only_our_own_lamps_are_driven(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """One class makes a GPIO line an output, one driver uses it, for the lamps; only the agent's root names that."""
    for file in files:
        if file.package not in ("edge_agent", "drivers", "calibration"):
            continue
        for node in file.nodes:
            word = node.name if isinstance(node, ast.ClassDef) else _word_of(node)
            if word is None or not GPIO_DRIVES.fullmatch(word) or isinstance(node, ast.keyword):
                continue
            if file.path not in GPIO_DRIVE_FILES.get(word, ()):
                yield Violation(file.path, _line_of(node), f"{word}: GPIO outputs are for our own lamps only")
        for line, name in file.imports:
            if name.startswith("drivers.lamps") and file.path != "edge_agent/cli/run.py":
                yield Violation(file.path, line, "only edge_agent/cli/run.py puts the lamps in")


def threads_start_in_the_shell_only(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """In the agent's own package one file starts threads."""
    for file in files:
        if file.package != "edge_agent" or file.path == "edge_agent/agent.py":
            continue
        for line, name in file.imports:
            if name.split(".")[0] in ("threading", "asyncio", "multiprocessing", "concurrent"):
                yield Violation(file.path, line, f"imports {name}; only edge_agent/agent.py starts threads")


def files_and_functions_stay_short(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """A file fits a head, a function fits a screen or two. Lists of cases in tests may be longer."""
    for file in files:
        count = len(file.text.splitlines())
        if count > LINES_MAX and file.package != "tests":
            yield Violation(file.path, count, f"{count} lines; at most {LINES_MAX}")
        for node in file.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    yield Violation(
                        file.path, node.lineno, f"{node.name} has {length} lines; at most {FUNCTION_LINES_MAX}"
                    )


def one_place_catches_everything(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """`except Exception` stands in the one top-level reporter. Cleaning up and raising again catches nothing."""
    for file in files:
        if file.path == "edge_agent/__main__.py":
            continue
        for node in file.nodes:
            if not isinstance(node, ast.ExceptHandler) or isinstance(node.body[-1], ast.Raise):
                continue
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for kind in caught:
                if kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")):
                    yield Violation(file.path, node.lineno, "catches everything; name the error that can be acted on")


def files_say_what_they_are_for(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """The first line of each file is a sentence about it."""
    for file in files:
        if file.text.strip() and ast.get_docstring(file.tree) is None:
            yield Violation(file.path, 1, "the first line does not say what the file is for")


def names_are_not_vague(files: Iterable[SourceFile]) -> Iterator[Violation]:
    """Manager, Handler, Helper, Util, Data and Info say nothing."""
    for file in files:
        for node in file.nodes:
            if isinstance(node, ast.ClassDef):
                vague = VAGUE_WORDS.intersection(re.findall(r"[A-Z][a-z0-9]*", node.name))
                if vague:
                    yield Violation(file.path, node.lineno, f"class {node.name}: {vague.pop()} says nothing")


def no_path_of_a_machine(texts: Iterable[tuple[str, str]]) -> Iterator[Violation]:
    """Nothing in the project points at the disk of the person who wrote it."""
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), start=1):
            found = MACHINE_PATHS.search(line)
            if found is not None:
                yield Violation(path, number, f"names {found.group()}, a path of one machine")


def _module_of(name: str, modules: set[str]) -> str | None:
    """The project module that `name` (module or module.attribute) means."""
    if name.split(".")[0] not in PACKAGES and name.split(".")[0] != "tests":
        return None
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


def _is_among(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _conditions(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) | ast.Assert(test=test):
                yield test
            case ast.Match(subject=subject):
                yield subject
            case ast.comprehension(ifs=ifs):
                yield from ifs


def _word_of(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.keyword(arg=str(word)):
            return word
        case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word) | ast.alias(name=word):
            return word.rpartition(".")[2]
        case ast.Constant(value=str(word)) if word.isidentifier():
            return word
        case _:
            return None


def _function_code_of(node: ast.AST) -> int | None:
    """The number given to something that is called a function code."""
    match node:
        case ast.keyword(arg=str(name), value=ast.Constant(value=int(code))):
            pass
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=ast.Constant(value=int(code))):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=int(code))):
            pass
        case _:
            return None
    words = name.lower().split("_")
    return code if "function" in words or "fc" in words else None


def _line_of(node: ast.AST) -> int:
    return int(getattr(node, "lineno", getattr(getattr(node, "value", None), "lineno", 1)))
