"""Torture: a chain in one random storm of faults after another, each followed by calm in which it must recover.

A seed decides everything: the chain's size, the storm (`sim.faults.storms`), every delay. A run is small, four to seven
validators and some thirty transactions, so that thousands of storms take a minute. It passes if no invariant breaks
(`sim.chain.invariants`) and, once the storm is over, every correct node executes everything that was sent within
the bound on progress. What fails is made small: faults are left out while it still fails, and the shortest prefix of
events that shows it is found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sim.build import build
from sim.chain.blocks import NOT_YET
from sim.chain.invariants import AGREEMENT, InvariantViolation, progress_bound_ns, spoiled_views
from sim.chain.mempool import REJECTED
from sim.consensus.registry import family
from sim.faults.storms import Ground, beyond, storm
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND, EventLimit
from sim.study.summary import DIVERGED, NO_PROGRESS, PASS, VIOLATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.chain.chain import Chain
    from sim.consensus.interface import Replica
    from sim.consensus.parameters import Parameters
    from sim.faults.schedule import Fault
    from sim.scenario import Scenario
    from sim.scenario.model import Chain as ChainSpec
    from sim.scenario.stream import Stream

ERROR = "error"
"""The verdict on a run in which the code broke down: a replica, or its host."""

SMALLEST, LARGEST = 4, 7
"""Validators of a tortured chain."""

_STORM_TIMEOUTS: Final = 20
_SHORTEST_TIMEOUTS: Final = 2
_CALM_ARRIVAL_TIMEOUTS: Final = 2
_PER_STREAM: Final = 15
_TRICKLE: Final = 10
"""How many times fewer transactions come after the first of the calm."""
_MOST_EVENTS: Final = 200_000


class CannotTorture(ValueError):
    """The scenario, or what was asked, leaves nothing to torture; says what would be right."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed showed.

    Attributes:
        seed: reproduces it.
        chain, protocol, validators: what was tortured.
        verdict: `pass`, `no-progress`, `diverged`, `violated` or `error`.
        detail: what was seen, for a person; empty where it passed.
        faults: what happened to the chain.
        events: executed until the verdict was clear.
        time_ns: when that was.
        recovered_ns: from the end of the storm until all was executed; -1 where it never was.
    """

    seed: int
    chain: str
    protocol: str
    validators: int
    verdict: str
    detail: str
    faults: tuple[Fault, ...]
    events: int
    time_ns: int
    recovered_ns: int

    @property
    def failed(self) -> bool:
        """Whether it did not pass."""
        return self.verdict != PASS

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its faults, each once, sorted."""
        return tuple(sorted({fault.kind for fault in self.faults}))


@dataclass(frozen=True, slots=True)
class _Stage:
    """A chain of one size, ready to be tortured again and again."""

    scenario: Scenario
    ground: Ground
    quorum: int
    bound_ns: Callable[[int], int]
    """How long it may take from the last arrival on, given how many validators stay faulty."""
    arrived_ns: int
    """When the last transaction has been sent."""


