"""The frozen model of a scenario: every key of the file with its type, default and meaning.

The descriptions are the key reference. Quantities are held in base units whatever the file wrote: durations are ints in
nanoseconds, sizes ints in bytes, bandwidths ints in bit/s, rates floats per second, shares floats from 0 to 1. Ids are
the keys of the maps. `sim.scenario.load` makes a `Scenario`; the rules between its parts are checked there.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

import yaml
from pydantic import Field, PrivateAttr, field_validator, model_validator

from sim.consensus.registry import family, protocols
from sim.display import Shown
from sim.scenario.casework import Casework, impossible_cases
from sim.scenario.crosslink import CrossLink, Identity, impossible_links
from sim.scenario.distributions import DurationDistribution, Model
from sim.scenario.fault import Fault
from sim.scenario.matrix import DelayMatrix
from sim.scenario.problems import EntryError
from sim.scenario.quantities import (
    Bandwidth,
    Duration,
    Id,
    Instant,
    PositiveDuration,
    PositiveNumber,
    PositiveSize,
    Share,
    Text,
    one_of,
    whole,
)
from sim.scenario.references import Declared, MemberId, RegionId, ZoneId
from sim.scenario.schedule import impossible
from sim.scenario.slo import Slo
from sim.scenario.stream import Profile, Stream
from sim.scenario.uncertain import Uncertain
from sim.scenario.units import parse_duration, show_duration
from sim.scenario.workflow.model import Workflow
from sim.scenario.year import Year, impossible_year

MAX_NODES = 10_000
TransportName: TypeAlias = Annotated[Literal["reliable", "datagram"], one_of("reliable", "datagram")]
Verdict: TypeAlias = Annotated[
    Literal["pass", "slo-missed", "no-progress", "diverged", "violated"],
    one_of("pass", "slo-missed", "no-progress", "diverged", "violated"),
]


def _distinct(values: tuple[object, ...], noun: str) -> None:
    repeated = [((index,), f"'{value}' is repeated") for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise EntryError([(where, f"{message}; needs each {noun} once") for where, message in repeated])


class Link(Model):
    """What differs on the lines between two regions; whatever is left out is as for the network."""

    between: tuple[RegionId, ...] | None = Field(
        default=None, min_length=2, max_length=2, description="The two regions, for both directions."
    )
    from_region: RegionId | None = Field(default=None, alias="from", description="With `to`: for one direction only.")
    to_region: RegionId | None = Field(default=None, alias="to", description="With `from`: for one direction only.")
    delay: Duration | None = Field(default=None, description="One-way delay, instead of the matrix's.")
    jitter: DurationDistribution | None = Field(default=None, description="Added to every one-way delay.")
    transport: TransportName | None = Field(default=None, description="As for the network.")
    loss: Share | None = Field(default=None, description="Probability that a message is lost.")
    retransmit: PositiveDuration | None = Field(default=None, description="As for the network.")
    bandwidth: Bandwidth | None = Field(
        default=None, description="Of the line between each pair of nodes, besides their interfaces."
    )
    duplicate: Share = Field(default=0.0, description="Probability that a datagram arrives twice.")
    reorder: Share = Field(default=0.0, description="Probability that a message is held back, so that others overtake.")
    held_back: Duration = Field(default=parse_duration("50ms"), description="For how long, if `reorder` is given.")

    @field_validator("between", mode="after")
    @classmethod
    def _two_regions(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _distinct(value or (), "region")
        return value

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        one_way = (self.from_region is not None, self.to_region is not None)
        if self.between is not None and any(one_way):
            raise EntryError([(("between",), "stands beside from or to; needs either between, or from and to")])
        if self.between is None and not all(one_way):
            raise EntryError([((), "names no two regions; needs either between, or from and to")])
        return self

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """The directions that it is about, as (from, to)."""
        if self.between is not None:
            a, b = self.between
            return ((a, b), (b, a))
        return ((str(self.from_region), str(self.to_region)),)


class Gateway(Model):
    """An isolation gateway between two trust zones: it stores what crosses and sends it on in batches."""

    between: tuple[ZoneId, ...] = Field(min_length=2, max_length=2, description="The two zones.")
    batch: Duration = Field(default=0, description="It sends at multiples of this; 0 sends at once.")
    delay: DurationDistribution = Field(description="What checking and copying takes, drawn for every message.")
    one_way: Annotated[Literal["no", "yes"], one_of("no", "yes")] = Field(
        default="no", description="yes: a data diode, open from the first zone to the second only."
    )

    @field_validator("between", mode="after")
    @classmethod
    def _two_zones(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _distinct(value, "zone")
        return value


class Network(Model):
    """The network between all nodes of all chains."""

    delays: DelayMatrix = Field(
        description="One-way delays between regions: a delay-matrix file, relative to the file that names it, "
        "or its content."
    )
    jitter: DurationDistribution = Field(
        default=DurationDistribution.model_construct({"constant"}, constant=0),
        description="Added to every one-way delay, drawn per message.",
    )
    bandwidth: Bandwidth = Field(description="Of each node's network interface, in each direction.")
    transport: TransportName = Field(
        default="reliable", description="reliable: a lost message comes late; datagram: it never comes."
    )
    loss: Share = Field(default=0.0, description="Probability that a message is lost.")
    retransmit: PositiveDuration = Field(
        default=parse_duration("200ms"), description="What each loss costs on a reliable transport."
    )
    links: tuple[Link, ...] = Field(default=(), description="What differs between two regions.")
    zones: Mapping[RegionId, ZoneId] = Field(
        default_factory=dict, description="Trust zone of a region, where that is not the zone of the chain."
    )
    gateways: tuple[Gateway, ...] = Field(default=(), description="Between the zones of two nodes of one chain.")

    @field_validator("links", mode="after")
    @classmethod
    def _one_per_direction(cls, value: tuple[Link, ...]) -> tuple[Link, ...]:
        seen: set[tuple[str, str]] = set()
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for index, link in enumerate(value):
            if seen & set(link.directions):
                where = "between" if link.between is not None else "from"
                problems.append(((index, where), "this pair of regions has a link already; needs one per pair"))
            seen |= set(link.directions)
        if problems:
            raise EntryError(problems)
        return value

    @field_validator("gateways", mode="after")
    @classmethod
    def _one_per_pair_of_zones(cls, value: tuple[Gateway, ...]) -> tuple[Gateway, ...]:
        pairs = [frozenset(gateway.between) for gateway in value]
        repeated = [index for index, pair in enumerate(pairs) if pair in pairs[:index]]
        if repeated:
            message = "these zones have a gateway already; needs one per pair"
            raise EntryError([((index, "between"), message) for index in repeated])
        return value


class Named(Model):
    """An organisation, or a zone of the network, by its names."""

    name: Text = Field(description="Name in English.")
    zh: Text = Field(description="Name in Chinese.")


class Consensus(Model):
    """How a chain's validators agree."""

    protocol: Annotated[str, one_of(*protocols())] = Field(
        description="Each one's paper and rules open its file in sim/consensus. raft stands crashes only."
    )
    timeout: PositiveDuration = Field(
        default=parse_duration("3s"), description="A validator that waits longer asks for another leader; it doubles."
    )
    window: Annotated[int, whole(1, 10_000)] = Field(default=4, description="Blocks that may be agreed on at once.")
    checkpoint_interval: Annotated[int, whole(1, 1_000_000)] = Field(
        default=16, description="Blocks between two checkpoints or snapshots."
    )
    commit_wait: Duration = Field(
        default=0, description="tendermint: pause after a decision before the next height (timeout_commit)."
    )
    committee: Annotated[int, whole(1, MAX_NODES)] | None = Field(
        default=None, description="rpbft: how many validators vote at a time; else all."
    )
    epoch: Annotated[int, whole(1, 1_000_000)] = Field(
        default=1000, description="rpbft: blocks after which one of the committee is replaced (epoch_block_num)."
    )
    heartbeat: Duration = Field(default=0, description="raft: heartbeat interval; 0 for a tenth of the timeout.")


