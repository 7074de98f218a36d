"""Small wrong changes of a source text: a comparison flipped, a limit shifted, a word of logic turned round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: ">=",
    ast.LtE: ">",
    ast.Gt: "<=",
    ast.GtE: "<",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}
SHIFT = 1.5


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: the text of `old` at `offset` becomes `new`."""

    path: str
    line: int
    offset: int
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file with the change."""
        assert text[self.offset : self.offset + len(self.old)] == self.old
        return text[: self.offset] + self.new + text[self.offset + len(self.old) :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old!r} -> {self.new!r}"


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its text. Text outside ASCII is refused: offsets would not fit."""
    if not text.isascii():
        raise ValueError(f"{path} holds characters outside ASCII")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(line: int | None, column: int | None) -> int:
        assert line is not None
        assert column is not None
        return starts[line - 1] + column

    def between(left: ast.expr, right: ast.expr, new: str) -> Mutant | None:
        """The operator that stands between two operands."""
        begin, end = offset(left.end_lineno, left.end_col_offset), offset(right.lineno, right.col_offset)
        gap = text[begin:end]
        old = gap.strip(" ()\n")
        if not old or "#" in old or "\n" in old:
            return None
        return Mutant(path, left.end_lineno or 0, begin + gap.index(old), old, new)

    for node in ast.walk(ast.parse(text)):
        found: Mutant | None = None
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            found = between(node.left, node.comparators[0], COMPARISONS[type(node.ops[0])])
        elif isinstance(node, ast.BoolOp):
            found = between(node.values[0], node.values[1], "or" if isinstance(node.op, ast.And) else "and")
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            found = between(node.left, node.right, ARITHMETIC[type(node.op)])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found = Mutant(path, node.lineno, offset(node.lineno, node.col_offset), "not ", "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            begin, end = offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)
            found = Mutant(path, node.lineno, begin, text[begin:end], _shifted(node.value))
        if found is not None:
            yield found


def _shifted(value: float | bool) -> str:
    if isinstance(value, bool):
        return str(not value)
    if value == 0.0:
        return "1" if isinstance(value, int) else "1.0"
    if isinstance(value, int) and abs(value) < 3:
        return str(value + 1)
    return repr(type(value)(value * SHIFT))
