"""rPBFT: who votes when, that members tell members only, and that those outside follow and take over."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import chain, crash, deposits, small

import sim
from sim.consensus.interface import Broadcast, Misbehaviour, Propose, Value
from sim.consensus.parameters import Parameters
from sim.consensus.qbft import Prepare
from sim.consensus.rpbft import RpbftReplica, committee_of
from sim.scenario.problems import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

VALUE = Value(b"v" * 32, 100, 1)


def rotating(validators: int = 7, committee: int = 4, epoch: int = 3, **keys: object) -> dict[str, Any]:
    """A chain with a committee."""
    entry = chain(validators, **keys)
    entry["consensus"] = {**entry["consensus"], "protocol": "rpbft", "committee": committee, "epoch": epoch}
    return entry


@given(st.integers(1, 40), st.integers(1, 10), st.data())
def test_each_epoch_replaces_one_member_and_everybody_gets_a_turn(n: int, epoch: int, data: st.DataObject) -> None:
    committee = data.draw(st.integers(1, n))
    parameters = Parameters(n=n, me=0, timeout_ns=1, committee=committee, epoch=epoch)
    members = [set(committee_of(parameters, 1 + e * epoch)) for e in range(n + 1)]
    assert all(len(m) == committee for m in members)
    assert all(len(a - b) == (committee < n) for a, b in itertools.pairwise(members))
    assert set.union(*members) == set(range(n))
    assert committee_of(parameters, 1) == committee_of(parameters, epoch)


def test_members_tell_members_and_count_no_strangers() -> None:
    replica = RpbftReplica(Parameters(n=7, me=0, timeout_ns=10, committee=4))
    told = [output for output in replica.step(Propose(VALUE), 0) if isinstance(output, Broadcast)]
    assert told
    assert all(output.among == (0, 1, 2, 3) for output in told)
    blamed = replica.step(Prepare(5, 1, 0, VALUE.digest), 0)
    assert isinstance(blamed[0], Misbehaviour)
    assert blamed[0].culprit == 5


def test_a_small_committee_sends_fewer_messages_and_everybody_executes_all(tmp_path: Path) -> None:
    def votes(committee: int) -> int:
        scenario = small(
            tmp_path, chains={"a": rotating(10, committee, observers=2)}, workload={"files": deposits(end="1500ms")}
        )
        run = sim.run(scenario)
        entry = run.summary["chains"]["a"]
        assert run.summary["verdict"] == "pass"
        assert entry["unfinished"] == 0
        assert entry["view_changes"] == 0
        leaders = set(run.table("commits")["leader"])
        assert len(leaders) > committee  # others have had their turn
        return sum(row["sent"] for row in run.table("messages").iter_rows(named=True) if row["kind"] == "commit")

    per_block = 4 * 3
    assert votes(4) % per_block == 0
    assert votes(4) < votes(7) / 2


def test_a_crash_in_the_committee_costs_rounds_and_the_epoch_moves_on(tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        horizon="12s",
        chains={"a": rotating()},
        workload={"files": deposits(end="8s")},
        faults=[crash("300ms", [2], "4s")],
    )
    summary = sim.run(scenario).summary
    assert summary["verdict"] == "pass"
    assert summary["chains"]["a"]["view_changes"] > 0
    assert summary["chains"]["a"]["unfinished"] == 0


def test_a_committee_larger_than_the_chain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"chains\.a\.consensus\.committee.*7 validators"):
        small(tmp_path, chains={"a": rotating(7, 8)})
