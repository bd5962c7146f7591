"""Who asks, on the destination of a link, what its source has on record of somebody; and what became of each question.

Questions go to the link's relayers in turn, and are about them in turn: is this one still admitted? An answer is held
against what the source had at that time, and against what it ever had, which only somebody knows who watches both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.contracts.identity import document_key
from sim.crosschain.contracts.messages import Claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.relayer import Relayer
    from sim.crosschain.contracts.machine import Receipt
    from sim.kernel.engine import Engine


@dataclass(frozen=True, slots=True)
class Questions:
    """A stream of questions.

    Attributes:
        id: its name, which is what they are for.
        times_ns: when each is asked, ascending.
        freshness_ns: how old an answer may be; 0 for as old as it likes.
    """

    id: str
    times_ns: NDArray[np.int64]
    freshness_ns: int


@dataclass(slots=True)
class Question:
    """One question.

    Attributes:
        asked_ns: when.
        answered_ns: when the first node of the destination had taken the answer; -1 if it has not.
        age_ns: of the answer then, by its header.
        stale: the source had something else on record by then.
        forged: the source had never had that on record where the answer says.
        refusal: why the destination did not take it.
    """

    asked_ns: int
    answered_ns: int = -1
    age_ns: int = 0
    stale: bool = False
    forged: bool = False
    refusal: str | None = None


@dataclass(slots=True)
class Inquirer:
    """Asks the questions of one stream.

    Attributes:
        engine: time.
        view_end: the contract that takes the answers.
        questions: what is asked, and when.
        relayers: of the link.
        source: a node of the chain that is asked about.
        asked: what became of each so far.
    """

    engine: Engine
    view_end: str
    questions: Questions
    relayers: Sequence[Relayer]
    source: Endpoint
    asked: list[Question] = field(default_factory=list)
    _rows: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Plan the first question."""
        self._plan(0)

    def _plan(self, k: int) -> None:
        if k < len(self.questions.times_ns):
            self.engine.call_at(int(self.questions.times_ns[k]), self._ask, k)

    def _ask(self, k: int) -> None:
        count = len(self.relayers)
        asked, about = self.relayers[k % count], self.relayers[k // count % count]
        self.asked.append(Question(self.engine.now))
        parts = (self.questions.id.encode(), k.to_bytes(8, "big"), document_key(about.config.did))
        asked.show(self.view_end, parts, lambda row: self._rows.update({row: k}))
        self._plan(k + 1)

    def watch(self, _chain: str, _height: int, at_ns: int, receipts: Sequence[Receipt]) -> None:
        """As `sim.crosschain.contracts.machine.Watcher.watch`, of the destination."""
        for receipt in receipts:
            k = self._rows.pop(receipt.row, None)
            if k is None:
                continue
            question = self.asked[k]
            if receipt.event is None:
                question.refusal = receipt.refusal
            else:
                self._take(question, at_ns, receipt.event.packet.data, Claim.from_bytes(receipt.event.acknowledgement))

    def _take(self, question: Question, at_ns: int, key: bytes, view: Claim) -> None:
        question.answered_ns = at_ns
        question.age_ns = at_ns - view.time_ns
        question.stale = self.source.latest(key) != view.value
        question.forged = not self.source.had(key, view.value, view.height)