class Block(Model):
    """When a block is cut: when either limit is reached, or the interval has passed."""

    max_transactions: Annotated[int, whole(1, 10_000_000)] = Field(description="Transactions in a block at most.")
    max_bytes: PositiveSize = Field(description="Size of a block's transactions at most.")
    interval: PositiveDuration = Field(description="Longest wait for a block to fill.")


class Mempool(Model):
    """Where transactions wait to be proposed."""

    capacity: Annotated[int, whole(1, 1_000_000_000)] = Field(
        default=15_000, description="Transactions that wait at most; more are rejected and counted."
    )


class Fabric(Model):
    """How a chain executes before it orders: validators order, observers are the peers of organisations."""

    organisations: Annotated[int, whole(1, MAX_NODES)] = Field(description="Peers belong to them in turn.")
    endorsements: Annotated[int, whole(1, MAX_NODES)] = Field(
        default=1, description="Endorsement policy: peers of so many organisations, the client's own first, must sign."
    )
    simulate: Duration = Field(description="Running the contract on one proposal.")
    endorsing_cores: Annotated[int, whole(1, 1024)] = Field(
        default=1, description="Cores of each peer that run contracts and do nothing else."
    )
    commit_block: Duration = Field(
        default=0, description="Writing a block at a peer, on top of `costs.execute` for each of its transactions."
    )
    access: Annotated[Literal["write", "read-write"], one_of("write", "read-write")] = Field(
        default="write", description="write: blind writes. read-write: a key is read first, so it can be out of date."
    )
    keys: Annotated[int, whole(1, 100_000_000)] = Field(default=1_000_000, description="Keys in the state.")
    skew: PositiveNumber | None = Field(
        default=None, description="Key k is touched in proportion to k to the power of minus this; else all alike."
    )


