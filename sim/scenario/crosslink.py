"""Links between chains: what a scenario says of them, and which of it cannot be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from sim.crosschain.steps import RELAY, SOURCE
from sim.crosschain.ways import ATOMICITIES, CARRYING, NOTARIES, PROTOCOLS, VERIFICATIONS, why_not, why_not_from
from sim.scenario.atomicity import Timelocks, unfit_accounts, unfit_keys, unfit_points
from sim.scenario.distributions import DurationDistribution, Model
from sim.scenario.fault import CHANGES
from sim.scenario.quantities import DURATION, Duration, PositiveDuration, Share, one_of, whole
from sim.scenario.recordlink import RECORD, unfit_metrics, unfit_record, unfit_record_fault, unfit_record_traffic
from sim.scenario.references import ChainId
from sim.scenario.relaychain import BY_RELAY, RELAY_CHAIN, unfit_between, unfit_group
from sim.scenario.units import parse_duration, show_duration

if TYPE_CHECKING:
    from sim.scenario.fault import Fault
    from sim.scenario.model import Chain, Scenario
    from sim.scenario.stream import Stream

Items = Iterator[tuple[tuple[str | int, ...], str]]
_BLOCKS = whole(1, 1_000_000_000)
BY_HEIGHT, BY_TIME = "destination_height", "destination_time"

TIMED_BLOCKS_NS = parse_duration("2s")
"""Between blocks of an idle relay chain (meshplus/bitxhub, config/order.toml, `timed_gen_block`)."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """Metadata of a timeout's value: blocks or a duration, as its measure calls for."""

    def read(self, value: object, info: ValidationInfo) -> int:
        """Return blocks, or nanoseconds.

        Raises:
            ValueError: it is neither, or not what the measure calls for.
        """
        if info.data.get("measure") == BY_TIME:
            duration_ns = DURATION.read(value)
            if not duration_ns:
                raise ValueError("must be more than 0")
            return duration_ns
        return _BLOCKS.read(value)

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Tell pydantic to read with this alone."""
        return core_schema.with_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema of either."""
        return {
            "x-kind": "whole number of blocks, or duration",
            "type": ["integer", "string"],
            "pattern": DURATION.schema["pattern"],
            "examples": [40, "30s"],
        }


class Timeout(Model):
    """When a packet is not received any more, counted from when it is sent."""

    measure: Annotated[
        Literal["destination_height", "destination_time", "relay_height"], one_of(BY_HEIGHT, BY_TIME, BY_RELAY)
    ] = Field(
        description="destination_height: blocks of the destination; destination_time: time, by its blocks; "
        "relay_height: relay_chain: blocks of the chain between, from the one that has taken the packet."
    )
    value: Annotated[int, _Limit()] = Field(description="How many blocks, or how long.")

    @model_serializer(mode="wrap")
    def _with_unit(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, Any] = handler(self)
        return {**given, "value": show_duration(self.value)} if self.measure == BY_TIME else given


class Notaries(Model):
    """A committee whose members sign the headers of both chains; each has a node of its own of either."""

    count: Annotated[int, whole(1, 100)] = Field(description="How many there are.")
    threshold: Annotated[int, whole(1, 100)] = Field(description="How many of them must have signed.")


