"""The work directory of a long run: what is finished stands there whole, so that a run that was killed goes on.

Every piece is one file: a digest, then what was pickled. Pieces of another scenario, seed or version of the code are
thrown away when a run begins, and a piece whose digest is not its own counts as unfinished. Nobody but this user's own
run writes there, so what is read back is trusted as the run's own memory is.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sim.study.store import write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_MARK = "key"
_DIGEST_BYTES = 32


class Work:
    """A directory of finished pieces.

    Args:
        directory: made if missing; what it holds of another run is removed.
        key: names scenario, seed and code.

    Raises:
        FileExistsError: the directory holds something that no run left there.
        OSError: it cannot be made or written.
    """

    def __init__(self, directory: Path, key: str) -> None:
        self._directory = directory
        mark = directory / _MARK
        if directory.exists():
            if any(directory.iterdir()) and not mark.is_file():
                raise FileExistsError(f"{directory} is no run's work directory; move it away, or give another --out")
            if not mark.is_file() or mark.read_text(encoding="utf-8") != key:
                shutil.rmtree(directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_text(mark, key)

    def has(self, name: str) -> bool:
        """Whether a piece is finished."""
        return (self._directory / name).is_file()

    def keep(self, name: str, piece: object) -> None:
        """Write a piece, whole or not at all."""
        data = pickle.dumps(piece, protocol=pickle.HIGHEST_PROTOCOL)
        write_bytes(self._directory / name, hashlib.sha256(data).digest() + data)

    def read(self, name: str) -> Any:
        """A finished piece, or None if it is missing or not what was written."""
        try:
            data = (self._directory / name).read_bytes()
        except FileNotFoundError:
            return None
        digest, data = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            return None
        return pickle.loads(data)  # noqa: S301 - a run reads back what it wrote itself

    def once(self, name: str, make: Callable[[], T]) -> T:
        """A piece as it was finished before, or made and kept now."""
        found: T | None = self.read(name)
        if found is None:
            found = make()
            self.keep(name, found)
        return found

    def drop(self, name: str) -> None:
        """Throw a piece away that nothing needs any more."""
        (self._directory / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """The run is over: throw all of it away."""
        shutil.rmtree(self._directory, ignore_errors=True)
