"""Random schedules within what a protocol stands: a seed gives a storm of faults, and after it the chain must recover.

The distribution. Of n validators a Byzantine protocol stands f = ⌊(n−1)/3⌋ faulty ones, a crash-fault one ⌊(n−1)/2⌋.

Every other storm is *mixed*:

- Liars: 0 to f nodes, all equally likely. Each is one of the eight behaviours of `schedule.BYZANTINE` or loses its disk
  in a crash, all nine equally likely; two or more that draw two-faced behaviours act together every other time. Half
  lie for a while, half to the end. A crash-fault protocol has no liars; a node may lose its disk there, and stays out.
- Crashes: as many nodes as the liars leave of f, each down once or twice, one time in six for good. So liars and nodes
  that are down are f at most at any time.
- Network: 0 to 3 of: partition into two or three groups, one node or one region cut off, one-way partition, loss of
  5 to 40 %, clog, lag of up to two timeouts, duplicates of 5 to 40 %. Any number of nodes may suffer from these.
- One node in three storms is 2 to 20 times slower; in one of three some clocks are off by up to 10 minutes and 10 %.

The others are *unrest*, after the schedules of Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021:

- The storm is cut into pieces of up to a fourth of a timeout, one or four. One piece in four is quiet; in the others
  the nodes are dealt anew into two groups that do not reach each other, or only one way, or one node is mute or deaf.
- One unrest in three has a mute node all the time, which may decide and not tell.
- In every other unrest a share of 10 to 40 % of all messages is lost besides.
- A Byzantine protocol has f twins in it, together and from the beginning to the end, every other time with consecutive
  numbers, so that they lead one after the other. Either all of their peers live in both of their worlds, or in some
  pieces the groups are the two worlds, and only the twins reach both.
- In a crash-fault protocol one node may crash and restart.

Where leaders hand over by plan, any validator is to take over at any time, up to twice in any storm.

Whatever passes has passed when the storm ends. Times are whole milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sim.faults.schedule import (
    BYZANTINE,
    CENSOR,
    DELAY,
    EQUIVOCATE,
    TWINS,
    TWO_FACED,
    Byzantine,
    ClockSkew,
    Crash,
    Disturbance,
    Partition,
    Slow,
    Transfer,
)
from sim.kernel.engine import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.faults.schedule import Fault
    from sim.kernel.draws import Block

T = TypeVar("T")
_DISK_LOST: Final = "disk lost"
_LONGEST_ERROR_MS: Final = 600_000
_LARGEST_PPM: Final = 100_000


@dataclass(frozen=True, slots=True)
class Ground:
    """What a storm comes over.

    Attributes:
        chain: its id.
        regions: of its nodes by number, validators first.
        validators: how many of them can vote.
        voters: how many of them vote at a time.
        byzantine: whether its protocol stands liars.
        timeout_ns: its protocol's.
        streams: that it is offered.
        length_ns: how long the storm lasts.
        hands_over: whether its leader can be told to hand over.
    """

    chain: str
    regions: tuple[str, ...]
    validators: int
    voters: int
    byzantine: bool
    timeout_ns: int
    streams: tuple[str, ...]
    length_ns: int
    hands_over: bool = False

    @property
    def tolerated(self) -> int:
        """How many faulty validators the protocol stands."""
        return (self.voters - 1) // (3 if self.byzantine else 2)


class _Chance:
    """Draws by need from one stream."""

    _BATCH = 64

    def __init__(self, block: Block) -> None:
        self._block = block
        self._held: list[float] = []

    def share(self) -> float:
        if not self._held:
            self._held = self._block.uniforms(self._BATCH).tolist()
        return self._held.pop()

    def below(self, bound: int) -> int:
        return int(self.share() * bound)

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]

    def some(self, options: Sequence[T], least: int = 1) -> list[T]:
        """At least ``least`` of them, in a random order."""
        return self.shuffled(options)[: least + self.below(len(options) - least + 1)]

    def ms(self, low: int, high: int) -> int:
        """Whole milliseconds from ``low`` to ``high``, in nanoseconds."""
        return (low + self.below(max(1, high - low))) * MILLISECOND

    def span(self, length_ns: int) -> tuple[int, int]:
        """A begin, and a duration that ends within the length."""
        end = max(2, length_ns // MILLISECOND)
        begin_ns = self.ms(0, end - 1)
        return begin_ns, self.ms(1, end - begin_ns // MILLISECOND)


def storm(ground: Ground, block: Block) -> tuple[Fault, ...]:
    """One storm within the bound."""
    chance = _Chance(block)
    faults = _unrest(ground, chance) if chance.below(2) else _mixed(ground, chance)
    return tuple(faults + _transfers(ground, chance))


def _transfers(ground: Ground, chance: _Chance) -> list[Fault]:
    count = chance.below(3) if ground.hands_over else 0
    last_ms = max(1, ground.length_ns // MILLISECOND - 1)
    return [Transfer(ground.chain, chance.ms(0, last_ms), chance.below(ground.validators)) for _ in range(count)]


def _unrest(ground: Ground, chance: _Chance) -> list[Fault]:
    faults: list[Fault] = []
    worlds: tuple[tuple[int, ...], ...] = ()
    if ground.byzantine:
        twins = _twins(ground, chance)
        faults.append(twins)
        worlds = twins.groups if twins.groups is not None and twins.groups[0] != twins.groups[1] else ()
    elif chance.below(2):
        faults += _crashes(ground, chance, [chance.below(ground.validators)])
    if chance.below(2):
        faults.append(Disturbance(ground.chain, 0, ground.length_ns, None, loss=(10 + chance.below(31)) / 100))
    if chance.below(3) == 0:
        faults.append(_one_way(ground, chance.below(ground.validators), 0, ground.length_ns, deaf=False))
    at_ns, longest_ms = 0, chance.one_of((1, 4, 16)) * ground.timeout_ns // (4 * MILLISECOND)
    while at_ns < ground.length_ns:
        for_ns = min(chance.ms(1, longest_ms), ground.length_ns - at_ns)
        if chance.below(4):
            faults.append(_piece(ground, chance, at_ns, for_ns, worlds))
        at_ns += for_ns
    return faults


def _one_way(ground: Ground, node: int, at_ns: int, for_ns: int, *, deaf: bool) -> Partition:
    """A node that nobody hears or, if it is deaf, that hears nobody."""
    others = tuple(other for other in range(len(ground.regions)) if other != node)
    return Partition(ground.chain, at_ns, for_ns, (others, (node,)) if deaf else ((node,), others), one_way=True)


def _piece(ground: Ground, chance: _Chance, at_ns: int, for_ns: int, worlds: tuple[tuple[int, ...], ...]) -> Partition:
    if chance.below(3) == 0:
        return _one_way(ground, chance.below(ground.validators), at_ns, for_ns, deaf=chance.below(2) == 0)
    if chance.below(2):
        return Partition(ground.chain, at_ns, for_ns, _two_sides(ground, chance), one_way=True)
    groups = worlds if worlds and chance.below(2) else _two_sides(ground, chance)
    return Partition(ground.chain, at_ns, for_ns, groups)


def _twins(ground: Ground, chance: _Chance) -> Byzantine:
    """As many twins as the protocol stands, acting together to the end."""
    n, first = ground.validators, chance.below(ground.validators)
    order = [(first + k) % n for k in range(n)] if chance.below(2) else chance.shuffled(range(n))
    liars, peers = order[: ground.tolerated], chance.shuffled(order[ground.tolerated :])
    middle = len(peers) // 2 + chance.below(2) * (len(peers) % 2)
    halves = (tuple(sorted(peers[:middle])), tuple(sorted(peers[middle:])))
    groups = (tuple(sorted(peers)), tuple(sorted(peers))) if chance.below(3) == 0 else halves
    return Byzantine(ground.chain, 0, None, tuple(sorted(liars)), TWINS, groups=groups)


def _two_sides(ground: Ground, chance: _Chance) -> tuple[tuple[int, ...], ...]:
    order = chance.shuffled(range(len(ground.regions)))
    cut = 1 + chance.below(len(order) - 1)
    return tuple(sorted(order[:cut])), tuple(sorted(order[cut:]))


def _mixed(ground: Ground, chance: _Chance) -> list[Fault]:
    order = chance.shuffled(range(ground.validators))
    count = chance.below(ground.tolerated + 1)
    liars, others = order[:count], order[count:]
    faults: list[Fault] = _liars(ground, chance, liars) if ground.byzantine else _lost_disks(ground, chance, liars)
    faults += _crashes(ground, chance, others[: ground.tolerated - count])
    for _ in range(chance.below(4)):
        faults += chance.one_of(_NETWORK)(ground, chance)
    nodes = range(len(ground.regions))
    if chance.below(3) == 0:
        faults.append(Slow(ground.chain, *chance.span(ground.length_ns), (chance.one_of(nodes),), 2 + chance.below(19)))
    if chance.below(3) == 0:
        faults.append(_skew(ground, chance, tuple(sorted(chance.some(nodes)))))
    return faults


def beyond(ground: Ground, quorum: int, block: Block) -> tuple[Fault, ...]:
    """More liars than the bound allows: 2q − n equivocators that act together, and nothing else goes wrong.

    With q members in a quorum, two quorums share 2q − n replicas at least; if all of these lie, nothing correct keeps
    the two from deciding differently.

    Of 200 such schedules (`alliance torture scenarios/torture.yaml --beyond --seeds 200 --protocol …`) diverge all of
    PBFT's, 85 % of QBFT's, rPBFT's and Tendermint's, 8 % of Jolteon's and 3 % of HotStuff's. The last two decide only
    where three or four leaders in a row live in one half. Crash-fault protocols stand no liar, and no number of crashes
    makes them part, so there is nothing beyond their bound to see.
    """
    liars = _Chance(block).shuffled(range(ground.validators))[: 2 * quorum - ground.validators]
    return (Byzantine(ground.chain, 0, None, tuple(sorted(liars)), EQUIVOCATE),)


def _liars(ground: Ground, chance: _Chance, nodes: Sequence[int]) -> list[Fault]:
    kinds = {node: chance.one_of((*BYZANTINE, _DISK_LOST)) for node in nodes}
    two_faced = [node for node, kind in kinds.items() if kind in TWO_FACED]
    faults: list[Fault] = []
    if len(two_faced) > 1 and chance.below(2):
        faults.append(_lie(ground, chance, two_faced, kinds[two_faced[0]]))
        kinds = {node: kind for node, kind in kinds.items() if node not in two_faced}
    for node, kind in kinds.items():
        if kind == _DISK_LOST:
            faults += _lost_disks(ground, chance, [node])
        else:
            faults.append(_lie(ground, chance, [node], kind))
    return faults


def _lie(ground: Ground, chance: _Chance, nodes: Sequence[int], kind: str) -> Byzantine:
    begin_ns, for_ns = chance.span(ground.length_ns)
    lasts = chance.below(2)
    peers = [node for node in range(ground.validators) if node not in nodes]
    told = chance.below(2)
    single = kind != CENSOR and kind not in TWO_FACED
    return Byzantine(
        ground.chain,
        begin_ns if chance.below(2) else 0,
        None if lasts else for_ns,
        tuple(sorted(nodes)),
        kind,
        peers=tuple(sorted(chance.some(peers))) if single and told else None,
        extra_ns=chance.ms(1, 2 * ground.timeout_ns // MILLISECOND) if kind == DELAY else 0,
        streams=tuple(sorted(chance.some(ground.streams))) if kind == CENSOR else (),
        groups=_two_groups(chance, peers) if kind == TWINS else None,
    )


def _two_groups(chance: _Chance, peers: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two groups that hold every peer between them; any may be in both."""
    first = set(chance.some(peers))
    second = {peer for peer in peers if peer not in first or chance.below(4) == 0} or {chance.one_of(peers)}
    return tuple(sorted(first)), tuple(sorted(second))


