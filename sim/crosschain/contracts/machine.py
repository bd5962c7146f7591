"""The contracts of one chain: it runs the calls of each block in order and remembers what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.chain.contracts import Effect
from sim.crosschain.contracts.messages import Call, link_of
from sim.crosschain.contracts.refusal import Refused, reason_of
from sim.crosschain.contracts.store import Block, Store
from sim.proof.errors import ProofError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.chain.config import Costs
    from sim.crosschain.contracts.contract import Contract, Event


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a call.

    Attributes:
        row: of its transaction.
        link: whose contract.
        call: the call; None where the contracts cannot read it.
        refusal: the short name of the reason; None if it was executed.
        event: what it did to a packet, if anything.
        work_ns: what executing it took of each node's CPU.
    """

    row: int
    link: str
    call: Call | None
    refusal: str | None
    event: Event | None
    work_ns: int = 0


class Watcher(Protocol):
    """Who is told what became of the calls of a link."""

    def watch(self, chain: str, height: int, at_ns: int, receipts: Sequence[Receipt]) -> None:
        """The first node of a chain has executed a block, by then."""


class Machine:
    """The contracts of one chain.

    Args:
        chain: its id.
        costs: of computing, on every node.

    Attributes:
        store: the state.
        contracts: of links, by the link's id.
        receipts: of the calls of each block, by height.
    """

    def __init__(self, chain: str, costs: Costs) -> None:
        self.store = Store()
        self.contracts: dict[str, Contract] = {}
        self.receipts: list[tuple[Receipt, ...]] = [()]
        self._chain = chain
        self._costs = costs
        self._watchers: dict[str, Watcher] = {}
        self._founding: dict[bytes, bytes] = {}

    def found(self, entries: Mapping[bytes, bytes]) -> None:
        """Have these entries in the state before the first block, which is the one that commits to them."""
        self.store.entries.update(entries)
        self._founding.update(entries)

    def watched_by(self, link: str, watcher: Watcher) -> None:
        """Have somebody told of the calls of a link."""
        self._watchers[link] = watcher

    def run(self, height: int, time_ns: int, calls: Sequence[tuple[int, bytes]]) -> Effect:
        """As `sim.chain.contracts.Contracts.run`."""
        self.store.begin_block()
        self.store.changes.update(self._founding)
        self._founding.clear()
        block = Block(height, time_ns)
        for contract in self.contracts.values():
            contract.begin(self.store, block)
        self.store.keep()
        self.receipts.append(tuple(self._execute(block, row, data) for row, data in calls))
        return Effect(self.store.changes, self.store.meter.cost_ns(self._costs))

    def _execute(self, block: Block, row: int, data: bytes) -> Receipt:
        try:
            call = Call.from_bytes(data)
        except Refused as refusal:
            return Receipt(row, link_of(data), None, refusal.reason, None)
        before_ns = self.store.meter.cost_ns(self._costs)
        try:
            contract = self.contracts.get(call.link)
            if contract is None:
                raise Refused("no-such-link", call.link)
            event = contract.call(self.store, block, call)
        except ProofError as refusal:
            self.store.drop()
            return Receipt(row, call.link, call, reason_of(refusal), None, self._spent_ns(before_ns))
        self.store.keep()
        return Receipt(row, call.link, call, None, event, self._spent_ns(before_ns))

    def _spent_ns(self, before_ns: int) -> int:
        return self.store.meter.cost_ns(self._costs) - before_ns

    def executed(self, height: int, at_ns: int) -> None:
        """As `sim.chain.contracts.Contracts.executed`."""
        for link, watcher in self._watchers.items():
            watcher.watch(self._chain, height, at_ns, [r for r in self.receipts[height] if r.link == link])
