"""Where a run writes down what happened: rows for rare things, whole columns for records by the hundred thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sim.metrics.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Cell: TypeAlias = int | float | str
Column: TypeAlias = "list[Cell] | NDArray[np.generic]"


class Recorder:
    """Tables as columns, with the names of `sim.metrics.tables`."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Cell, ...]]] = {name: [] for name in TABLES}
        self._chunks: dict[str, list[dict[str, Column]]] = {name: [] for name in TABLES}

    def row(self, table: str, *cells: Cell) -> None:
        """Append one row, cells in the table's column order (ValueError if there are too few or too many)."""
        if len(cells) != len(TABLES[table]):
            raise ValueError(f"{table} has {len(TABLES[table])} columns, not {len(cells)}")
        self._rows[table].append(cells)

    def columns(self, table: str, chunk: Mapping[str, Column]) -> None:
        """Append many rows at once, as columns of equal length (ValueError if they are not the table's)."""
        if list(chunk) != list(TABLES[table]) or len({len(column) for column in chunk.values()}) != 1:
            raise ValueError(f"{table} takes columns of equal length: {', '.join(TABLES[table])}")
        self._chunks[table].append(dict(chunk))

    def table(self, name: str) -> dict[str, Column]:
        """The whole table, column by column: rows first, then chunks, in the order they came."""
        if len(self._chunks[name]) == 1 and not self._rows[name]:
            return dict(self._chunks[name][0])
        columns: dict[str, Column] = {}
        for position, column in enumerate(TABLES[name]):
            parts: list[Column] = [[row[position] for row in self._rows[name]]] if self._rows[name] else []
            # A column leaves the chunks as it enters the whole: a day's records are half a gigabyte.
            parts.extend(chunk.pop(column) for chunk in self._chunks[name])
            if len(parts) > 1 and all(isinstance(part, np.ndarray) for part in parts):
                columns[column] = np.concatenate(parts)
            else:
                columns[column] = parts[0] if len(parts) == 1 else [cell for part in parts for cell in _cells(part)]
        if self._chunks[name]:
            self._rows[name], self._chunks[name] = [], [columns]
        return dict(columns)


def _cells(column: Column) -> list[Cell]:
    return column.tolist() if isinstance(column, np.ndarray) else column
