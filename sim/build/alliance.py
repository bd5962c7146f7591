"""Where everything meets: a scenario and a seed become an alliance of chains on one clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from sim.build.configs import chain_config, link_config
from sim.build.emitted import Emitted, emitted
from sim.build.networks import Links
from sim.build.outside import narrow
from sim.build.places import serving
from sim.build.streams import checks, closed_loop, deposits, pieces, rate_of
from sim.casework.emissions import Emissions
from sim.chain.chain import Chain
from sim.chain.counted import CountedChain, CountedNetwork
from sim.chain.fabric import Validation, endorse
from sim.chain.outcome import write_tables
from sim.chain.unread import shared
from sim.chain.verification import Verification
from sim.chain.watched import WatchedChain, WatchedVerification, watched_network
from sim.crosschain.actors.endpoint import Endpoint
from sim.crosschain.actors.keeper import Keeper
from sim.crosschain.actors.ticker import Ticker
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
from sim.kernel.draws import Draws
from sim.kernel.engine import Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Topology, deal
from sim.network.transport import Network
from sim.proof.suites import suite_by_name
from sim.scenario.recordlink import RECORD
from sim.scenario.schedule import link_schedule, schedule
from sim.workload.clients import Clients
from sim.workload.streams import ask, offer
from sim.workload.transfers import Kind, questions, transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.build.windows import Windows
    from sim.casework.emissions import Measured
    from sim.chain.config import ChainConfig
    from sim.chain.unread import Ballots
    from sim.chain.watched import Watch
    from sim.consensus.interface import Replica
    from sim.consensus.parameters import Parameters
    from sim.crosschain.actors.inquirer import Questions
    from sim.crosschain.actors.sender import Traffic
    from sim.crosschain.config import LinkConfig
    from sim.faults.schedule import Fault
    from sim.scenario import Scenario


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
        horizon_ns: when the run ends: with the scenario, unless chains run in windows only.
        emitted: what casework asks of it; `sim.build.measured` finds what became of that.
    """

    engine: Engine
    recorder: Recorder
    chains: dict[str, Chain]
    verifications: dict[str, Verification]
    clients: dict[str, Clients]
    links: dict[str, ChainLink]
    horizon_ns: int
    emitted: Emitted = field(default_factory=Emitted)

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
    emissions: Emissions | None = None,
    known: Measured | None = None,
    watch: Watch | None = None,
) -> Alliance:
    """Build the alliance of a scenario for one replication.

    Args:
        scenario: says all of it.
        seed: of the replication.
        make: makes other replicas than the protocols' own.
        faults: to happen instead of the scenario's.
        emissions: what casework asks of the chains, besides the scenario's own streams.
        known: what the chains did with its emissions in the run before; records of packets are placed by it
            (`sim.build.crossings`).
        watch: sees messages and what CPUs do, in a window.

    Raises:
        ValueError: casework sends something where no link leads.
    """
    engine = Engine()
    draws = Draws(seed)
    recorder = Recorder()
    chains: dict[str, Chain] = {}
    verifications: dict[str, Verification] = {}
    clients: dict[str, Clients] = {}
    configs = {chain_id: chain_config(scenario, chain_id, spec) for chain_id, spec in scenario.chains.items()}
    crossings = [
        link_config(scenario, link_id, link) for link_id, link in scenario.links.items() if link.fidelity != RECORD
    ]
    asked = narrow(scenario, draws, _asked(scenario, draws, configs, emissions or Emissions(), known))
    windows = asked.windows
    if windows is not None:
        scenario = windows.narrowed(scenario)
        if watch is not None:
            spans = zip(windows.begin_ns.tolist(), windows.end_ns.tolist(), windows.starts_ns.tolist(), strict=True)
            watch.stretches = tuple(spans)
    # Replicas that are not the protocols' own may mean to see every message, and so does whoever watches.
    counted = [] if make is not None or watch is not None else [*configs.values()]
    unread = shared(engine, [config for config in counted if not scenario.chains[config.id].fanout])
    machines = {
        chain_id: Machine(chain_id, config.costs)
        for chain_id, config in configs.items()
        if any(chain_id in link.chains.values() for link in crossings)
    }
    trusting = {link.id: Trusting(link, configs, draws) for link in crossings}
    for link in crossings:
        place_contracts(link, configs, machines, trusting[link.id])
    for chain_id in scenario.chains:
        calls = _callers(scenario, chain_id, crossings)
        machine = machines.get(chain_id)
        parts = _chain(scenario, configs[chain_id], engine, draws, recorder, calls, make, machine, asked, watch, unread)
        chains[chain_id], verifications[chain_id], waiting = parts
        clients.update(waiting)
    registry = None if scenario.identity is None else scenario.identity.registry
    found(draws, tuple(scenario.members), chains, machines, crossings, registry)
    groups = Groups()
    links = {
        link.id: ChainLink(
            engine,
            link,
            chains,
            machines,
            [
                *_transfers(scenario, draws, link, configs[link.source].nodes, windows),
                *([asked.packets[link.id].traffic] if link.id in asked.packets else []),
            ],
            trusting[link.id],
            groups,
            _questions(scenario, draws, link, windows),
        )
        for link in crossings
    }
    _make_timed_blocks(engine, links)
    if faults is None:
        faults = schedule(scenario)
    for chain_id, chain in chains.items():
        # Which transactions a height will hold can be known beforehand only where nobody waits for those before.
        if scenario.chains[chain_id].fidelity == "auto" and not chain.offered.closed:
            theirs = [(fault.at_ns, end_ns(fault)) for fault in faults if fault.chain == chain_id]
            chain.compute_heights(sorted([*theirs, *(watch.by_messages if watch else ())]), scenario.horizon)
    apply(faults, chains, engine, draws)
    apply_to_links(link_schedule(scenario), links, engine, _keeper(scenario, engine, draws, chains, machines, links))
    return Alliance(engine, recorder, chains, verifications, clients, links, scenario.horizon, asked)


