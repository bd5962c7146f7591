"""The verification platform on the Internet (article 7): people ask whether a document is what stands on the chain.

A request meets token buckets, waits in a bounded queue for one of some servers, and asks a copy of the chain. The copy
is behind an isolation gateway, so that request and answer cross it, or in front of it, so that only the copy's updates
do; either way it shows the chain as it was a while ago, and what was deposited since is not found, or *pending* where
the platform looks again. A request that is turned away comes back after a back-off, a limited number of times.

The platform answers nothing by itself. `Platform.route` says when each request reaches the chain's node and how old
what it sees there is; the node makes the proof (`sim.chain.verification`), the answer is one of three (核验通过,
尚未在司法区块链存证, 与链上存证数据比对结果不一致), and `Routed.answered` says when it is back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.compiled.fronting import REASONS, Arriving, Limits, Room, serve
from sim.casework.emissions import Asked
from sim.casework.program import CONSTANT, law_of
from sim.casework.routed import CASES, FLOOD, GROUPS, HONEST, Passage, Routed
from sim.chain.config import Looks
from sim.chain.verification import ABSENT, GENUINE
from sim.kernel.counters import Counters, uniforms
from sim.kernel.inversion import LOG, Law, invert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.casework.emissions import Emissions
    from sim.casework.isolation import Isolation
    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]

_SECOND_NS = 1_000_000_000
_DRAWN = 1 << 12
"""Gaps between the requests of a flood that are drawn together."""
_COLUMNS = ("key", "time_ns", "province", "presented", "public")
_NOTHING = np.zeros(0, dtype=np.int64)
_WAYS, _PEOPLE = range(2)
"""Purposes of words: a request's service, crossings and back-off; who makes it, and the age of what it is about."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket.

    Attributes:
        rate_per_s: requests in the long run; None for no limit.
        burst: requests at once.
    """

    rate_per_s: float | None = None
    burst: int = 1

    @property
    def each_ns(self) -> int:
        """Between two requests in the long run; 0 for no limit."""
        return 0 if self.rate_per_s is None else max(1, round(_SECOND_NS / self.rate_per_s))


@dataclass(frozen=True, slots=True)
class Flood:
    """A burst of requests.

    Attributes:
        at_ns: when it begins.
        for_ns: how long it goes on.
        rate_per_s: requests, as a Poisson process.
        clients: addresses from which the attackers ask.
        honest: share of the requests that people make who want to know; each is a user of the platform.
        chain: that is asked.
        of: "workflow/kind" of the records that are asked about.
        checked: share of those let through for which the chain makes a proof; the servers alone answer the others, from
            numbers that were found before.
    """

    at_ns: int
    for_ns: int
    rate_per_s: float
    clients: int
    honest: float
    chain: str
    of: str
    checked: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A platform.

    Attributes:
        servers: of the front.
        service: what a server takes for a request, in nanoseconds.
        room: requests that may wait for a server.
        per_client: limit for one client.
        everybody: limit for all together.
        tries: of a request at most.
        backoff: before the second try, in nanoseconds; it doubles.
        patience_ns: after which whoever asked gives up.
        isolation: the gateway.
        copy_in_front: the copy of the chain is on the Internet's side of the gateway.
        lag_ns: how long the copy takes for what has been executed.
        pending: what is not found is looked up again when the copy has caught up, and answered then.
        age: how long before the request what it asks about was deposited, in nanoseconds; None for anything.
        users: people and companies who ask.
        province: number of the province where the gateway is.
        floods: that happen.
    """

    servers: int
    service: Distribution
    room: int
    per_client: Limit
    everybody: Limit
    tries: int
    backoff: Distribution
    patience_ns: int
    isolation: Isolation
    copy_in_front: bool
    lag_ns: int
    pending: bool
    age: Distribution | None
    users: int
    province: int
    floods: tuple[Flood, ...] = ()


@dataclass(frozen=True, slots=True)
class _Source:
    """Requests of one origin to one chain.

    Attributes:
        asked: all of them, in the order of time.
        client: who makes each.
        group: `CASES`, `HONEST` or `FLOOD`.
        checked: share for which the chain makes a proof.
    """

    chain: str
    asked: Asked
    client: Cells
    group: Cells
    checked: float = 1.0


