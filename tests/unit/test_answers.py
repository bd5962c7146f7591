"""The table of questions and answers: sentences, numbers, verdicts, and what stays of an older table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sim.study.answers import Asked, NoSuchNumber, filled, kept, measured, page, questions, row, sentences

if TYPE_CHECKING:
    from sim.scenario import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SUMMARY: dict[str, Any] = {
    "verdict": "pass",
    "messages": 1_000,
    "simulated_s": 60.0,
    "casework": {"w9-mediation": {"started": 1_200, "losses": {"late-cases": 3, "checking.late": 2}}},
    "docket": {"contracts": {"fund": {"deduct-deducted": 5}}},
    "slo": [{"metric": "chains.jc.rejected", "target": "equals 0", "actual": 0.0, "met": True}],
}
ASKED = Asked(SCENARIOS / "casework/bankruptcy.yaml", "casework/bankruptcy.yaml")


def scenario(expect: str = "pass") -> Scenario:
    named = SimpleNamespace(name="bankruptcy", question="Who | learns of it?", expect=expect)
    return cast("Scenario", named)


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("{casework.w9-mediation.started} began", "1,200 began"),
        ("{casework.w9-mediation.losses.late-cases / casework.w9-mediation.started:.2%}", "0.25%"),
        ("{casework.w9-mediation.started - casework.w9-mediation.losses.late-cases / 2:.1f}", "598.5"),
        ("{casework.w9-mediation.started / casework.w9-mediation.started * 7:.0f}", "7"),
        ("{casework.w9-mediation.losses.checking.late}", "2"),
        ("{docket.contracts.fund.deduct-deducted} and {docket.contracts.fund.cancel-cancelled}", "5 and 0"),
        ("nothing to fill in", "nothing to fill in"),
    ],
)
def test_numbers_are_worked_out_from_left_to_right(sentence: str, text: str) -> None:
    assert filled(sentence, SUMMARY) == text


def test_a_share_of_nothing_is_nothing() -> None:
    summary = {"a": 3, "b": 0}
    assert filled("{a / b:.1f}", summary) == "0.0"


@pytest.mark.parametrize(
    "path", ["casework.w9-mediation.ended", "casework.w9-mediation.losses", "verdict", "docket.contracts.found.x"]
)
def test_a_number_that_is_not_there_is_told(path: str) -> None:
    with pytest.raises(NoSuchNumber, match="summary"):
        filled(f"{{{path}}}", SUMMARY)


def test_without_a_sentence_the_objectives_answer() -> None:
    assert measured(SUMMARY) == "chains.jc.rejected 0"
    assert measured({**SUMMARY, "slo": []}) == "1,000 messages in 60 s"


@pytest.mark.parametrize(
    ("verdict", "expect", "cell"),
    [
        ("pass", "pass", "| pass |"),
        ("slo-missed", "slo-missed", "| slo-missed, expected |"),
        ("violated", "pass", "| **violated**, expected pass |"),
    ],
)
def test_a_row_says_whether_the_verdict_was_expected(verdict: str, expect: str, cell: str) -> None:
    line = row(ASKED, scenario(expect), {**SUMMARY, "verdict": verdict}, None)
    assert line.startswith("| [bankruptcy](casework/bankruptcy.yaml) | Who \\| learns of it? | chains.jc.rejected 0 |")
    assert line.endswith(cell)


def test_rows_of_an_older_page_are_found_again() -> None:
    line = row(ASKED, scenario(), SUMMARY, None)
    assert kept(page([line])) == {"casework/bankruptcy.yaml": line}


def test_every_sentence_is_of_a_scenario_that_asks() -> None:
    asked = {each.file.stem for each in questions(SCENARIOS)}
    assert {"bankruptcy", "quickstart", "alliance-day", "f01-censor"} <= asked
    assert set(sentences(SCENARIOS)) <= asked
    assert not {"articles", "w24-bankruptcy", "chains"} & asked
