"""Relayers that censor, replay, reorder or speak another version: what it costs, and that nothing happens twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import linked, played, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sim.build import Alliance

WAYS = ("light_client", "none")
STREAM = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "5/s", "size": "200B", "end": "6s"}


def fault(action: str, at: str = "1ms", relayers: Sequence[int] = (1,), **keys: object) -> dict[str, Any]:
    return {"at": at, "action": action, "link": "a-b", "relayers": list(relayers), **keys}


def crossed(folder: Path, verify: str, *faults: dict[str, Any], **keys: object) -> tuple[Alliance, dict[str, Any]]:
    of_link = keys.pop("link", {})
    assert isinstance(of_link, dict)
    link = {"relayers": 2, **of_link}
    alliance, summary = played(linked(folder, verify, faults=list(faults), link=link, **keys))
    assert summary["verdict"] == "pass", summary["violation"]
    return alliance, summary["crosschain"]["a-b"]


@pytest.mark.parametrize("verify", WAYS)
def test_whom_all_relayers_censor_waits_until_they_stop(tmp_path: Path, verify: str) -> None:
    workload = {"small": {**STREAM, "amount": 5}, "large": {**STREAM, "amount": 500}}
    censoring = fault("censor-packets", "2s", (0, 1), amounts_from=500, **{"for": "3s"})
    alliance, found = crossed(tmp_path, verify, censoring, workload=workload)
    assert found["delivered"] == found["offered"]
    packets = table(alliance, "packets")
    spent_s = (packets["received_ns"] - packets["intended_ns"]) / 1e9
    during = (packets["intended_ns"] > 2.1e9) & (packets["intended_ns"] < 3e9)
    assert spent_s[during & (packets["amount"] == 500)].min() > 2
    assert spent_s[during & (packets["amount"] == 5)].max() < 2


def test_one_relayer_that_does_its_work_is_enough_against_a_censor(tmp_path: Path) -> None:
    _, found = crossed(tmp_path, "light_client", fault("censor-packets", streams=["pay"]))
    assert found["delivered"] == found["offered"]
    # The other has brought each once, and nobody twice.
    assert found["refused"] == {}


def test_a_censored_stream_times_out_and_others_do_not(tmp_path: Path) -> None:
    workload = {"one": {**STREAM, "amount": 5}, "other": {**STREAM, "amount": 5}}
    timeout = {"measure": "destination_time", "value": "2s"}
    _, found = crossed(
        tmp_path,
        "light_client",
        fault("censor-packets", relayers=(0, 1), streams=["one"], **{"for": "8s"}),
        workload=workload,
        link={"timeout": timeout},
        horizon="12s",
    )
    assert found["timed_out"] > 20
    assert found["delivered"] > 20
    assert found["delivered"] + found["timed_out"] == found["offered"]


@pytest.mark.parametrize("verify", WAYS)
@pytest.mark.parametrize("order", ["unordered", "ordered"])
def test_what_is_brought_again_is_refused(tmp_path: Path, verify: str, order: str) -> None:
    _, found = crossed(tmp_path, verify, fault("replay"), link={"order": order})
    assert found["delivered"] == found["acknowledged"] == found["offered"]
    assert found["executed_twice"] == 0
    again = found["refused"]["already-received"] + found["refused"]["no-commitment"]
    assert again > found["offered"]


def test_an_ordered_channel_refuses_what_comes_out_of_order(tmp_path: Path) -> None:
    reordering = fault("reorder", relayers=(0,))
    _, loose = crossed(tmp_path, "none", reordering, link={"relayers": 1})
    _, strict = crossed(tmp_path, "none", reordering, link={"relayers": 1, "order": "ordered"}, horizon="30s")
    assert loose["delivered"] == strict["delivered"] == loose["offered"]
    assert loose["refused"] == {}
    assert strict["refused"]["out-of-order"] > 0


@pytest.mark.parametrize("verify", WAYS)
def test_calls_of_another_version_are_refused_and_counted(tmp_path: Path, verify: str) -> None:
    _, found = crossed(tmp_path, verify, fault("version-skew", "2s", **{"for": "4s"}))
    assert found["delivered"] == found["offered"]
    assert found["refused"]["another-version"] > 20


def test_the_same_seed_has_relayers_do_the_same_wrong(tmp_path: Path) -> None:
    first, again = (crossed(tmp_path, "none", fault("replay"), fault("reorder", relayers=(0,)))[1] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("order", ["unordered", "ordered"])
@pytest.mark.parametrize(("verify", "deceives"), [("none", True), ("light_client", False)])
def test_a_receipt_can_be_denied_on_ones_word_and_not_against_proofs(
    tmp_path: Path, order: str, verify: str, deceives: bool
) -> None:
    timeout = {"measure": "destination_time", "value": "5s"}
    keys = {"relayers": 2, "order": order, "timeout": timeout}
    _, summary = played(linked(tmp_path, verify, faults=[fault("deny-receipt", "2s")], link=keys))
    found = summary["crosschain"]["a-b"]
    assert summary["violation"] is None
    assert (found["torn"] > 0) == deceives
    if not deceives:
        assert found["delivered"] == found["acknowledged"] == found["offered"]
