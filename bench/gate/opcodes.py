"""How many bytecode instructions a course takes: the same number on every machine, however busy it is.

CPython is asked to report each instruction before it executes it (``frame.f_trace_opcodes``, `sys.settrace`). Each
course has a process of its own, forked off before any other has run, takes a first turn that imports, compiles and
fills caches, and is counted in the second, with the garbage collector off, so that no finaliser runs in between.
Instructions of this package and of all others are counted apart. What compiled code does costs no instruction: that is
what `probes` are for.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from types import FrameType

    from bench.gate.courses import Course, Units

    Tracer = Callable[[FrameType, str, Any], Any]

OWN = str(Path(sim.__file__).parent)


class CourseFailed(Exception):
    """A course ended with an error; its traceback is the message."""


@dataclass(frozen=True, slots=True)
class Count:
    """What one course took.

    Attributes:
        own: instructions of this package.
        all: instructions of everything, libraries included.
        units: how much it did, by what is counted.
    """

    own: int
    all: int
    units: Units


class _Counter:
    """Two tracers, one for frames of this package and one for others; a frame gets its own when it begins."""

    def __init__(self) -> None:
        self._is_own: dict[str, bool] = {}
        self.own = self.others = 0

    def begin(self, frame: FrameType, _event: str, _argument: Any) -> Tracer:  # noqa: ANN401 - as `sys.settrace` has it
        """A frame begins, or a generator goes on."""
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        file = frame.f_code.co_filename
        if file not in self._is_own:
            self._is_own[file] = file.startswith(OWN)
        return self._count_own if self._is_own[file] else self._count_others

    def _count_own(self, _frame: FrameType, event: str, _argument: Any) -> Tracer:  # noqa: ANN401 - likewise
        if event == "opcode":
            self.own += 1
        return self._count_own

    def _count_others(self, _frame: FrameType, event: str, _argument: Any) -> Tracer:  # noqa: ANN401 - likewise
        if event == "opcode":
            self.others += 1
        return self._count_others


def count(course: Course) -> Count:
    """Count one course here and now, warm-up included.

    Raises:
        CourseFailed: its two turns did not do the same.
    """
    first = course()()
    work = course()
    counter = _Counter()
    gc.collect()
    gc.disable()
    before = sys.gettrace()
    sys.settrace(counter.begin)
    try:
        units = work()
    finally:
        sys.settrace(before)
        gc.enable()
    if units != first:
        raise CourseFailed(f"did {dict(first)} in its first turn and {dict(units)} in its second")
    return Count(counter.own, counter.own + counter.others, units)


def count_each(courses: Mapping[str, Course]) -> Iterator[tuple[str, Count]]:
    """Count each course in a process of its own.

    Raises:
        CourseFailed: one ended with an error.
    """
    fork = multiprocessing.get_context("fork")
    for name, course in courses.items():
        here, there = fork.Pipe(duplex=False)
        process = fork.Process(target=_count_into, args=(course, there))
        process.start()
        there.close()
        try:
            found = here.recv()
        except EOFError:
            found = "its process died"
        process.join()
        if not isinstance(found, Count):
            raise CourseFailed(f"course {name}: {found}")
        yield name, found


def _count_into(course: Course, pipe: Connection) -> None:
    try:
        pipe.send(count(course))
    except Exception:  # noqa: BLE001 - whatever went wrong is told by the parent
        pipe.send(traceback.format_exc())