def _callers(scenario: Scenario, chain_id: str, crossings: Sequence[LinkConfig]) -> list[str]:
    """The streams of calls that are sent to a chain while it runs."""
    calls = [link.stream for link in crossings if chain_id in link.chains.values()]
    if scenario.identity is not None and chain_id == scenario.identity.registry:
        calls.append(REGISTRY)
    return calls


def _chain(  # noqa: PLR0913, PLR0917 - it is where a chain's parts meet
    scenario: Scenario,
    config: ChainConfig,
    engine: Engine,
    draws: Draws,
    recorder: Recorder,
    calls: Sequence[str],
    make: Callable[[Parameters], Replica] | None,
    machine: Machine | None,
    asked: Emitted,
    watch: Watch | None,
    unread: Mapping[str, Ballots],
) -> tuple[Chain, Verification, dict[str, Clients]]:
    """One chain with its network, what is sent to it, and who waits for answers."""
    chain_id, spec = config.id, scenario.chains[config.id]
    topology = Topology(deal(config.nodes, spec.regions), Links(scenario.network, spec.zone))
    watched, ballots = None if watch is None else watch.of(chain_id), unread.get(chain_id)
    make_network: Callable[..., Network] = Network
    make_chain: Callable[..., Chain] = Chain
    if watched is not None:
        make_network, make_chain = partial(watched_network, watched), partial(WatchedChain, watched)
    elif ballots is not None:
        make_network, make_chain = partial(CountedNetwork, ballots), partial(CountedChain, ballots)
    network = make_network(
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
        deposits(scenario, stream_id, stream, asked.windows)
        for stream_id, stream in scenario.workload.items()
        if stream.chain == chain_id and stream.action == "deposit" and stream.clients is None
    ]
    verifications = [
        checks(scenario, stream_id, stream, asked.windows)
        for stream_id, stream in scenario.workload.items()
        if stream.chain == chain_id and stream.action == "verify"
    ]
    nodes = serving(scenario, chain_id)
    loops = [
        closed_loop(scenario, stream_id, stream)
        for stream_id, stream in scenario.workload.items()
        if stream.chain == chain_id and stream.clients is not None
    ]
    rows, checked = asked.records.get(chain_id), asked.requests.get(chain_id)
    offered = offer(draws, chain_id, nodes, streams, loops, calls, None if rows is None else rows.given)
    requests = ask(draws, chain_id, nodes, verifications, offered, None if checked is None else checked.given)
    validation = None
    if config.fabric is not None:
        endorsed = endorse(draws, config, config.fabric, topology, offered)
        validation = Validation(draws, config, config.fabric, endorsed)
        away_ns = offered.submitted_ns - offered.intended_ns
        offered = replace(offered, submitted_ns=endorsed.endorsed_ns + away_ns)
    chain = make_chain(engine, draws, recorder, config, network, offered, make, validation, machine)
    clients = {loop.id: Clients(engine, draws, loop, chain, nodes, scenario.horizon) for loop in loops}
    make_service = Verification if watched is None else partial(WatchedVerification, watched)
    return chain, make_service(engine, recorder, chain, requests), clients


def _asked(
    scenario: Scenario,
    draws: Draws,
    configs: Mapping[str, ChainConfig],
    emissions: Emissions,
    known: Measured | None,
) -> Emitted:
    """What casework asks for, and what the scenario's own streams send over links whose packets are records."""
    recorded = {}
    for link_id, spec in scenario.links.items():
        if spec.fidelity == RECORD:
            link = link_config(scenario, link_id, spec)
            recorded[link_id] = _transfers(scenario, draws, link, configs[link.source].nodes)
    carrying = {link_id: traffic for link_id, traffic in recorded.items() if traffic}
    return emitted(scenario, draws, emissions, carrying, known)


def _transfers(
    scenario: Scenario, draws: Draws, link: LinkConfig, nodes: int, windows: Windows | None = None
) -> list[Traffic]:
    """What the scenario's streams send over a link."""
    return [
        transfers(
            draws,
            link.source,
            nodes,
            deposits(scenario, stream_id, stream, windows),
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


def _questions(scenario: Scenario, draws: Draws, link: LinkConfig, windows: Windows | None) -> list[Questions]:
    """What is asked over a link."""
    return [
        questions(
            draws,
            link.destination,
            stream_id,
            rate_of(stream_id, stream),
            pieces(scenario, stream, windows),
            poisson=stream.arrivals != "regular",
            freshness_ns=stream.freshness or 0,
        )
        for stream_id, stream in scenario.workload.items()
        if stream.link == link.id and stream.action == "query"
    ]


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
