"""The progress bar of work that is counted: so many of at most so many done, some of them failed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.study.sweeps.sweep import Progress


@contextmanager
def counted(what: str, *, silent: bool = False) -> Iterator[Progress]:
    """A bar on a terminal that is told how far the work is; nothing in a pipe.

    Args:
        what: is counted, in the plural.
        silent: nothing on a terminal either.
    """
    if silent or not sys.stderr.isatty():
        yield lambda done, total, failed: None  # noqa: ARG005 - nobody looks
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(f"{what}, 0 failed")

        def tell(done: int, total: int, failed: int) -> None:
            shown.update(task, completed=done, total=total, description=f"{what}, {failed} failed")

        yield tell
