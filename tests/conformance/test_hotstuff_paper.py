"""HotStuff against its paper: Yin, Malkhi, Reiter, Golan Gueta & Abraham, PODC 2019 (arXiv 1803.05069).

Algorithms name the tests: 1 for safeNode, 3 to 5 for the chained protocol. The pacemaker is this project's choice
(section 4.4 leaves it open). Most tests speak to replica 3 of 4, who leads view 4; see `chained_steps`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chained_steps import WORDS, certified, on, parameters, proposed, timed_out, timeouts, voted, votes
from steps import EMPTY, A, B, C, Group, T, blamed, only, sent, tell

from sim.consensus.chained_messages import Proposal, Timeout
from sim.consensus.hotstuff import HotStuffReplica
from sim.consensus.interface import Decide, EnterView, Propose, RequestWaiting, SetTimer, TimerExpired

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Block

GOLDEN = Path(__file__).with_name("hotstuff_pipeline.txt")
VIEW = TimerExpired("view")
B1 = on(None, 1, A)
B2 = on(B1, 2, B)
B3 = on(B2, 3, C)


def replica(me: int = 3) -> HotStuffReplica:
    return HotStuffReplica.make(parameters(me))


def told(*blocks: Block, me: int = 3) -> HotStuffReplica:
    it = replica(me)
    tell(it, *map(proposed, blocks))
    return it


# ---- Algorithm 1, safeNode: liveness and safety


def test_algorithm_1_a_block_that_extends_the_locked_one_gets_a_vote_however_old_its_certificate() -> None:
    it = told(B1, B2, B3)
    block = on(B1, 5)
    assert voted(tell(it, proposed(block, timed_out(4, 1)))) == [(1, block.id)]


def test_algorithm_1_a_block_beside_the_locked_one_gets_none() -> None:
    it = told(B1, B2, B3)
    assert voted(tell(it, proposed(on(None, 5), timed_out(4)))) == []


def test_algorithm_1_a_newer_certificate_than_the_lock_frees_from_it() -> None:
    it = told(B1, B2, B3)
    other = on(None, 5)
    tell(it, proposed(other, timed_out(4)))
    block = on(other, 6)
    assert voted(tell(it, proposed(block))) == [(2, block.id)]


# ---- Algorithms 3 and 5: votes, the lock of a two-chain, the decision of a three-chain


def test_algorithm_3_a_replica_votes_once_a_view_and_tells_the_next_leader_only() -> None:
    it = replica()
    assert voted(tell(it, proposed(B1))) == [(1, B1.id)]
    assert tell(it, proposed(B1)) == []
    assert blamed(tell(it, proposed(on(None, 1, B)))) == [0]


def test_algorithm_3_the_next_leader_makes_a_certificate_of_a_quorum_of_votes_and_proposes_on_it() -> None:
    leader = told(B1, me=1)
    assert not leader.can_propose()
    tell(leader, *votes([0], B1), *votes([0], B1))
    assert not leader.can_propose(), "a vote counts once, and its own makes two"
    tell(leader, *votes([3], B1))
    (proposal,) = only(Proposal, sent(tell(leader, Propose(B))))
    assert proposal == proposed(on(B1, 2, B, signers=0b1011))


def test_algorithm_5_one_certified_block_locks_nothing_and_two_in_a_row_lock_the_first() -> None:
    for blocks, vote in (((B1, B2), True), ((B1, B2, B3), False)):
        beside = proposed(on(None, 5), timed_out(4))
        assert bool(voted(tell(told(*blocks), beside))) == vote


def test_algorithm_5_three_certified_blocks_in_consecutive_views_decide_the_first() -> None:
    it = told(B1, B2, B3)
    assert only(Decide, tell(it, proposed(on(B3, 4)))) == [Decide(1, 1, A)]


def test_algorithm_5_a_view_without_a_block_breaks_the_row_and_a_later_row_decides_all_below() -> None:
    it = told(B1, B2)
    fourth = on(B2, 4, C)
    fifth = on(fourth, 5)
    sixth = on(fifth, 6)
    assert only(Decide, tell(it, proposed(fourth, timed_out(3, 2)), proposed(fifth), proposed(sixth))) == []
    decided = only(Decide, tell(it, proposed(on(sixth, 7))))
    assert decided == [Decide(1, 1, A), Decide(2, 2, B), Decide(3, 4, C)]


@pytest.mark.parametrize(
    "proposal",
    [
        pytest.param(proposed(on(B1, 2, signers=0b0011)), id="certified by too few"),
        pytest.param(proposed(on(B1, 2, signers=0b10011)), id="by a replica that is none"),
        pytest.param(proposed(on(B1, 3)), id="no reason for the view left out"),
        pytest.param(proposed(on(B1, 3), timed_out(1)), id="a reason for another view"),
        pytest.param(proposed(on(B1, 3), timed_out(2, signers=0b0011)), id="too few gave up"),
        pytest.param(Proposal(2, on(B1, 2)), id="not its turn"),
        pytest.param(proposed(on(B2, 2)), id="on a block of its own view"),
    ],
)
def test_algorithm_3_a_proposal_without_what_it_must_carry_is_misbehaviour(proposal: Proposal) -> None:
    assert blamed(tell(told(B1), proposal)) == [proposal.sender]


# ---- section 4.4: the pacemaker


def test_section_4_4_who_gives_up_says_so_to_all_with_its_newest_certificate_and_its_last_vote() -> None:
    it = told(B1, B2)
    assert sent(tell(it, VIEW)) == timeouts([3], 2, certified(B1), B2)
    assert voted(tell(it, proposed(on(B1, 2, C)))) == []


def test_section_4_4_f_plus_one_take_one_along_and_a_quorum_ends_the_view() -> None:
    it = replica()
    assert tell(it, *timeouts([0], 1)) == []
    outputs = tell(it, *timeouts([1], 1))
    assert only(Timeout, sent(outputs)) == timeouts([3], 1)
    assert only(EnterView, outputs) == [EnterView(2, 1)]


def test_section_4_4_the_votes_that_timeouts_repeat_make_a_certificate_that_its_leader_never_told() -> None:
    """The leader of view 2 is silent, to whom the votes of view 1 went."""
    it = told(B1, me=2)
    tell(it, *timeouts([0, 3], 1, vote=B1))
    assert it.view == 2
    tell(it, *timeouts([0, 3], 2, high=certified(B1), vote=B1))
    (proposal,) = sent(tell(it, Propose(B)))
    assert (proposal.view, proposal.block.justify.view) == (3, 1)


def test_section_4_4_patience_doubles_from_view_to_view_until_something_is_decided() -> None:
    it = replica()
    assert only(SetTimer, tell(it, RequestWaiting())) == [SetTimer("view", T)]
    for view in (1, 2, 3):
        assert only(SetTimer, tell(it, VIEW))[0] == SetTimer("view", T << view)
        tell(it, *timeouts([0, 1], view))


# ---- the pipeline as a table


def pipeline_table() -> str:
    """A in view 1, and what its decision takes: three more proposals, each of which says that the last is certified.

    Replica 0, who is to lead view 5, has the votes of view 4 and so decides one block more than the others.
    """
    group = Group([replica(i) for i in range(4)], WORDS)
    for view, value in enumerate((A, EMPTY, EMPTY, EMPTY)):
        group.step(view, Propose(value))
        group.settle()
        group.lines.append("")
    group.lines.pop()
    assert group.decided == [[A.digest, EMPTY.digest], *[[A.digest]] * 3]
    return group.table()


def test_section_5_a_pipeline_of_four_views_reads_as_the_golden_table() -> None:
    assert pipeline_table() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    GOLDEN.write_text(pipeline_table(), encoding="utf-8")
