"""A chain's ledger on real proofs: one log of record hashes, a header per block, and how far each node has got.

Records are deposited and change nothing else; calls of contracts change the chain's state (`sim.chain.contracts`),
whose root stands in the next header. A chain without contracts has the root of the empty state in all of them.

Execution is deterministic, so nodes that execute the same blocks compute the same bytes. They are hashed once and
every node's copy is checked against them; a node that would execute another block breaks agreement, which stops the
run. What each node spends on hashing is charged to its CPU by `sim.chain.chain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain import invariants
from sim.chain.blocks import NOT_YET, Block, Blocks, Body, Columns, Stretch
from sim.chain.growing import Column
from sim.consensus.registry import family
from sim.proof import BlockHeader, lanes, merkle, suite_by_name
from sim.proof.header import digests_of_run
from sim.proof.state_proof import EMPTY_ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.blocks import Bodies
    from sim.chain.config import ChainConfig, Offered
    from sim.chain.contracts import ContractState
    from sim.chain.records import Records
    from sim.consensus.interface import Value
    from sim.proof.lanes import Rows as Digests


class Ledger:
    """The ledger of one chain and the height of each of its nodes."""

    def __init__(
        self,
        config: ChainConfig,
        records: Records,
        offered: Offered,
        state: ContractState | None = None,
        validators_hash: bytes | None = None,
    ) -> None:
        self.suite = suite_by_name(config.hash)
        self.state = state
        self.log = merkle.Log(self.suite)
        self._config = config
        self._records = records
        self._offered = offered
        self.leaf_index = np.full(len(records), NOT_YET, dtype=np.int64)
        self._leaves = Column(self.leaf_index)
        self.heights = [0] * config.nodes
        self.distrusted: set[int] = set()
        self._values_return = family(config.protocol).returns
        self._validators_hash = _hash_of_validators(config) if validators_hash is None else validators_hash
        past = self.suite.leaves(records.contents(np.arange(records.history)))
        self.log.extend(past)
        self.leaf_index[: records.history] = np.arange(records.history)
        self.blocks = Blocks(self._genesis(past))

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

    def expect(self, records: int) -> None:
        """So many more records may come than were known of."""
        self.leaf_index = self._leaves.append(np.full(records, NOT_YET, dtype=np.int64))

    def prepare(self, transactions: NDArray[np.int64], leader: int, view: int, cut_ns: int) -> tuple[Body, bytes]:
        """Hash a block's records; returns its body and the digest that is voted on."""
        history = self._records.history
        leaf_hashes = self.suite.leaves(self._records.contents(history + transactions))
        body = Body(transactions, leaf_hashes, leader, view, cut_ns)
        return body, self._proposal(body, merkle.root(self.suite, leaf_hashes))

    def _proposal(self, body: Body, payload_root: bytes) -> bytes:
        """What validators vote on: the records, who proposes them and when, which tells two blocks of the same apart.

        Empty blocks are all one, but for those that prove a state: they have a time.
        """
        if not self._has_time(body):
            return payload_root
        return self.suite.digest(payload_root + body.leader.to_bytes(4, "big") + body.cut_ns.to_bytes(8, "big"))

    def _has_time(self, body: Body) -> bool:
        return len(body.transactions) > 0 or self.state is not None

    def _time_ns(self, body: object) -> int:
        """The time of the next block: its leader's own, but never before that of the block that it follows."""
        time_ns = self.blocks[-1].header.time_ns
        if isinstance(body, Body) and self._has_time(body):
            time_ns = max(time_ns, body.cut_ns + body.clock_error_ns)
        return time_ns

    def contracts_ns(self, height: int, value: Value) -> int:
        """What the contracts' work on a block costs each node; they run when the first node is about to execute it."""
        if self.state is None or height > len(self.blocks):
            return 0  # a block that nobody may execute yet is refused by `execute`
        if height > self.state.height:
            body = value.body
            rows = self._executable(body)[0].tolist() if isinstance(body, Body) else []
            self.state.run(height, self._time_ns(body), rows)
        return self.state.work_ns(height)

    def needs_proof(self, node: int) -> bool:
        """Whether the last block that a node executed changed a state that no header shows yet, as far as it knows."""
        return self.state is not None and self.state.changed(self.heights[node])

    def lacks_nothing(self, node: int) -> bool:
        """Whether all that a node of a chain with contracts does not know are empty blocks that prove nothing to it.

        Where blocks are decided by what comes after them, the last empty one may be decided where nobody else hears.
        """
        if self.state is None or self.needs_proof(node):
            return False
        return all(not len(block.transactions) for block in self.blocks[self.heights[node] + 1 :])

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

    def execute_run(self, bodies: Bodies, voted_ns: NDArray[np.int64], executed_ns: NDArray[np.int64]) -> None:
        """Every node executes these blocks, the next ones, each at its own times.

        The same hashing and the same checks as `prepare` and `execute`, for all of them at once.

        Args:
            bodies: their leaf hashes are made here, and not kept: they are in the log.
            voted_ns: when each node knew that they were final, shape (blocks, nodes).
            executed_ns: when it had executed them, likewise; both belong to the ledger from now on.

        Raises:
            InvariantViolation: as `execute`.
        """
        chain, first, counts = self._config.id, len(self.blocks), bodies.counts
        for node, reached in enumerate(self.heights):
            invariants.check_order(chain, node, reached, first)
        invariants.check_log(chain, self.blocks[-1].header, self.log)
        rows = bodies.transactions + self._records.history
        sent_ns = self._offered.submitted_ns[bodies.transactions]
        leaf_hashes = self._leaf_hashes(rows)
        payload_roots = merkle.roots_of_lists(self.suite, leaf_hashes, counts)
        invariants.check_block(chain, first, self.leaf_index, rows, sent_ns, np.repeat(voted_ns.min(axis=1), counts))
        sizes = self.log.size + np.cumsum(counts)
        self.leaf_index[rows] = self.log.size + np.arange(len(rows))
        merkle.extend(self.log, leaf_hashes)
        self.blocks.extend(self._stretch(bodies, payload_roots, sizes, voted_ns, executed_ns))
        self.heights = [len(self.blocks) - 1] * len(self.heights)

    def _stretch(
        self,
        bodies: Bodies,
        payload_roots: list[bytes],
        log_sizes: NDArray[np.int64],
        voted_ns: NDArray[np.int64],
        executed_ns: NDArray[np.int64],
    ) -> Stretch:
        """The next blocks, with the headers that `_build` would give them; their records are in the log."""
        parent, counts = self.blocks[-1], bodies.counts
        log_roots = merkle.roots_at(self.log, log_sizes)
        # A block's time is its leader's own, but never before that of the block that it follows.
        own_ns = np.where(counts > 0, bodies.cut_ns + bodies.clock_error_ns, 0)
        times_ns = np.maximum.accumulate(own_ns.clip(min=parent.header.time_ns))
        digests = digests_of_run(
            self.suite, parent.header, payload_roots, log_sizes.tolist(), log_roots, times_ns.tolist()
        )
        columns = Columns(
            height=len(self.blocks) + np.arange(len(bodies)),
            bodies=bodies,
            size_bytes=_sums(self._offered.size_bytes[bodies.transactions], counts),
            log_size=log_sizes,
            log_root=_rows_of(log_roots),
            digest=_rows_of(digests),
            voted_ns=voted_ns,
            executed_ns=executed_ns,
        )
        payload = _rows_of(payload_roots)
        return Stretch(
            parent=parent.header,
            parent_digest=parent.digest,
            before=parent.transactions_before + len(parent.transactions),
            columns=columns,
            value_digest=self._proposals(bodies, payload),
            payload_root=payload,
            time_ns=times_ns,
        )

    def _leaf_hashes(self, rows: NDArray[np.int64]) -> Digests:
        """The leaf hashes of the records in these rows, shape (rows, 32)."""
        hashes = np.empty((len(rows), self.suite.digest_size), np.uint8)
        for places, contents in self._records.alike(rows):
            hashes[places] = lanes.leaves(self.suite, contents)
        return hashes

    def _proposals(self, bodies: Bodies, payload_roots: Digests) -> Digests:
        """What validators vote on for each body, as `_proposal`."""
        size = self.suite.digest_size
        messages = np.empty((len(bodies), size + 12), np.uint8)
        messages[:, :size] = payload_roots
        messages[:, size : size + 4] = bodies.leader.astype(">u4")[:, None].view(np.uint8)
        messages[:, size + 4 :] = bodies.cut_ns.astype(">u8")[:, None].view(np.uint8)
        return np.where(bodies.counts[:, None] > 0, lanes.hashes(self.suite, messages), payload_roots)

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
        sent_ns = self._offered.submitted_ns[transactions]
        invariants.check_block(chain, height, self.leaf_index, rows, sent_ns, now_ns)
        invariants.check_log(chain, parent.header, self.log)
        self.leaf_index[rows] = self.log.size + np.arange(len(rows))
        self.log.extend(leaf_hashes)
        header = BlockHeader(
            chain=chain,
            height=height,
            parent=parent.digest,
            payload_root=payload_root,
            log_size=self.log.size,
            log_root=self.log.root(),
            state_root=EMPTY_ROOT if self.state is None else self.state.root(height - 1),
            validators_hash=self._validators_hash,
            time_ns=self._time_ns(body),
        )
        block = Block(
            header=header,
            digest=header.digest(self.suite),
            value=value,
            transactions_before=parent.transactions_before + len(parent.transactions),
            transactions=transactions,
            voted_ns=np.full(self._config.nodes, NOT_YET, dtype=np.int64),
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
        heights = np.unique(np.searchsorted(self.blocks.log_sizes, leaves, side="right"))
        holders = (self.blocks[int(height)].value for height in heights)
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

    def log_at(self, node: int, at_ns: int) -> tuple[int, bytes]:
        """Size and root of the log as a node knew it by ``at_ns``: a node takes work in before it has done it."""
        return self.blocks.log_at(node, self.heights[node], at_ns)


def _sums(values: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of so many values each, one group after the other."""
    ends = np.cumsum(counts)
    until = np.concatenate([[0], np.cumsum(values)])
    sums: NDArray[np.int64] = until[ends] - until[ends - counts]
    return sums


def _rows_of(digests: list[bytes]) -> Digests:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), -1)


def _hash_of_validators(config: ChainConfig) -> bytes:
    """What headers say of who votes on a chain that is shown to nobody: nothing is signed, ids stand for keys."""
    key_ids = "".join(f"{config.id}/validators/{index}\n" for index in range(config.validators))
    return suite_by_name(config.hash).digest(key_ids.encode())
