"""Jolteon against its paper: Gelashvili, Kokoris-Kogias, Sonnino, Spiegelman & Xiang, FC 2022 (arXiv 2106.10362).

Section 3 names the tests; its rounds are called views here. Most speak to replica 3 of 4, who leads view 4; see
`chained_steps`.
"""

from __future__ import annotations

import pytest
from chained_steps import certified, on, parameters, proposed, timed_out, timeouts, voted, votes
from steps import A, B, C, blamed, only, sent, tell

from sim.consensus.chained_messages import Proposal, Timeout, TimeoutCertificate
from sim.consensus.interface import Decide, EnterView, Propose, TimerExpired
from sim.consensus.jolteon import JolteonReplica

VIEW = TimerExpired("view")
B1 = on(None, 1, A)
B2 = on(B1, 2, B)


def replica(me: int = 3) -> JolteonReplica:
    return JolteonReplica.make(parameters(me))


def told(*proposals: Proposal, me: int = 3) -> JolteonReplica:
    it = replica(me)
    tell(it, *proposals)
    return it


# ---- the rule of voting


def test_section_3_a_block_on_the_certificate_of_the_view_before_gets_a_vote() -> None:
    it = replica()
    assert voted(tell(it, proposed(B1))) == [(1, B1.id)]
    assert voted(tell(it, proposed(B2))) == [(2, B2.id)]


@pytest.mark.parametrize(
    ("high_view", "vote"), [pytest.param(0, True, id="nobody knew more"), pytest.param(1, False, id="somebody did")]
)
def test_section_3_after_a_timeout_a_block_needs_a_certificate_as_new_as_the_newest_of_those_who_gave_up(
    high_view: int, vote: bool
) -> None:
    """There is no lock: it knows itself that block 1 is certified, and may yet vote beside it."""
    it = told(proposed(B1), proposed(B2))
    block = on(None, 5, C)
    assert voted(tell(it, proposed(block, timed_out(4, high_view)))) == ([(1, block.id)] if vote else [])


def test_section_3_who_gave_up_on_a_view_votes_in_it_no_more() -> None:
    it = told(proposed(B1))
    tell(it, *timeouts([0, 1], 1))
    tell(it, VIEW)
    assert it.view == 2
    assert voted(tell(it, proposed(B2))) == []


def test_section_3_votes_are_in_ascending_views() -> None:
    it = told(proposed(B1), proposed(on(B1, 3), timed_out(2, 1)))
    assert voted(tell(it, proposed(B2))) == []


# ---- the decision


def test_section_3_two_certified_blocks_in_consecutive_views_decide_the_first() -> None:
    it = told(proposed(B1), proposed(B2))
    assert only(Decide, tell(it, proposed(on(B2, 3)))) == [Decide(1, 1, A)]


def test_section_3_a_view_without_a_block_breaks_the_row_and_a_later_row_decides_all_below() -> None:
    it = told(proposed(B1))
    third = on(B1, 3, B)
    fourth = on(third, 4, C)
    assert only(Decide, tell(it, proposed(third, timed_out(2, 1)), proposed(fourth))) == []
    assert only(Decide, tell(it, proposed(on(fourth, 5)))) == [Decide(1, 1, A), Decide(2, 3, B)]


# ---- timeouts and their certificates


def test_section_3_a_timeout_goes_to_all_with_the_newest_certificate_and_no_vote() -> None:
    it = told(proposed(B1), proposed(B2))
    assert sent(tell(it, VIEW)) == timeouts([3], 2, certified(B1))


def test_section_3_f_plus_one_timeouts_make_one_join_and_a_quorum_ends_the_view() -> None:
    it = replica()
    assert tell(it, *timeouts([0], 1)) == []
    outputs = tell(it, *timeouts([1], 1))
    assert only(Timeout, sent(outputs)) == timeouts([3], 1)
    assert only(EnterView, outputs) == [EnterView(2, 1)]


def test_section_3_the_next_leader_proposes_with_the_timeout_certificate_on_the_newest_it_was_told_of() -> None:
    leader = told(proposed(B1), me=2)
    tell(leader, *timeouts([0], 2), *timeouts([3], 2, certified(B1)))
    (proposal,) = sent(tell(leader, Propose(C)))
    assert proposal == proposed(on(B1, 3, C), TimeoutCertificate(2, 1, 0b1101))


def test_section_3_where_the_view_before_is_certified_no_reason_is_given() -> None:
    leader = told(proposed(B1), me=1)
    tell(leader, *votes([0, 3], B1))
    (proposal,) = only(Proposal, sent(tell(leader, Propose(B))))
    assert (proposal.timeouts, proposal.block.justify.view) == (None, 1)


@pytest.mark.parametrize(
    "proposal",
    [
        pytest.param(proposed(on(B1, 3)), id="no reason"),
        pytest.param(proposed(on(B1, 3), timed_out(1)), id="of another view"),
        pytest.param(proposed(on(B1, 3), timed_out(2, signers=0b0011)), id="of too few"),
        pytest.param(proposed(on(B1, 3), timed_out(2, signers=0b10011)), id="of one that is none"),
        pytest.param(proposed(on(B1, 2, signers=0b0110)), id="certified by too few"),
    ],
)
def test_section_3_a_proposal_without_what_it_must_carry_is_misbehaviour(proposal: Proposal) -> None:
    assert blamed(tell(told(proposed(B1)), proposal)) == [proposal.sender]
