"""A disk that loses what was not synced: records a tile store's file-system calls and acts out a power cut.

What a file system owes after a power cut is little. The content of a file is there if it was fsynced since; if not,
all of it, none, the beginning, or the whole with a block of zeros. A name made, changed or removed is so if its
directory was fsynced since; if not, each such change has happened or not, whatever the others did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.proof.tiles_files import Files

if TYPE_CHECKING:
    import pathlib
    import random


class Killed(BaseException):
    """The process ends here."""


class UnsyncedFiles(Files):
    """Files without the waiting: for stores that no test cuts the power of."""

    def fsync(self, path: str) -> None:
        """Wait for nothing."""

    def fsync_dir(self, path: str) -> None:
        """Wait for nothing."""


class RecordingFiles(UnsyncedFiles):
    """Files that write down each changing call before it is made.

    With ``fail_at``, the call of that number fails with ``failure`` instead, without having done anything.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.operations: list[tuple[str, str, object]] = []
        self.fail_at: int | None = None
        self.failure: BaseException = Killed()

    def _record(self, call: str, path: str, detail: object = None) -> None:
        if len(self.operations) == self.fail_at:
            self.fail_at = None
            raise self.failure
        self.operations.append((call, path, detail))

    def write(self, path: str, data: bytes) -> None:
        self._record("write", path, data)
        super().write(path, data)

    def fsync(self, path: str) -> None:
        self._record("fsync", path)

    def fsync_dir(self, path: str) -> None:
        self._record("fsync_dir", path)

    def rename(self, old: str, new: str) -> None:
        self._record("rename", old, new)
        super().rename(old, new)

    def unlink(self, path: str) -> None:
        self._record("unlink", path)
        super().unlink(path)

    def mkdir(self, path: str) -> None:
        self._record("mkdir", path)
        super().mkdir(path)

    def rmdir(self, path: str) -> None:
        self._record("rmdir", path)
        super().rmdir(path)


@dataclass
class _File:
    latest: bytes
    durable: bytes = b""


@dataclass
class _Change:
    """Names that a directory operation sets (to a file, or None for a directory) and removes."""

    folder: str
    sets: dict[str, _File | None] = field(default_factory=dict)
    removes: list[str] = field(default_factory=list)
    durable: bool = False


def power_cut(operations: list[tuple[str, str, object]], chance: random.Random, target: pathlib.Path) -> None:
    """Lay out below ``target`` one of the states in which a power cut after these operations may leave the disk."""
    names = _survivors(_changes(operations), chance)
    for path in sorted(names):
        if not (target / path).parent.is_dir():
            continue  # the way to it was lost
        file = names[path]
        if file is None:
            (target / path).mkdir()
        else:
            (target / path).write_bytes(_content(file, chance))


def parent(path: str) -> str:
    return path.rpartition("/")[0]


def _changes(operations: list[tuple[str, str, object]]) -> list[_Change]:
    live: dict[str, _File] = {}
    folders = {""}
    changes: list[_Change] = []
    for call, path, detail in operations:
        if call == "write":
            if path not in live:
                live[path] = _File(b"")
                changes.append(_Change(parent(path), sets={path: live[path]}))
            live[path].latest = detail
        elif call == "fsync":
            live[path].durable = live[path].latest
        elif call == "rename":
            live[detail] = live.pop(path)
            changes.append(_Change(parent(detail), sets={detail: live[detail]}, removes=[path]))
        elif call == "mkdir" and path not in folders:
            # Where it is already, the call does nothing: its name may still be in the page cache alone.
            folders.add(path)
            changes.append(_Change(parent(path), sets={path: None}))
        elif call in {"unlink", "rmdir"}:
            live.pop(path, None)
            folders.discard(path)
            changes.append(_Change(parent(path), removes=[path]))
        elif call == "fsync_dir":
            for change in changes:
                change.durable |= change.folder == path
    return changes


def _survivors(changes: list[_Change], chance: random.Random) -> dict[str, _File | None]:
    likelihood = chance.choice([0, 0.2, 0.8, 1])
    names: dict[str, _File | None] = {}
    for change in changes:
        if change.durable or chance.random() < likelihood:
            for path in change.removes:
                names.pop(path, None)
            names.update(change.sets)
    return names


def _content(file: _File, chance: random.Random) -> bytes:
    data = file.latest
    if data == file.durable:
        return data
    start = chance.randrange(len(data))
    zeros = data[:start] + bytes(len(data[start : start + 512])) + data[start + 512 :]
    return chance.choice([file.durable, data, data[:start], zeros])