class CrossLink(Model):
    """One way from a chain to another, over which packets go; acknowledgements come back."""

    source: ChainId = Field(alias="from", description="The chain where packets are sent.")
    destination: ChainId = Field(alias="to", description="The chain where they are received.")
    via: ChainId | None = Field(default=None, description="relay_chain: the chain between them.")
    protocol: Annotated[str, one_of(*PROTOCOLS)] = Field(
        description="How packets cross: trusted_gateway, on gateways' word (WeCross); notary, on that of a committee "
        "(AntChain Bridge); light_client, with proofs (IBC); relay_chain, over a chain between, which both ends follow "
        "(BitXHub). "
        "sim/crosschain/ways.py says which combinations exist in this version, and why others do not."
    )
    verify: Annotated[str, one_of(*VERIFICATIONS)] = Field(
        description="What a chain checks before it believes the other: none, that a registered relayer says so; spv, a "
        "proof against a chain of headers that a registered gateway brings; committee, a proof against a header that "
        "enough notaries have signed; light_client, a proof against a header that a quorum has made final."
    )
    atomicity: Annotated[str, one_of(*ATOMICITIES)] = Field(
        description="none: nothing of a packet comes back; packet: each is received, or times out and is refunded; "
        "2pc: two-phase commit, with relayers as coordinators that take transactions in turn; tcc: relay_chain: tried, "
        "then confirmed or cancelled; htlc: swaps under hash time locks, between two relayers."
    )
    fidelity: Annotated[Literal["packet", "record"], one_of("packet", "record")] = Field(
        default="packet",
        description="packet: contracts on both chains, relayers and proofs. record: a packet is the records that it "
        "leaves on the chains, and between them are the relayers' looks, their ways and gateways; nothing can be "
        "forged there, and what only contracts and proofs take (checked, updates, trusting_period, clock_drift) says "
        "nothing.",
    )
    gateway: DurationDistribution | None = Field(
        default=None,
        description="fidelity: record: what an isolation gateway takes for each record that crosses between chains of "
        "different zones; as network.gateways says of these zones if left out.",
    )
    order: Annotated[Literal["unordered", "ordered"], one_of("unordered", "ordered")] = Field(
        default="unordered",
        description="ordered: packets are received in the order of sending only, and a timeout closes the channel.",
    )
    relayers: Annotated[int, whole(1, 100)] = Field(
        default=1, description="How many carry packets; they know nothing of each other."
    )
    poll: PositiveDuration = Field(
        default=parse_duration("1s"), description="How often a relayer looks for work; 1s as in Hermes' pull mode."
    )
    batch: Annotated[int, whole(1, 10_000)] = Field(
        default=30,
        description="Calls about packets that a relayer sends after one look at most, and headers "
        "likewise; 30 as Hermes' max_msg_num.",
    )
    rpc: Duration = Field(default=parse_duration("20ms"), description="A relayer's way to a node and back [guess].")
    rpc_item: Duration = Field(
        default=parse_duration("1ms"), description="On top, for each packet looked at and each proof fetched [guess]."
    )
    timeout: Timeout | None = Field(default=None, description="When packets time out; never if left out.")
    timed_blocks: PositiveDuration | None = Field(
        default=None,
        description="relay_chain: how long the chain between goes without a block at most while a timeout counts; 2s "
        "if left out, as BitXHub's timed blocks.",
    )
    trusting_period: PositiveDuration = Field(
        default=parse_duration("168h"),
        description="light_client: how long validators are trusted after a block; CometBFT's default, 168h.",
    )
    clock_drift: Duration = Field(
        default=parse_duration("10s"),
        description="light_client: how far ahead of the destination a block's time may be; CometBFT's default, 10s.",
    )

    updates: Annotated[Literal["skipping", "every"], one_of("skipping", "every")] | None = Field(
        default=None,
        description="Headers that relayers bring: skipping, those that something is proved against; every, all up to "
        "them. every with spv, skipping otherwise, if left out.",
    )
    checked: Share | None = Field(
        default=None,
        description="Share of the proofs out of ledgers that is checked for real; all if left out. The rest is charged "
        "only; whatever is made up is always checked.",
    )
    notaries: Notaries | None = Field(default=None, description="committee: who signs headers; required there.")
    recovery: Annotated[Literal["none", "log"], one_of("none", "log")] | None = Field(
        default=None,
        description="2pc: what a coordinator knows after a crash of what had been started before; none if left out: "
        "nothing, and it stays locked, as in WeCross; log: it finishes what the destination has committed, and rolls "
        "back the rest.",
    )
    timelocks: Timelocks | None = Field(default=None, description="htlc, required there: how long the locks last.")
    claims: Annotated[Literal["at-once", "last-moment"], one_of("at-once", "last-moment")] | None = Field(
        default=None, description="htlc: when relayer 0, the initiator, claims on the destination; at-once if left out."
    )
    margin: PositiveDuration | None = Field(
        default=None,
        description="htlc, claims: last-moment: how long before the destination's timelock it claims, by the time of "
        "the last block there; 2s if left out [guess].",
    )

    @model_serializer(mode="wrap")
    def _only_if_records(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        given: dict[str, Any] = handler(self)
        if self.fidelity != RECORD:
            del given["fidelity"]  # or the ids of runs without such links would change
        return given

    @property
    def brings_every_header(self) -> bool:
        """Whether relayers leave out no header."""
        return self.updates == "every" or (self.updates is None and self.verify == "spv")

    @property
    def chains(self) -> list[str]:
        """The ids of its chains, from where packets are sent to where they are received."""
        return [chain for chain in (self.source, self.via, self.destination) if chain is not None]


class Identity(Model):
    """The distributed-identity registry: who may change what all chains know of members, nodes and relayers."""

    registry: ChainId = Field(
        description="The chain where it is changed, by the member whose chain it is; changes cross the links that "
        "leave there, with atomicity none, packet or tcc, directly to where they end, and go no further."
    )


def impossible_links(scenario: "Scenario") -> Items:
    """Yield what links, their traffic and their faults ask for that cannot be: the place, and why."""
    for link_id, link in scenario.links.items():
        for below, message in _link(link, scenario.chains):
            yield ("links", link_id, *below), message
    for stream_id, stream in scenario.workload.items():
        for below, message in _traffic(stream, [scenario.links[link] for link in stream.crossing]):
            yield ("workload", stream_id, *below), message
    for index, fault in enumerate(scenario.faults):
        if fault.link is not None:
            for below, message in _fault(fault, scenario.links[fault.link], scenario):
                yield ("faults", index, *below), message
    yield from _unasked(scenario)
    yield from unfit_metrics(scenario)
    yield from _out_of_reach(scenario)


def _out_of_reach(scenario: "Scenario") -> Items:
    """A registry that no link leads from or to."""
    if scenario.identity is not None:
        registry = scenario.identity.registry
        there = [link for link in scenario.links.values() if registry in link.chains]
        if not there:
            yield ("identity", "registry"), f"{registry} is on no link; needs a chain of one"
        elif all(link.fidelity == RECORD for link in there):
            message = f"{registry} is on links without contracts only; needs one with fidelity: packet"
            yield ("identity", "registry"), message


def _unasked(scenario: "Scenario") -> Items:
    """Objectives about queries that nobody makes."""
    asking = {stream.link for stream in scenario.workload.values() if stream.action == "query"}
    for index, objective in enumerate(scenario.slo):
        section, link_id, *leaf = objective.metric.split(".")
        if section == "crosschain" and leaf[0] == "queries" and link_id not in asking:
            yield ("slo", index, "metric"), f"nobody asks anything over {link_id}; needs a stream with action: query"


def _traffic(stream: "Stream", links: Sequence[CrossLink]) -> Items:
    yield from unfit_record_traffic(stream, links)
    if stream.action == "query":
        for link_id, link in zip(stream.crossing, links, strict=True):
            if stream.chain != link.destination:
                yield ("chain",), f"{link_id} ends at {link.destination}; needs that chain, where answers are wanted"
            if link.via is not None or link.atomicity == "htlc":
                message = f"{link.destination} believes nothing of {link.source} by itself there; needs another link"
                yield ("link",), message
        return
    for link_id, link in zip(stream.crossing, links, strict=True):
        if stream.chain != link.source:
            yield ("chain",), f"{link_id} leaves from {link.source}; needs that chain"
        yield from unfit_accounts(stream, link)
    yield from unfit_group(stream, links)


def _fault(fault: "Fault", link: CrossLink, scenario: "Scenario") -> Items:
    unfit = list(unfit_record_fault(fault, link))
    if unfit:
        yield from unfit
        return
    if fault.action in CHANGES and scenario.identity is None:
        yield ("action",), f"{fault.action} changes the identity registry; needs identity: {{registry: …}}"
    elif fault.action in CHANGES:
        yield from _untold(link, scenario)
    if fault.action == "deny-receipt" and link.timeout is None and link.via is None:
        yield ("action",), f"nothing that was sent over {fault.link} times out; needs a link with a timeout"
    for position, stream in enumerate(fault.streams or ()):
        if fault.link not in scenario.workload[stream].crossing:
            yield ("streams", position), f"'{stream}' does not cross {fault.link}"
    for position, number in enumerate(fault.relayers or ()):
        if number >= link.relayers:
            message = f"{fault.link} has no relayer {number}; its relayers are 0 to {link.relayers - 1}"
            yield ("relayers", position), message
    yield from unfit_points(fault, link)
    yield from _victims(fault, link, scenario)


def _untold(link: CrossLink, scenario: "Scenario") -> Items:
    """A change of the registry of which a chain never hears that asks it who belongs to the link."""
    registry = "" if scenario.identity is None else scenario.identity.registry
    feeds = [
        each
        for each in scenario.links.values()
        if each.source == registry and each.atomicity in CARRYING and each.fidelity != RECORD
    ]
    # A chain between asks who brings headers without votes; where there are votes it asks nobody's name.
    asking = [link.destination] if link.via is None or link.verify != "spv" else [link.via, link.destination]
    for chain in asking:
        if chain not in {registry, *(each.destination for each in feeds)}:
            able = f"{', '.join(CARRYING[:-1])} or {CARRYING[-1]}"
            yield ("link",), f"{chain} is told nothing by {registry}; needs a link from there with atomicity {able}"


def _victims(fault: "Fault", link: CrossLink, scenario: "Scenario") -> Items:
    """Those whose keys are stolen, or who crash, must be there."""
    notaries = 0 if link.notaries is None else link.notaries.count
    for position, number in enumerate(fault.notaries or ()):
        if number >= notaries:
            there = f"its notaries are 0 to {notaries - 1}" if notaries else "it has none"
            yield ("notaries", position), f"{fault.link} has no notary {number}; {there}"
    if fault.action == "notary-crash" and not notaries:
        yield ("link",), f"{fault.link} has no notaries; needs a link with verify: committee"
    if fault.stolen_keys is not None:
        yield from _unusable(fault, fault.stolen_keys, link, scenario)


def _unusable(fault: "Fault", keys: int, link: CrossLink, scenario: "Scenario") -> Items:
    """Stolen keys that nobody has, or that open nothing."""
    if fault.stolen_from == NOTARIES:
        notaries = 0 if link.notaries is None else link.notaries.count
        if keys > notaries:
            yield ("stolen_keys",), f"{fault.link} has {notaries} notaries; needs no more"
        return
    victim = link.via if fault.stolen_from == RELAY else link.source
    if victim is None:
        yield ("stolen_from",), f"{fault.link} has no chain between; needs {SOURCE}"
    elif keys > (validators := scenario.chains[victim].validators):
        yield ("stolen_keys",), f"{victim} has {validators} validators; needs no more"
    elif victim == link.source and link.verify == "committee":
        message = f"{fault.link} counts its notaries' signatures, whose own nodes nobody deceives in this version"
        yield ("stolen_from",), f"{message}; needs {NOTARIES}"
    elif victim == link.source and link.verify != "light_client":
        message = f"nobody's votes count on {fault.link}; needs verify: light_client or committee, or no stolen keys"
        yield ("stolen_keys",), message


def _link(link: CrossLink, chains: "Mapping[str, Chain]") -> Items:
    if link.source == link.destination:
        yield ("to",), "is where the link leaves from; needs another chain"
    reason = why_not(link.protocol, link.verify, link.atomicity)
    if reason is not None:
        key, message = reason
        yield (key,), message
        return
    yield from _trust(link)
    yield from unfit_keys(link)
    yield from unfit_between(link)
    yield from _timeout(link)
    yield from unfit_record(link, chains)
    ends = {"from": link.source, "via": link.via, "to": link.destination}
    for key, chain_id in ends.items():
        if chain_id is None:
            continue
        chain = chains[chain_id]
        if chain.fabric is not None and link.fidelity != RECORD:
            yield (key,), f"{chain_id} executes before it orders; contracts on such a chain are not in this version"
        checked = "light_client" if key == "via" else link.verify
        unfit = why_not_from(link.protocol, checked, chain.consensus.protocol)
        if unfit is not None:
            yield (key,), f"{chain_id}: {unfit}"


def _timeout(link: CrossLink) -> Items:
    """Only the chain between has a clock that both ends see, where there is one."""
    if link.timeout is not None and (link.timeout.measure == BY_RELAY) != (link.protocol == RELAY_CHAIN):
        able = BY_RELAY if link.protocol == RELAY_CHAIN else f"{BY_HEIGHT} or {BY_TIME}"
        yield ("timeout", "measure"), f"is {link.timeout.measure}; {link.protocol} needs {able}"


def _trust(link: CrossLink) -> Items:
    """What belongs to one way of trusting, or of crossing, only."""
    if (link.notaries is None) == (link.verify == "committee"):
        missing = "is missing; verify: committee needs it"
        yield ("notaries",), missing if link.notaries is None else f"belongs to verify: committee, not {link.verify}"
    elif link.notaries is not None and link.notaries.threshold > link.notaries.count:
        yield ("notaries", "threshold"), f"there are {link.notaries.count} notaries; needs no more"
    if link.verify == "none":
        for key in ("updates", "checked"):
            if getattr(link, key) is not None:
                yield (key,), "needs something to verify; verify is none"
    elif link.verify == "spv" and link.updates == "skipping":
        yield ("updates",), "is 'skipping': headers without votes are believed one after the other; needs every"
    if link.atomicity == "none" and link.timeout is not None:
        yield ("timeout",), "does not belong here; with atomicity: none nothing times out"
