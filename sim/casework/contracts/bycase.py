"""Contracts that keep one instance for each case: whose instance a call is for, and who is told what became of it.

A call is for the caller's own instance, or for that of the case that began the caller: a bank's proof of payment is a
case of its own and speaks to the agreement that it pays. Where such a call changes what the instance's own case waits
for (TELLS), that case is told as well.

What was called before the run is not known. An instance that should exist and does not is taken to be where the call
presupposes it to be, if the caller began before the run, or speaks for the case that began it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from sim.casework.contracts.interface import REFUSED, Answered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.casework.contracts.interface import Called


class Instance(Protocol):
    """What a contract knows of one case."""

    case: int
    """Whose it is."""


Item = TypeVar("Item", bound=Instance)
Handler = "Callable[[Item, Called], str | None]"


class ByCase(Generic[Item]):
    """Finds the instance that a call is for, has the method's handler change it, and answers.

    A handler returns the signal for the caller, or None for what the contract does not allow; then it must not have
    changed anything.
    """

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]]
    OTHERS: ClassVar[tuple[str, ...]]
    TELLS: ClassVar[frozenset[tuple[str, str]]]
    """Answers, by method, that the instance's case is told where another called."""
    OPENS: ClassVar[frozenset[str]]
    """Methods that begin an instance where the caller has none."""
    FROM_OUTSIDE: ClassVar[frozenset[str]]
    """Methods that a case may call for the case that began it, whose own calls may have come before the run."""

    def __init__(self, handlers: Mapping[str, Callable[[Item, Called], str | None]]) -> None:
        if handlers.keys() != self.METHODS.keys():
            raise ValueError(f"handlers {sorted(handlers)} are not the methods {sorted(self.METHODS)}")
        self._items: dict[int, Item] = {}
        self._handlers = dict(handlers)
        self._answered: dict[tuple[str, str], int] = {
            (method, signal): 0 for method, signals in self.METHODS.items() for signal in (*signals, REFUSED)
        }

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        case, method = called.case, called.method
        item = self._items.get(case)
        if item is None:
            item = self._found(called)
            if item is None:
                self._answered[method, REFUSED] += 1
                return (Answered(case, REFUSED),)
        signal = self._handlers[method](item, called) or REFUSED
        self._answered[method, signal] += 1
        if item.case != case and (method, signal) in self.TELLS:
            return (Answered(case, signal), Answered(item.case, signal))
        return (Answered(case, signal),)

    def summary(self) -> dict[str, int]:
        """How often each method was answered what, as ``METHOD-SIGNAL``, where it ever was."""
        return {f"{method}-{signal}": count for (method, signal), count in self._answered.items() if count}

    def _begun(self, called: Called) -> Item:
        """An instance as it is before the first call."""
        raise NotImplementedError

    def _presumed(self, called: Called, case: int) -> Item:
        """An instance of ``case`` as it must be for this call to make sense."""
        raise NotImplementedError

    def _found(self, called: Called) -> Item | None:
        case, parent, method = called.case, called.parent, called.method
        if method in self.OPENS:
            item = self._begun(called)
        elif parent in self._items:
            return self._items[parent]
        elif parent != case and method in self.FROM_OUTSIDE:
            item = self._presumed(called, parent)
        elif called.old:
            item = self._presumed(called, case)
        else:
            return None
        self._items[item.case] = item
        return item
