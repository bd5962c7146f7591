"""The deterministic result of a run: `summary.json`, schema 1, derived from integers so that its bytes never vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.fabric import CONFLICT, MISMATCH
from sim.chain.invariants import AGREEMENT
from sim.chain.ledger import NOT_YET
from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram
from sim.study.bottleneck import Evidence, bottleneck
from sim.study.manifest import SCHEMA_VERSION, run_id
from sim.study.progress import progress
from sim.study.slo import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.chain.chain import Chain
    from sim.chain.invariants import InvariantViolation
    from sim.metrics.recorder import Column, Recorder
    from sim.scenario import Scenario
    from sim.study.progress import Progress

PASS, SLO_MISSED, NO_PROGRESS, DIVERGED, VIOLATED = "pass", "slo-missed", "no-progress", "diverged", "violated"

STAGES = {
    "submit": ("intended_ns", "queued_ns"),
    "queue": ("queued_ns", "cut_ns"),
    "propose": ("cut_ns", "proposed_ns"),
    "vote": ("proposed_ns", "voted_ns"),
    "execute": ("voted_ns", "executed_ns"),
}
"""The stages of a record's way, each from one timestamp of the transactions table to the next."""


def summarise(
    scenario: Scenario, seed: int, alliance: Alliance, violation: InvariantViolation | None
) -> dict[str, Any]:
    """Everything that `summary.json` holds."""
    recorder = alliance.recorder
    transactions = recorder.table("transactions")
    simulated_ns = alliance.ended_ns
    standing = {chain_id: progress(chain, simulated_ns) for chain_id, chain in alliance.chains.items()}
    chains = {
        chain_id: _chain_summary(scenario, chain, recorder, transactions, simulated_ns)
        | {"progress": standing[chain_id].summary()}
        for chain_id, chain in alliance.chains.items()
    }
    verifications = recorder.table("verifications")
    outcomes = list(verifications["outcome"])
    summary: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "scenario": scenario.name,
        "question": scenario.question,
        "seed": seed,
        "run_id": run_id(scenario, seed),
        "trace_hash": alliance.engine.trace.hexdigest,
        "verdict": PASS,
        "violation": _violation(violation),
        "checked_heights": sum(len(chain.ledger.blocks) - 1 - _computed(chain) for chain in alliance.chains.values()),
        "simulated_s": simulated_ns / SECOND,
        "events": alliance.engine.events,
        "messages": sum(tally.delivered for c in alliance.chains.values() for tally in c.network.tallies.values()),
        "chains": chains,
        "crosschain": {},
        "casework": {},
        "proofs": {
            "deposited": sum(chain["records"] for chain in chains.values()),
            "verified_real": sum(outcomes.count(outcome) for outcome in ("pass", "mismatch", "refused")),
            "verified_charged": 0,
            "passed": outcomes.count("pass"),
            "refused": outcomes.count("refused"),
            "not_found": outcomes.count("not_found"),
            "mismatch": outcomes.count("mismatch"),
            "unfinished": outcomes.count("unfinished"),
        },
        "slo": [],
        "assumptions": [f"{key}: {text}" for key, text in scenario.assumptions.items()],
    }
    summary["slo"] = evaluate(scenario.slo, summary)
    summary["verdict"] = _verdict(summary, standing, violation)
    return summary


def _violation(violation: InvariantViolation | None) -> dict[str, Any] | None:
    if violation is None:
        return None
    return {
        "invariant": violation.invariant,
        "chain": violation.chain,
        "height": violation.height,
        "detail": violation.detail,
    }


def _verdict(summary: dict[str, Any], standing: Mapping[str, Progress], violation: InvariantViolation | None) -> str:
    if violation is not None:
        return DIVERGED if violation.invariant == AGREEMENT else VIOLATED
    if not all(_conserves(chain) for chain in summary["chains"].values()):
        return VIOLATED
    if any(judged.stuck for judged in standing.values()):
        return NO_PROGRESS
    return PASS if all(entry["met"] for entry in summary["slo"]) else SLO_MISSED


def _conserves(chain: dict[str, Any]) -> bool:
    """Every record offered is committed, rejected, or counted as unfinished."""
    return bool(chain["offered"] == chain["records"] + chain["rejected"] + chain["unfinished"])