class Chain(Model):
    """One permissioned chain."""

    member: MemberId = Field(description="The member that runs it.")
    zone: ZoneId = Field(description="The network zone where it stands.")
    consensus: Consensus = Field(description="How its validators agree.")
    validators: Annotated[int, whole(1, MAX_NODES, too_small="a chain needs at least one validator")] = Field(
        description="Nodes that vote, numbered from 0."
    )
    observers: Annotated[int, whole(0, MAX_NODES)] = Field(
        default=0, description="Nodes that follow without a vote, numbered after the validators."
    )
    fidelity: Annotated[Literal["message", "auto"], one_of("message", "auto")] = Field(
        default="message",
        description="message: every protocol message is simulated. auto: heights in which nothing goes wrong are"
        " computed, with the same times (not for rpbft, several cores, lines that are not plain, closed loops, or"
        " chains at an end of one of `links`).",
    )
    hash: Annotated[Literal["sm3", "sha256"], one_of("sm3", "sha256")] = Field(
        description="Hash of records, blocks and proofs: sm3 (GB/T 32905-2016) or sha256 (FIPS 180-4)."
    )
    block: Block = Field(description="When a block is cut.")
    mempool: Mempool = Field(default=Mempool(), description="Where transactions wait.")
    fabric: Fabric | None = Field(
        default=None, description="Execute, order, validate, as Hyperledger Fabric; raft or pbft orders."
    )
    fanout: Annotated[int, whole(0, MAX_NODES)] = Field(
        default=0,
        description="How many nodes a broadcast goes to directly; these pass it on to as many each. 0: to all.",
    )
    spread: Annotated[Literal["tree", "gossip"], one_of("tree", "gossip")] = Field(
        default="tree",
        description="With `fanout`. tree: everybody gets it once, from whom a tree drawn for this message says. gossip:"
        " whoever hears it first passes it on to others drawn at random; some hear it often and, rarely, some never.",
    )
    cores: Annotated[int, whole(1, 1024)] = Field(
        default=1, description="CPU cores of each node; signatures are checked on all of them, the rest on one."
    )
    regions: tuple[RegionId, ...] = Field(
        min_length=1, description="Where its nodes stand; node i is in region i modulo the number of regions."
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        problems = [] if self.fabric is None else list(_unfit(self, self.fabric))
        committee = self.consensus.committee if family(self.consensus.protocol).committee is not None else None
        if committee is not None and committee > self.validators:
            problems.append((("consensus", "committee"), f"there are {self.validators} validators; needs no more"))
        if self.spread == "gossip" and self.fanout == 0:
            problems.append((("spread",), "nobody passes anything on; needs a fanout of 1 or more beside it"))
        if self.consensus.protocol in _IMPATIENT and self.block.interval >= self.consensus.timeout:
            message = "a leader who waits so long for company is given up; needs less than consensus.timeout"
            problems.append((("block", "interval"), message))
        if problems:
            raise EntryError(problems)
        return self

    @field_validator("regions", mode="after")
    @classmethod
    def _distinct_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _distinct(value, "region")
        return value


def _unfit(chain: Chain, fabric: Fabric) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What keeps a chain from executing before it orders."""
    if chain.consensus.protocol not in _ORDERERS:
        message = f"{chain.consensus.protocol} orders no transactions of this kind; needs {' or '.join(_ORDERERS)}"
        yield ("consensus", "protocol"), message
    if chain.fidelity != "message":
        yield ("fidelity",), "a chain that executes before it orders goes by messages; needs message"
    if chain.observers < fabric.organisations:
        yield ("observers",), f"{fabric.organisations} organisations need a peer each; needs at least so many observers"
    if fabric.endorsements > fabric.organisations:
        message = f"there are {fabric.organisations} organisations; needs no more endorsements than these"
        yield ("fabric", "endorsements"), message


_IMPATIENT = ("pbft", "rpbft", "qbft", "tendermint")
"""Protocols whose timeout runs while a transaction waits for its block: with an interval of 10 s and a timeout of 3 s
nearly every block takes a view change. Chained leaders propose empty blocks meanwhile, and Raft's send heartbeats."""
_ORDERERS = ("pbft", "raft")
"""Fabric's own ordering services: Raft (etcd) and, since version 3, SmartBFT, which is of PBFT's kind."""


class Costs(Model):
    """CPU time of one core per operation, the same on every node."""

    source: Text | None = Field(default=None, description="Where the numbers come from.")
    hash: Duration = Field(description="One hash, whatever the length.")
    hash_per_kilobyte: Duration = Field(description="Each 1000 bytes hashed, on top.")
    sign: Duration = Field(description="One signature.")
    verify: Duration = Field(description="Verifying one signature.")
    execute: Duration = Field(description="Executing one transaction and writing it.")
    proof: Duration = Field(description="Fetching one inclusion proof.")


class Scenario(Shown, Model):
    """Everything that a run depends on but the code and the seed."""

    name: Id = Field(description="Short name.")
    question: Text = Field(description="What the scenario is to answer.")
    start: Instant = Field(description="Civil time at which the simulation starts.")
    horizon: PositiveDuration = Field(description="Simulated time.")
    seed: Annotated[int, whole(0, 2**63 - 1)] = Field(default=1, description="Seed of all random draws.")
    kind: Annotated[Literal["terminating", "steady"], one_of("terminating", "steady")] = Field(
        default="terminating",
        description="terminating: all that happens from the start to the horizon counts. steady: a study leaves out "
        "what happens before the start has been forgotten (MSER-5); a single run does not.",
    )
    proofs: Annotated[Literal["real", "sampled"], one_of("real", "sampled")] = Field(
        default="real",
        description="real: every record is hashed and every proof is checked. sampled, with `year`: those in the runs "
        "of chains that its tables come from.",
    )
    expect: Verdict = Field(default="pass", description="The verdict that the scenario is meant to have.")
    network: Network = Field(description="The network between all nodes.")
    members: Mapping[Id, Named] = Field(min_length=1, description="Organisations of the alliance.")
    zones: Mapping[Id, Named] = Field(min_length=1, description="Network zones.")
    chains: Mapping[Id, Chain] = Field(min_length=1, description="Permissioned chains.")
    costs: Costs = Field(
        description="CPU time per operation: a file that `alliance calibrate` wrote, relative to the file that names "
        "it, or its content under the key `costs`."
    )
    profiles: Mapping[Id, Profile] = Field(default_factory=dict, description="How load follows the working day.")
    links: Mapping[Id, CrossLink] = Field(default_factory=dict, description="Ways from one chain to another.")
    identity: Identity | None = Field(default=None, description="Where the identity registry is changed, if it is.")
    workload: Mapping[Id, Stream] = Field(
        default_factory=dict, description="Streams of deposits, verifications and transfers."
    )
    workflows: Mapping[Id, Workflow] = Field(
        default_factory=dict,
        description="Workflows of the courts that run: names of files in `workflows`, or what of these files changes.",
    )
    casework: Casework | None = Field(default=None, description="How the cases of these workflows are stepped.")
    year: Year | None = Field(
        default=None, description="Months by tables of what chains take at which load; {} has all defaults."
    )
    faults: tuple[Fault, ...] = Field(default=(), description="What goes wrong, and when.")
    slo: tuple[Slo, ...] = Field(default=(), description="What the answer must satisfy to pass.")
    assumptions: Mapping[Id, Text] = Field(
        default_factory=dict, description="Guesses that the answer hangs on; the report lists them."
    )
    uncertain: Mapping[Id, Uncertain] = Field(
        default_factory=dict, description="Inputs that nobody knows well; `alliance sweep --screen` says which matter."
    )
    _source: Path | None = PrivateAttr(default=None)
    _costs_file: str | None = PrivateAttr(default=None)
    _files: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _clients_can_wait(self) -> Self:
        message = "a chain that executes before it orders is executed ahead of the run; needs a rate"
        items: list[tuple[tuple[str | int, ...], str]] = [
            (("workload", stream_id, "clients"), message)
            for stream_id, stream in self.workload.items()
            if stream.clients is not None and self.chains[stream.chain].fabric is not None
        ]
        if items:
            raise EntryError(items)
        return self

    @model_validator(mode="after")
    def _links_can_be(self) -> Self:
        items = list(impossible_links(self))
        if items:
            raise EntryError(items)
        return self

    @model_validator(mode="after")
    def _faults_can_happen(self) -> Self:
        items = list(impossible(self))
        if items:
            raise EntryError(items)
        return self

    @model_validator(mode="after")
    def _cases_can_run(self) -> Self:
        items = list(impossible_cases(self))
        if items:
            raise EntryError(items)
        return self

    @model_validator(mode="after")
    def _year_can_be(self) -> Self:
        items = list(impossible_year(self))
        if items:
            raise EntryError(items)
        return self

    def model_post_init(self, context: object, /) -> None:
        """Remember the files that the scenario was read from."""
        if isinstance(context, Declared):
            self._source = context.file
            self._costs_file = context.costs_file
            self._files = context.files

    @property
    def source(self) -> Path | None:
        """The file that the scenario was read from; None if it was made otherwise."""
        return self._source

    @property
    def costs_file(self) -> str | None:
        """The file in which the costs are written, relative to the working directory; None if made otherwise."""
        return self._costs_file

    @property
    def files(self) -> tuple[str, ...]:
        """All files that something in the scenario was written in; none if it was made otherwise."""
        return self._files

    def to_yaml(self) -> str:
        """Return the scenario in canonical units, without ``extends`` or other files; it loads to an equal one."""
        data = self.model_dump(by_alias=True, exclude_none=True)
        for key in ("links", "workflows", "uncertain"):
            if not data[key]:
                del data[key]  # or the ids of runs without them would change
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)

    def __repr__(self) -> str:
        counts = f"{len(self.chains)} chains, {len(self.workload)} streams"
        return f"<Scenario {self.name}: {counts}, {show_duration(self.horizon)}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare everything but the files that it was read from."""
        return isinstance(other, Scenario) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.name, self.question, self.seed, self.horizon))