class Platform:
    """The platform of one run.

    Args:
        settings: what it is like.
        draws: chance; the floods are drawn at once, and are the same in every pass.
    """

    def __init__(self, settings: Settings, draws: Draws) -> None:
        self.settings = settings
        self._counters = Counters(draws, "platform")
        self._floods = [self._flood(draws, number, flood) for number, flood in enumerate(settings.floods)]

    def route(self, emissions: Emissions) -> Routed:
        """Take the public checks of a pass, and the floods, through the platform.

        Returns:
            what the chains are asked then, at the time at which each request leaves the platform for the node, and
            what becomes of every request.
        """
        sources = [self._of_cases(chain, emissions.checks[chain]) for chain in sorted(emissions.checks)]
        sources += self._floods
        passage = self._pass(sources)
        chains = sorted({source.chain for source in sources})
        checks = {chain: self._reaching(chain, sources, passage) for chain in chains}
        return Routed(replace(emissions, checks=checks), passage, self.settings)

    def _of_cases(self, chain: str, asked: Asked) -> _Source:
        people = self._counters.words(_firsts(asked.key), asked.key, _PEOPLE)
        client = (people[:, 0] % np.uint64(self.settings.users)).astype(np.int64)
        return _Source(chain, asked, client, np.full(len(client), CASES))

    def _flood(self, draws: Draws, number: int, flood: Flood) -> _Source:
        """Attackers ask for numbers that were never given out; honest people for what there is."""
        block = draws.block("platform", "flood", number)
        gap_ns, times = _SECOND_NS / flood.rate_per_s, [np.zeros(1)]
        while times[-1][-1] < flood.for_ns:
            times.append(times[-1][-1] + np.cumsum(block.sample(Law(LOG, -gap_ns), _DRAWN)))
        after_ns = np.concatenate(times[1:])
        time_ns = flood.at_ns + after_ns[after_ns < flood.for_ns].astype(np.int64)
        count = len(time_ns)
        honest = block.uniforms(count) < flood.honest
        attackers = self.settings.users + self._attackers_before(number)
        user, attacker = block.integers(count, self.settings.users), block.integers(count, flood.clients)
        asked = Asked(
            key=block.words(count),
            time_ns=time_ns,
            province=np.full(count, self.settings.province, dtype=np.int64),
            presented=np.where(honest, GENUINE, ABSENT).astype(np.int64),
            public=np.ones(count, dtype=np.bool_),
            of=np.zeros(count, dtype=np.int64),
            kinds=(flood.of,),
        )
        client, group = np.where(honest, user, attackers + attacker), np.where(honest, HONEST, FLOOD)
        return _Source(flood.chain, asked, client, group, flood.checked)

    def _attackers_before(self, number: int) -> int:
        return sum(flood.clients for flood in self.settings.floods[:number])

    def _pass(self, sources: Sequence[_Source]) -> Passage:
        """Every public request from its first try to the chain's door."""
        public = [np.flatnonzero(source.asked.public) for source in sources]
        source = np.concatenate([np.full(len(rows), n) for n, rows in enumerate(public)]) if sources else _NOTHING
        row = np.concatenate(public) if sources else _NOTHING
        key = _gathered(sources, public, lambda one: one.asked.key).astype(np.uint64)
        time_ns = _gathered(sources, public, lambda one: one.asked.time_ns)
        order = np.lexsort((key, time_ns))
        source, row, key, time_ns = source[order], row[order], key[order], time_ns[order]
        client = _gathered(sources, public, lambda one: one.client)[order]
        group = _gathered(sources, public, lambda one: one.group)[order]
        presented = _gathered(sources, public, lambda one: one.asked.presented)[order]
        words = self._counters.words(_firsts(key), key, _WAYS)
        others = self._counters.words(_firsts(key), key, _PEOPLE)
        arriving = Arriving(
            time_ns=time_ns,
            client=client,
            group=group,
            cost=np.ones(len(key), dtype=np.int64),
            work_ns=_drawn(self.settings.service, words[:, 0]),
            backoff_ns=np.maximum(_drawn(self.settings.backoff, words[:, 1]), 1),
        )
        room = self._serve(arriving)
        asks_ns, behind_ns = self._cross(room.done_ns, words[:, 2])
        checked = np.array([one.checked for one in sources])[source] if sources else np.zeros(0)
        return Passage(
            key=key,
            group=group,
            source=source,
            row=row,
            time_ns=time_ns,
            presented=presented,
            tries=room.tries,
            waited_ns=room.waited_ns,
            done_ns=room.done_ns,
            work_ns=arriving.work_ns,
            refused=room.refused,
            asks_ns=asks_ns,
            behind_ns=behind_ns,
            age_ns=np.full(len(key), -1) if self.settings.age is None else _drawn(self.settings.age, others[:, 1]),
            return_ns=_drawn(self.settings.isolation.delay, words[:, 3]),
            checked=(room.done_ns >= 0) & (uniforms(others[:, 2]) < checked),
        )

    def _serve(self, arriving: Arriving) -> Room:
        """What the front makes of them."""
        settings = self.settings
        limits = Limits(
            settings.per_client.each_ns,
            settings.per_client.burst,
            settings.everybody.each_ns,
            settings.everybody.burst,
            settings.room,
            settings.tries,
        )
        clients = settings.users + self._attackers_before(len(settings.floods))
        return fronted(arriving, limits, settings.servers, clients)

    def _cross(self, done_ns: Cells, word: Keys) -> tuple[Cells, Cells]:
        """When those that were let in ask the chain, and how old what they see of it is."""
        isolation, lag_ns = self.settings.isolation, self.settings.lag_ns
        if self.settings.copy_in_front:
            copying_ns = lag_ns + round(isolation.delay.mean)
            return done_ns, done_ns - isolation.seen_ns(done_ns, copying_ns)
        asks_ns = np.where(done_ns < 0, -1, isolation.leaves_ns(done_ns, _drawn(isolation.delay, word)))
        return asks_ns, np.full(len(done_ns), lag_ns)

    def _reaching(self, chain: str, sources: Sequence[_Source], passage: Passage) -> Asked:
        """What one chain is asked: privately as it was, and what came through the platform."""
        mine = [(number, source) for number, source in enumerate(sources) if source.chain == chain]
        kinds = tuple(sorted({kind for _, source in mine for kind in source.asked.kinds}))
        parts = []
        for number, source in mine:
            renamed = np.array([kinds.index(kind) for kind in source.asked.kinds], dtype=np.int64)
            private = np.flatnonzero(~source.asked.public)
            parts.append(_kept(source.asked, private, renamed[source.asked.of[private]], kinds))
            through = np.flatnonzero((passage.source == number) & passage.checked)
            rows = passage.row[through]
            parts.append(
                self._through(_kept(source.asked, rows, renamed[source.asked.of[rows]], kinds), passage, through)
            )
        return _merged(parts)

    def _through(self, asked: Asked, passage: Passage, rows: Cells) -> Asked:
        asks_ns, age_ns, behind_ns = passage.asks_ns[rows], passage.age_ns[rows], passage.behind_ns[rows]
        looks = Looks(
            # It was so old when it was first asked about.
            age_ns=np.where(age_ns < 0, -1, age_ns + asks_ns - passage.time_ns[rows]),
            behind_ns=behind_ns,
            again_ns=behind_ns if self.settings.pending else np.zeros(len(rows), dtype=np.int64),
        )
        province = np.full(len(rows), self.settings.province, dtype=np.int64)
        return replace(asked, time_ns=asks_ns, province=province, looks=looks)