def _lost_disks(ground: Ground, chance: _Chance, nodes: Sequence[int]) -> list[Fault]:
    return [Crash(ground.chain, *chance.span(ground.length_ns), (node,), disk_lost=True) for node in nodes]


def _crashes(ground: Ground, chance: _Chance, nodes: Sequence[int]) -> list[Fault]:
    faults: list[Fault] = []
    for node in nodes:
        if chance.below(6) == 0:
            faults.append(Crash(ground.chain, chance.span(ground.length_ns)[0], None, (node,)))
        else:
            faults += [Crash(ground.chain, *chance.span(ground.length_ns), (node,)) for _ in range(1 + chance.below(2))]
    return faults


def _skew(ground: Ground, chance: _Chance, nodes: tuple[int, ...]) -> ClockSkew:
    begin_ns, for_ns = chance.span(ground.length_ns)
    ahead_ns = chance.ms(-_LONGEST_ERROR_MS, _LONGEST_ERROR_MS)
    ppm = chance.below(2 * _LARGEST_PPM) - _LARGEST_PPM
    return ClockSkew(ground.chain, begin_ns, for_ns, nodes, ahead_ns, ppm)


def _partition(ground: Ground, chance: _Chance) -> list[Fault]:
    """Two or three groups of any sizes."""
    order = chance.shuffled(range(len(ground.regions)))
    cuts = sorted({1 + chance.below(len(order) - 1) for _ in range(1 + chance.below(2))})
    groups = [tuple(sorted(order[a:b])) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return [Partition(ground.chain, *chance.span(ground.length_ns), tuple(groups))]


def _isolation(ground: Ground, chance: _Chance) -> list[Fault]:
    """One node, or all nodes of a region where there are several, cut off from the rest or only unheard by it."""
    regions = sorted(set(ground.regions))
    if len(regions) > 1 and chance.below(2):
        region = chance.one_of(regions)
        inside = {node for node, place in enumerate(ground.regions) if place == region}
    else:
        inside = {chance.below(len(ground.regions))}
    outside = tuple(node for node in range(len(ground.regions)) if node not in inside)
    groups = (tuple(sorted(inside)), outside)
    span = chance.span(ground.length_ns)
    return [Partition(ground.chain, *span, groups, one_way=chance.below(2) == 0)]


def _hit(ground: Ground, chance: _Chance) -> tuple[int, ...] | None:
    """All nodes, or some."""
    return None if chance.below(2) else tuple(sorted(chance.some(range(len(ground.regions)))))


def _loss(ground: Ground, chance: _Chance) -> list[Fault]:
    share = (5 + chance.below(36)) / 100
    return [Disturbance(ground.chain, *chance.span(ground.length_ns), _hit(ground, chance), loss=share)]


def _duplicates(ground: Ground, chance: _Chance) -> list[Fault]:
    share = (5 + chance.below(36)) / 100
    return [Disturbance(ground.chain, *chance.span(ground.length_ns), _hit(ground, chance), duplicate=share)]


def _lag(ground: Ground, chance: _Chance) -> list[Fault]:
    extra_ns = chance.ms(1, 2 * ground.timeout_ns // MILLISECOND)
    return [Disturbance(ground.chain, *chance.span(ground.length_ns), _hit(ground, chance), extra_ns=extra_ns)]


def _clog(ground: Ground, chance: _Chance) -> list[Fault]:
    return [Disturbance(ground.chain, *chance.span(ground.length_ns), _hit(ground, chance), hold=True)]


_NETWORK: Final = (_partition, _isolation, _loss, _duplicates, _lag, _clog)
