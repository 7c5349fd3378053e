"""Rows of a table as they are learned from and encoded: each column is made and decoded once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..threads import each
from . import features as named
from . import table as tables


class Source:
    """The rows numbered `rows` (default: all) of a `pyarrow.Table`."""

    def __init__(self, table: Any, rows: np.ndarray | None = None) -> None:
        self.table, self.rows = table, rows
        self._columns: dict[str, Any] = {}
        self._numbers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        self._levels: dict[str, tables.Levels | None] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows) if self.rows is None else len(self.rows)

    def column(self, name: str) -> Any:
        """All rows of a column, or of one derived from others. Raises as `features.column` does."""
        if name not in self._columns:
            self._columns[name] = named.column(self.table, name)
        return self._columns[name]

    def read_as_numbers(self, name: str) -> None:
        """Numbers written with spaces or signs are from here on read as such."""
        if tables.kind(self.column(name).type) == "category":
            made = tables.text_as_numbers(self.column(name))
            self._columns[name] = self._columns[name] if isinstance(made, str) else made

    def numbers(self, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        """A column's values and where they are missing; one without a type (all null) is missing throughout."""
        if name not in self._numbers:
            column, m = self.column(name), len(self)
            number = tables.kind(column.type) == "number"
            self._numbers[name] = tables.numbers(column, self.rows) if number else (np.zeros(m, np.int8), np.ones(m, bool))
        return self._numbers[name]

    def each_of(self, made: Callable[[str], Any], names: Sequence[str]) -> dict[str, Any]:
        """The numbers or levels of each of these columns; those that are not there yet are made on threads."""
        there = self._numbers if made == self.numbers else self._levels
        each(made, [name for name in names if name not in there], len(self))
        return {name: made(name) for name in names}

    def levels(self, name: str) -> tables.Levels | None:
        """A column's levels; None of one without a type."""
        if name not in self._levels:
            column = self.column(name)
            self._levels[name] = tables.levels(column, self.rows) if tables.kind(column.type) == "category" else None
        return self._levels[name]
