"""Votes that compiled code takes in against the same votes delivered one by one: the same run, to the last byte.

Scenarios are drawn at random from a seed: validators, observers, bandwidth, CPU costs, jitter, load, faults and liars;
storms are those of `alliance torture`. Chains are smaller here than those for which it pays, so that there are many.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import CHEAP, FREE, chain, deposits, network, small

import sim
from sim.build import build
from sim.chain import unread
from sim.chain.compiled.unread import Unread
from sim.chain.counted import CountedChain
from sim.chain.letters import Size
from sim.kernel.engine import MILLISECOND, SECOND, Engine, EventLimit
from sim.study.store import as_json
from sim.study.torture import Torture

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.build import Alliance
    from sim.scenario import Scenario
    from sim.study.run import Run

TORTURE = Path(__file__).parents[2] / "scenarios" / "torture.yaml"
TABLES = ("commits", "transactions", "verifications", "nodes", "messages", "views", "faults")
NONE = 10**9
SEEDS, MANY_SEEDS = range(14), range(14, 400)
STORMS, MANY_STORMS = range(1, 9), range(9, 1000)


@pytest.fixture
def fewest(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Sets from how many validators on votes may go unread; returns how many events each compiled call executed."""

    def use(validators: int) -> list[int]:
        executed: list[int] = []
        advance = Unread.advance

        def counted(self: Unread, *bounds: int) -> tuple[Callable[[], object] | None, memoryview]:
            call, times = advance(self, *bounds)
            executed.append(len(times) - (call is not None))
            return call, times

        monkeypatch.setattr(unread, "FEWEST", validators)
        monkeypatch.setattr(Unread, "advance", counted)
        return executed

    return use


