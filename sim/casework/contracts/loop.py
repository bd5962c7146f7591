"""Closed loop of a sensitive operation: ordered, approved by a second person, executed, compared (W14; article 11).

The rules:

1.  A query, freeze or deduction is ordered by one person (`order`) and approved by another (`approve`); an approval by
    who ordered it (fact `same-person`) is refused.
2.  Who executes it says so (`execute`), once. The contract can't undo what an institution has done: an execution
    without order or without approval stands, and is illegal.
3.  What was executed is compared with what was ordered (`reconcile`): it matches if it was approved and is the same;
    the fact `differs` says that the executed command's hash is another than the order's.
4.  An audit (`audit`) finds every illegal execution, and every one that differs from its order, that no audit found
    before; the cases are told (`found`). The contract counts how long they had gone unnoticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.contracts.interface import Answered
from sim.casework.invariants import CaseViolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Called

ORDERED: Final = "ordered"
APPROVED: Final = "approved"
EXECUTED: Final = "executed"
RECONCILED: Final = "reconciled"

_PRESUMED: Final = {"approve": ORDERED, "reconcile": EXECUTED}
_NS_PER_S: Final = 1_000_000_000


class _Operation:
    __slots__ = ("approved", "case", "executed_ns", "status")

    def __init__(self, case: int, status: str, *, approved: bool) -> None:
        self.case = case
        self.status = status
        self.approved = approved
        self.executed_ns = 0


class Loop(ByCase[_Operation]):
    """Sensitive operations, each of one case."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "order": ("ordered",),
        "approve": ("approved",),
        "execute": ("executed",),
        "reconcile": ("matched", "mismatched"),
        "audit": ("clean", "found"),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("found", "approved", "executed")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset({("approve", "approved"), ("execute", "executed")})
    OPENS: ClassVar[frozenset[str]] = frozenset({"order"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"approve"})

    def __init__(self) -> None:
        super().__init__(
            {
                "order": self._order,
                "approve": self._approve,
                "execute": self._execute,
                "reconcile": self._reconcile,
                "audit": self._no_operation,
            }
        )
        self._suspicious: dict[int, _Operation] = {}
        """Executed against the rules, and not found by an audit, in the order of execution."""
        self.found = 0
        self.unnoticed_ns = 0

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        return self._audit(called) if called.method == "audit" else super().apply(called)

    def check(self) -> None:
        """Nothing that was executed without approval counts as in order."""
        for case, operation in self._items.items():
            if operation.status == RECONCILED and not operation.approved:
                raise CaseViolation("closed-loop", "loop", case, operation.executed_ns, "matched without an approval")

    def summary(self) -> dict[str, int]:
        """Answers, and what audits found after how many seconds in all."""
        found = {
            "found": self.found,
            "undetected": len(self._suspicious),
            "unnoticed_s": self.unnoticed_ns // _NS_PER_S,
        }
        return super().summary() | found

    def _begun(self, called: Called) -> _Operation:
        return _Operation(called.case, "", approved=False)

    def _presumed(self, called: Called, case: int) -> _Operation:
        status = _PRESUMED[called.method]
        return _Operation(case, status, approved=status != ORDERED)

    def _found(self, called: Called) -> _Operation | None:
        operation = super()._found(called) if called.method != "execute" else self._items.get(called.parent)
        if operation is None and called.method == "execute":
            # A case from before the run was approved then; any other is a command that nobody gave.
            status = APPROVED if called.old else ""
            operation = self._items[called.case] = _Operation(called.case, status, approved=called.old)
        return operation

    def _order(self, operation: _Operation, called: Called) -> str | None:
        del called
        if operation.status:
            return None
        operation.status = ORDERED
        return ORDERED

    def _approve(self, operation: _Operation, called: Called) -> str | None:
        if operation.status != ORDERED or "same-person" in called.facts:
            return None
        operation.status = APPROVED
        operation.approved = True
        return APPROVED

    def _execute(self, operation: _Operation, called: Called) -> str | None:
        if operation.status in (EXECUTED, RECONCILED):
            return None
        operation.status = EXECUTED
        operation.executed_ns = called.time_ns
        if not operation.approved or "differs" in called.facts:
            self._suspicious[operation.case] = operation
        return EXECUTED

    def _reconcile(self, operation: _Operation, called: Called) -> str | None:
        if operation.status != EXECUTED:
            return None
        if operation.approved and "differs" not in called.facts and operation.case not in self._suspicious:
            operation.status = RECONCILED
            return "matched"
        self._suspicious.setdefault(operation.case, operation)
        return "mismatched"

    @staticmethod
    def _no_operation(operation: _Operation, called: Called) -> str | None:
        raise AssertionError(f"an audit is for no operation: {operation}, {called}")

    def _audit(self, called: Called) -> Sequence[Answered]:
        found = list(self._suspicious.values())
        self._suspicious.clear()
        self.found += len(found)
        self.unnoticed_ns += sum(called.time_ns - operation.executed_ns for operation in found)
        answer = "found" if found else "clean"
        self._answered["audit", answer] += 1
        return (Answered(called.case, answer), *(Answered(operation.case, "found") for operation in found))
