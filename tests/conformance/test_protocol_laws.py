"""Fault-free laws of every protocol on the real host: delays to the decision, and messages per block.

With equal delays, free CPUs and endless bandwidth every figure is exact. Sources: the papers that the files of
sim/consensus open with; PBFT has laws of its own in `test_pbft_laws`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scenario_kit import FREE, chain, deposits, network, small

import sim
from sim.consensus.registry import family, protocols

if TYPE_CHECKING:
    from pathlib import Path

    from sim import Run

DELAY_NS = 5_000_000

AT_THE_LEADER = {"pbft": 3, "hotstuff": 6, "jolteon": 4, "tendermint": 3, "qbft": 3, "raft": 2, "rpbft": 3}
"""One-way delays from a proposal until its leader knows that it is decided."""


def sent_per_block(protocol: str, n: int) -> dict[str, int]:
    """Messages for one block of a chain under load, by kind."""
    others, everybody = n - 1, n * (n - 1)
    laws = {
        "pbft": {"pre-prepare": others, "prepare": others**2, "commit": everybody},
        "tendermint": {"proposal": others, "prevote": everybody, "precommit": everybody},
        "qbft": {"pre-prepare": others, "prepare": everybody, "commit": everybody},
        "rpbft": {"pre-prepare": others, "prepare": everybody, "commit": everybody},
        "hotstuff": {"proposal": others, "vote": others},
        "jolteon": {"proposal": others, "vote": others},
        "raft": {"append": others, "acknowledge": others, "commit": others},
    }
    return laws[protocol]


def quiet(folder: Path, protocol: str, n: int, rate: str, **consensus: object) -> Run:
    """Equal delays of 5 ms, nothing else takes time; a block at a time and one every 200 ms if ``rate`` is low."""
    settings = {"protocol": protocol, "timeout": "30s", "window": 1, "heartbeat": "29s", **consensus}
    return sim.run(
        small(
            folder,
            horizon="4s",
            costs=FREE,
            network=network(bandwidth="100000Gbit/s"),
            chains={"a": chain(n, consensus=settings)},
            workload={"files": deposits(rate, arrivals="regular", end="3s", size="500B")},
        )
    )


@pytest.mark.parametrize("n", [4, 7, 16])
@pytest.mark.parametrize("protocol", protocols())
def test_a_block_is_decided_after_the_delays_of_the_paper(protocol: str, n: int, tmp_path: Path) -> None:
    run = quiet(tmp_path, protocol, n, "5/s")
    filled = [row for row in run.table("commits").iter_rows(named=True) if row["transactions"]]
    assert len(filled) == 15
    assert {row["decided_ns"] - row["proposed_ns"] for row in filled} == {AT_THE_LEADER[protocol] * DELAY_NS}
    knows = {
        row["voted_ns"] - row["proposed_ns"]
        for row in run.table("transactions").iter_rows(named=True)
        if row["outcome"] == "committed"
    }
    # In chained protocols the leader that first knows is the one who makes the last certificate.
    assert knows <= {AT_THE_LEADER[protocol] * DELAY_NS, family(protocol).phases * DELAY_NS}
    assert max(knows) == family(protocol).phases * DELAY_NS


@pytest.mark.parametrize("n", [4, 7, 16])
@pytest.mark.parametrize("protocol", protocols())
def test_a_block_costs_the_messages_of_the_paper(protocol: str, n: int, tmp_path: Path) -> None:
    run = quiet(tmp_path, protocol, n, "5/s")
    chained = protocol in {"hotstuff", "jolteon"}
    views = run.summary["chains"]["a"]["blocks"]
    law = sent_per_block(protocol, n)
    sent = {row["kind"]: row["sent"] for row in run.table("messages").iter_rows(named=True) if row["kind"] in law}
    if chained:
        # The last proposals are certified but not decided: they are there to decide those below.
        assert sent["proposal"] % (n - 1) == 0
        proposals = sent["proposal"] // (n - 1)
        assert views < proposals <= views + 3
        # A vote goes to the next leader; the leader who collects does not write to itself.
        assert sent["vote"] == law["vote"] * proposals
    else:
        assert sent == {kind: count * views for kind, count in law.items()}
    assert run.summary["chains"]["a"]["view_changes"] == 0


@pytest.mark.parametrize(("n", "k"), [(5, 4), (9, 4), (10, 7)])
def test_a_committee_decides_as_fast_and_tells_everybody_outside_with_one_message(
    n: int, k: int, tmp_path: Path
) -> None:
    run = quiet(tmp_path, "rpbft", n, "5/s", committee=k, epoch=1000)
    blocks = run.summary["chains"]["a"]["blocks"]
    sent = {row["kind"]: row["sent"] for row in run.table("messages").iter_rows(named=True)}
    law = {**sent_per_block("rpbft", k), "block-push": n - k}
    assert {kind: sent[kind] for kind in law} == {kind: count * blocks for kind, count in law.items()}
    assert sum(law.values()) == (k - 1) * (2 * k + 1) + n - k
    rows = [row for row in run.table("transactions").iter_rows(named=True) if row["outcome"] == "committed"]
    knows = {row["voted_ns"] - row["proposed_ns"] for row in rows}
    assert knows == {3 * DELAY_NS, 4 * DELAY_NS}
