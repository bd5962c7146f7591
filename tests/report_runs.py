"""Two small runs that together have something of everything that a report can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenario_kit import chain, checks, crash, deposits, link, small

from sim.study.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from sim.study.run import Run

WORKFLOW = """
code: W9
title: A claim, which somebody answers too late
zh: 请求
articles: [9, 14]
chain: jc
starts: {rate: 0.1/s}
amount: {constant: 2500}
facts:
  slow: {chance: 50%}
deadlines:
  answer: {within: 2h, starts: [sent], ends: [answered], law: CPL 128, assumed: yes} # [guess: nobody knows]
losses:
  late: {state: answered, if: {yes: [slow]}, unit: CNY}
states:
  written:
    title: written
    then:
      - {to: sent, desk: {role: clerk, work: 30s}, by: clerk, records: [{kind: claim}], waits: committed}
  sent:
    title: sent
    then:
      - {to: answered, after: 10min, if: {no: [slow]}, by: court, verifies: {of: claim}, waits: answered}
      - {to: answered, after: 4h, if: {yes: [slow]}, by: court}
  answered:
    title: answered
"""


def claims(folder: Path) -> Run:
    """Cases of one workflow: a period that is missed, a loss, a desk, the verification platform, a story."""
    (folder / "workflows").mkdir()
    (folder / "workflows" / "claim.yaml").write_text(WORKFLOW, encoding="utf-8")
    scenario = small(
        folder,
        start="2023-03-13T09:00+08:00",
        horizon="6h",
        chains={"jc": chain(fidelity="auto")},
        workload={},
        workflows=["claim"],
        casework={"lookback": "1h", "desks": {"clerk": 400}, "platform": {}},
    )
    return run(scenario, 3)


def lively(folder: Path) -> Run:
    """Two chains and a link: a leader that is away, a relayer too, requests of every kind, a closed loop, a miss."""
    transfers = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "3/s", "size": "300B", "amount": 5}
    scenario = small(
        folder,
        horizon="6s",
        members={"court": {"name": "A court", "zh": "法院"}, "bank": {"name": "Banks", "zh": "银行"}},
        zones={"net": {"name": "Network", "zh": "专网"}, "fin": {"name": "Finance", "zh": "金融专网"}},
        chains={"a": chain(observers=3), "b": chain(7, member="bank", zone="fin")},
        links={"a-b": link(relayers=2)},
        workload={
            "files": deposits("100/s"),
            "desk": {"chain": "b", "clients": 10, "think": "200ms", "size": "500B"},
            "look": checks("files", absent="20%", altered="20%"),
            "moves": transfers,
        },
        faults=[
            crash("2s", [0], "1s"),
            {"at": "3s", "for": "1s", "action": "lag", "extra": "20ms"},
            {"at": "4s", "for": "1s", "action": "relayer-crash", "link": "a-b", "relayers": [0]},
        ],
        slo=[
            {"metric": "chains.a.commit_latency_s.p99", "at_most": "1us"},
            {"metric": "proofs.refused", "equals": 0},
        ],
        assumptions={
            "delays": "Delays between provinces are modelled from distance, not measured; router jitter is a guess."
        },
    )
    return run(scenario)
