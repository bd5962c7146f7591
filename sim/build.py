"""Where everything meets: a scenario and a seed become an alliance of chains on one clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.chain.chain import Chain
from sim.chain.config import ChainConfig, Costs, FabricConfig
from sim.chain.fabric import Validation, endorse
from sim.chain.outcome import write_tables
from sim.chain.verification import Verification
from sim.consensus.registry import family
from sim.crosschain.actors.endpoint import Endpoint
from sim.crosschain.actors.keeper import Keeper
from sim.crosschain.actors.ticker import Ticker
from sim.crosschain.config import LinkConfig, SwapConfig
from sim.crosschain.contracts.identity import REGISTRY, Registry, member_did
from sim.crosschain.contracts.machine import Machine
from sim.crosschain.crossing import place_contracts
from sim.crosschain.groups import Groups
from sim.crosschain.identities import found, new_key
from sim.crosschain.link import Link as ChainLink
from sim.crosschain.trusting import Trusting
from sim.faults.apply import apply
from sim.faults.links import apply_to_links
from sim.faults.schedule import end_ns
from sim.kernel.distributions import Constant
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.gateway import Gateway
from sim.network.topology import Link, Topology, deal
from sim.network.transport import Network
from sim.proof.suites import suite_by_name
from sim.scenario.atomicity import MARGIN_NS
from sim.scenario.crosslink import BY_TIME, TIMED_BLOCKS_NS
from sim.scenario.distributions import to_kernel
from sim.scenario.schedule import link_schedule, schedule
from sim.scenario.stream import BACKOFF_NS
from sim.workload.clients import Clients
from sim.workload.curve import FLAT, Curve, segments, windowed
from sim.workload.streams import Checks, ClosedLoop, Deposits, ask, offer
from sim.workload.transfers import Kind, questions, transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.consensus.interface import Replica
    from sim.consensus.parameters import Parameters
    from sim.faults.schedule import Fault
    from sim.scenario import Scenario
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.model import Chain as ChainSpec
    from sim.scenario.model import Fabric as FabricSpec
    from sim.scenario.model import Link as LinkSpec
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
        clients: those of each closed loop, by stream.
        links: between chains, by id.
        horizon_ns: when the scenario ends.
    """

    engine: Engine
    recorder: Recorder
    chains: dict[str, Chain]
    verifications: dict[str, Verification]
    clients: dict[str, Clients]
    links: dict[str, ChainLink]
    horizon_ns: int

    @property
    def ended_ns(self) -> int:
        """How far the run has come: the horizon, unless something broke before it."""
        return min(self.engine.now, self.horizon_ns)

    def retire(self) -> None:
        """Give up what only a running alliance needs; `finish` may follow, and nothing else."""
        for chain in self.chains.values():
            chain.retire()

    def finish(self) -> None:
        """Write down everything that is known at the end; call once."""
        for verification in self.verifications.values():
            verification.finish()
        for chain in self.chains.values():
            write_tables(chain, self.recorder, self.ended_ns)


