"""Random storms of faults: every protocol stands them within its bound, and what does not is found and made small.

Seeds are fixed, so a run is repeatable. The storms' distribution is stated in `sim.faults.storms`. No failure in 200
seeds bounds the rate of failures under it by 1.5 %, no failure in 2,000 by 0.15 %, with 95 % confidence (3/n).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.quorum import Quorums
from sim.consensus.registry import family
from sim.faults.schedule import BYZANTINE, Crash, distrusted
from sim.kernel.engine import SECOND
from sim.scenario import load
from sim.study.torture import CannotTorture, Torture, bound, by_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.consensus.interface import Replica
    from sim.consensus.parameters import Parameters
    from sim.study.torture import Outcome

    Make = Callable[[Parameters], Replica]

SCENARIO = Path(__file__).parents[2] / "scenarios" / "torture.yaml"
PROTOCOLS = ["hotstuff", "jolteon", "pbft", "qbft", "raft", "rpbft", "tendermint"]
HORIZON_NS = 60 * SECOND
QUICK, LONG, CHUNK = 200, 2_000, 250


def torture(protocol: str, make: Make | None = None, *, beyond: bool = False, fidelity: str = "message") -> Torture:
    scenario = load(SCENARIO, set={"chains.court.consensus.protocol": protocol, "chains.court.fidelity": fidelity})
    return Torture(scenario, HORIZON_NS, beyond, make)


def failures(work: Torture, seeds: Iterable[int]) -> list[Outcome]:
    return [outcome for outcome in map(work.run, seeds) if outcome.failed]


@pytest.mark.parametrize("first", range(1, QUICK + 1, 100))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_storm_within_the_bound_breaks_an_invariant_or_ends_progress(protocol: str, first: int) -> None:
    assert failures(torture(protocol), range(first, first + 100)) == []


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "rpbft"])
def test_no_storm_breaks_a_chain_whose_calm_heights_are_computed(protocol: str) -> None:
    storms = QUICK if protocol == "pbft" else QUICK // 4
    assert failures(torture(protocol, fidelity="auto"), range(1, storms + 1)) == []


@pytest.mark.parametrize("spread", [{"fanout": 2}, {"fanout": 5, "spread": "gossip"}], ids=["tree", "gossip"])
@pytest.mark.parametrize("protocol", ["hotstuff", "pbft", "raft"])
def test_no_storm_breaks_a_chain_whose_broadcasts_go_through_others(protocol: str, spread: dict[str, object]) -> None:
    settings = {f"chains.court.{key}": value for key, value in spread.items()}
    scenario = load(SCENARIO, set={"chains.court.consensus.protocol": protocol, **settings})
    assert failures(Torture(scenario, HORIZON_NS), range(1, QUICK // 5 + 1)) == []


@pytest.mark.parametrize("protocol", ["pbft", "raft"])
def test_no_storm_breaks_a_chain_that_executes_before_it_orders(protocol: str) -> None:
    fabric = {"organisations": 2, "endorsements": 2, "simulate": "1ms", "keys": 20, "access": "read-write"}
    settings = {"chains.court.consensus.protocol": protocol, "chains.court.fabric": fabric}
    scenario = load(SCENARIO, set={**settings, "chains.court.observers": 2})
    assert failures(Torture(scenario, HORIZON_NS), range(1, QUICK // 2 + 1)) == []


@pytest.mark.full
@pytest.mark.parametrize("first", range(1_001, 1_001 + LONG, CHUNK))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_storm_of_two_thousand_within_the_bound_breaks_anything(protocol: str, first: int) -> None:
    assert failures(torture(protocol), range(first, first + CHUNK)) == []


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "raft"])
def test_beyond_the_bound_correct_nodes_part_and_the_checker_sees_it(protocol: str) -> None:
    work = torture(protocol, beyond=True)
    for seed in range(1, 200):
        outcome = work.run(seed)
        liars = distrusted(outcome.faults, "court")
        assert len(liars) == 2 * family(protocol).quorum(outcome.validators) - outcome.validators
        if outcome.verdict == "diverged":
            return
    raise AssertionError("nobody diverged")


def test_raft_beyond_its_bound_stops_and_does_not_part() -> None:
    """No number of crashes makes a crash-fault protocol part; what would is a liar, and Raft stands none."""
    work = torture("raft")
    for seed in range(1, 16):
        stage, faults = work._drawn(seed)
        ground = stage.ground
        most = tuple((seed + k) % ground.validators for k in range(ground.tolerated + 1))
        dead = Crash("court", ground.length_ns // 2, None, most)
        assert work._play(stage, seed, (*faults, dead)).verdict == "no-progress"


# Mutation check: each deliberately broken variant is caught by storms that the right protocol stands. Rules that storms
# hardly ever need are taken out in `test_mutations_directed`.

RARE = {"JolteonShort", "HotStuffShort"}
"""Variants that less than one storm in fifty unmasks; `test_mutations_directed` does it at once."""
NEVER = {"TendermintUnlocked"}
"""No storm of 2,000 unmasked it by divergence; `test_mutations_directed` does."""


def name_of(make: Make) -> str:
    return str(getattr(make, "__self__", make).__name__)


def variants(*, rare: bool) -> list[object]:
    return [
        pytest.param(protocol, make, id=name_of(make))
        for protocol in PROTOCOLS
        for make in import_module(f"broken_{protocol}").BROKEN
        if name_of(make) not in NEVER and (name_of(make) in RARE) == rare
    ]


def is_caught(protocol: str, make: Make, seeds: range) -> bool:
    broken = torture(protocol, make)
    return any(broken.run(seed).verdict == "diverged" for seed in seeds)


@pytest.mark.parametrize(("protocol", "make"), variants(rare=False))
def test_storms_unmask_a_broken_protocol(protocol: str, make: Make) -> None:
    assert is_caught(protocol, make, range(1, QUICK + 1))


@pytest.mark.full
@pytest.mark.parametrize(("protocol", "make"), variants(rare=True))
def test_more_storms_unmask_one_that_is_broken_in_a_corner(protocol: str, make: Make) -> None:
    assert is_caught(protocol, make, range(1, LONG + 1))


def test_every_protocol_has_three_broken_variants() -> None:
    assert {protocol: len(import_module(f"broken_{protocol}").BROKEN) for protocol in PROTOCOLS} == dict.fromkeys(
        PROTOCOLS, 3
    )


# What a failure is made of.


def first_failure(work: Torture) -> Outcome:
    return next(outcome for outcome in map(work.run, range(1, QUICK)) if outcome.failed)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_failure_is_shown_with_as_few_faults_and_events_as_it_takes(number: int) -> None:
    work = torture("pbft", import_module("broken_pbft").BROKEN[number])
    found = first_failure(work)
    small = work.smallest(found)
    assert (small.seed, small.verdict) == (found.seed, found.verdict)
    assert set(small.faults) <= set(found.faults)
    stage, drawn = work._drawn(found.seed)
    assert drawn == found.faults
    for fault in small.faults:
        fewer = tuple(other for other in small.faults if other is not fault)
        assert work._play(stage, found.seed, fewer).verdict != found.verdict
    assert work._play(stage, found.seed, small.faults, small.events).verdict == found.verdict
    assert work._play(stage, found.seed, small.faults, small.events - 1).verdict == "pass"


class _Unreachable(Config):
    """Quorums larger than the chain."""

    @property
    def quorums(self) -> Quorums:
        return Quorums(n=self.n, faults=0, quorum=self.n + 1, weak=1)


def stuck(parameters: Parameters) -> Replica:
    return PbftReplica(
        _Unreachable(
            parameters.n, parameters.me, parameters.timeout_ns, parameters.window, parameters.checkpoint_interval
        )
    )


def test_a_chain_that_never_moves_makes_no_progress_faults_or_none() -> None:
    work = torture("pbft", stuck)
    outcome = work.run(1)
    assert outcome.verdict == "no-progress"
    assert "transactions those behind have executed: node " in outcome.detail
    small = work.smallest(outcome)
    assert small.faults == ()
    assert small.verdict == "no-progress"


def test_a_replica_that_breaks_down_is_a_finding() -> None:
    class Fragile(PbftReplica):
        def _request_timed_out(self, outputs: list[object]) -> None:
            del outputs
            raise KeyError("oops")

    outcomes = [torture("pbft", Fragile.make).run(seed) for seed in range(1, 20)]
    assert "error" in {outcome.verdict for outcome in outcomes}
    assert "KeyError: 'oops'" in {outcome.detail for outcome in outcomes}


def test_a_seed_says_everything_whatever_ran_before() -> None:
    work = torture("qbft")
    forward = [work.run(seed) for seed in range(1, 13)]
    backward = [torture("qbft").run(seed) for seed in reversed(range(1, 13))]
    assert forward == backward[::-1]
    assert len({outcome.events for outcome in forward}) > 6


def test_storms_come_over_chains_of_all_sizes_with_every_behaviour() -> None:
    outcomes = [torture("pbft")._drawn(seed) for seed in range(1, 400)]
    assert {stage.ground.validators for stage, _ in outcomes} == {4, 5, 6, 7}
    kinds = by_kind((tuple({fault.kind for fault in faults}), False) for _, faults in outcomes)
    assert set(BYZANTINE) | {"crash", "crash, disk lost", "partition", "one-way partition", "clog"} <= set(kinds)
    assert all(runs >= 3 for runs, _ in kinds.values())


def test_a_chain_smaller_than_four_is_tortured_with_four_and_an_idle_or_hasty_one_is_refused() -> None:
    small = load(SCENARIO, set={"chains.court.validators": 2})
    assert Torture(small, HORIZON_NS).run(1).validators == 4
    with pytest.raises(CannotTorture, match="needs a longer --horizon or a shorter consensus timeout"):
        Torture(load(SCENARIO), SECOND)
    with pytest.raises(CannotTorture, match="court is offered no deposits"):
        Torture(load(SCENARIO).model_copy(update={"workload": {}}), HORIZON_NS)
    with pytest.raises(CannotTorture, match="raft stands no liar at all"):
        torture("raft", beyond=True)


def test_zero_failures_bound_the_rate_from_above() -> None:
    assert [bound(1), bound(200), bound(2_000)] == [1, 0.015, 0.0015]
    assert (1 - bound(2_000)) ** 2_000 == pytest.approx(0.05, abs=0.001)
