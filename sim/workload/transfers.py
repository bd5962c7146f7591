"""Transfers over a link, and questions about its source: when each is sent, through which node, and how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.crosschain.actors.inquirer import Questions
from sim.crosschain.actors.sender import Traffic
from sim.crosschain.contracts.terms import PREIMAGE_BYTES
from sim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.kernel.draws import Draws
    from sim.workload.streams import Deposits

_WORDS = PREIMAGE_BYTES // 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What the transfers of a stream are.

    Attributes:
        amount: of each.
        accounts: on either chain, if each locks one of each; 0 if not.
        swaps: whether each needs a preimage.
        irreversible: the share of those whose effect can't be undone.
        members: over how many links each goes.
    """

    amount: int
    accounts: int
    swaps: bool
    irreversible: float
    members: int


def transfers(draws: Draws, chain: str, nodes: int, stream: Deposits, kind: Kind) -> Traffic:
    """The transfers of a stream, which is drawn like one of deposits; senders are dealt to the nodes at random.

    Args:
        draws: chance.
        chain: where it begins.
        nodes: of that chain.
        stream: how many, when, how large.
        kind: what they are.
    """
    times_ns = arrival_times(
        draws.block(chain, stream.id, "arrivals"), stream.rate_per_s, stream.pieces, poisson=stream.poisson
    )
    count = len(times_ns)
    sizes = stream.size.sample(draws.block(chain, stream.id, "sizes"), count)
    where = draws.block(chain, stream.id, "nodes").integers(count, nodes)
    payer, payee = (
        draws.block(chain, stream.id, whose).integers(count, kind.accounts)
        if kind.accounts
        else np.zeros(0, dtype=np.int64)
        for whose in ("payers", "payees")
    )
    words = (
        draws.block(chain, stream.id, "preimages").words(_WORDS * count * kind.swaps).astype("<u8").reshape(-1, _WORDS)
    )
    sizes_bytes = np.maximum(np.rint(sizes), 1).astype(np.int64)
    preimages = [row.tobytes() for row in words]
    final = draws.block(chain, stream.id, "irreversible").uniforms(count) < kind.irreversible
    return Traffic(stream.id, times_ns, sizes_bytes, where, kind.amount, payer, payee, preimages, final, kind.members)


def questions(
    draws: Draws,
    chain: str,
    stream: str,
    rate_per_s: float,
    pieces: Sequence[tuple[float, float]],
    *,
    poisson: bool,
    freshness_ns: int,
) -> Questions:
    """The questions of a stream; `pieces` as of a stream of deposits."""
    block = draws.block(chain, stream, "arrivals")
    return Questions(stream, arrival_times(block, rate_per_s, pieces, poisson=poisson), freshness_ns)