def build(
    scenario: Scenario,
    seed: int,
    make: Callable[[Parameters], Replica] | None = None,
    faults: Sequence[Fault] | None = None,
) -> Alliance:
    """Build the alliance of a scenario for one replication.

    Args:
        scenario: says all of it.
        seed: of the replication.
        make: makes other replicas than the protocols' own.
        faults: to happen instead of the scenario's.
    """
    engine = Engine()
    draws = Draws(seed)
    recorder = Recorder()
    chains: dict[str, Chain] = {}
    verifications: dict[str, Verification] = {}
    clients: dict[str, Clients] = {}
    configs = {chain_id: _chain_config(scenario, chain_id, spec) for chain_id, spec in scenario.chains.items()}
    crossings = [_link_config(link_id, link) for link_id, link in scenario.links.items()]
    machines = {
        chain_id: Machine(chain_id, config.costs)
        for chain_id, config in configs.items()
        if any(chain_id in link.chains.values() for link in crossings)
    }
    trusting = {link.id: Trusting(link, configs, draws) for link in crossings}
    for link in crossings:
        place_contracts(link, configs, machines, trusting[link.id])
    for chain_id, spec in scenario.chains.items():
        config = configs[chain_id]
        topology = Topology(deal(config.nodes, spec.regions), _Links(scenario.network, spec.zone))
        network = Network(
            engine,
            draws,
            chain_id,
            topology,
            scenario.network.bandwidth,
            spec.fanout,
            config.validators,
            gossip=spec.spread == "gossip",
        )
        streams = [
            _deposits(scenario, stream_id, stream)
            for stream_id, stream in scenario.workload.items()
            if stream.chain == chain_id and stream.action == "deposit" and stream.clients is None
        ]
        checks = [
            _checks(scenario, stream_id, stream)
            for stream_id, stream in scenario.workload.items()
            if stream.chain == chain_id and stream.action == "verify"
        ]
        # Clients talk to any node; where validators only order, to a peer.
        serving = range(config.validators if config.fabric is not None else 0, config.nodes)
        loops = [
            _closed_loop(scenario, stream_id, stream)
            for stream_id, stream in scenario.workload.items()
            if stream.chain == chain_id and stream.clients is not None
        ]
        calls = [link.stream for link in crossings if chain_id in link.chains.values()]
        if scenario.identity is not None and chain_id == scenario.identity.registry:
            calls.append(REGISTRY)
        offered = offer(draws, chain_id, serving, streams, loops, calls)
        requests = ask(draws, chain_id, serving, checks, offered)
        validation = None
        if config.fabric is not None:
            endorsed = endorse(draws, config, config.fabric, topology, offered)
            validation = Validation(draws, config, config.fabric, endorsed)
            offered = replace(offered, submitted_ns=endorsed.endorsed_ns)
        chain = chains[chain_id] = Chain(
            engine, draws, recorder, config, network, offered, make, validation, machines.get(chain_id)
        )
        verifications[chain_id] = Verification(engine, recorder, chain, requests)
        for loop in loops:
            clients[loop.id] = Clients(engine, draws, loop, chain, serving, scenario.horizon)
    registry = None if scenario.identity is None else scenario.identity.registry
    found(draws, tuple(scenario.members), chains, machines, crossings, registry)
    links, groups = {}, Groups()
    for link in crossings:
        sent = [
            transfers(
                draws,
                link.source,
                configs[link.source].nodes,
                _deposits(scenario, stream_id, stream),
                Kind(
                    amount=amount,
                    accounts=stream.accounts or 0,
                    swaps=link.swap is not None,
                    irreversible=stream.irreversible or 0.0,
                    members=len(stream.crossing),
                ),
            )
            for stream_id, stream in scenario.workload.items()
            if link.id in stream.crossing and (amount := stream.amount) is not None
        ]
        asked = [
            questions(
                draws,
                link.destination,
                stream_id,
                _rate(stream_id, stream),
                _pieces(scenario, stream),
                poisson=stream.arrivals != "regular",
                freshness_ns=stream.freshness or 0,
            )
            for stream_id, stream in scenario.workload.items()
            if stream.link == link.id and stream.action == "query"
        ]
        links[link.id] = ChainLink(engine, link, chains, machines, sent, trusting[link.id], groups, asked)
    _make_timed_blocks(engine, links)
    if faults is None:
        faults = schedule(scenario)
    for chain_id, chain in chains.items():
        # Which transactions a height will hold can be known beforehand only where nobody waits for those before.
        if scenario.chains[chain_id].fidelity == "auto" and not chain.offered.closed:
            theirs = sorted((fault.at_ns, end_ns(fault)) for fault in faults if fault.chain == chain_id)
            chain.compute_heights(theirs, scenario.horizon)
    apply(faults, chains, engine, draws)
    apply_to_links(link_schedule(scenario), links, engine, _keeper(scenario, engine, draws, chains, machines, links))
    return Alliance(engine, recorder, chains, verifications, clients, links, scenario.horizon)


def _make_timed_blocks(engine: Engine, links: Mapping[str, ChainLink]) -> None:
    """Have each relay chain make blocks while deadlines of links over it count."""
    over: dict[str, list[ChainLink]] = {}
    for link in links.values():
        if link.config.via is not None and link.config.timeout_blocks:
            over.setdefault(link.config.via, []).append(link)
    for theirs in over.values():
        interval_ns = min(link.config.timed_blocks_ns for link in theirs)
        Ticker(engine, [link.config.id for link in theirs], theirs[0].between, interval_ns)