@dataclass
class Torture:
    """The torture of a scenario's chains.

    Args:
        scenario: its chains are taken with their protocols, limits, regions and links, but with 4 to 7 validators (no
            more than they have, where that is at least 4), one observer if they have any, or a peer for each of their
            organisations, and another load.
        horizon_ns: simulated time that a storm and the recovery from it may take; the storm is as long as that allows,
            and 20 timeouts at most.
        beyond: more liars than the protocol stands.
        make: makes the replicas, where they are not to be the protocol's own.

    Raises:
        CannotTorture: see there.
    """

    scenario: Scenario
    horizon_ns: int
    beyond: bool = False
    make: Callable[[Parameters], Replica] | None = None
    _stages: dict[tuple[str, int], _Stage] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse at once what would fail with some seed."""
        for chain_id, spec in self.scenario.chains.items():
            if self.beyond and not family(spec.consensus.protocol).byzantine:
                raise CannotTorture(f"{spec.consensus.protocol} stands no liar at all; beyond its bound needs another")
            for validators in self._sizes(spec):
                self._stage(chain_id, validators)

    @cached_property
    def _chains(self) -> list[str]:
        return list(self.scenario.chains)

    @staticmethod
    def _sizes(spec: ChainSpec) -> range:
        return range(SMALLEST, max(SMALLEST, min(LARGEST, spec.validators)) + 1)

    def run(self, seed: int) -> Outcome:
        """Torture one chain with one seed."""
        stage, faults = self._drawn(seed)
        return self._play(stage, seed, faults)

    def smallest(self, failed: Outcome) -> Outcome:
        """The same failure with as few faults as possible, none of which can be left out, and as few events."""
        stage, _ = self._drawn(failed.seed)
        kept = self._with_fewer_faults(stage, failed)
        low, high = 0, kept.events
        while low < high:
            middle = (low + high) // 2
            tried = self._play(stage, failed.seed, kept.faults, middle)
            if tried.verdict == failed.verdict:
                high, kept = middle, tried
            else:
                low = middle + 1
        return kept

    def _with_fewer_faults(self, stage: _Stage, failed: Outcome) -> Outcome:
        """Leave faults out, many at a time first, until each single one is needed.

        After A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002.
        """
        kept, size = failed, max(1, len(failed.faults) // 2)
        while kept.faults:
            before, begin = len(kept.faults), 0
            while begin < len(kept.faults):
                fewer = kept.faults[:begin] + kept.faults[begin + size :]
                tried = self._play(stage, failed.seed, fewer)
                if tried.verdict == failed.verdict:
                    kept = tried
                else:
                    begin += size
            if size == 1 and len(kept.faults) == before:
                break
            size = max(1, size // 2)
        return kept

    def _drawn(self, seed: int) -> tuple[_Stage, tuple[Fault, ...]]:
        block = Draws(seed).block("torture")
        chain_id = self._chains[int(block.integers(1, len(self._chains))[0])]
        sizes = self._sizes(self.scenario.chains[chain_id])
        stage = self._stage(chain_id, sizes[int(block.integers(1, len(sizes))[0])])
        if self.beyond:
            return stage, beyond(stage.ground, stage.quorum, block)
        return stage, storm(stage.ground, block)

    def _stage(self, chain_id: str, validators: int) -> _Stage:
        stage = self._stages.get((chain_id, validators))
        if stage is None:
            # Liars beyond the bound must sit in one quorum, so all vote then.
            voters = validators if self.beyond else self._voters(chain_id, validators)
            staged = _staged(self.scenario, chain_id, (validators, voters), self.horizon_ns)
            stage = self._stages[chain_id, validators] = staged
        return stage

    def _voters(self, chain_id: str, validators: int) -> int:
        consensus = self.scenario.chains[chain_id].consensus
        rotating = family(consensus.protocol).committee is not None
        return min(validators, consensus.committee or validators) if rotating else validators

    def _play(self, stage: _Stage, seed: int, faults: tuple[Fault, ...], max_events: int = _MOST_EVENTS) -> Outcome:
        alliance = build(stage.scenario, seed, self.make, faults)
        chain = alliance.chains[stage.ground.chain]
        recovered_ns = -1
        try:
            recovered_ns = _recovery(alliance, chain, stage, max_events)
            verdict, detail = (PASS, "") if recovered_ns >= 0 else (NO_PROGRESS, _told(chain, stage.arrived_ns))
        except EventLimit as limit:
            verdict, detail = (PASS, "") if max_events < _MOST_EVENTS else (ERROR, f"no end: {limit}")
        except InvariantViolation as broken:
            verdict, detail = DIVERGED if broken.invariant == AGREEMENT else VIOLATED, str(broken)
        except Exception as error:  # noqa: BLE001 - whatever breaks down under torture is a finding, with its seed
            verdict, detail = ERROR, f"{type(error).__name__}: {error}"
        engine = alliance.engine
        return Outcome(
            seed,
            stage.ground.chain,
            chain.config.protocol,
            stage.ground.validators,
            verdict,
            detail,
            faults,
            engine.events,
            engine.now,
            recovered_ns,
        )


def _recovery(alliance: Alliance, chain: Chain, stage: _Stage, max_events: int) -> int:
    """Run until the storm is over and all is executed; returns how long that took, or -1 if it does not go on."""
    engine, timeout_ns = alliance.engine, stage.ground.timeout_ns
    bound_ns = stage.bound_ns(chain.faulty.lasting)
    until_ns = stage.arrived_ns
    engine.run(until_ns, max_events)
    while _behind(chain, stage.arrived_ns):
        due_ns = max(stage.arrived_ns, _last_news_ns(chain, stage.arrived_ns)) + bound_ns
        if until_ns >= due_ns:
            return -1
        until_ns = min(until_ns + timeout_ns, due_ns)
        engine.run(until_ns, max(0, max_events - engine.events))
    # What is still under way must not undo it.
    engine.run(until_ns + 2 * timeout_ns, max(0, max_events - engine.events))
    return until_ns - stage.ground.length_ns


def _correct(chain: Chain) -> list[int]:
    return [n.index for n in chain.nodes if not n.down and n.index not in chain.faulty.nodes]


def _due(chain: Chain, sent_before_ns: int) -> NDArray[np.int64]:
    """Where in the log the transactions stand that were sent before and not rejected; `NOT_YET` where in none."""
    due = (chain.offered.intended_ns < sent_before_ns) & (chain.proposer.pool.state != REJECTED)
    leaves: NDArray[np.int64] = chain.ledger.leaf_index[chain.records.history :][due]
    return leaves


def _behind(chain: Chain, sent_before_ns: int) -> list[int]:
    """The correct nodes that have not executed everything that was sent before."""
    leaves = _due(chain, sent_before_ns)
    if not len(leaves):
        return []
    if leaves.min() == NOT_YET:
        return _correct(chain)
    size = int(leaves.max()) + 1
    return [node for node in _correct(chain) if chain.ledger.head(node).header.log_size < size]


def _last_news_ns(chain: Chain, sent_before_ns: int) -> int:
    """When a correct node last executed something that was sent before."""
    leaves = _due(chain, sent_before_ns)
    heights = [block for block in chain.ledger.blocks[1:] if block.header.log_size <= int(leaves.max()) + 1]
    return max((int(block.executed_ns[node]) for block in heights for node in _correct(chain)), default=0)


def _told(chain: Chain, sent_before_ns: int) -> str:
    """Who is behind, and by how much."""
    done = ", ".join(f"node {n} {chain.ledger.executed_transactions(n)}" for n in _behind(chain, sent_before_ns))
    return f"of {len(_due(chain, sent_before_ns))} transactions those behind have executed: {done}"


def _staged(scenario: Scenario, chain_id: str, sizes: tuple[int, int], horizon_ns: int) -> _Stage:
    """A scenario with this one chain and little load; the storm is as long as the horizon leaves time to recover.

    ``sizes``: validators, and how many of them vote at a time.
    """
    validators, voters = sizes
    spec = scenario.chains[chain_id]
    entry = family(spec.consensus.protocol)
    timeout_ns = spec.consensus.timeout
    tolerated = (voters - 1) // (3 if entry.byzantine else 2)
    arriving_ns = _CALM_ARRIVAL_TIMEOUTS * timeout_ns

    def bound_ns(storm_ns: int, faulty: int) -> int:
        spoiled = spoiled_views(faulty, rotates=entry.rotates)
        return progress_bound_ns(timeout_ns, storm_ns=storm_ns, spoiled=spoiled, doubling=entry.byzantine)

    def needed_ns(storm_ns: int) -> int:
        return storm_ns + arriving_ns + bound_ns(storm_ns, tolerated)

    timeouts = _STORM_TIMEOUTS
    while timeouts > _SHORTEST_TIMEOUTS and needed_ns(timeouts * timeout_ns) > horizon_ns:
        timeouts -= 1
    length_ns = timeouts * timeout_ns
    if needed_ns(length_ns) > horizon_ns:
        raise CannotTorture(
            f"{chain_id} with {validators} validators may need {needed_ns(length_ns) / SECOND:g} s to recover, and the "
            f"horizon is {horizon_ns / SECOND:g} s; needs a longer --horizon or a shorter consensus timeout"
        )
    consensus = spec.consensus.model_copy(update={"committee": voters})
    observers = min(1, spec.observers) if spec.fabric is None else spec.fabric.organisations
    small = spec.model_copy(update={"validators": validators, "observers": observers, "consensus": consensus})
    workload = _load(scenario, chain_id, length_ns, arriving_ns, needed_ns(length_ns))
    staged = scenario.model_copy(
        update={"chains": {chain_id: small}, "workload": workload, "faults": (), "horizon": needed_ns(length_ns)}
    )
    nodes = validators + small.observers
    ground = Ground(
        chain=chain_id,
        regions=tuple(spec.regions[node % len(spec.regions)] for node in range(nodes)),
        validators=validators,
        voters=voters,
        byzantine=entry.byzantine,
        timeout_ns=timeout_ns,
        streams=tuple(workload)[:-1],
        length_ns=length_ns,
        hands_over=entry.hands_over,
    )
    return _Stage(
        staged, ground, entry.quorum(voters), lambda faulty: bound_ns(length_ns, faulty), length_ns + arriving_ns
    )


def _load(scenario: Scenario, chain_id: str, storm_ns: int, arriving_ns: int, end_ns: int) -> dict[str, Stream]:
    """Two streams in the storm and one in the calm, ten transactions each on average, sized as the chain's own.

    Then a trickle to the end: a replica may learn only from later traffic that it missed the last block of all.
    """
    own = [stream for stream in scenario.workload.values() if stream.chain == chain_id and stream.action == "deposit"]
    if not own:
        raise CannotTorture(
            f"{chain_id} is offered no deposits; needs a stream in workload, for the size of its records"
        )

    def stream(count: int, begin_ns: int, end_ns: int) -> Stream:
        rate = count * SECOND / (end_ns - begin_ns)
        update = {"rate": rate, "begin": begin_ns, "end": end_ns, "profile": None, "history": 0, "arrivals": "poisson"}
        open_loop = dict.fromkeys(("clients", "think", "backoff"))
        return own[0].model_copy(update={**update, **open_loop})

    calm_ns = storm_ns + arriving_ns
    trickle = (end_ns - calm_ns) * _PER_STREAM // (arriving_ns * _TRICKLE)
    return {
        "a": stream(_PER_STREAM, 0, storm_ns),
        "b": stream(_PER_STREAM, 0, storm_ns),
        "calm": stream(_PER_STREAM, storm_ns, calm_ns),
        "trickle": stream(trickle, calm_ns, end_ns),
    }


def bound(trials: int) -> float:
    """The rate that zero failures in so many independent trials bound from above, with 95 % confidence: 3/n.

    (1 − p)^n = 0.05 at p = −ln 0.05 / n, which is 2.996/n, for small p.
    """
    return min(1.0, 3 / trials)


def by_kind(outcomes: Iterable[tuple[Sequence[str], bool]]) -> dict[str, tuple[int, int]]:
    """For every kind of fault, in how many runs it happened and how many of these failed.

    Args:
        outcomes: the kinds of each run's faults, and whether it failed.
    """
    table: dict[str, tuple[int, int]] = {}
    for kinds, failed in outcomes:
        for kind in kinds or ("no fault",):
            runs, failures = table.get(kind, (0, 0))
            table[kind] = (runs + 1, failures + failed)
    return dict(sorted(table.items()))