def drawn(seed: int) -> dict[str, Any]:
    """A scenario of one or two chains; half of them are calm."""
    chance = random.Random(seed)  # noqa: S311 # nothing is to be kept secret
    n = chance.choice([4, 5, 7, 10, 16, 70] if seed % 10 == 0 else [4, 5, 7, 10, 16])
    node = chance.randrange(n)
    at = {"at": f"{chance.randrange(500, 2000)}ms", "for": f"{chance.randrange(300, 1500)}ms", "chain": "a"}
    faults: list[dict[str, Any]] = [
        {**at, "action": "crash", "nodes": [node]},
        {**at, "action": "crash", "nodes": [node], "disk": "lost"},
        {**at, "action": "loss", "share": "5%"},
        {**at, "action": "duplicate", "share": "20%"},
        {**at, "action": "lag", "extra": "40ms"},
        {**at, "action": "slow", "nodes": [node], "times": 20},
        {**at, "action": "partition", "groups": [sorted(chance.sample(range(n), n // 2)), "rest"]},
        {**at, "action": "silent", "nodes": [node]},
        {**at, "action": "equivocate", "nodes": [node]},
    ]
    chains = {"a": chain(n, observers=chance.choice([0, 0, 3]), mempool={"capacity": chance.choice([60, 1000])})}
    chains["a"]["fidelity"] = chance.choice(["message", "message", "auto"])
    load: dict[str, Any] = {"files": deposits(f"{chance.choice([20, 60, 200])}/s")}
    if chance.random() < 0.3:
        load["files"] = {"chain": "a", "clients": 20, "size": "500B", "think": "100ms"}
    if chance.random() < 0.3:
        chains["b"] = chain(chance.choice([4, 7]))
        load["other"] = deposits("50/s", chain="b")
    return {
        "horizon": "4s",
        "chains": chains,
        "workload": load,
        "network": network(
            jitter=chance.choice(["0ns", {"exponential": {"mean": "4ms"}}, {"pareto": {"mean": "20ms", "alpha": 3}}]),
            bandwidth=chance.choice(["10Mbit/s", "1Gbit/s"]) if n < 64 else "1Gbit/s",
            transport=chance.choice(["datagram", "reliable"]),
            loss=chance.choice(["0%", "0%", "0.5%"]),
        ),
        "costs": chance.choice([FREE, CHEAP, CHEAP]),
        "faults": chance.sample(faults, 1 + (seed % 4 == 0)) if seed % 2 else [],
    }


def told(run: Run) -> list[str]:
    """Everything that a run says of itself."""
    return [as_json(run.summary), *(run.table(name).write_csv() for name in TABLES)]


def alike(folder: Path, seeds: range, fewest: Callable[[int], list[int]]) -> None:
    """Run every seed's scenario both ways; most votes of all have to go unread, or nothing would be compared."""
    unread_votes = votes = 0
    for seed in seeds:
        scenario = small(folder, **drawn(seed))
        fewest(NONE)
        ordinary = sim.run(scenario, seed=seed)
        executed = fewest(4)
        assert told(sim.run(scenario, seed=seed)) == told(ordinary), seed
        unread_votes += sum(executed)
        votes += ordinary.summary["messages"] if scenario.chains["a"].fidelity == "message" else 0
    assert unread_votes > votes / 3


def test_unread_votes_change_nothing(tmp_path: Path, fewest: Callable[[int], list[int]]) -> None:
    alike(tmp_path, SEEDS, fewest)


@pytest.mark.full
def test_unread_votes_change_nothing_many_times(tmp_path: Path, fewest: Callable[[int], list[int]]) -> None:
    alike(tmp_path, MANY_SEEDS, fewest)


def storms(seeds: range, fidelity: str, fewest: Callable[[int], list[int]]) -> None:
    settings = {"chains.court.consensus.protocol": "pbft", "chains.court.fidelity": fidelity}
    work = Torture(sim.load(TORTURE, set=settings), 60 * SECOND)
    for seed in seeds:
        fewest(NONE)
        ordinary = work.run(seed)
        executed = fewest(4)
        assert work.run(seed) == ordinary, seed
        assert sum(executed) or fidelity == "auto", seed


@pytest.mark.parametrize("fidelity", ["message", "auto"])
def test_unread_votes_change_nothing_in_storms(fidelity: str, fewest: Callable[[int], list[int]]) -> None:
    storms(STORMS, fidelity, fewest)


@pytest.mark.full
@pytest.mark.parametrize("fidelity", ["message", "auto"])
def test_unread_votes_change_nothing_in_many_storms(fidelity: str, fewest: Callable[[int], list[int]]) -> None:
    storms(MANY_STORMS, fidelity, fewest)


def built(scenario: Scenario) -> Alliance:
    return build(scenario, 1)


def test_a_run_in_pieces_and_with_a_limit_on_events_is_the_same_run(
    tmp_path: Path, fewest: Callable[[int], list[int]]
) -> None:
    scenario = small(tmp_path, chains={"a": chain(7)})
    fewest(NONE)
    ordinary = built(scenario)
    ordinary.engine.run(until=ordinary.horizon_ns)
    fewest(4)
    pieces = built(scenario)
    for until_ns in range(0, pieces.horizon_ns + 1, 7 * MILLISECOND):
        pieces.engine.run(until=until_ns)
    pieces.engine.run(until=pieces.horizon_ns)
    limited, stops = built(scenario), 0
    while True:
        before = limited.engine.events
        try:
            limited.engine.run(until=limited.horizon_ns, max_events=11)
        except EventLimit:
            stops += 1
            assert limited.engine.events == before + 11
        else:
            break
    assert stops == (ordinary.engine.events - 1) // 11
    for other in (pieces, limited):
        assert other.engine.now == ordinary.engine.now
        assert other.engine.events == ordinary.engine.events
        assert other.engine.trace.hexdigest == ordinary.engine.trace.hexdigest


def test_an_engine_has_place_for_one_agenda_beside_its_own() -> None:
    engine = Engine()
    Unread(engine, [Size(7, 4, 2, 2)])
    with pytest.raises(ValueError, match="there is an agenda beside"):
        Unread(engine, [Size(7, 4, 2, 2)])


def test_votes_are_read_where_the_environment_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = small(tmp_path, chains={"a": chain(unread.FEWEST)})
    assert isinstance(built(scenario).chains["a"], CountedChain)
    monkeypatch.setenv(unread.SWITCH, "off")
    assert not isinstance(built(scenario).chains["a"], CountedChain)


def test_small_chains_and_other_protocols_read_every_vote(tmp_path: Path) -> None:
    for validators, protocol in ((unread.FEWEST - 1, "pbft"), (unread.FEWEST, "qbft"), (unread.FEWEST, "rpbft")):
        chains = {"a": chain(validators, consensus={"protocol": protocol, "timeout": "500ms"})}
        assert not isinstance(built(small(tmp_path, chains=chains)).chains["a"], CountedChain)
