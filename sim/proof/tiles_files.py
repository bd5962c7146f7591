"""Every file-system call that a tile store makes goes through `Files`, one method per call.

That makes two things possible: the order of the calls can be read in one place (`sim.proof.tiles_commit`), and a
test can record them and act out a crash between any two. Paths are relative to the store's directory, with ``/``.
Errors are the system's own `OSError`; the store turns them into `StoreError`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from typing import TYPE_CHECKING

from sim.proof.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Files:
    """The files below one directory.

    Args:
        directory: the path of that directory, which need not exist yet.
    """

    __slots__ = ("_prefix", "_root", "directory")

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = os.fspath(directory)
        self._root = pathlib.Path(directory)
        # Reading a tile is the hot path, and joining two strings is the fastest way to its name.
        self._prefix = f"{self.directory}/"

    def read(self, path: str) -> bytes:
        """The whole content of a file."""
        return (self._root / path).read_bytes()

    def read_range(self, path: str, offset: int, size_bytes: int) -> bytes:
        """Part of a file: fewer bytes than asked for where it ends earlier."""
        descriptor = os.open(self._prefix + path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, size_bytes, offset)
        finally:
            os.close(descriptor)

    def names(self, path: str) -> list[str]:
        """What is in a directory, sorted; nothing if there is no such directory."""
        try:
            return sorted(entry.name for entry in (self._root / path).iterdir())
        except FileNotFoundError:
            return []

    def write(self, path: str, data: bytes) -> None:
        """Make a file with this content, or give a file this content; it may not be on the disk yet."""
        with self._opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
            view = memoryview(data)
            while view:
                # A disk about to be full takes a part, and tells its error on the next call.
                view = view[os.write(descriptor, view) :]

    def fsync(self, path: str) -> None:
        """Wait until a file's content is on the disk."""
        # A fresh descriptor flushes the whole file and reports an earlier write-back error that nobody has seen.
        with self._opened(path, os.O_RDONLY) as descriptor:
            os.fsync(descriptor)

    def fsync_dir(self, path: str) -> None:
        """Wait until the names in a directory are on the disk; ``""`` is the store's own directory."""
        with self._opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
            os.fsync(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in one step for all who look; a file that had this name is replaced."""
        (self._root / old).rename(self._root / new)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        (self._root / path).unlink()

    def mkdir(self, path: str) -> None:
        """Make a directory, if it is not there yet; its parent must be."""
        (self._root / path).mkdir(exist_ok=True)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            (self._root / path).rmdir()

    def lock(self, path: str) -> int | None:
        """Take a file, made if missing, for this process alone, until its descriptor is closed or the process ends.

        Returns:
            The descriptor; None if somebody else has it.
        """
        descriptor = os.open(self._prefix + path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    @contextlib.contextmanager
    def failures_told(self) -> Iterator[None]:
        """Inside, an error of the system becomes a `StoreError` that names the file."""
        try:
            yield
        except OSError as error:
            raise StoreError(str(error.filename or self.directory), error.strerror or str(error)) from error

    @contextlib.contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        descriptor = os.open(self._prefix + path, flags | os.O_CLOEXEC, 0o644)
        try:
            yield descriptor
        except OSError as error:
            error.filename = self._prefix + path  # calls on a descriptor know no name
            raise
        finally:
            os.close(descriptor)
