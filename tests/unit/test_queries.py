"""Queries over a link: what is answered, how old it may be, and what a lying or lagging relayer reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import linked, played

if TYPE_CHECKING:
    from pathlib import Path

WAYS = ("light_client", "none")
LAG = {"at": "1s", "action": "lag", "chain": "a", "nodes": [1], "extra": "4s"}
REVOKE = {"at": "3s", "action": "revoke", "link": "a-b", "relayers": [0]}


def asked(folder: Path, verify: str, *faults: dict[str, Any], **keys: object) -> dict[str, Any]:
    """What the summary says of queries, five a second from the first second to the eighth."""
    transfers = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5}
    query = {"action": "query", "chain": "b", "link": "a-b", "rate": "5/s", "arrivals": "regular", "begin": "1s"}
    workload = {"pay": {**transfers, "end": "8s"}, "ask": {**query, "end": "8s", **keys}}
    scenario = linked(
        folder, verify, workload=workload, link={"relayers": 2}, faults=list(faults), identity={"registry": "a"}
    )
    _, summary = played(scenario)
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]["queries"]
    assert found["answered"] + sum(found["refused"].values()) + found["unanswered"] == found["asked"] == 35
    return found


@pytest.mark.parametrize("verify", WAYS)
def test_every_question_is_answered_within_a_second(tmp_path: Path, verify: str) -> None:
    found = asked(tmp_path, verify, freshness="2s")
    assert found["answered"] == found["asked"]
    assert found["accepted_stale"] == found["accepted_forged"] == 0
    assert found["latency_s"]["max"] < 1


def test_a_node_that_lags_answers_with_what_was(tmp_path: Path) -> None:
    loose = asked(tmp_path, "none", LAG, REVOKE)
    assert loose["accepted_stale"] > 2
    assert loose["age_s"]["max"] > 3
    strict = asked(tmp_path, "none", LAG, REVOKE, freshness="1s")
    assert strict["accepted_stale"] < loose["accepted_stale"]
    assert strict["refused"]["stale"] > 5
    # By the clock of blocks; the last of them may be some time ago.
    assert strict["age_s"]["max"] < 1.5


def test_who_is_behind_a_light_client_that_has_moved_on_has_nothing_to_show(tmp_path: Path) -> None:
    found = asked(tmp_path, "light_client", LAG, REVOKE)
    assert found["unanswered"] > 10
    assert found["refused"] == {}
    assert found["accepted_stale"] == 0


def test_a_liar_is_believed_on_its_word_and_not_with_proofs(tmp_path: Path) -> None:
    forging = {"at": "2s", "action": "forge", "link": "a-b", "relayers": [1]}
    believed, proved = (asked(tmp_path, verify, forging) for verify in ("none", "light_client"))
    assert believed["accepted_forged"] > 10
    assert proved["accepted_forged"] == 0
    assert proved["refused"]["root-mismatch"] > 10


def test_a_relayer_that_is_down_does_not_answer(tmp_path: Path) -> None:
    found = asked(tmp_path, "none", {"at": "2s", "action": "relayer-crash", "link": "a-b", "relayers": [1]})
    assert found["unanswered"] == 15