def _chain_summary(
    scenario: Scenario, chain: Chain, recorder: Recorder, transactions: dict[str, Column], simulated_ns: int
) -> dict[str, Any]:
    config = chain.config
    mine = _place(transactions["chain"], config.id)
    times = {name: np.asarray(transactions[name], dtype=np.int64)[mine] for name in _timestamps()}
    outcome = np.asarray(transactions["outcome"])[mine]
    sizes = np.asarray(transactions["size_bytes"], dtype=np.int64)[mine]
    done = times["executed_ns"] != NOT_YET
    blocks = [block for block in chain.ledger.blocks[1:] if block.first_executed_ns < simulated_ns]
    simulated_s = simulated_ns / SECOND
    on_chain = sum(len(block.transactions) for block in blocks)
    invalid = int(np.count_nonzero(outcome == "invalid"))
    records = int(np.count_nonzero(outcome == "committed")) + invalid
    return {
        "protocol": config.protocol,
        "validators": config.validators,
        "fidelity": scenario.chains[config.id].fidelity,
        "hash": config.hash,
        "blocks": len(blocks),
        "computed_blocks": _computed(chain),
        "exact_blocks": chain.pilot.flown.exact if chain.pilot is not None else 0,
        "transactions": on_chain,
        "records": records,
        "offered": len(chain.offered),
        "rejected": int(np.count_nonzero(outcome == "rejected")),
        "unfinished": int(np.count_nonzero(outcome == "unfinished")),
        "throughput_tps": on_chain / simulated_s,
        "goodput_tps": (records - invalid) / simulated_s,
        "storage_bytes": int(sizes[done].sum()) + sum(len(block.header.to_bytes()) for block in blocks),
        "mempool_peak": chain.proposer.pool.peak,
        "view_changes": len(chain.views),
        "bottleneck": bottleneck(
            _evidence(
                chain,
                recorder,
                times,
                int(np.count_nonzero(outcome == "rejected")) / max(1, len(outcome)),
                simulated_ns,
            )
        ),
        "commit_latency_s": latency(times["executed_ns"][done] - times["intended_ns"][done]),
        "stages_s": {stage: latency(times[end][done] - times[start][done]) for stage, (start, end) in STAGES.items()},
        **_fabric(chain, invalid, simulated_ns),
    }


def _fabric(chain: Chain, invalid: int, simulated_ns: int) -> dict[str, Any]:
    """What execution before ordering and validation after it came to, where a chain has them."""
    fabric, validation = chain.config.fabric, chain.validation
    if fabric is None or validation is None:
        return {}
    endorsed = validation.endorsed
    peers = endorsed.busy_ns[chain.config.validators :]
    return {
        "fabric": {
            "invalid": invalid,
            "conflicts": int(np.count_nonzero(validation.verdict == CONFLICT)),
            "mismatches": int(np.count_nonzero(validation.verdict == MISMATCH)),
            "endorsement_s": latency(endorsed.endorsed_ns - chain.offered.intended_ns),
            "endorsing_utilisation": float(peers.max()) / (fabric.endorsing_cores * simulated_ns),
        }
    }


def _computed(chain: Chain) -> int:
    """Heights that were computed as a whole: agreement on them is assumed, and on the others checked."""
    return 0 if chain.pilot is None else chain.pilot.flown.heights


def _place(chains: Column, chain_id: str) -> slice:
    """Where a chain's rows stand in a table into which each chain writes once: a view of them copies nothing."""
    rows = np.flatnonzero(np.asarray(chains, dtype=object) == chain_id)
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0)


def _timestamps() -> list[str]:
    return ["intended_ns", "queued_ns", "cut_ns", "proposed_ns", "voted_ns", "executed_ns"]


def latency(values_ns: NDArray[np.int64]) -> dict[str, float]:
    """Mean and maximum exactly, quantiles within the histogram's error, all in seconds."""
    histogram = Histogram()
    histogram.add(values_ns)
    quantiles = {name: histogram.quantile(q) / SECOND for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {"mean": histogram.mean / SECOND, **quantiles, "max": histogram.maximum / SECOND}


def _evidence(
    chain: Chain, recorder: Recorder, times: dict[str, NDArray[np.int64]], rejected: float, simulated_ns: int
) -> Evidence:
    """What bounds the chain is judged by its rows of the tables."""
    nodes = _rows_of(recorder, "nodes", chain.config.id)
    commits = _rows_of(recorder, "commits", chain.config.id)
    blocks = max(1, len(commits["height"]))
    block_bytes = int(commits["size_bytes"].sum()) // blocks
    done = times["executed_ns"] != NOT_YET
    return Evidence(
        config=chain.config,
        topology=chain.network.topology,
        phases=chain.family.phases,
        quorum=chain.family.quorum(chain.config.voters),
        transmission_ns=chain.network.transmission_ns(block_bytes),
        horizon_ns=simulated_ns,
        cpu=tuple(nodes["cpu_utilisation"]),
        egress=tuple(nodes["egress_utilisation"]),
        ingress=tuple(nodes["ingress_utilisation"]),
        executed=int(commits["transactions"].sum()),
        rejected=rejected,
        ready_ns=commits["ready_ns"][commits["ready_ns"] != NOT_YET],
        cut_ns=commits["cut_ns"][commits["ready_ns"] != NOT_YET],
        intended_ns=times["intended_ns"][done],
        queued_ns=times["queued_ns"][done],
        taken_ns=times["cut_ns"][done],
        proposed_ns=times["proposed_ns"][done],
        voted_ns=times["voted_ns"][done],
        executed_ns=times["executed_ns"][done],
    )


def _rows_of(recorder: Recorder, table: str, chain_id: str) -> dict[str, NDArray[Any]]:
    """The rows of one chain, as arrays."""
    columns = recorder.table(table)
    mine = np.array(columns["chain"]) == chain_id
    return {name: np.array(column)[mine] for name, column in columns.items()}
