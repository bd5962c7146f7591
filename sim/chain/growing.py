"""Columns that grow at their end, for a chain whose clients decide only while it runs what they send next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Column:
    """Rows to which more can be added; their memory doubles, so that adding costs no more the longer they are.

    Attributes:
        rows: what is there so far; another array after every `append`.
    """

    __slots__ = ("_memory", "rows")

    def __init__(self, rows: NDArray[Any]) -> None:
        self.rows = self._memory = rows

    def append(self, more: NDArray[Any]) -> NDArray[Any]:
        """Add rows at the end; returns all of them, as a type that holds both."""
        used = len(self.rows)
        count = used + len(more)
        dtype = np.result_type(self.rows, more)
        if count > len(self._memory) or dtype != self.rows.dtype:
            self._memory = np.empty(max(count, 2 * used), dtype=dtype)
            self._memory[:used] = self.rows
        self._memory[used:count] = more
        self.rows = self._memory[:count]
        return self.rows


def append(owner: object, columns: dict[str, Column], **more: NDArray[Any]) -> None:
    """Add rows to attributes of ``owner`` that are arrays; ``columns`` remembers their memory from call to call."""
    for name, rows in more.items():
        column = columns.get(name)
        if column is None:
            column = columns[name] = Column(getattr(owner, name))
        setattr(owner, name, column.append(rows))
