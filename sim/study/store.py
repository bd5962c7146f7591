"""Run directories: written beside their place, synced, and moved there in one step, so that none is ever half there."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.metrics.tables import TABLES
from sim.study.saved import STORIES, stories_as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.study.run import Run

_MARK = "summary.json"


def as_json(data: dict[str, Any]) -> str:
    """The one way JSON is written here: keys in their own order, two spaces, a final newline."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(data: dict[str, Any]) -> dict[str, Any]:
    """The same with None for numbers that JSON has no words for, such as the width of an interval of one value."""
    return {key: _finite(value) for key, value in data.items()}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return finite(value)
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8 as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the new one at any time: beside it, synced, then renamed."""
    write_parts(path, (data,))


def write_parts(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """As `write_bytes`, of parts one behind the other, which need not be in memory together."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    staging = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        staging.chmod(0o644)
        staging.rename(path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def check_free(directory: str | Path, *, force: bool) -> Path:
    """Make sure before a long run that its directory may be written.

    Raises:
        FileExistsError: it exists without ``force``, or exists and holds something that is not a run.
        OSError: its parent cannot be made or written.
    """
    target = Path(directory)
    if target.exists():
        if not target.is_dir() or (any(target.iterdir()) and not (target / _MARK).is_file()):
            raise FileExistsError(f"{target} exists and is not a run directory; give another --out")
        if not force:
            raise FileExistsError(f"{target} exists; give --force to replace it, or another --out")
    target.parent.mkdir(parents=True, exist_ok=True)
    probe = tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)
    Path(probe).rmdir()
    return target


def save_run(run: Run, directory: str | Path, *, force: bool, more: Callable[[Path], None] | None = None) -> Path:
    """Write a run directory; ``more`` may add files to it before it appears.

    Order: write everything into a temporary directory beside the target, sync every file and the directory, move an old
    run out of the way, rename the new one into place, sync the parent, remove the old one. A crash in between leaves
    the old run or the new one, and at worst a hidden temporary directory.
    """
    target = check_free(directory, force=force)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        staging.chmod(0o755)
        _write_texts(run, staging)
        # Compressing tables needs the interpreter as little as drawing needs a second processor.
        with ThreadPoolExecutor(max_workers=1) as beside:
            writing = beside.submit(_write_tables, run, staging / "tables")
            if more is not None:
                more(staging)
            writing.result()
        for path in sorted(staging.rglob("*"), reverse=True):
            _sync(path)
        _sync(staging)
        _swap(staging, target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return target


def _write_texts(run: Run, directory: Path) -> None:
    (directory / "scenario.yaml").write_text(run.scenario.to_yaml(), encoding="utf-8")
    (directory / "manifest.json").write_text(as_json(run.manifest), encoding="utf-8")
    (directory / _MARK).write_text(as_json(run.summary), encoding="utf-8")
    if run.stories:
        (directory / STORIES).write_bytes(stories_as_json(run.stories))


def _write_tables(run: Run, directory: Path) -> None:
    directory.mkdir()
    for name in TABLES:
        run.scan(name).sink_parquet(directory / f"{name}.parquet")


def _swap(staging: Path, target: Path) -> None:
    old: Path | None = None
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(old / target.name)
    staging.rename(target)
    _sync(target.parent)
    if old is not None:
        shutil.rmtree(old)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
