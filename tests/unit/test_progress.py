"""A chain that has work must go on, whenever no fault that will stop stands: judged over the run, node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenario_kit import chain, crash, deposits, small

import sim

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RAFT = {"protocol": "raft", "timeout": "100ms"}
PBFT = {"protocol": "pbft", "timeout": "100ms"}


def judged(
    folder: Path, horizon: str, consensus: dict[str, str], *faults: dict[str, Any], n: int = 4
) -> dict[str, Any]:
    scenario = small(folder, horizon=horizon, chains={"a": chain(n, consensus=consensus)}, faults=list(faults))
    summary = sim.run(scenario).summary
    return {"verdict": summary["verdict"], **summary["chains"]["a"]["progress"]}


def cut(at: str, lasts: str | None, *groups: list[int]) -> dict[str, Any]:
    fault = {"at": at, "action": "partition", "chain": "a", "groups": list(groups)}
    return fault if lasts is None else {**fault, "for": lasts}


def test_a_chain_without_faults_is_judged_from_the_bound_on(tmp_path: Path) -> None:
    found = judged(tmp_path, "5s", PBFT)
    assert found == {"verdict": "pass", "bound_s": 1.0, "judged_s": 4.0, "judged_after_last_fault": True, "stuck": None}


def test_nothing_is_judged_while_a_fault_that_will_stop_stands(tmp_path: Path) -> None:
    """Three of four are down until after the end: the chain can't go on, and it is nobody's fault."""
    found = judged(tmp_path, "12s", RAFT, crash("5s", [0, 1, 2], "8s"))
    assert (found["verdict"], found["judged_s"], found["judged_after_last_fault"]) == ("pass", 1.0, False)
    lasting = judged(tmp_path, "12s", RAFT, crash("5s", [0, 1, 2]))
    assert lasting["verdict"] == "no-progress"


def test_a_standstill_in_the_middle_of_a_run_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault is hidden from the judge, who then has no reason to excuse what it did."""
    monkeypatch.setattr("sim.faults.apply.storms", lambda _: ())
    found = judged(tmp_path, "12s", PBFT, crash("3s", [0, 1, 2], "4s"))
    assert found["verdict"] == "no-progress"
    assert found["stuck"].startswith("had work from 2.9")
    assert "executed nothing for 4." in found["stuck"]


def test_one_node_that_is_left_behind_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seven, node 6 is cut off to the end, and the judge knows no reason for it to be behind."""
    monkeypatch.setattr("sim.faults.apply.storms", lambda _: ())
    found = judged(tmp_path, "12s", PBFT, cut("3s", "20s", [6], [0, 1, 2, 3, 4, 5]), n=7)
    assert found["verdict"] == "no-progress"
    assert found["stuck"].startswith("node 6 stands at height ")


def test_a_node_that_is_cut_off_for_good_is_not_asked_to_keep_up(tmp_path: Path) -> None:
    found = judged(tmp_path, "12s", PBFT, cut("3s", None, [6], [0, 1, 2, 3, 4, 5]), n=7)
    assert (found["verdict"], found["judged_after_last_fault"]) == ("pass", True)


def test_a_run_that_ends_too_soon_after_a_fault_says_so(tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        horizon="2s",
        chains={"a": chain(4, consensus=PBFT)},
        workload={"files": deposits()},
        faults=[crash("1s", [0], "500ms")],
    )
    run = sim.run(scenario)
    assert run.summary["verdict"] == "pass"
    assert not run.summary["chains"]["a"]["progress"]["judged_after_last_fault"]
    from sim.report import wording

    assert "ends too soon after the last fault to judge progress since (needed after it): a (" in wording.finding(
        run.summary, scenario
    )
