"""A run's tables as polars frames: over the recorder's own arrays, or over the files of a run directory.

Cells get their types where they are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.metrics.recorder import Coded, Hexadecimal
from sim.metrics.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from sim.metrics.recorder import Column, Recorder

_FEW, _MANY = 2**8, 2**16
"""Texts that a code of one byte, and of two, tells apart in polars, one code being kept for nothing."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The tables of a run directory.

    Attributes:
        folder: where ``NAME.parquet`` stand.
    """

    folder: Path


def scan(recorder: Recorder | Saved, table: str, chain: str | None = None) -> pl.LazyFrame:
    """A table with the types of `sim.metrics.tables`, made piece by piece when it is collected.

    Args:
        recorder: what it was written into, or where it was saved.
        table: its name.
        chain: leave out the rows of others.

    Raises:
        KeyError: there is no such table.
    """
    import polars as pl

    if isinstance(recorder, Saved):
        if table not in TABLES:
            raise KeyError(table)
        rows = pl.scan_parquet(recorder.folder / f"{table}.parquet")
        return rows if chain is None else rows.filter(pl.col("chain") == chain)
    dtypes = {str: pl.String, int: pl.Int64, float: pl.Float64}
    schema = {column: dtypes[kind] for column, kind in TABLES[table].items()}
    pieces = []
    for chunk in recorder.chunks(table) if chain is None else [recorder.of(table, chain)]:
        cells = pl.DataFrame([_series(column, chunk[column]) for column in schema])
        pieces.append(cells.lazy().select(_shown(column, chunk[column]).cast(schema[column]) for column in schema))
    return pl.concat(pieces) if pieces else pl.LazyFrame(schema=schema)


def _series(name: str, column: Column) -> pl.Series:
    """A column's cells as they are; arrays are not copied."""
    import polars as pl

    if isinstance(column, Coded):
        return pl.Series(name, column.codes)
    if isinstance(column, Hexadecimal):
        return pl.Series(name, column.digests)
    return pl.Series(name, column)


def _shown(name: str, column: Column) -> pl.Expr:
    """What a reader sees of them."""
    import polars as pl

    cells = pl.col(name)
    if isinstance(column, Coded):
        count = len(column.names)
        code = pl.UInt8 if count < _FEW else pl.UInt16 if count < _MANY else pl.UInt32
        return cells.cast(code).cat.to(pl.Enum(column.names))
    if isinstance(column, Hexadecimal):
        return cells.cast(pl.List(pl.UInt8)).cast(pl.Binary).bin.encode("hex")
    return cells
