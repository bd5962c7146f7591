"""How many protocol messages a second the simulator gets through, per protocol, fidelity and number of validators.

The workload of `pbft-n40.yaml`, with queues at every NIC and CPU: whole runs, block cutting, hashing and drawing of
delays included. At `message` fidelity a message is at least one event, so the engine's own loop is the limit, except
where PBFT's votes go unread (`sim.chain.unread`): those are events of a compiled loop, and the same run with every vote
read stands beside. At `auto` nothing goes wrong here, so that heights are computed wherever a protocol can; the run
message by message stands beside it. With this workload's jitter chained protocols always have a proposal that overtakes
another, and where votes go to one node there is little to gain.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loops import bare_engine
from measure import Against, Items, targeted, whole
from workload import messages, prepared, run

import sim
from sim.build import build
from sim.chain.unread import FEWEST, SWITCH
from sim.consensus.quorum import message_law
from sim.consensus.registry import protocols
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Measure

    from sim.build import Alliance

QUICKSTART = Path(__file__).parents[1] / "scenarios" / "quickstart.yaml"
BLOCKS = {4: 400, 16: 100, 40: 40, 100: 12}
"""Blocks per round: enough for half a second of work at each size."""
ROUNDS = 3
MESSAGE_GOAL, MESSAGE_GOAL_AT = 300_000, ("pbft", 40)
COMPUTED_GOAL, COMPUTED_GOAL_AT = 5, {("qbft", 100), ("tendermint", 100)}
"""Times as fast as message by message; most of what is left is drawing delays, which single messages need as well."""
EXPECTED_S = 0.80
"""When the quorum-th of many replicas decides under N(250, 50) ms: three times a little more than the mean delay."""


def sizes(*quick_for_pbft: int) -> pytest.MarkDecorator:
    """Every protocol at every size; the quick set has them at n = 40, and PBFT at some more."""
    quick = {("pbft", n) for n in quick_for_pbft} | {(protocol, 40) for protocol in protocols()}
    return pytest.mark.parametrize(
        ("protocol", "validators"),
        [
            pytest.param(*case, marks=() if case in quick else pytest.mark.full, id=f"{case[0]}-n = {case[1]}")
            for case in itertools.product(protocols(), BLOCKS)
        ],
    )


@sizes(4, 16, 100)
@targeted
def test_message_by_message(measure: Measure, protocol: str, validators: int) -> None:
    """Goal: 300,000 messages a second for PBFT at n = 40."""

    def setup() -> tuple[Alliance]:
        return (prepared(validators, BLOCKS[validators], **{"chains.c.consensus.protocol": protocol}),)

    count = messages(run(*setup()))
    unread = protocol == "pbft" and validators >= FEWEST
    done = measure(
        run,
        Items(count, "messages", messages),
        goal_per_s=MESSAGE_GOAL if (protocol, validators) == MESSAGE_GOAL_AT else None,
        limit=None if unread else bare_engine(1),
        beside=[every_vote_read(count, lambda: setup()[0])] if unread else [],
        setup=setup,
        rounds=ROUNDS,
    )
    (chain,) = done.chains.values()
    assert not chain.views
    assert done.engine.events >= count
    assert sum(len(block.transactions) for block in chain.ledger.blocks) == len(chain.offered)
    if protocol == "pbft":
        law = message_law(validators)
        sent = {kind: tally.delivered for kind, tally in chain.network.tallies.items() if kind in law}
        assert sent == {kind: times * (len(chain.ledger.blocks) - 1) for kind, times in law.items()}


def every_vote_read(count: int, make: Callable[[], Alliance]) -> Against:
    """The same run without compiled votes; `tests/differential/test_unread_votes.py` holds it to the same hash."""

    def setup() -> tuple[Alliance]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(SWITCH, "off")
            return (make(),)

    return Against("every vote read", run, count, setup=setup)


@whole
def test_alliance_message_by_message(measure: Measure) -> None:
    """A minute of the busiest hour, all ten chains of the quickstart; the hub has 27 validators, no other above 7."""
    scenario = sim.load(QUICKSTART, set={"horizon": "60s"})
    by_message = {f"chains.{chain}.fidelity": "message" for chain in scenario.chains}
    scenario = sim.load(QUICKSTART, set={"horizon": "60s", **by_message})

    def make() -> Alliance:
        return build(scenario, 1)

    reference = run(make())
    count = messages(reference)
    beside = every_vote_read(count, make)
    done = measure(
        run,
        Items(count, "messages", messages),
        limit=bare_engine(1),
        beside=[beside],
        setup=lambda: (make(),),
        rounds=ROUNDS,
    )
    assert done.engine.trace.hexdigest == run(*beside.setup()).engine.trace.hexdigest


@sizes(4, 16)
@targeted
def test_computed_where_calm(measure: Measure, protocol: str, validators: int) -> None:
    """Goal: at n = 100 five times as fast as message by message, where votes go to everybody."""
    settings = {"chains.c.consensus.protocol": protocol}

    def setup(fidelity: str) -> tuple[Alliance]:
        return (prepared(validators, BLOCKS[validators], **settings, **{"chains.c.fidelity": fidelity}),)

    by_message, computed = run(*setup("message")), run(*setup("auto"))
    (chain,), (reference,) = computed.chains.values(), by_message.chains.values()
    assert chain.network.tallies.keys() == reference.network.tallies.keys()
    assert len(chain.ledger.blocks) >= len(reference.ledger.blocks)
    assert messages(computed) >= messages(by_message)
    pilot = chain.pilot
    if pilot is not None:
        measure.note(computed_share_of_heights=pilot.flown.heights / (len(chain.ledger.blocks) - 1))
    goal = COMPUTED_GOAL if (protocol, validators) in COMPUTED_GOAL_AT else None
    slow = Against("message by message", run, messages(by_message), goal, lambda: setup("message"))
    measure(
        run,
        Items(messages(computed), "messages", messages),
        beside=[slow],
        setup=lambda: setup("auto"),
        rounds=ROUNDS,
    )


@pytest.mark.parametrize(
    ("validators", "goal_s"),
    [(32, None), (128, 0.2), pytest.param(256, 0.9, marks=pytest.mark.full)],
    ids=["n = 32", "n = 128", "n = 256"],
)
@whole
def test_one_decision(measure: Measure, validators: int, goal_s: float | None) -> None:
    """One PBFT decision under delays N(250, 50) ms, as the JavaScript simulator BFT-Simulator (DSN'22) reports it.

    Its own figures: 33 ms at n = 32, 2.4 s at n = 128, 55 s at n = 256. Goals: 0.2 s and 0.9 s at 128 and 256.
    """
    settings = {
        "network.jitter": {"normal": {"mean": "250ms", "sd": "50ms"}},
        "network.bandwidth": "1000Gbit/s",
        "costs": dict.fromkeys(("hash", "hash_per_kilobyte", "sign", "verify", "execute", "proof"), "0ns"),
        "workload.load": {"chain": "c", "rate": "100/s", "arrivals": "regular", "size": "512B", "end": "10ms"},
        "horizon": "5s",
    }
    law = sum(message_law(validators).values())
    done = measure(
        run,
        Items(1, "decisions", lambda alliance: len(alliance.chains["c"].ledger.blocks) - 1),
        goal_per_s=goal_s and 1 / goal_s,
        limit=bare_engine(law),
        setup=lambda: (prepared(validators, 2, **settings),),
        rounds=ROUNDS,
    )
    chain = done.chains["c"]
    (block,) = chain.ledger.blocks[1:]
    assert messages(done) == law
    body = block.value.body  # type: ignore[union-attr] # there is one, for nothing went wrong
    quorum_ns = sorted(int(time_ns) - body.proposed_ns for time_ns in block.voted_ns)
    latency_s = quorum_ns[chain.family.quorum(validators) - 1] / SECOND
    assert latency_s == pytest.approx(EXPECTED_S, abs=0.08)
