"""A chain's ledger on real proofs: one log of record hashes, a header per block, and how far each node has got.

Transactions deposit records and change nothing else yet, so the state root of every header is that of the empty state.

Execution is deterministic, so nodes that execute the same blocks compute the same bytes. They are hashed once and
every node's copy is checked against them; a node that would execute another block breaks agreement, which stops the
run. What each node spends on hashing is charged to its CPU by `sim.chain.chain`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain import invariants
from sim.consensus.interface import Value
from sim.consensus.registry import family
from sim.proof import BlockHeader, merkle, suite_by_name
from sim.proof.state_proof import EMPTY_ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.config import ChainConfig, Offered
    from sim.chain.records import Records

NOT_YET = -1


@dataclass(slots=True)
class Body:
    """What the leader put into a block: transactions by position and their leaf hashes; when it cut and sent them.

    ``ready_ns`` is when it could have cut them, had its protocol let it propose. ``clock_error_ns`` is how far its own
    clock was ahead of the true time when it cut them.
    """

    transactions: NDArray[np.int64]
    leaf_hashes: list[bytes]
    leader: int
    view: int
    cut_ns: int
    proposed_ns: int = NOT_YET
    ready_ns: int = NOT_YET
    clock_error_ns: int = 0


@dataclass(slots=True)
class Block:
    """A block that some node has executed.

    Attributes:
        header: with the root of the whole log after this block.
        digest: of the header.
        value: what consensus ordered; its body is a `Body`, or None for the null value of a view change.
        transactions_before: how many were executed before this block.
        transactions: those in it, by position.
        voted_ns, executed_ns: per node, `NOT_YET` where it has not happened.
    """

    header: BlockHeader
    digest: bytes
    value: Value | None
    transactions_before: int
    transactions: NDArray[np.int64]
    voted_ns: NDArray[np.int64]
    executed_ns: NDArray[np.int64]

    @property
    def first_voted_ns(self) -> int:
        """When the first node knew that it was final."""
        return int(self.voted_ns[self.voted_ns != NOT_YET].min())

    @property
    def first_executed_ns(self) -> int:
        """When the first node had executed it."""
        return int(self.executed_ns[self.executed_ns != NOT_YET].min())


class Ledger:
    """The ledger of one chain and the height of each of its nodes."""

    def __init__(self, config: ChainConfig, records: Records, offered: Offered) -> None:
        self.suite = suite_by_name(config.hash)
        self.log = merkle.Log(self.suite)
        self._config = config
        self._records = records
        self._offered = offered
        self.leaf_index = np.full(len(records), NOT_YET, dtype=np.int64)
        self.heights = [0] * config.nodes
        self.distrusted: set[int] = set()
        self._values_return = family(config.protocol).returns
        self._validators_hash = _hash_of_validators(config)
        past = self.suite.leaves([records.content(row) for row in range(records.history)])
        self.log.extend(past)
        self.leaf_index[: records.history] = np.arange(records.history)
        self.blocks = [self._genesis(past)]

    def _genesis(self, past: list[bytes]) -> Block:
        suite = self.suite
        header = BlockHeader(
            chain=self._config.id,
            height=0,
            parent=bytes(suite.digest_size),
            payload_root=merkle.root(suite, past),
            log_size=self.log.size,
            log_root=self.log.root(),
            state_root=EMPTY_ROOT,
            validators_hash=self._validators_hash,
            time_ns=0,
        )
        everywhere = np.zeros(self._config.nodes, dtype=np.int64)
        none = np.empty(0, dtype=np.int64)
        return Block(header, header.digest(suite), None, 0, none, everywhere, everywhere)

    def prepare(self, transactions: NDArray[np.int64], leader: int, view: int, cut_ns: int) -> tuple[Body, bytes]:
        """Hash a block's records; returns its body and the digest that is voted on."""
        history = self._records.history
        leaf_hashes = self.suite.leaves([self._records.content(history + int(t)) for t in transactions])
        body = Body(transactions, leaf_hashes, leader, view, cut_ns)
        return body, self._proposal(body, merkle.root(self.suite, leaf_hashes))

    def _proposal(self, body: Body, payload_root: bytes) -> bytes:
        """What validators vote on: the records, who proposes them and when, which tells two blocks of the same apart.

        Empty blocks are all one.
        """
        if not len(body.transactions):
            return payload_root
        return self.suite.digest(payload_root + body.leader.to_bytes(4, "big") + body.cut_ns.to_bytes(8, "big"))

    def execute(self, node: int, height: int, value: Value, voted_ns: int, executed_ns: int) -> Block:
        """A node executes the value at a height.

        Raises:
            InvariantViolation: the node skipped a height, or has another block there than a node before it, or the
                block holds a transaction twice or one that nobody had sent.
        """
        chain = self._config.id
        invariants.check_order(chain, node, self.heights[node], height)
        if height == len(self.blocks):
            self._build(height, value, voted_ns)
        block = self.blocks[height]
        invariants.check_agreement(chain, node, height, value.digest, self.agreed(height))
        # A node that lost its disk executes again what it once had, and what was known then stays known.
        if block.executed_ns[node] == NOT_YET:
            block.voted_ns[node] = voted_ns
            block.executed_ns[node] = executed_ns
        self.heights[node] = height
        return block

    def execute_run(self, bodies: Sequence[Body], voted_ns: NDArray[np.int64], executed_ns: NDArray[np.int64]) -> None:
        """Every node executes these blocks, the next ones, each at its own times.

        The same hashing and the same checks as `prepare` and `execute`, for all of them at once.

        Args:
            bodies: their leaf hashes are made here, and not kept: they are in the log.
            voted_ns: when each node knew that they were final, shape (blocks, nodes).
            executed_ns: when it had executed them, likewise.

        Raises:
            InvariantViolation: as `execute`.
        """
        chain, history, first = self._config.id, self._records.history, len(self.blocks)
        for node, reached in enumerate(self.heights):
            invariants.check_order(chain, node, reached, first)
        invariants.check_log(chain, self.blocks[-1].header, self.log)
        counts = [len(body.transactions) for body in bodies]
        rows = np.concatenate([body.transactions for body in bodies])
        leaf_hashes = self.suite.leaves(self._records.contents(rows + history))
        payload_roots = merkle.roots_of_lists(
            self.suite, np.frombuffer(b"".join(leaf_hashes), np.uint8).reshape(-1, self.suite.digest_size), counts
        )
        sizes = self.log.size + np.cumsum(counts)
        invariants.check_block(
            chain,
            first,
            self.leaf_index,
            rows + history,
            self._offered.intended_ns[rows],
            np.repeat(voted_ns.min(axis=1), counts),
        )
        self.leaf_index[rows + history] = self.log.size + np.arange(len(rows))
        merkle.extend(self.log, leaf_hashes)
        log_roots = merkle.roots_at(self.log, sizes)
        for k, body in enumerate(bodies):
            value = Value(
                self._proposal(body, payload_roots[k]),
                int(self._offered.size_bytes[body.transactions].sum()),
                counts[k],
                body,
            )
            self._append(value, body.transactions, payload_roots[k], (int(sizes[k]), log_roots[k]), voted_ns[k])
            self.blocks[-1].executed_ns = executed_ns[k]
        self.heights = [len(self.blocks) - 1] * len(self.heights)

    def agreed(self, height: int) -> bytes:
        """The digest of the value that the first correct node executed at a height."""
        block = self.blocks[height]
        return block.value.digest if block.value else block.digest

    def _build(self, height: int, value: Value, now_ns: int) -> None:
        """The next block, as its first node executes it."""
        chain, body, parent = self._config.id, value.body, self.blocks[-1]
        transactions: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        leaf_hashes: list[bytes] = []
        payload_root = merkle.root(self.suite, [])
        if isinstance(body, Body):  # else the null value of a view change
            payload_root = merkle.root(self.suite, body.leaf_hashes)
            invariants.check_payload(chain, height, value.digest, self._proposal(body, payload_root))
            transactions, leaf_hashes = self._executable(body)
        rows = transactions + self._records.history
        sent_ns = self._offered.intended_ns[transactions]
        invariants.check_block(chain, height, self.leaf_index, rows, sent_ns, now_ns)
        invariants.check_log(chain, parent.header, self.log)
        self.leaf_index[rows] = self.log.size + np.arange(len(rows))
        self.log.extend(leaf_hashes)
        nobody = np.full(self._config.nodes, NOT_YET, dtype=np.int64)
        self._append(value, transactions, payload_root, (self.log.size, self.log.root()), nobody)

    def _append(
        self,
        value: Value,
        transactions: NDArray[np.int64],
        payload_root: bytes,
        log: tuple[int, bytes],
        voted_ns: NDArray[np.int64],
    ) -> None:
        parent, body = self.blocks[-1], value.body
        time_ns = parent.header.time_ns
        # A block's time is its leader's own, but never before that of the block that it follows.
        if isinstance(body, Body) and len(body.transactions):
            time_ns = max(time_ns, body.cut_ns + body.clock_error_ns)
        header = BlockHeader(
            chain=self._config.id,
            height=len(self.blocks),
            parent=parent.digest,
            payload_root=payload_root,
            log_size=log[0],
            log_root=log[1],
            state_root=EMPTY_ROOT,
            validators_hash=self._validators_hash,
            time_ns=time_ns,
        )
        block = Block(
            header=header,
            digest=header.digest(self.suite),
            value=value,
            transactions_before=parent.transactions_before + len(parent.transactions),
            transactions=transactions,
            voted_ns=voted_ns,
            executed_ns=np.full(self._config.nodes, NOT_YET, dtype=np.int64),
        )
        self.blocks.append(block)

    def _executable(self, body: Body) -> tuple[NDArray[np.int64], list[bytes]]:
        """What is executed of a block: all of it, but for repetitions that are nobody's fault or a liar's."""
        leaves = self.leaf_index[body.transactions + self._records.history]
        repeated = leaves != NOT_YET
        if not repeated.any() or not self._may_repeat(body, leaves[repeated]):
            return body.transactions, body.leaf_hashes
        fresh = [leaf for leaf, again in zip(body.leaf_hashes, repeated, strict=True) if not again]
        return body.transactions[~repeated], fresh

    def _may_repeat(self, body: Body, leaves: NDArray[np.int64]) -> bool:
        """Whether a block may repeat what stands at these places in the log.

        A liar may. An honest leader repeats nothing that it knows of, but in some protocols its value can come back
        after a leader of another view, who did not know of it, has had the transactions ordered.
        """
        if body.leader in self.distrusted:
            return True
        sizes = [block.header.log_size for block in self.blocks]
        holders = (self.blocks[int(height)].value for height in np.searchsorted(sizes, leaves, side="right"))
        views = {value.body.view for value in holders if value is not None and isinstance(value.body, Body)}
        return self._values_return and body.view not in views

    def executed_transactions(self, node: int) -> int:
        """How many transactions a node has executed."""
        block = self.blocks[self.heights[node]]
        return block.transactions_before + len(block.transactions)

    def find(self, stream: int, number: int) -> int | None:
        """Where a deposit number stands in the log; None if it is on no block yet, or was never given out."""
        rows = self._records.rows_of(stream)
        index = int(self.leaf_index[rows[number]]) if number < len(rows) else NOT_YET
        return None if index == NOT_YET else index

    def head(self, node: int) -> Block:
        """The last block that a node executed."""
        return self.blocks[self.heights[node]]

    def head_at(self, node: int, at_ns: int) -> Block:
        """The last block that a node had executed by ``at_ns``: a node takes work in before it has done it."""
        beyond = self.heights[node] + 1
        return self.blocks[
            bisect_right(self.blocks, at_ns, hi=beyond, key=lambda block: int(block.executed_ns[node])) - 1
        ]


def _hash_of_validators(config: ChainConfig) -> bytes:
    """What every header says of who votes; a simulated validator signs nothing, so its id stands for its key."""
    key_ids = "".join(f"{config.id}/validators/{index}\n" for index in range(config.validators))
    return suite_by_name(config.hash).digest(key_ids.encode())
