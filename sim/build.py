"""Where everything meets: a scenario and a seed become an alliance of chains on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.chain.chain import Chain
from sim.chain.config import ChainConfig, Costs
from sim.chain.outcome import write_tables
from sim.chain.verification import Verification
from sim.faults.apply import apply
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Link, Topology, deal
from sim.network.transport import Network
from sim.scenario.distributions import to_kernel
from sim.scenario.schedule import schedule
from sim.workload.curve import FLAT, Curve, segments, windowed
from sim.workload.streams import Checks, Deposits, ask, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.consensus.interface import Replica
    from sim.consensus.parameters import Parameters
    from sim.scenario import Scenario
    from sim.scenario.model import Chain as ChainSpec
    from sim.scenario.model import Network as NetworkSpec
    from sim.scenario.stream import Stream


@dataclass(frozen=True, slots=True)
class Alliance:
    """Everything that runs.

    Attributes:
        engine: run it to make time pass.
        recorder: what was written down; complete after `finish`.
        chains: by id.
        verifications: the verification service of each chain.
        horizon_ns: when the scenario ends.
    """

    engine: Engine
    recorder: Recorder
    chains: dict[str, Chain]
    verifications: dict[str, Verification]
    horizon_ns: int

    @property
    def ended_ns(self) -> int:
        """How far the run has come: the horizon, unless something broke before it."""
        return min(self.engine.now, self.horizon_ns)

    def finish(self) -> None:
        """Write down everything that is known at the end; call once."""
        for verification in self.verifications.values():
            verification.finish()
        for chain in self.chains.values():
            write_tables(chain, self.recorder, self.ended_ns)


def build(scenario: Scenario, seed: int, make: Callable[[Parameters], Replica] | None = None) -> Alliance:
    """Build the alliance of a scenario for one replication; ``make`` makes other replicas than the protocols' own."""
    engine = Engine()
    draws = Draws(seed)
    recorder = Recorder()
    chains: dict[str, Chain] = {}
    verifications: dict[str, Verification] = {}
    for chain_id, spec in scenario.chains.items():
        config = _chain_config(scenario, chain_id, spec)
        topology = Topology(deal(config.nodes, spec.regions), _Links(scenario.network))
        network = Network(engine, draws, chain_id, topology, scenario.network.bandwidth)
        streams = [
            _deposits(scenario, stream_id, stream)
            for stream_id, stream in scenario.workload.items()
            if stream.chain == chain_id and stream.action == "deposit"
        ]
        checks = [
            _checks(scenario, stream_id, stream)
            for stream_id, stream in scenario.workload.items()
            if stream.chain == chain_id and stream.action == "verify"
        ]
        offered = offer(draws, chain_id, config.nodes, streams)
        requests = ask(draws, chain_id, config.nodes, checks, offered)
        chain = chains[chain_id] = Chain(engine, draws, recorder, config, network, offered, make)
        verifications[chain_id] = Verification(engine, recorder, chain, requests)
    apply(schedule(scenario), chains, engine, draws)
    return Alliance(engine, recorder, chains, verifications, scenario.horizon)


def _chain_config(scenario: Scenario, chain_id: str, spec: ChainSpec) -> ChainConfig:
    costs = scenario.costs
    return ChainConfig(
        id=chain_id,
        protocol=spec.consensus.protocol,
        validators=spec.validators,
        observers=spec.observers,
        hash=spec.hash,
        timeout_ns=spec.consensus.timeout,
        window=spec.consensus.window,
        checkpoint_interval=spec.consensus.checkpoint_interval,
        commit_wait_ns=spec.consensus.commit_wait,
        heartbeat_ns=spec.consensus.heartbeat,
        committee=spec.consensus.committee,
        epoch=spec.consensus.epoch,
        cores=spec.cores,
        max_transactions=spec.block.max_transactions,
        max_bytes=spec.block.max_bytes,
        interval_ns=spec.block.interval,
        pool_capacity=spec.mempool.capacity,
        costs=Costs(
            hash_ns=costs.hash,
            hash_per_kilobyte_ns=costs.hash_per_kilobyte,
            sign_ns=costs.sign,
            verify_ns=costs.verify,
            execute_ns=costs.execute,
            proof_ns=costs.proof,
        ),
    )


class _Links:
    """The link between two regions: the matrix's delay, and the pair's own settings where the scenario has some."""

    def __init__(self, network: NetworkSpec) -> None:
        self._network = network
        self._special = {frozenset(link.between): link for link in network.links}

    def __call__(self, a: str, b: str) -> Link:
        network = self._network
        special = self._special.get(frozenset((a, b)))
        delay = network.delays.delay_ns(a, b)
        jitter, transport, loss, retransmit = network.jitter, network.transport, network.loss, network.retransmit
        if special is not None:
            delay = delay if special.delay is None else special.delay
            jitter = special.jitter or jitter
            transport = special.transport or transport
            loss = loss if special.loss is None else special.loss
            retransmit = special.retransmit or retransmit
        return Link(delay, to_kernel(jitter), loss, transport == "reliable", retransmit)


def _pieces(scenario: Scenario, stream: Stream) -> tuple[tuple[float, float], ...]:
    curve = FLAT
    if stream.profile is not None:
        profile = scenario.profiles[stream.profile]
        curve = Curve(
            working_days=profile.working_days_per_year,
            first_hour=profile.office_hours.start_min // 60,
            share=profile.office_share,
            weights=profile.hourly_weights,
        )
    horizon_s = scenario.horizon / SECOND
    end_s = horizon_s if stream.end is None else min(horizon_s, stream.end / SECOND)
    return tuple(windowed(segments(curve, scenario.start, horizon_s), stream.begin / SECOND, end_s))


def rate_at_start(scenario: Scenario, stream: Stream) -> tuple[float, float]:
    """A stream's rate per second when the scenario starts, and the arrivals to expect until its horizon."""
    pieces = _pieces(scenario, stream)
    begins_s = [0.0, *(end_s for end_s, _ in pieces[:-1])]
    expected = sum((end_s - begin_s) * m for begin_s, (end_s, m) in zip(begins_s, pieces, strict=True))
    return stream.rate * pieces[0][1], stream.rate * expected


def _deposits(scenario: Scenario, stream_id: str, stream: Stream) -> Deposits:
    if stream.size is None:
        raise ValueError(f"workload.{stream_id}: a deposit stream has a size; the loader checks it")
    return Deposits(
        id=stream_id,
        rate_per_s=stream.rate,
        pieces=_pieces(scenario, stream),
        poisson=stream.arrivals == "poisson",
        size=to_kernel(stream.size),
        history=stream.history,
    )


def _checks(scenario: Scenario, stream_id: str, stream: Stream) -> Checks:
    if stream.of is None:
        raise ValueError(f"workload.{stream_id}: a verify stream has an 'of'; the loader checks it")
    return Checks(
        id=stream_id,
        of=stream.of,
        rate_per_s=stream.rate,
        pieces=_pieces(scenario, stream),
        poisson=stream.arrivals == "poisson",
        absent=stream.absent,
        altered=stream.altered,
    )
