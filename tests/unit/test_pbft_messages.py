"""Sizes on the wire and signatures to verify, re-added here from the layout that `pbft_messages` states."""

import pytest

from sim.consensus.interface import Value
from sim.consensus.pbft_messages import (
    GENESIS,
    NULL,
    Checkpoint,
    CheckpointCertificate,
    Commit,
    NewView,
    Prepare,
    PreparedCertificate,
    PrePrepare,
    ValueReply,
    ValueRequest,
    ViewChange,
)
from sim.consensus.pbft_view_change import compute_new_view

A, B = (Value(name * 32, size_bytes=500, count=5) for name in (b"a", b"b"))
HEADER = 1 + 4 + 64
SIGNER = 4 + 64
VOTE = HEADER + 8 + 8 + 32
PROOF = 8 + 8 + 32 + 3 * SIGNER
PREPARED = (PreparedCertificate(0, 5, A.digest, (0, 1, 2)), PreparedCertificate(0, 6, B.digest, (0, 1, 3)))


@pytest.mark.parametrize("vote", [Prepare(0, 0, 1, A.digest), Commit(0, 0, 1, A.digest)])
def test_a_vote_is_header_numbers_and_digest(vote: Prepare | Commit) -> None:
    assert (vote.size_bytes, vote.signatures, vote.proposed) == (VOTE, 1, 0)


def test_a_pre_prepare_carries_its_value_and_proposes_its_transactions() -> None:
    message = PrePrepare(0, 0, 1, A)
    assert (message.size_bytes, message.signatures, message.proposed) == (VOTE + 500, 1, 5)


def test_a_checkpoint_needs_no_view() -> None:
    message = Checkpoint(0, 4, b"s" * 32)
    assert (message.size_bytes, message.signatures, message.view) == (HEADER + 8 + 32, 1, 0)


def test_a_view_change_carries_certificates_and_no_values() -> None:
    stable = CheckpointCertificate(4, b"s" * 32, (0, 1, 2))
    message = ViewChange(2, 1, stable, PREPARED)
    assert message.size_bytes == HEADER + 8 + (8 + 32 + 3 * SIGNER) + 2 * PROOF
    assert (message.signatures, message.certified) == (1, 3 + 3 + 3)


def test_a_new_view_carries_a_quorums_view_changes_and_names_what_follows() -> None:
    changes = tuple(ViewChange(i, 1, GENESIS, PREPARED) for i in (0, 1, 2))
    again = compute_new_view(changes)
    assert [assignment.digest for assignment in again] == [v.digest for v in (NULL, NULL, NULL, NULL, A, B)]
    message = NewView(1, 1, changes, again)
    assert message.size_bytes == HEADER + 8 + 3 * (HEADER + 8 + (8 + 32) + 2 * PROOF) + 6 * VOTE
    assert (message.signatures, message.proposed) == (1 + 6, 0)


def test_a_value_is_asked_for_by_digest_and_comes_whole() -> None:
    request, reply = ValueRequest(2, 1, 5, A.digest), ValueReply(0, 1, 5, A)
    assert (request.size_bytes, reply.size_bytes) == (VOTE, VOTE + 500)
    assert (reply.signatures, reply.proposed) == (1, 0)


def test_values_compare_by_digest_and_not_by_body() -> None:
    assert Value(b"d", 1, 1, body=[1]) == Value(b"d", 1, 1, body=[2]) != Value(b"e", 1, 1, body=[1])
