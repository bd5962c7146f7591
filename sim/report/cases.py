"""What became of cases, in rows for the page and the terminal: workflows, periods of law, losses, desks, platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim.scenario import Scenario

OUTCOMES: Final = {"pass": "passed", "not_found": "not_found", "mismatch": "mismatch"}
"""The platform's outcomes by their names among the answers of `wording.ANSWERS`."""
WHO: Final = {"cases": "the courts' cases", "honest": "honest people in floods", "flood": "attackers"}


@dataclass(frozen=True, slots=True)
class Periods:
    """One period of law of one workflow.

    Attributes:
        workflow: name.
        code: of it.
        name: of the period.
        law: its source.
        met: ended in time.
        missed: ended late, or not ended though over.
        open: running or suspended.
        assumed: the period itself is a guess or from memory.
    """

    workflow: str
    code: str
    name: str
    law: str
    met: int
    missed: int
    open: int
    assumed: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """What went wrong for people in one workflow.

    Attributes:
        workflow: name.
        code: of it.
        name: of the loss.
        value: of it all.
        said: the same with its unit.
    """

    workflow: str
    code: str
    name: str
    value: float
    said: str


def workflows(summary: Mapping[str, Any], scenario: Scenario) -> list[dict[str, Any]]:
    """A row for each workflow that runs."""
    return [
        {"name": name, "spec": scenario.workflows[name], "articles": ", ".join(map(str, _articles(scenario, name)))}
        | counts
        for name, counts in summary["casework"].items()
    ]


def periods(summary: Mapping[str, Any], scenario: Scenario) -> list[Periods]:
    """All periods of law that ended or run, those with most missed first."""
    found = []
    for workflow, counts in summary["casework"].items():
        spec = scenario.workflows[workflow]
        for name, number in counts["deadlines"].items():
            if not any(number.values()):
                continue
            period = spec.deadlines.get(name)
            law, assumed = ("", False) if period is None else (period.law or "", period.assumed)
            found.append(
                Periods(workflow, spec.code, name, law, number["met"], number["missed"], number["open"], assumed)
            )
    return sorted(found, key=lambda period: (-period.missed, -period.met, period.workflow, period.name))


def losses(summary: Mapping[str, Any], scenario: Scenario) -> list[Loss]:
    """All losses that came to something."""
    found = []
    for workflow, counts in summary["casework"].items():
        spec = scenario.workflows[workflow]
        for name, value in counts["losses"].items():
            if value:
                loss = spec.losses.get(name)
                unit = "cases" if loss is None else loss.unit
                found.append(Loss(workflow, spec.code, name, value, _with_unit(value, unit)))
    return found


def none_lost(summary: Mapping[str, Any]) -> int:
    """How many losses are counted and came to nothing."""
    return sum(not value for counts in summary["casework"].values() for value in counts["losses"].values())


def desks(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What the people of each role did, the busiest first."""
    return sorted(summary["docket"]["desks"].items(), key=lambda item: (-item[1]["utilisation"], item[0]))


def platform(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each kind of people who asked the verification platform, over the run and during floods."""
    told = summary["docket"]["platform"]
    if not told:
        return []
    spans = {"requests": "the whole run", "during_floods": "during floods"}
    return [
        {"who": WHO[group], "when": when, **row}
        for key, when in spans.items()
        for group, row in told.get(key, {}).items()
        if row["asked"]
    ]


def outcomes(summary: Mapping[str, Any]) -> Iterator[tuple[wording.Answer, int]]:
    """The official answers that cases got from the platform."""
    known = {answer.key: answer for answer in wording.ANSWERS}
    counts = summary["docket"]["platform"]["requests"]["cases"]["outcomes"]
    return ((known[key], counts[name]) for name, key in OUTCOMES.items())


def sentence(summary: Mapping[str, Any]) -> str:
    """What became of the cases, in a sentence or two."""
    docket, counts = summary["docket"], summary["casework"].values()
    started, completed = (sum(row[name] for row in counts) for name in ("started", "completed"))
    met, missed = (sum(number[name] for row in counts for number in row["deadlines"].values()) for name in _ENDED)
    # By tables the docket is of a sample, and all other counts are of the country.
    before = docket["open_at_start"] * (summary["year"]["one_in"] if "year" in summary else 1)
    text = (
        f"{wording.counted(before, 'case was', 'cases were')} open at the start, "
        f"{wording.counted(started, 'began', 'began')}, {completed:,} came to an end. "
    )
    if not met + missed:
        return text + "No period of law ended."
    return text + f"Of {wording.counted(met + missed, 'period')} of law that ended, {missed:,} were missed."


_ENDED: Final = ("met", "missed")


def _articles(scenario: Scenario, workflow: str) -> tuple[int, ...]:
    return tuple(scenario.workflows[workflow].articles)


def _with_unit(value: float, unit: str) -> str:
    if unit == "CNY":
        return f"CNY {value:,.0f}"
    if unit == "days":
        return f"{value:,.1f} days"
    return wording.counted(int(value), "case")