def _keeper(
    scenario: Scenario,
    engine: Engine,
    draws: Draws,
    chains: Mapping[str, Chain],
    machines: Mapping[str, Machine],
    links: Mapping[str, ChainLink],
) -> Keeper | None:
    """Who keeps the identity registry, if there is one: the member whose chain it is on."""
    if scenario.identity is None:
        return None
    chain_id = scenario.identity.registry
    did = member_did(scenario.chains[chain_id].member)
    chain, machine = chains[chain_id], machines[chain_id]
    suite = suite_by_name(chain.config.hash)
    machine.contracts[REGISTRY] = Registry(REGISTRY, suite, {}, {}, did)
    endpoint = Endpoint(chain, machine, 0, chain.offered.streams.index(REGISTRY))
    theirs = [link for link in links.values() if link.config.source == chain_id and link.carries_documents]
    return Keeper(engine, did, endpoint, machine, theirs, partial(new_key, draws))


def _link_config(link_id: str, spec: CrossLink) -> LinkConfig:
    by_time = spec.timeout is not None and spec.timeout.measure == BY_TIME
    limit = 0 if spec.timeout is None else spec.timeout.value
    return LinkConfig(
        id=link_id,
        source=spec.source,
        destination=spec.destination,
        via=spec.via,
        protocol=spec.protocol,
        verify=spec.verify,
        atomicity=spec.atomicity,
        ordered=spec.order == "ordered",
        relayers=spec.relayers,
        poll_ns=spec.poll,
        batch=spec.batch,
        rpc_ns=spec.rpc,
        rpc_item_ns=spec.rpc_item,
        timeout_blocks=0 if by_time else limit,
        timeout_ns=limit if by_time else 0,
        timed_blocks_ns=TIMED_BLOCKS_NS if spec.timed_blocks is None else spec.timed_blocks,
        trusting_period_ns=spec.trusting_period,
        clock_drift_ns=spec.clock_drift,
        every=spec.brings_every_header,
        checked=1.0 if spec.checked is None else spec.checked,
        notaries=0 if spec.notaries is None else spec.notaries.count,
        threshold=0 if spec.notaries is None else spec.notaries.threshold,
        recovery=(spec.recovery or "none") if spec.atomicity == "2pc" else "log",
        swap=_swap_config(spec),
    )


def _swap_config(spec: CrossLink) -> SwapConfig | None:
    if spec.timelocks is None:
        return None
    margin_ns = MARGIN_NS if spec.margin is None else spec.margin
    late = spec.claims == "last-moment"
    return SwapConfig(spec.timelocks.source, spec.timelocks.destination, margin_ns if late else None)


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
        committee=(spec.consensus.committee or 0) if family(spec.consensus.protocol).committee is not None else 0,
        epoch=spec.consensus.epoch,
        cores=spec.cores,
        fabric=None if spec.fabric is None else _fabric_config(spec.fabric),
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


def _fabric_config(spec: FabricSpec) -> FabricConfig:
    return FabricConfig(
        organisations=spec.organisations,
        endorsements=spec.endorsements,
        simulate_ns=spec.simulate,
        endorsing_cores=spec.endorsing_cores,
        commit_block_ns=spec.commit_block,
        keys=spec.keys,
        skew=spec.skew or 0.0,
        reads=spec.access == "read-write",
    )


class _Links:
    """The link from one region to another: the matrix's delay, what the scenario says of it, and the gateway on it."""

    def __init__(self, network: NetworkSpec, home: str) -> None:
        self._network = network
        self._home = home
        self._special = {direction: link for link in network.links for direction in link.directions}

    def __call__(self, a: str, b: str) -> Link:
        network = self._network
        plain = Link(
            delay_ns=network.delays.delay_ns(a, b),
            jitter=to_kernel(network.jitter),
            loss=network.loss,
            reliable=network.transport == "reliable",
            retransmit_ns=network.retransmit,
            gateway=self._gateway(a, b),
        )
        special = self._special.get((a, b))
        return plain if special is None else replace(plain, **_changes(special))

    def _gateway(self, a: str, b: str) -> Gateway | None:
        zones = tuple(self._network.zones.get(region, self._home) for region in (a, b))
        for spec in self._network.gateways:
            if set(zones) == set(spec.between):
                is_open = spec.one_way == "no" or zones == spec.between
                return Gateway(spec.batch, to_kernel(spec.delay), is_open)
        return None


