"""`snapshot`: a class of values that are set once.

The type checker keeps it frozen. At run time it is a plain class with slots, because one that also keeps itself frozen
takes five times as long to make, and the core makes a dozen of them a frame.
Source: python -m benchmarks stages, docs/performance.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def snapshot(cls: type[T]) -> type[T]:
    """Class decorator; see the file's first lines."""
    return dataclass(slots=True)(cls)
