"""The deterministic result of a run: `summary.json`, schema 1, derived from integers so that its bytes never vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.build.measured import followed
from sim.chain.blocks import NOT_YET
from sim.chain.fabric import CONFLICT, MISMATCH
from sim.chain.invariants import AGREEMENT
from sim.chain.outcome import COMMITTED, INVALID, OUTCOMES, REFUSED, UNFINISHED
from sim.kernel.engine import SECOND
from sim.metrics.recorder import Coded
from sim.study.bottleneck import Evidence, bottleneck
from sim.study.casework import summarise_cases, summarise_docket
from sim.study.closedloop import loop_of
from sim.study.crosschain import summarise_identity, summarise_links, summarise_recorded
from sim.study.latencies import latency
from sim.study.manifest import SCHEMA_VERSION, run_id
from sim.study.progress import progress
from sim.study.slo import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.build.windows import Windows
    from sim.chain.chain import Chain
    from sim.chain.invariants import InvariantViolation
    from sim.metrics.recorder import Column, Recorder
    from sim.scenario import Scenario
    from sim.study.docket import Settled
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
    scenario: Scenario,
    seed: int,
    alliance: Alliance,
    violation: InvariantViolation | None,
    cases: Settled | None = None,
) -> dict[str, Any]:
    """Everything that `summary.json` holds."""
    recorder = alliance.recorder
    simulated_ns = alliance.ended_ns
    standing = {chain_id: progress(chain, simulated_ns) for chain_id, chain in alliance.chains.items()}
    windows = alliance.emitted.windows
    chains = {
        chain_id: _chain_summary(scenario, chain, recorder, simulated_ns, windows)
        | {"progress": standing[chain_id].summary()}
        for chain_id, chain in alliance.chains.items()
    }
    balanced = _add_closed_loops(alliance, chains, simulated_ns)
    outcomes = np.asarray(recorder.table("verifications")["outcome"]).tolist()
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
        "crosschain": summarise_links(alliance.links, recorder, simulated_ns)
        | summarise_recorded(alliance.emitted.crossings, followed(alliance), scenario.links, _end_ns(alliance)),
        "casework": {} if cases is None else summarise_cases(cases, scenario.horizon),
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
    if scenario.identity is not None:
        summary["identity"] = summarise_identity(scenario.identity.registry, alliance.links, simulated_ns)
    if cases is not None:
        summary["docket"] = summarise_docket(cases)
    summary["slo"] = evaluate(scenario.slo, summary)
    summary["verdict"] = _verdict(summary, standing, violation, balanced=balanced)
    return summary


def _end_ns(alliance: Alliance) -> int:
    """How far packets of record links are followed: they do not stay in windows."""
    windows = alliance.emitted.windows
    return alliance.ended_ns if windows is None else windows.horizon_ns


def _add_closed_loops(alliance: Alliance, chains: dict[str, Any], simulated_ns: int) -> bool:
    """Say of each chain with closed loops what became of them; returns whether all clients are accounted for."""
    balanced = True
    for chain_id, chain in alliance.chains.items():
        theirs = [clients for clients in alliance.clients.values() if clients.chain_id == chain_id]
        if theirs:
            committed_ns = _cells(alliance.recorder.of("transactions", chain_id), "executed_ns")
            loops = {clients.loop.id: loop_of(chain, clients, committed_ns, simulated_ns) for clients in theirs}
            balanced = balanced and all(loop.balanced for loop in loops.values())
            chains[chain_id]["closed_loops"] = {stream_id: loop.summary for stream_id, loop in loops.items()}
    return balanced


def _violation(violation: InvariantViolation | None) -> dict[str, Any] | None:
    if violation is None:
        return None
    return {
        "invariant": violation.invariant,
        "chain": violation.chain,
        "height": violation.height,
        "detail": violation.detail,
    }


def _verdict(
    summary: dict[str, Any],
    standing: Mapping[str, Progress],
    violation: InvariantViolation | None,
    *,
    balanced: bool,
) -> str:
    if violation is not None:
        return DIVERGED if violation.invariant == AGREEMENT else VIOLATED
    if not balanced or not all(_conserves(chain) for chain in summary["chains"].values()):
        return VIOLATED
    if any(judged.stuck for judged in standing.values()):
        return NO_PROGRESS
    return PASS if all(entry["met"] for entry in summary["slo"]) else SLO_MISSED


def _conserves(chain: dict[str, Any]) -> bool:
    """Every record offered is committed, rejected, or counted as unfinished."""
    return bool(chain["offered"] == chain["records"] + chain["rejected"] + chain["unfinished"])


def _chain_summary(
    scenario: Scenario, chain: Chain, recorder: Recorder, simulated_ns: int, windows: Windows | None
) -> dict[str, Any]:
    config = chain.config
    rows, commits = recorder.of("transactions", config.id), recorder.of("commits", config.id)
    outcomes = {name: _count(rows["outcome"], name) for name in OUTCOMES}
    done = _cells(rows, "executed_ns") != NOT_YET
    spans = {stage: _Span.of(rows, done, *ends, config.interval_ns) for stage, ends in STAGES.items()}
    whole = _Span.of(rows, done, "intended_ns", "executed_ns", config.interval_ns)
    blocks, on_chain = len(commits["height"]), int(_cells(commits, "transactions").sum())
    invalid = outcomes[INVALID]
    records = outcomes[COMMITTED] + invalid
    offered, rejected = len(chain.offered), outcomes[REFUSED]
    # Between windows nothing is sent, so rates are those in windows.
    simulated_s = (simulated_ns if windows is None else windows.total_ns) / SECOND
    header_bytes = len(chain.ledger.blocks[0].header.to_bytes())
    return {
        "protocol": config.protocol,
        "validators": config.validators,
        "fidelity": scenario.chains[config.id].fidelity,
        "hash": config.hash,
        "blocks": blocks,
        "computed_blocks": _computed(chain),
        "exact_blocks": chain.pilot.flown.exact if chain.pilot is not None else 0,
        "transactions": on_chain,
        "records": records,
        "offered": offered,
        "rejected": rejected,
        "unfinished": outcomes[UNFINISHED],
        "throughput_tps": on_chain / simulated_s,
        "goodput_tps": (records - invalid) / simulated_s,
        "storage_bytes": int(_cells(rows, "size_bytes").sum(where=done)) + blocks * header_bytes,
        "mempool_peak": chain.proposer.pool.peak,
        "view_changes": len(chain.views),
        "bottleneck": bottleneck(
            _evidence(chain, recorder.of("nodes", config.id), commits, spans, rejected / max(1, offered), simulated_ns)
        ),
        "commit_latency_s": whole.latency_s,
        "stages_s": {stage: span.latency_s for stage, span in spans.items()},
        **_fabric(chain, invalid, simulated_ns),
        **({} if windows is None else {"windows": {"count": len(windows), "share_of_time": windows.share_of_time}}),
    }


@dataclass(frozen=True, slots=True)
class _Span:
    """How long something took for the committed records.

    ``latency_s``: as `latency`. ``mean_ns``, and ``capped_ns``, where more than a bound counts as that; 0 without any.
    """

    latency_s: dict[str, float]
    mean_ns: float
    capped_ns: float

    @classmethod
    def of(cls, rows: dict[str, Column], done: NDArray[np.bool_], start: str, end: str, cap_ns: int) -> _Span:
        """From one timestamp of the transactions table to another, for the rows that are ``done``."""
        # One difference at a time: selecting from all timestamps at once would copy most of a day's records.
        spent_ns = _cells(rows, end) - _cells(rows, start)
        if not done.all():
            spent_ns = spent_ns[done]
        if not len(spent_ns):
            return cls(latency(spent_ns), 0.0, 0.0)
        return cls(latency(spent_ns), float(spent_ns.mean()), float(np.minimum(spent_ns, cap_ns).mean()))


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


def _cells(rows: dict[str, Column], column: str) -> NDArray[np.int64]:
    return np.asarray(rows[column], dtype=np.int64)


def _count(column: Column, text: str) -> int:
    cells = column.are(text) if isinstance(column, Coded) else np.array(column, dtype=object) == text
    return int(np.count_nonzero(cells))


def _evidence(
    chain: Chain,
    nodes: dict[str, Column],
    commits: dict[str, Column],
    spans: dict[str, _Span],
    rejected: float,
    simulated_ns: int,
) -> Evidence:
    """What bounds the chain is judged by its rows of the tables."""
    blocks = max(1, len(commits["height"]))
    block_bytes = int(_cells(commits, "size_bytes").sum()) // blocks
    ready_ns, cut_ns = _cells(commits, "ready_ns"), _cells(commits, "cut_ns")
    made = ready_ns != NOT_YET
    cpu, egress, ingress = (
        tuple(map(float, np.asarray(nodes[f"{machine}_utilisation"]))) for machine in ("cpu", "egress", "ingress")
    )
    return Evidence(
        config=chain.config,
        topology=chain.network.topology,
        phases=chain.family.phases,
        quorum=chain.family.quorum(chain.config.voters),
        transmission_ns=chain.network.transmission_ns(block_bytes),
        horizon_ns=simulated_ns,
        cpu=cpu,
        egress=egress,
        ingress=ingress,
        executed=int(_cells(commits, "transactions").sum()),
        rejected=rejected,
        ready_ns=ready_ns[made],
        cut_ns=cut_ns[made],
        stages_ns={stage: span.mean_ns for stage, span in spans.items()},
        filling_ns=spans["queue"].capped_ns,
    )
