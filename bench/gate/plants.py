"""Deliberate slowdowns: real extra work, put into the code of a hot path as it is loaded, nowhere on disk.

A plant adds a statement to one function: to its beginning, or to the beginning of its first loop's body. The function's
own object gets the new code, so whoever has imported it runs that. How much extra work there is gets calibrated in the
same process, until a probe of that path takes `SLOWDOWN` times as long as without.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import repeat
from time import thread_time_ns
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from bench.gate.bands import SLOWDOWN

if TYPE_CHECKING:
    from bench.gate.probe import Subject

EXTRA = "_planted"
"""What the extra work is called in the module that it is planted in."""
BYTECODE, NATIVE = "for _ in _planted: pass", "_planted()"
"""Extra work of the interpreter, and of compiled code: a loop, and a hash of so many bytes."""
TURNS = 60
STEPS = 12
CLOSE = 0.01


@dataclass(frozen=True, slots=True)
class Plant:
    """Where a slowdown goes.

    Attributes:
        path: which hot path that is, for people.
        module, function: where it is.
        extra: `BYTECODE` or `NATIVE`.
        probe: whose time is to grow.
        in_loop: in the body of the function's first loop, not at its beginning.
    """

    path: str
    module: str
    function: str
    extra: str
    probe: str
    in_loop: bool = False


PLANTS = {
    "event-loop": Plant("event loop", "sim.kernel.engine", "_Agenda.advance", BYTECODE, "engine", in_loop=True),
    "messages": Plant("message handling", "sim.chain.chain", "Chain._receive", NATIVE, "messages"),
    "build": Plant("Merkle build", "sim.proof.build", "range_of", NATIVE, "build-sha256"),
    "batch": Plant("batch verification", "sim.proof.batch", "_verify_rows", NATIVE, "batch-sha256"),
    "heights": Plant("computed heights", "sim.chain.rounds", "vote", NATIVE, "queues"),
}


class NotPlanted(Exception):
    """A plant's place is not there any more, or its work can't be made to fit; the message is one line."""


def plant(name: str, amount: int) -> None:
    """Plant a slowdown in this process, for good."""
    Planted(PLANTS[name]).set(amount)


class Planted:
    """A plant in place; `set` says how much it does, 0 takes it out.

    Attributes:
        function: the one that it is in.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._module = import_module(plant.module)
        target: Any = self._module
        for part in plant.function.split("."):
            target = getattr(target, part, None)
        if not isinstance(target, FunctionType):
            raise NotPlanted(
                f"{plant.module} has no function {plant.function}; say in {__name__} where {plant.path} is now"
            )
        self.function = target
        self._without = target.__code__
        self._with = _with_extra(target, plant)

    def set(self, amount: int) -> None:
        """Do so much extra work each time: turns of a loop, or bytes hashed."""
        extra: object = range(amount) if self._plant.extra == BYTECODE else partial(hashlib.sha256, bytes(amount))
        setattr(self._module, EXTRA, extra)
        self.function.__code__ = self._with if amount else self._without


def _with_extra(function: FunctionType, plant: Plant) -> CodeType:
    """The function's code with the extra work in it, under the same names of file and function."""
    module = ast.parse(textwrap.dedent(inspect.getsource(function)))
    body = module.body[0].body  # type: ignore[attr-defined] # a function has one
    if plant.in_loop:
        loops = [node for node in ast.walk(module.body[0]) if isinstance(node, (ast.While, ast.For))]
        if not loops:
            raise NotPlanted(
                f"{plant.module}.{plant.function} has no loop; say in {__name__} where {plant.path} is now"
            )
        body = loops[0].body
    body[:0] = ast.parse(plant.extra).body
    flags = function.__code__.co_flags & _future_flags()
    code = compile(module, function.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    made = next(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return made.replace(co_qualname=function.__code__.co_qualname)


def _future_flags() -> int:
    import __future__

    return __future__.annotations.compiler_flag


def calibrate(plant: Plant, subject: Subject) -> tuple[int, float]:
    """How much extra work makes a probe take `SLOWDOWN` times as long, and how many times as long it then takes.

    Raises:
        NotPlanted: no amount does.
    """
    planted = Planted(plant)
    low, high, amount = 0, 0, 16
    best = (amount, 0.0)
    for _ in range(STEPS):
        factor = _factor(planted, subject, amount)
        if abs(factor - SLOWDOWN) < abs(best[1] - SLOWDOWN):
            best = amount, factor
        if abs(factor - SLOWDOWN) <= CLOSE:
            break
        low, high = (amount, high) if factor < SLOWDOWN else (low, amount)
        amount = max(
            1, round(amount * (SLOWDOWN - 1) / max(factor - 1, 0.02)) if not (low and high) else (low + high) // 2
        )
    planted.set(0)
    if abs(best[1] - SLOWDOWN) > 3 * CLOSE:
        raise NotPlanted(f"{plant.path}: no amount of extra work makes {plant.probe} {SLOWDOWN} times as slow ({best})")
    return best


def _factor(planted: Planted, subject: Subject, amount: int) -> float:
    """The best turn with so much extra work by the best without, in turns."""
    best = {0: 1 << 62, amount: 1 << 62}
    for _ in repeat(None, TURNS):
        for now in (0, amount):
            planted.set(now)
            for _ in range(2):  # the interpreter adapts to changed code in the first
                subject.prepare()
                started_ns = thread_time_ns()
                subject.work()
                best[now] = min(best[now], thread_time_ns() - started_ns)
    return best[amount] / best[0]
