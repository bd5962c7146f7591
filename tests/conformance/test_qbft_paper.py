"""QBFT against its paper: H. Moniz, "The Istanbul BFT Consensus Algorithm", arXiv 2002.03613, Algorithms 1 to 4.

Most speak to replica 3 of 4 (f = 1, a quorum is 3) in height 1, where replica r mod 4 proposes in round r.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from steps import A, B, T, blamed, only, sent, tell

from sim.consensus.interface import Decide, EnterView, Executed, Propose, RequestWaiting, SetTimer, TimerExpired
from sim.consensus.parameters import Parameters
from sim.consensus.qbft import Commit, Prepare, PrePrepare, QbftReplica, RoundChange, highest_prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.consensus.interface import Message, Value

PROOF = 0b0111
"""PREPAREs of replicas 0, 1 and 2."""
ROUND = TimerExpired("round")


def replica(me: int = 3) -> QbftReplica:
    return QbftReplica.make(Parameters(n=4, me=me, timeout_ns=T))


def prepares(senders: Iterable[int], value: Value = A, round_: int = 0) -> list[Prepare]:
    return [Prepare(sender, 1, round_, value.digest) for sender in senders]


def commits(senders: Iterable[int], value: Value = A, round_: int = 0) -> list[Commit]:
    return [Commit(sender, 1, round_, value.digest) for sender in senders]


def changes(senders: Iterable[int], round_: int = 1) -> list[RoundChange]:
    """Of replicas that prepared nothing."""
    return [RoundChange(sender, 1, round_) for sender in senders]


def prepared(sender: int, value: Value, in_round: int, to: int, proof: int = PROOF) -> RoundChange:
    return RoundChange(sender, 1, to, in_round, value, proof)


# ---- Algorithm 1: start


def test_algorithm_1_the_leader_of_the_first_round_proposes_and_everybody_starts_the_timer() -> None:
    leader = replica(me=0)
    assert tell(leader, RequestWaiting()) == [SetTimer("round", T)]
    assert sent(tell(leader, Propose(A))) == [PrePrepare(0, 1, 0, A), Prepare(0, 1, 0, A.digest)]
    assert not leader.can_propose()


# ---- Algorithm 2: the normal case


def test_algorithm_2_the_first_justified_pre_prepare_gets_a_prepare() -> None:
    it = replica()
    outputs = tell(it, PrePrepare(0, 1, 0, A))
    assert sent(outputs) == prepares([3])
    assert only(SetTimer, outputs) == [SetTimer("round", T)]
    assert blamed(tell(it, PrePrepare(0, 1, 0, B))) == [0]


def test_algorithm_2_a_quorum_of_prepares_gets_a_commit_and_a_quorum_of_commits_decides() -> None:
    it = replica()
    tell(it, PrePrepare(0, 1, 0, A))
    assert tell(it, *prepares([0])) == []
    assert sent(tell(it, *prepares([1]))) == commits([3])
    assert only(Decide, tell(it, *commits([0]))) == []
    assert only(Decide, tell(it, *commits([1]))) == [Decide(1, 0, A)]


def test_algorithm_2_votes_for_another_value_or_twice_by_one_replica_do_not_count() -> None:
    it = replica()
    tell(it, PrePrepare(0, 1, 0, A))
    assert tell(it, *prepares([0, 0, 0]), *prepares([1], B)) == []
    assert blamed(tell(it, *prepares([1]))) == [1]


def test_algorithm_2_a_quorum_of_commits_decides_in_whatever_round_one_is() -> None:
    it = replica()
    tell(it, PrePrepare(0, 1, 0, A), ROUND, ROUND)
    assert [(o.sequence, o.value) for o in only(Decide, tell(it, *commits([0, 1, 2])))] == [(1, A)]


# ---- Algorithm 3: round changes


def test_algorithm_3_when_the_timer_expires_the_next_round_begins_with_twice_the_time() -> None:
    it = replica()
    tell(it, RequestWaiting())
    for number in (1, 2, 3):
        outputs = tell(it, ROUND)
        assert only(SetTimer, outputs) == [SetTimer("round", T << number)]
        assert changes([3], number)[0] in sent(outputs)


def test_algorithm_3_a_round_change_tells_what_prepared_last_and_proves_it() -> None:
    it = replica()
    tell(it, PrePrepare(0, 1, 0, A), *prepares([0, 1]))
    assert prepared(3, A, 0, to=1, proof=0b1011) in sent(tell(it, ROUND))
    assert prepared(3, A, 0, to=2, proof=0b1011) in sent(tell(it, ROUND))


def test_algorithm_3_f_plus_one_round_changes_take_one_along_to_the_lowest() -> None:
    it = replica()
    assert tell(it, *changes([0], 5)) == []
    outputs = tell(it, *changes([1], 3))
    assert only(EnterView, outputs) == [EnterView(1 << 20 | 3, 3)]
    assert sent(outputs) == changes([3], 3)


def test_algorithm_3_a_quorum_of_round_changes_makes_the_leader_propose_what_prepared_in_the_highest_round() -> None:
    leader = replica(me=3)
    first, second = prepared(0, A, 0, to=3), prepared(1, B, 1, to=3)
    assert tell(leader, first) == []
    (proposal,) = only(PrePrepare, sent(tell(leader, second)))
    assert proposal == PrePrepare(3, 1, 3, B, (first, second, *changes([3], 3))), "its own makes the quorum"


def test_algorithm_3_if_nothing_prepared_the_leader_asks_for_a_new_value_and_gives_its_reasons() -> None:
    leader = replica(me=1)
    tell(leader, *changes([0]))
    assert not leader.can_propose()
    tell(leader, *changes([2]))
    assert leader.can_propose()
    (proposal, _) = sent(tell(leader, Propose(B)))
    assert proposal == PrePrepare(1, 1, 1, B, tuple(changes([0, 1, 2])))


# ---- Algorithm 4: justification


NOTHING_PREPARED = PrePrepare(1, 1, 1, B, tuple(changes([0, 1, 2])))
SOMETHING_PREPARED = PrePrepare(2, 1, 2, A, (prepared(0, A, 1, to=2), prepared(1, B, 0, to=2), *changes([2], 2)))


@pytest.mark.parametrize("proposal", [NOTHING_PREPARED, SOMETHING_PREPARED], ids=["nothing", "highest"])
def test_algorithm_4_a_justified_proposal_of_a_later_round_is_accepted(proposal: PrePrepare) -> None:
    it = replica()
    outputs = tell(it, proposal)
    assert sent(outputs) == prepares([3], proposal.value, proposal.view)
    assert it.round == proposal.view


@pytest.mark.parametrize(
    "proposal",
    [
        pytest.param(replace(NOTHING_PREPARED, reasons=tuple(changes([0, 1]))), id="no quorum"),
        pytest.param(replace(NOTHING_PREPARED, reasons=tuple(changes([0, 1, 1]))), id="a replica twice"),
        pytest.param(replace(NOTHING_PREPARED, reasons=tuple(changes([0, 1, 4]))), id="no such replica"),
        pytest.param(replace(NOTHING_PREPARED, reasons=tuple(changes([0, 1, 2], 2))), id="for another round"),
        pytest.param(replace(SOMETHING_PREPARED, value=B), id="not the highest prepared"),
        pytest.param(
            replace(SOMETHING_PREPARED, reasons=(prepared(0, A, 1, 2, proof=0b011), *changes([1, 2], 2))),
            id="prepared without a quorum",
        ),
        pytest.param(
            replace(SOMETHING_PREPARED, reasons=(prepared(0, A, 2, to=2), *changes([1, 2], 2))),
            id="prepared in the round it goes to",
        ),
        pytest.param(
            replace(SOMETHING_PREPARED, reasons=(replace(changes([0], 2)[0], prepared_round=1), *changes([1, 2], 2))),
            id="prepared nothing in some round",
        ),
        pytest.param(PrePrepare(1, 1, 1, B), id="no reasons"),
        pytest.param(PrePrepare(0, 1, 0, A, tuple(changes([0, 1, 2], 0))), id="reasons for the first round"),
        pytest.param(replace(NOTHING_PREPARED, sender=2), id="not its turn"),
    ],
)
def test_algorithm_4_an_unjustified_proposal_is_misbehaviour(proposal: PrePrepare) -> None:
    it = replica()
    assert blamed(tell(it, proposal)) == [proposal.sender]
    assert it.round == 0


@pytest.mark.parametrize(
    "change",
    [
        prepared(0, A, 0, to=1, proof=0b011),
        prepared(0, A, 1, to=1),
        prepared(0, A, 0, to=1, proof=0b10111),
        RoundChange(0, 1, 1, 0),
        RoundChange(0, 1, 0),
    ],
)
def test_algorithm_4_a_round_change_that_does_not_prove_itself_is_misbehaviour(change: RoundChange) -> None:
    assert blamed(tell(replica(), change)) == [0]


def test_algorithm_4_the_highest_prepared_is_that_of_the_highest_round() -> None:
    reasons = [prepared(0, A, 0, to=9), *changes([1], 9), prepared(2, B, 4, to=9)]
    assert highest_prepared(reasons) == reasons[2]
    assert highest_prepared(changes([0, 1, 2])) is None


# ---- one instance a height


def test_the_next_height_begins_when_the_last_is_executed_with_another_leader() -> None:
    it = replica(me=1)
    messages: list[Message] = [PrePrepare(0, 1, 0, A), *prepares([0, 2]), *commits([0, 2])]
    tell(it, *messages)
    assert not it.can_propose()
    tell(it, Executed(1, b"", waiting=True))
    assert (it.height, it.round, it.leader, it.can_propose()) == (2, 0, 1, True)
