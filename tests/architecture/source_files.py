"""The files of the project as the architecture rules see them: path, text, syntax tree, layer."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_agent", "drivers", "calibration", "sim", "receiver")
OUTSIDE = {
    ".git",
    ".venv",
    ".hypothesis",
    "run",
    "build",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
}

# A module that matches no pattern is a leaf (2). The first match counts.
LAYERS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (2, ("sim.buses*", "sim.controllers*", "sim.scenario_file", "sim.library", "sim.live*")),
    (
        4,
        (
            "edge_agent.__main__",
            "edge_agent.cli*",
            "*.__main__",
            "sim.world*",
            "sim.demo*",
            "sim.cli*",
            "receiver.cli*",
            "tests*",
            "benchmarks*",
        ),
    ),
    (
        3,
        (
            "edge_agent.agent*",
            "edge_agent.page.app",
            "edge_agent.page.calibrating",
            "edge_agent.page.calibrating_view",
            "edge_agent.page.finding",
            "edge_agent.page.settings_drop",
            "calibration.guided*",
        ),
    ),
    (
        0,
        ("edge_agent.readings", "edge_agent.alarms", "edge_agent.errors", "edge_agent.source", "edge_agent.catalogue*"),
    ),
    (
        1,
        (
            "edge_agent.detect*",
            "edge_agent.timeline",
            "edge_agent.delivery*",
            "edge_agent.wire*",
            "edge_agent.gate",
            "edge_agent.cose",
            "edge_agent.schema",
            "edge_agent.settings*",
            "edge_agent.toml_*",
            "edge_agent.installation",
            "edge_agent.status*",
            "edge_agent.story",
            "edge_agent.record_form",
            "edge_agent.lamps",
            "edge_agent.sms_pdu",
            "edge_agent.enrol",
            "edge_agent.certificates",
            "drivers.register_map*",
            "drivers.serial_protocol",
            "drivers.serial_line",
            "drivers.modbus_frames",
            "edge_agent.records",
            "sim.*",
            "calibration",
            "calibration.words*",
            "calibration.mount*",
            "calibration.noise*",
            "calibration.doors*",
            "calibration.landings*",
            "calibration.controller*",
            "calibration.session*",
            "calibration.sides*",
            "calibration.chip_errors*",
            "calibration.local_gravity*",
            "calibration.fit*",
        ),
    ),
)
LEAF = 2


@dataclass(frozen=True)
class Violation:
    """One broken rule; `str` is what the failing test prints."""

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


@dataclass(frozen=True)
class SourceFile:
    """One Python file; `path` is relative to the project, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(ast.walk(self.tree))

    @property
    def module(self) -> str:
        """Dotted name; a package is named by its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def layer(self) -> int:
        return layer_of(self.module)

    @cached_property
    def imports(self) -> tuple[tuple[int, str], ...]:
        """Line and full dotted name of each import, also of those inside functions."""
        return tuple(self._imports())

    def _imports(self) -> Iterator[tuple[int, str]]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parents = self.module.split(".")
                    is_package = self.path.endswith("__init__.py")
                    kept = parents[: len(parents) - node.level + (1 if is_package else 0)]
                    base = ".".join([*kept, base] if base else kept)
                for alias in node.names:
                    yield node.lineno, f"{base}.{alias.name}"


@cache
def layer_of(module: str) -> int:
    """Layer of a module of this project."""
    for layer, patterns in LAYERS:
        if any(fnmatch(module, pattern) for pattern in patterns):
            return layer
    return LEAF


def project_files(*tops: str) -> list[SourceFile]:
    """All Python files below the given folders."""
    found = []
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if not OUTSIDE.intersection(relative.parts):
                found.append(SourceFile(relative.as_posix(), path.read_text(encoding="utf-8")))
    return found


def text_files() -> Iterator[tuple[str, str]]:
    """Path and content of every text file of the project that could be in version control."""
    for folder, names, files in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in OUTSIDE and not name.endswith(".egg-info"))
        for path in (Path(folder) / name for name in sorted(files)):
            if path.suffix == ".pyc" or not path.is_file():
                continue
            yield from _text(path)


def _text(path: Path) -> Iterator[tuple[str, str]]:
    try:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
