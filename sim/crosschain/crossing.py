"""What belongs together for each way of crossing: contracts, what relayers do and senders say, who makes packets up.

| atomicity | over | contracts | route | order | forger |
|---|---|---|---|---|---|
| none, packet | the chains themselves | `channel` | `route` | `PacketOrder` | `Forger` |
| packet | a relay chain | `interchain` | `interchain_route` | `PacketOrder` | `RelayForger` |
| tcc | a relay chain | `tcc` | `tcc_route` | `PacketOrder` | `RelayForger` |
| 2pc | the chains themselves | `two_phase` | `coordinator` | `TransactionOrder` | `FalseCoordinator` |
| htlc | the chains themselves | `htlc` | `parties` | `SwapOrder` | `FalseParty` |

What belongs together for each way of trusting stands in `sim.crosschain.trusting`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.crosschain.actors.coordinator import CoordinatorRoute
from sim.crosschain.actors.denier import Denier
from sim.crosschain.actors.false_coordinator import FalseCoordinator
from sim.crosschain.actors.false_party import FalseParty
from sim.crosschain.actors.forger import Forger
from sim.crosschain.actors.interchain_route import InterchainRoute
from sim.crosschain.actors.orders import PacketOrder, SwapOrder, TransactionOrder
from sim.crosschain.actors.parties import INITIATOR, PARTICIPANT, InitiatorRoute, ParticipantRoute
from sim.crosschain.actors.relay_denier import RelayDenier
from sim.crosschain.actors.relay_forger import InterchainPlot, RelayForger, TccPlot
from sim.crosschain.actors.route import ChannelRoute, OneWayRoute
from sim.crosschain.actors.tcc_route import TccRoute
from sim.crosschain.contracts.channel import DestinationEnd, SourceEnd
from sim.crosschain.contracts.htlc import InitiatorsLock, ParticipantsLock
from sim.crosschain.contracts.interchain import DestinationBroker, InterchainManager, SourceBroker
from sim.crosschain.contracts.tcc import CrossChainManager, DestinationGateway, SourceGateway
from sim.crosschain.contracts.two_phase import PaidEnd, PayingEnd
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE
from sim.proof.suites import suite_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.chain.config import ChainConfig
    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.forger import Forging
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.orders import Order
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.relay_forger import Plot
    from sim.crosschain.actors.relayer import Relayer
    from sim.crosschain.actors.route import Route
    from sim.crosschain.config import LinkConfig
    from sim.crosschain.contracts.contract import Contract
    from sim.crosschain.contracts.machine import Machine
    from sim.crosschain.trusting import Trusting


def place_contracts(
    config: LinkConfig, chains: Mapping[str, ChainConfig], machines: Mapping[str, Machine], trusting: Trusting
) -> None:
    """Put a link's contracts on its chains."""
    suites = {role: suite_by_name(chains[chain].hash) for role, chain in config.chains.items()}
    for role, make in _contracts(config).items():
        trusts = {shown: trusting.trust(role, shown) for shown in config.chains if shown in believed(config, role)}
        contract = make(config.id, suites[role], suites, trusts)
        machines[config.chains[role]].contracts[config.id] = contract


def _contracts(config: LinkConfig) -> dict[str, Callable[..., Contract]]:
    """What makes the contract of each chain."""
    if config.atomicity == "2pc":
        return {SOURCE: PayingEnd, DESTINATION: PaidEnd}
    if config.atomicity == "htlc":
        participant = config.relayer(PARTICIPANT).did
        return {SOURCE: InitiatorsLock, DESTINATION: partial(ParticipantsLock, participant=participant)}
    if config.via is None:
        ends = {SOURCE: SourceEnd, DESTINATION: DestinationEnd}
        return {role: partial(kind, ordered=config.ordered, acknowledges=config.answers) for role, kind in ends.items()}
    if config.atomicity == "tcc":
        manager = partial(CrossChainManager, ordered=config.ordered, origin=config.source)
        return {SOURCE: SourceGateway, RELAY: manager, DESTINATION: DestinationGateway}
    return {
        SOURCE: partial(SourceBroker, ordered=config.ordered),
        RELAY: partial(InterchainManager, ordered=config.ordered, origin=config.source),
        DESTINATION: partial(DestinationBroker, ordered=config.ordered),
    }


def believed(config: LinkConfig, role: str) -> frozenset[str]:
    """The roles of the chains of which a chain must believe something."""
    if config.via is not None and role != RELAY:
        return frozenset({RELAY})
    if role == SOURCE and not config.answers:
        return frozenset()
    return frozenset({SOURCE, DESTINATION} - {role})


def route_of(config: LinkConfig, number: int, preimages: Mapping[bytes, bytes]) -> Route:
    """What the relayer of this number does; parties to swaps need what is revealed to them."""
    if config.atomicity == "2pc":
        return CoordinatorRoute(config.id, number, config.relayers)
    if config.swap is None:
        return _packets(config)
    if number == INITIATOR:
        return InitiatorRoute(config.id, preimages, config.swap.margin_ns)
    return ParticipantRoute(config.id, config.swap.source_ns - config.swap.destination_ns)


def _packets(config: LinkConfig) -> Route:
    if config.via is not None:
        return TccRoute(config.id) if config.atomicity == "tcc" else InterchainRoute(config.id)
    kind = ChannelRoute if config.answers else OneWayRoute
    return kind(config.id, config.ordered)


def order_of(config: LinkConfig, destination: Endpoint, preimages: dict[bytes, bytes]) -> Order:
    """What senders say; timeouts count from a node of the destination, where no chain between counts them."""
    if config.atomicity == "2pc":
        return TransactionOrder()
    if config.swap is not None:
        return SwapOrder(config.swap.source_ns, config.swap.destination_ns, preimages)
    counted = None if config.via is not None else destination
    return PacketOrder(counted, config.timeout_blocks, config.timeout_ns)


def forger_of(
    config: LinkConfig, relayer: Relayer, lies: Mapping[str, Lie], provers: Mapping[str, Prover], about: str
) -> Forging:
    """What a relayer lies with; over a chain between it lies about the source, or about that chain."""
    who = (config.id, relayer.config.name, relayer.endpoints)
    if config.atomicity == "2pc":
        return FalseCoordinator(*who, lies)
    if config.atomicity == "htlc":
        return FalseParty(*who)
    if config.via is None:
        return Forger(*who, lies, config.ordered)
    return RelayForger(*who, lies, provers, _packets(config), _plot(config), config.ordered, about)


def denier_of(config: LinkConfig, relayer: Relayer, lie: Lie) -> Forging:
    """What a relayer denies with that the destination has received a packet."""
    who = (config.id, relayer.config.name, relayer.endpoints, lie)
    return Denier(*who, config.ordered) if config.via is None else RelayDenier(*who, _plot(config))


def _plot(config: LinkConfig) -> Plot:
    return TccPlot() if config.atomicity == "tcc" else InterchainPlot()
