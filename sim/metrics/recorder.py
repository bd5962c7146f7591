"""Where a run writes down what happened: rows for rare things, whole columns for records by the hundred thousand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sim.metrics.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few different texts: the k-th cell is ``names[codes[k]]``."""

    names: tuple[str, ...]
    codes: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def __array__(self, dtype: object = None, copy: object = None) -> NDArray[np.object_]:
        """The texts themselves."""
        texts: NDArray[np.object_] = np.array(self.names, dtype=object)[self.codes]
        return texts

    def are(self, text: str) -> NDArray[np.bool_]:
        """Which cells are this text."""
        place = self.names.index(text) if text in self.names else -1
        return np.asarray(self.codes == place)


@dataclass(frozen=True, slots=True)
class Hexadecimal:
    """A column of digests, written as hexadecimal text: one in each row of (cells, bytes) uint8."""

    digests: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.digests)

    def __array__(self, dtype: object = None, copy: object = None) -> NDArray[np.object_]:
        """The texts themselves."""
        return np.array([row.tobytes().hex() for row in self.digests], dtype=object)


Cell: TypeAlias = int | float | str
Column: TypeAlias = "list[Cell] | NDArray[np.generic] | Coded | Hexadecimal"


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

    def chunks(self, name: str) -> list[dict[str, Column]]:
        """The whole table in pieces: rows first, then chunks as they are, in the order they came."""
        columns = zip(TABLES[name], zip(*self._rows[name], strict=True), strict=False)
        rows: dict[str, Column] = {column: list(cells) for column, cells in columns}
        return [*([rows] if rows else []), *self._chunks[name]]

    def table(self, name: str) -> dict[str, Column]:
        """The whole table, column by column, in the order of `chunks`."""
        chunks = self.chunks(name)
        if len(chunks) == 1:
            return dict(chunks[0])
        return {column: _joined([chunk[column] for chunk in chunks]) for column in TABLES[name]}

    def of(self, name: str, chain: str) -> dict[str, Column]:
        """A chain's rows of a table, column by column; they are not copied where the chain wrote them in one chunk."""
        found: list[dict[str, Column]] = []
        for chunk in self.chunks(name):
            chains = chunk["chain"]
            mine = chains.are(chain) if isinstance(chains, Coded) else np.array(chains, dtype=object) == chain
            if mine.all():
                found.append(chunk)
            elif mine.any():
                found.append({column: np.asarray(cells)[mine] for column, cells in chunk.items()})
        if len(found) == 1:
            return found[0]
        return {column: _joined([part[column] for part in found]) for column in TABLES[name]}


def _joined(parts: list[Column]) -> Column:
    if parts and all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    return [cell for part in parts for cell in (part if isinstance(part, list) else np.asarray(part).tolist())]
