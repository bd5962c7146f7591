"""The report tells what became of cases: workflows, periods of law, losses, desks, platform, the way of a few."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from report_runs import claims
from rich.console import Console

from sim.report import cases, console, figures, page, style
from sim.report.case_figures import _ticks

if TYPE_CHECKING:
    from sim.study.run import Run


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return claims(tmp_path_factory.mktemp("claims"))


def test_every_row_is_the_summarys(played: Run) -> None:
    counts = played.summary["casework"]["claim"]
    (period,) = cases.periods(played.summary, played.scenario)
    assert (period.met, period.missed, period.open) == tuple(counts["deadlines"]["answer"].values())
    assert min(period.met, period.missed, period.open) > 0
    assert (period.law, period.assumed) == ("CPL 128", True)
    (loss,) = cases.losses(played.summary, played.scenario)
    assert loss.value == counts["losses"]["late"] > 0
    assert loss.said == f"CNY {loss.value:,.0f}"
    assert loss.value % 2500 == 0
    ((role, desk),) = cases.desks(played.summary)
    assert (role, desk["people"]) == ("clerk", 400)
    (row,) = cases.platform(played.summary)
    assert row["asked"] > 500


def test_figures_say_their_findings(played: Run) -> None:
    drawn = {one.picture.name: one for one in figures.draw(played)}
    missed = played.summary["casework"]["claim"]["deadlines"]["answer"]["missed"]
    assert drawn["periods"].title.startswith(f"{missed:,} of ")
    assert drawn["periods"].title.endswith("most of them W9 answer")
    assert drawn["desks"].title.startswith("The busiest are the clerks, at work for")
    assert drawn["cases"].title == "The way of 1 case: 1 of 1 record proved"
    assert style.to_png(drawn["cases"].figure).startswith(b"\x89PNG")


def test_the_page_has_a_section_of_cases(played: Run) -> None:
    text = page.render(played, [])
    assert '<section id="casework">' in text
    assert 'CPL 128 <span lang="zh-Hans">民事诉讼法第128条</span> (assumed)' in text
    assert "Judicial workflows are not run" not in text
    assert "W9 A claim, which somebody answers too late: case" in text
    assert "holds" in text
    assert "Verification platform" in text


def test_the_terminal_has_a_table_of_cases_and_losses(played: Run) -> None:
    out = io.StringIO()
    console.show(played.summary, played.manifest, played.scenario, Console(file=out, width=100))
    told = out.getvalue()
    assert "W9 claim" in told or "claim" in told
    assert "Losses" in told
    assert "periods of law that ended" in " ".join(told.split())


def test_ticks_are_round_times_of_the_day_within_what_is_shown(played: Run) -> None:
    event = played.stories[0].events[0]
    first_s = event.time_ns / 1e9
    for span_s in (3.0, 100.0, 4000.0, 30_000.0, 200_000.0, 5e6):
        places_s, names = _ticks(event, first_s, first_s + span_s)
        assert 1 <= len(names) <= 8
        assert all(first_s <= place <= first_s + span_s for place in places_s)
    places_s, names = _ticks(event, first_s, first_s + 4000)
    since_nine = {f"{9 + int(place + 1e-6) // 3600:02d}:{int(place + 1e-6) % 3600 // 60:02d}" for place in places_s}
    assert set(names) == since_nine
