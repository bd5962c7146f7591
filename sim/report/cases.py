"""What became of cases, in rows for the page and the terminal: workflows, periods of law, losses, desks, platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.report.wording import ANSWERS, ENGLISH
from sim.report.words import law

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim.report.wording import Answer
    from sim.report.words import Words
    from sim.scenario import Scenario

OUTCOMES: Final = {"pass": "passed", "not_found": "not_found", "mismatch": "mismatch"}
"""The platform's outcomes by their names among the answers of `wording.ANSWERS`."""


@dataclass(frozen=True, slots=True)
class Periods:
    """One period of law of one workflow.

    Attributes:
        workflow: name.
        code: of it.
        name: of the period.
        law: its source, as its workflow has it.
        zh: the same in Chinese; empty if that is not known.
        met: ended in time.
        missed: ended late, or not ended though over.
        open: running or suspended.
        assumed: the period itself is a guess or from memory.
    """

    workflow: str
    code: str
    name: str
    law: str
    zh: str
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
            rule, assumed = ("", False) if period is None else (period.law or "", period.assumed)
            found.append(
                Periods(
                    workflow=workflow,
                    code=spec.code,
                    name=name,
                    law=rule,
                    zh=law(rule),
                    met=number["met"],
                    missed=number["missed"],
                    open=number["open"],
                    assumed=assumed,
                )
            )
    return sorted(found, key=lambda period: (-period.missed, -period.met, period.workflow, period.name))


def losses(summary: Mapping[str, Any], scenario: Scenario, say: Words = ENGLISH) -> list[Loss]:
    """All losses that came to something."""
    found = []
    for workflow, counts in summary["casework"].items():
        spec = scenario.workflows[workflow]
        for name, value in counts["losses"].items():
            if value:
                loss = spec.losses.get(name)
                unit = "cases" if loss is None else loss.unit
                found.append(Loss(workflow, spec.code, name, value, _with_unit(value, unit, say)))
    return found


def none_lost(summary: Mapping[str, Any]) -> int:
    """How many losses are counted and came to nothing."""
    return sum(not value for counts in summary["casework"].values() for value in counts["losses"].values())


def desks(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """What the people of each role did, the busiest first."""
    return sorted(summary["docket"]["desks"].items(), key=lambda item: (-item[1]["utilisation"], item[0]))


def platform(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each kind of people who asked the verification platform, over the run and during floods.

    Who and when are the summary's keys, and messages of the section `platform`.
    """
    told = summary["docket"]["platform"]
    if not told:
        return []
    return [
        {"who": group, "when": when, **row}
        for when in ("requests", "during_floods")
        for group, row in told.get(when, {}).items()
        if row["asked"]
    ]


def outcomes(summary: Mapping[str, Any]) -> Iterator[tuple[Answer, int]]:
    """The official answers that cases got from the platform."""
    known = {answer.key: answer for answer in ANSWERS}
    counts = summary["docket"]["platform"]["requests"]["cases"]["outcomes"]
    return ((known[key], counts[name]) for name, key in OUTCOMES.items())


def sentence(summary: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """What became of the cases, in a sentence or two."""
    docket, counts = summary["docket"], summary["casework"].values()
    started, completed = (sum(row[name] for row in counts) for name in ("started", "completed"))
    met, missed = (sum(number[name] for row in counts for number in row["deadlines"].values()) for name in _ENDED)
    # By tables the docket is of a sample, and all other counts are of the country.
    before = docket["open_at_start"] * (summary["year"]["one_in"] if "year" in summary else 1)
    text = say("cases.open", number=before, began=started, ended=completed)
    if not met + missed:
        return say("cases.no-periods", open=text)
    return say("cases.periods", open=text, number=met + missed, missed=missed)


_ENDED: Final = ("met", "missed")


def _articles(scenario: Scenario, workflow: str) -> tuple[int, ...]:
    return tuple(scenario.workflows[workflow].articles)


def _with_unit(value: float, unit: str, say: Words) -> str:
    which = {"CNY": "cny", "days": "days"}.get(unit)
    return say(f"losses.{which}", value=value) if which else say("losses.cases", value=int(value))