def fronted(arriving: Arriving, limits: Limits, servers: int, clients: int) -> Room:
    """Take requests through a front of so many servers, for so many clients."""
    count = len(arriving.time_ns)

    def cells(fill: int = 0) -> Cells:
        return np.full(count, fill, dtype=np.int64)

    room = Room(
        free_ns=np.zeros(servers, dtype=np.int64),
        full_ns=np.zeros(clients, dtype=np.int64),
        heap_ns=cells(),
        heap=cells(),
        begun_ns=cells(),
        done_ns=cells(-1),
        tries=cells(),
        refused=np.zeros((len(GROUPS), len(REASONS)), dtype=np.int64),
        waited_ns=cells(),
    )
    serve(arriving, limits, room)
    return room


def _drawn(distribution: Distribution, words: Keys) -> Cells:
    """A whole number of nanoseconds for each word."""
    form, scale, shape = law_of(distribution)
    if form == CONSTANT:
        return np.full(len(words), round(scale), dtype=np.int64)
    return np.rint(invert(Law(form, scale, shape), words)).astype(np.int64)


def _firsts(key: Keys) -> Cells:
    return np.zeros(len(key), dtype=np.int64)


def _gathered(
    sources: Sequence[_Source], rows: Sequence[Cells], column: Callable[[_Source], NDArray[Any]]
) -> NDArray[Any]:
    parts = [column(source)[mine] for source, mine in zip(sources, rows, strict=True)]
    return np.concatenate(parts) if parts else _NOTHING


def _kept(asked: Asked, rows: Cells, of: Cells, kinds: tuple[str, ...]) -> Asked:
    """Only these rows, with kinds numbered anew."""
    looks = Looks.usual(len(rows)) if asked.looks is None else asked.looks.of(rows)
    columns = {name: getattr(asked, name)[rows] for name in _COLUMNS}
    return Asked(**columns, of=of, kinds=kinds, looks=looks)


def _merged(parts: Sequence[Asked]) -> Asked:
    """All of them in the order of time, ties by key."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*_COLUMNS, "of")}
    order = np.lexsort((columns["key"], columns["time_ns"]))
    looks = Looks.joined([part.looks for part in parts if part.looks is not None]).of(order)
    return Asked(**{name: cells[order] for name, cells in columns.items()}, kinds=parts[0].kinds, looks=looks)
