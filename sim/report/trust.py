"""How far to trust a run: what its protocols were validated against, what rests on invariants, what is not modelled."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from sim.report.words import Words
    from sim.study.run import Run

_STUDIES: Final = Path(__file__).parent / "validated.toml"
_FABRIC: Final = "fabric"
"""Execute, order, validate: a chain's way of working that is validated beside its protocol."""


def validations(run: Run, say: Words) -> list[dict[str, str]]:
    """A row for each protocol of the run and each study of it against published figures (`validated.toml`)."""
    rows = []
    for protocol in _protocols(run):
        known = [study for study in studies() if protocol in study["protocols"]]
        rows += [_row(protocol, study, say) for study in known]
        if not known:
            dash = say("dash")
            rows.append({"protocol": protocol, "study": say("trust.not-validated"), "predicted": dash, "error": dash})
    return rows


@cache
def studies() -> tuple[dict[str, Any], ...]:
    """The studies against published figures, as `results/reference/validation.md` has them."""
    return tuple(tomllib.loads(_STUDIES.read_text(encoding="utf-8"))["study"])


def _row(protocol: str, study: dict[str, Any], say: Words) -> dict[str, str]:
    return {
        "protocol": protocol,
        "study": study["zh"] if say.lang == "zh" else study["title"],
        "predicted": say("trust.rows", predicted=study["predicted"], of=study["rows"]),
        "error": study["error"],
    }


def _protocols(run: Run) -> list[str]:
    chains = run.scenario.chains.values()
    names = dict.fromkeys(chain.consensus.protocol for chain in chains)
    fabric = [_FABRIC] if any(chain.fabric is not None for chain in chains) else []
    return [*names, *fabric]


def invariants(run: Run, say: Words) -> Iterator[Markup | str]:
    """What was checked while the run ran, a paragraph each."""
    summary = run.summary
    heights, chains = summary["checked_heights"], summary["chains"].values()
    diverged = summary["verdict"] == "diverged"
    computed = sum(chain["computed_blocks"] for chain in chains)
    if heights or not computed:
        first = say("trust.agreement-until" if diverged else "trust.agreement", heights=heights)
        yield first if diverged or summary["violation"] else f"{first}{say('gap')}{say('trust.order')}"
    if all(wording.conserved(chain) for chain in chains):
        yield say("trust.conserved", offered=sum(chain["offered"] for chain in chains))
    if computed:
        yield say.html("trust.computed", heights=computed, exact=sum(chain["exact_blocks"] for chain in chains))
    yield from wording.by_messages(run.scenario, say)
    if wording.closed_loops(summary):
        yield say("trust.loops")
    proved, counted = (
        sum(link["offered"] for link in summary["crosschain"].values() if wording.is_recorded(link) == recorded)
        for recorded in (False, True)
    )
    if proved:
        yield say("trust.packets", packets=proved)
    if counted:
        yield say.html("trust.recorded", packets=counted)
    if summary["casework"]:
        yield say("trust.cases", calls=summary["docket"]["contract_calls"])


def omissions(run: Run, say: Words) -> Iterator[str]:
    """What the model leaves out and an answer may hang on, a sentence or two each."""
    summary = run.summary
    if "year" in summary:
        yield say("trust.sample", number=summary["year"]["one_in"])
    if summary["casework"]:
        docket = summary["docket"]
        yield say(
            "trust.buckets",
            bucket=wording.given_duration(docket["bucket_s"]),
            times=docket["chain_runs"],
            moved=wording.long_duration(docket["displaced_s"]["p99"]),
        )
        yield say("trust.past")
    else:
        yield say("trust.no-cases" if summary["crosschain"] else "trust.no-cases-no-links")
    for key in ("dissemination", "thread", "signatures", "clients", "causes"):
        yield say(f"trust.{key}")
