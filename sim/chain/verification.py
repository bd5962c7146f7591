"""Answering "is this record what was deposited?" with a real proof, and one of the three official outcomes.

The public verification platform of the people's courts has exactly three answers: passed (核验通过), not deposited
on the judicial chain (尚未在司法区块链存证), and not what was deposited (与链上存证数据比对结果不一致).

A client presents a deposit number and a record. The node looks the number up, builds an inclusion proof in the log of
the last block that it executed, and the client checks the presented bytes and the proof against that block's root.
A request may come from behind a copy of the chain that lags, and sees an older log then; if it finds nothing there it
may look again when the copy has caught up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.config import Looks
from sim.proof import ProofError, merkle
from sim.proof.errors import RootMismatch

if TYPE_CHECKING:
    from sim.chain.chain import Chain
    from sim.chain.config import Requests
    from sim.chain.node import Node
    from sim.kernel.engine import Engine
    from sim.metrics.recorder import Recorder

PASS, NOT_FOUND, MISMATCH = "pass", "not_found", "mismatch"
REFUSED, UNFINISHED = "refused", "unfinished"
"""What is no answer: a proof that proves nothing, and none by the end."""
GENUINE, ABSENT, ALTERED = range(3)
_KINDS = ("genuine", "absent", "altered")
_NEVER_GIVEN = 1 << 62
"""A deposit number beyond all that a run gives out."""


class Verification:
    """The verification service of one chain's nodes.

    Attributes:
        requests: what is asked of it.
    """

    def __init__(self, engine: Engine, recorder: Recorder, chain: Chain, requests: Requests) -> None:
        self._engine = engine
        self._recorder = recorder
        self._chain = chain
        self.requests = requests
        self._unanswered = set(range(len(requests)))
        self._numbers = np.zeros(len(requests), dtype=np.int64)
        for stream in range(len(requests.streams)):
            mine = requests.stream == stream
            self._numbers[mine] = np.arange(np.count_nonzero(mine))
        links = chain.network.topology.links
        self._looks = Looks.usual(len(requests)) if requests.looks is None else requests.looks
        self._access_ns = [links[node][node].delay_ns for node in range(chain.config.nodes)]
        for request in range(len(requests)):
            node = int(requests.node[request])
            engine.call_at(int(requests.intended_ns[request]) + self._access_ns[node], self._serve, request, 0, -1)

    def _serve(self, request: int, attempt: int, as_of_ns: int) -> None:
        """A request reaches a node; a client whose node is down turns to the next one.

        With ``as_of_ns`` it is the second look, in the log as it was known then; else -1.
        """
        count = self._chain.config.nodes
        if attempt == count:
            return
        node = self._chain.nodes[(int(self.requests.node[request]) + attempt) % count]
        done_ns = node.work(self._engine.now, self._chain.config.costs.proof_ns)
        if done_ns is None:
            self._serve(request, attempt + 1, as_of_ns)
            return
        self._engine.call_at(done_ns, self._answer, request, node, done_ns, as_of_ns)

    def _answer(self, request: int, node: Node, done_ns: int, as_of_ns: int) -> None:
        stream = int(self.requests.of[request])
        number = self._deposit_number(request, stream)
        # The first block, with the history, was executed at 0.
        seen_ns = as_of_ns if as_of_ns >= 0 else max(0, done_ns - int(self._looks.behind_ns[request]))
        log_size, log_root = self._chain.ledger.log_at(node.index, seen_ns)
        leaf_index = self._chain.ledger.find(stream, number)
        if leaf_index is None or leaf_index >= log_size:
            outcome = NOT_FOUND
            if as_of_ns < 0 and self._looks.again_ns[request] > 0:
                self._engine.call_at(done_ns + int(self._looks.again_ns[request]), self._serve, request, 0, done_ns)
                return
        else:
            presented = self._presented(request, stream, number)
            outcome = self._check(presented, leaf_index, log_size, log_root)
        answered_ns = done_ns + self._access_ns[node.index]
        self._unanswered.discard(request)
        self._engine.trace.note("verification", self._chain.config.id, request, answered_ns, outcome)
        found = -1 if outcome == NOT_FOUND or leaf_index is None else leaf_index
        self._write(request, node.index, outcome, found, log_size, answered_ns)

    def _deposit_number(self, request: int, stream: int) -> int:
        """The number that the client holds: of a record sent before the request, or one that was never given out."""
        records, age_ns = self._chain.records, int(self._looks.age_ns[request])
        sent = records.deposited_by(stream, int(self.requests.intended_ns[request]) - max(age_ns, 0))
        if len(sent) == 0 or self.requests.kind[request] == ABSENT:
            return _NEVER_GIVEN
        if age_ns >= 0:
            return int(sent[-1])
        return int(sent[int(float(self.requests.choice[request]) * len(sent))])

    def _presented(self, request: int, stream: int, number: int) -> bytes:
        """The record as the client has it now."""
        content = self._chain.records.content(int(self._chain.records.rows_of(stream)[number]))
        altered = self.requests.kind[request] == ALTERED
        return alter(content, float(self.requests.choice[request])) if altered else content

    def _check(self, presented: bytes, index: int, size: int, root: bytes) -> str:
        """What the client does: hash what it holds, and check the node's proof against the header's root."""
        suite = self._chain.ledger.suite
        proof = self._chain.ledger.log.inclusion_proof(index, size)
        try:
            merkle.verify_inclusion(
                suite, leaf_hash=suite.leaf(presented), index=index, size=size, proof=proof, root=root
            )
        except RootMismatch:
            return MISMATCH
        except ProofError:
            return REFUSED
        return PASS

    def _write(self, request: int, node: int, outcome: str, leaf_index: int, log_size: int, done_ns: int) -> None:
        requests = self.requests
        stream = int(requests.stream[request])
        self._recorder.row(
            "verifications",
            self._chain.config.id,
            requests.streams[stream],
            int(self._numbers[request]),
            node,
            _KINDS[int(requests.kind[request])],
            outcome,
            leaf_index,
            log_size,
            int(requests.intended_ns[request]),
            done_ns,
        )

    def finish(self) -> None:
        """Write down the requests that got no answer."""
        for request in sorted(self._unanswered):
            self._write(request, int(self.requests.node[request]), UNFINISHED, -1, 0, -1)


def alter(content: bytes, where: float) -> bytes:
    """The record with one bit changed, as a file that was saved again after it was deposited; ``where`` in [0, 1)."""
    position = int(where * len(content))
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
