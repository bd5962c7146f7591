"""The courts' contracts called by hand, each call heard by a witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.casework.contracts.interface import Called
from sim.casework.contracts.registry import contracts
from sim.casework.witness import Witness
from sim.kernel.civil import DAY_NS, HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.casework.contracts.interface import Contract
    from sim.casework.contracts.periods import End

__all__ = ["DAY_NS", "HOUR_NS", "Court"]


class Court:
    """Contracts on one chain, and a clock that stands until it is moved.

    Args:
        contract: the one that `call` is for.
        end: of periods, or as contracts have it.
        replaced: contracts to use instead of the real ones.
    """

    def __init__(self, contract: str, end: End | None = None, replaced: Mapping[str, Contract] | None = None) -> None:
        self.contracts = (contracts() if end is None else contracts(end)) | dict(replaced or {})
        self.name = contract
        self.witness = Witness()
        self.now_ns = 0
        self.parents: dict[int, int] = {}
        self.told: list[tuple[int, str]] = []
        """What other cases than the caller were told by the last call."""

    def call(
        self,
        method: str,
        case: int = 1,
        *,
        parent: int | None = None,
        subject: int | None = None,
        asset: int = 7,
        cny: float = 1000.0,
        facts: Iterable[str] = (),
        old: bool = False,
    ) -> str:
        """Call a method, of another contract as ``CONTRACT.METHOD``; returns what the caller is told."""
        name, _, method = method.rpartition(".")
        name = name or self.name
        parent = case if parent is None else parent
        called = Called(
            method, self.now_ns, case, parent, 0 if subject is None else subject, asset, cny, frozenset(facts), old
        )
        contract = self.contracts[name]
        answers = contract.apply(called)
        self.witness.saw(name, called, answers)
        assert answers[0].case == case
        known = contract.METHODS[method]
        assert answers[0].signal in (*known, "refused"), f"{name}.{method} answers {answers[0].signal}"
        assert all(answer.signal in contract.OTHERS for answer in answers[1:])
        self.told = [(answer.case, answer.signal) for answer in answers[1:]]
        return answers[0].signal

    def calls(self, *methods: str, case: int = 1, every_ns: int = 0) -> list[str]:
        """Several calls of one case, so far apart."""
        told = []
        for method in methods:
            told.append(self.call(method, case))
            self.now_ns += every_ns
        return told

    def later(self, *, days: float = 0, hours: float = 0) -> None:
        self.now_ns += int(days * DAY_NS + hours * HOUR_NS)

    def finish(self) -> None:
        """All books are in order."""
        self.witness.finish()
        for contract in self.contracts.values():
            contract.check()