def _changes(special: LinkSpec) -> dict[str, Any]:
    """What a scenario's link says, under the names of the network room."""
    given: dict[str, Any] = {
        "delay_ns": special.delay,
        "jitter": None if special.jitter is None else to_kernel(special.jitter),
        "loss": special.loss,
        "reliable": None if special.transport is None else special.transport == "reliable",
        "retransmit_ns": special.retransmit,
        "bandwidth_bps": special.bandwidth,
        "duplicate": special.duplicate,
        "reorder": special.reorder,
        "held_back_ns": special.held_back,
    }
    return {name: value for name, value in given.items() if value is not None}


def curve_of(scenario: Scenario, stream: Stream) -> Curve:
    """How a stream's rate moves over day and week."""
    if stream.profile is None:
        return FLAT
    profile = scenario.profiles[stream.profile]
    return Curve(
        working_days=profile.working_days_per_year,
        first_hour=profile.office_hours.start_min // 60,
        share=profile.office_share,
        weights=profile.hourly_weights,
    )


def _pieces(scenario: Scenario, stream: Stream) -> tuple[tuple[float, float], ...]:
    curve = curve_of(scenario, stream)
    horizon_s = scenario.horizon / SECOND
    end_s = horizon_s if stream.end is None else min(horizon_s, stream.end / SECOND)
    return tuple(windowed(segments(curve, scenario.start, horizon_s), stream.begin / SECOND, end_s))


def _rate(stream_id: str, stream: Stream) -> float:
    if stream.rate is None:
        raise ValueError(f"workload.{stream_id}: an open loop has a rate; the loader checks it")
    return stream.rate


def rate_at_start(scenario: Scenario, stream_id: str) -> tuple[float, float]:
    """An open loop's rate per second when the scenario starts, and the arrivals to expect until its horizon."""
    stream = scenario.workload[stream_id]
    pieces = _pieces(scenario, stream)
    begins_s = [0.0, *(end_s for end_s, _ in pieces[:-1])]
    expected = sum((end_s - begin_s) * m for begin_s, (end_s, m) in zip(begins_s, pieces, strict=True))
    rate = _rate(stream_id, stream)
    return rate * pieces[0][1], rate * expected


def _deposits(scenario: Scenario, stream_id: str, stream: Stream) -> Deposits:
    if stream.size is None:
        raise ValueError(f"workload.{stream_id}: a deposit stream has a size; the loader checks it")
    return Deposits(
        id=stream_id,
        rate_per_s=_rate(stream_id, stream),
        pieces=_pieces(scenario, stream),
        poisson=stream.arrivals != "regular",
        size=to_kernel(stream.size),
        history=stream.history,
    )


def _closed_loop(scenario: Scenario, stream_id: str, stream: Stream) -> ClosedLoop:
    if stream.clients is None or stream.size is None:
        raise ValueError(f"workload.{stream_id}: clients send records of some size; the loader checks it")
    return ClosedLoop(
        id=stream_id,
        clients=stream.clients,
        think=Constant(0) if stream.think is None else to_kernel(stream.think),
        backoff=Constant(BACKOFF_NS) if stream.backoff is None else to_kernel(stream.backoff),
        size=to_kernel(stream.size),
        history=stream.history,
        begin_ns=stream.begin,
        end_ns=scenario.horizon if stream.end is None else stream.end,
    )


def _checks(scenario: Scenario, stream_id: str, stream: Stream) -> Checks:
    if stream.of is None:
        raise ValueError(f"workload.{stream_id}: a verify stream has an 'of'; the loader checks it")
    return Checks(
        id=stream_id,
        of=stream.of,
        rate_per_s=_rate(stream_id, stream),
        pieces=_pieces(scenario, stream),
        poisson=stream.arrivals != "regular",
        absent=stream.absent,
        altered=stream.altered,
    )
