"""The work directory of a long run: what is finished stands there whole, so that a run that was killed goes on.

Every piece is one file: a digest, the lengths of its parts, and the parts: what was pickled, then the arrays in it as
they are, so that a gigabyte of cases is not copied to be written. Pieces of another scenario, seed or version of the
code are thrown away when a run begins, and a piece whose digest is not its own counts as unfinished. Nobody but this
user's own run writes there, so what is read back is trusted as the run's own memory is.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sim.study.store import write_parts, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
_MARK = "key"
_DIGEST_BYTES, _CELL_BYTES = 32, 8
_PROTOCOL = 5


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
        arrays: list[pickle.PickleBuffer] = []
        data = pickle.dumps(piece, protocol=_PROTOCOL, buffer_callback=arrays.append)
        parts = [memoryview(data), *(array.raw() for array in arrays)]
        lengths = np.array([len(parts), *(part.nbytes for part in parts)], dtype="<i8").tobytes()
        digest = hashlib.sha256(lengths)
        for part in parts:
            digest.update(part)
        write_parts(self._directory / name, [digest.digest(), lengths, *parts])

    def read(self, name: str) -> Any:  # noqa: ANN401 - whatever was kept under that name
        """A finished piece, or None if it is missing or not what was written."""
        try:
            with (self._directory / name).open("rb") as file:
                expected, count = file.read(_DIGEST_BYTES), file.read(_CELL_BYTES)
                lengths = file.read(_CELL_BYTES * int.from_bytes(count, "little"))
                digest = hashlib.sha256(count + lengths)
                parts = []
                for length in np.frombuffer(lengths, dtype="<i8").tolist():
                    part = bytearray(length)
                    file.readinto(part)
                    digest.update(part)
                    parts.append(part)
        except FileNotFoundError:
            return None
        except (ValueError, MemoryError, OverflowError):
            return None  # lengths that nobody wrote
        if digest.digest() != expected:
            return None
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - a run reads back what it wrote itself

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
