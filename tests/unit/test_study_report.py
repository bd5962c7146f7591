"""The report room: a study on a terminal, as figures, as a page, and in a notebook."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_kit import QUESTION, Outline, assert_alone, assert_whole
from rich.cells import cell_len
from rich.console import Console
from scenario_kit import chain, deposits, small

import sim
from sim.cli.sweep import parameters
from sim.report import studies, study_console, study_display, study_figures, study_origin, study_sections, style
from sim.report.study_axes import axes, is_grid
from sim.report.study_front import on_front
from sim.report.study_names import called
from sim.report.study_numbers import (
    Estimate,
    Metric,
    Told,
    Unit,
    decimals,
    direction,
    estimate,
    exactly,
    number,
    unit_of,
)
from sim.report.study_panels import along_x, panels
from sim.report.study_sections import Section
from sim.report.study_words import answer, differences, sureness
from sim.report.words import words as words_of
from sim.study.sweeps.plan import explicit, other, points
from sim.study.sweeps.study import Study
from sim.study.sweeps.sweep import Place
from sim.study.sweeps.task import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario
    from sim.study.sweeps.plan import Over

P99, BLOCKS, GOODPUT = "chains.a.commit_latency_s.p99", "chains.a.blocks", "chains.a.goodput_tps"
INTERVAL, VALIDATORS = "chains.a.block.interval", "chains.a.validators"
BREAKDOWN = "ZeroDivisionError: <b>&"


def asked(folder: Path) -> Scenario:
    return small(
        folder,
        question=QUESTION,
        horizon="600ms",
        chains={"a": chain()},
        workload={"files": deposits("100/s")},
        slo=[{"metric": P99, "at_most": "60ms"}],
        assumptions={"made-up": "All of it is <made> up."},
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Blocks cut after 10 ms or 100 ms, by one validator or four, and two runs of each; some miss the objective."""
    scenario = asked(tmp_path_factory.mktemp("study"))
    over: Over = {VALIDATORS: [1, 4], INTERVAL: ["10ms", "100ms"]}
    return sim.sweep(scenario, over, 3, metrics=(P99, BLOCKS), executor="serial")


@pytest.fixture(scope="module")
def out(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    studies.add_to(study, folder)
    return folder


@pytest.fixture(scope="module")
def html(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def unrun(scenario: Scenario, over: Over, where: str | None = None, until: float | None = None) -> Study:
    """A study of which nothing has been run."""
    plan = points(scenario, over, where)
    told = {"metrics": [P99], "replications": 10, "until": until, "points": []}
    return Study.of(scenario, plan, told, [], [], 0.0)


def part(whole: Study, numbers: list[int]) -> Study:
    """Some points of a study as a study of their own."""
    plan = explicit(whole.scenario, [whole.points[n].settings for n in numbers])
    rows, outcomes = [], []
    for new, old in enumerate(numbers):
        found = whole.outcomes(old)
        rows += [{"point": new, "replication": r, "run_id": one.run_id} for r, one in enumerate(found)]
        outcomes += found
    return Study.of(whole.scenario, plan, whole.head, rows, outcomes, 0.0)


def with_failure(whole: Study) -> Study:
    """The same study, in which the last run broke down."""
    *kept, last = whole._outcomes
    return replace(whole, _outcomes=(*kept, Outcome(last.run_id, "failed", error=BREAKDOWN)))


def printed(whole: Study, width: int = 80) -> str:
    target = io.StringIO()
    study_console.show(whole, Console(file=target, width=width))
    text = target.getvalue()
    assert max(cell_len(line) for line in text.splitlines()) <= width
    return text


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_console_says_question_points_differences_and_how_sure_that_is(study: Study) -> None:
    text = words(printed(study))
    assert QUESTION in text
    assert "Varied: validators (1, 4); interval (10ms, 100ms). 4 points, 12 runs." in text
    assert f"Commit latency of a (p99), ms {P99}" in text
    assert "Blocks of a" in text
    assert "Less the first point, validators=1, interval=10ms (ms)" in text
    assert "3 replications of each point" in text
    assert "is met at" in text
    for metric in study.metrics:
        for row in study.table(metric).iter_rows(named=True):
            assert study.label(row["point"]).split("=")[1].split(",")[0] in text


def test_the_console_says_which_runs_broke_down(study: Study) -> None:
    text = printed(with_failure(study))
    assert "1 run has no result, of 12" in words(text)
    assert BREAKDOWN in text
    assert f"replication 2, seed {study._rows[-1]['seed']}" in words(text)


def test_a_table_of_a_metric_has_the_numbers_of_the_study(study: Study) -> None:
    told = Told.of(study)
    for metric in told.metrics:
        for one, row in zip(metric.estimates, study.table(metric.path).iter_rows(named=True), strict=True):
            assert one.mean == pytest.approx(row["mean"])
            assert one.half == pytest.approx(row["high"] - row["mean"])
            assert (one.n, one.failed, one.passed) == (row["n"], row["failed"], row["passed"])
        assert [one.differs for one in metric.contrasts] == study.compare(metric.path)["differs"].to_list()


def test_the_clearest_difference_is_said_in_a_plain_sentence(study: Study) -> None:
    told = Told.of(part(study, [0, 1]))
    (row,) = told.study.compare(P99).iter_rows(named=True)
    assert row["differs"]
    (sentence,) = differences(told.metrics[0])
    found = re.fullmatch(
        r"Commit latency of a \(p99\): interval=100ms takes ([\d.]+) ms longer \(95 %: ([\d.]+) to ([\d.]+)\) than "
        r"interval=10ms(; common random numbers were worth [\d.,]+ times the replications)?\.",
        sentence,
    )
    assert found
    assert [float(text) for text in found.groups()[:3]] == pytest.approx(
        [1000 * row[name] for name in ("difference", "low", "high")], rel=0.05
    )
    assert answer(told, told.metrics[0]).startswith("Commit latency of a (p99) rises from ")


def test_a_difference_that_is_not_decided_is_not_told_as_one(study: Study) -> None:
    told = Told.of(study)
    for metric in told.metrics:
        decided = {one.label for one in metric.contrasts if one.differs}
        for sentence in differences(metric):
            assert "shown to differ" in sentence or any(f": {label} " in sentence for label in decided)


def test_common_random_numbers_are_praised_only_where_they_were_worth_it(study: Study) -> None:
    told = Told.of(study)
    (metric, *_) = told.metrics
    for ratio, said in (
        (5.71, "worth 5.7 times"),
        (1.2, ""),
        (0.4, ""),
        (None, ""),
        (np.inf, "the same in every pair"),
    ):
        one = replace(metric.contrasts[0], differs=True, ratio=ratio)
        (sentence, *_) = differences(replace(metric, contrasts=(one,)))
        assert said in sentence
        assert ("common random numbers" in sentence) == bool(said)


def test_a_rule_says_how_many_points_it_left_less_sure(study: Study) -> None:
    strict, lax = (replace(study, head={**study.head, "until": share}) for share in (0.001, 0.9))
    assert "at 3 at the latest: 4 points are less sure than that" in words(" ".join(sureness(Told.of(strict))))
    few = words(" ".join(sureness(Told.of(lax))))
    assert "within 90 % of its mean" in few


def test_a_steady_study_says_what_was_cut_off(study: Study) -> None:
    steady = replace(study, head={**study.head, "warmup_s": 0.12})
    assert "the first 120 ms of 600 ms are left out of every run as warm-up" in " ".join(sureness(Told.of(steady)))


def test_one_run_is_not_called_sure(study: Study) -> None:
    kept = [row for row in study._rows if row["replication"] == 0]
    outcomes = [study.outcomes(row["point"])[0] for row in kept]
    alone = Study.of(study.scenario, study.points, study.head, kept, outcomes, 0.0)
    told = Told.of(alone)
    assert all(one.half is None for metric in told.metrics for one in metric.estimates)
    assert "One run says nothing of how much results vary" in " ".join(sureness(told))
    assert "±" not in answer(told, told.metrics[0])
    printed(alone)
    studies.render(told, study_figures.draw(told))


def test_figures_stand_beside_the_page_as_svg_and_png(study: Study, out: Path) -> None:
    names = {path.name for path in (out / "figures").iterdir()}
    drawn = study_figures.draw(Told.of(study))
    assert [one.picture.name for one in drawn][:2] == ["by-parameter", "heat-map"]
    assert names == {f"{one.picture.name}.{ending}" for one in drawn for ending in ("svg", "png")}
    assert {path.name for path in out.iterdir()} == {"figures", "report.html"}


def test_the_same_study_gives_the_same_bytes(study: Study, out: Path, tmp_path: Path) -> None:
    studies.add_to(replace(study, wall_s=17.0), tmp_path)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes(), path.name


def test_figures_of_a_former_state_are_taken_away(study: Study, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "replications.svg").write_text("old")
    (tmp_path / "figures" / "mine.svg").write_text("mine")
    studies.add_to(study, tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert "replications.svg" not in names
    assert "mine.svg" in names


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([0], {"replications"}), ([0, 1], {"by-parameter"}), ([0, 1, 2], {"points"}), ([0, 1, 2, 3], {"heat-map"})],
)
def test_a_study_has_the_figures_that_suit_it(study: Study, numbers: list[int], expected: set[str]) -> None:
    drawn = study_figures.draw(Told.of(part(study, numbers)))
    kinds = {"replications", "by-parameter", "points", "heat-map", "inputs"}
    others = {"by-parameter"} if expected == {"heat-map"} else set()
    assert {one.picture.name for one in drawn} & kinds == expected | others
    assert all(one.title for one in drawn)


def test_many_points_are_drawn_as_clouds_over_each_parameter(study: Study) -> None:
    head = {**study.head, "screening": {"shares": []}}
    told = Told.of(replace(study, head=head))
    assert [axis.paths for axis in told.axes] == [(VALIDATORS,), (INTERVAL,)]
    assert not told.metrics[0].contrasts
    many = [{VALIDATORS: 4, INTERVAL: f"{10 + n}ms", "workload.files.rate": f"{100 + n % 7}/s"} for n in range(70)]
    plan = explicit(study.scenario, many)
    outcome = study.outcomes(0)[0]
    rows = [{"point": n, "replication": 0, "run_id": str(n)} for n in range(70)]
    clouds = Told.of(Study.of(study.scenario, plan, study.head, rows, [outcome] * 70, 0.0))
    assert [one.picture.name for one in study_figures.draw(clouds)] == ["inputs"]
    assert "Points are not compared one by one, being more than 40." in list(sureness(clouds))
    assert "30 more points" in words(printed(clouds.study))


def test_a_page_is_well_formed_and_every_id_in_it_is_unique(html: str) -> None:
    assert_whole(html)


def test_a_page_needs_nothing_from_anywhere(html: str) -> None:
    assert_alone(html)


def test_a_page_holds_every_figure_with_words_for_those_who_do_not_see_it(study: Study, html: str) -> None:
    tags = Outline(html).tags
    drawn = study_figures.draw(Told.of(study))
    figures = [attributes["id"] for tag, attributes in tags if tag == "figure"]
    labels = [str(attributes["aria-label"]) for tag, attributes in tags if tag == "svg"]
    assert figures == [one.picture.name for one in drawn]
    captions = [words_of("en")(f"study.figure.{name}.caption") for name in figures]
    assert labels == [f"{one.title}. {caption}" for one, caption in zip(drawn, captions, strict=True)]
    assert "#" not in "".join(re.findall(r"(?:fill|stroke): (#\w+)", html))


def test_whatever_scrolls_on_a_page_can_be_reached_by_keyboard_and_has_a_name(html: str) -> None:
    regions = [attributes for _, attributes in Outline(html).tags if attributes.get("class") == "scroll"]
    assert len(regions) > 4
    for attributes in regions:
        assert attributes["tabindex"] == "0"
        assert attributes["role"] == "region"
        assert attributes["aria-label"]


def test_a_page_says_answer_sureness_points_assumptions_and_how_to_do_it_again(study: Study, html: str) -> None:
    told, text = Told.of(study), Outline(html).words.replace("\xa0", " ")
    for metric in told.metrics:
        assert answer(told, metric) in text
        assert all(sentence in text for sentence in differences(metric))
    assert all(sentence in text for sentence in sureness(told))
    assert words_of("en")("study.intervals") in text
    assert "made-up: All of it is <made> up." in text
    assert "<made>" not in html
    assert study_origin.command(told) in text
    assert all(str(row["seed"]) in text for row in study._rows)
    assert study_origin.code(told) in text
    assert words(study.scenario.to_yaml()) in text


def test_a_page_tells_runs_that_broke_down(study: Study) -> None:
    told = Told.of(with_failure(study))
    text = studies.render(told, study_figures.draw(told))
    assert BREAKDOWN in Outline(text).words
    assert BREAKDOWN not in text


def test_a_page_takes_further_sections(study: Study) -> None:
    told = Told.of(study)
    section = Section("More & <more>", ["Said."], ["who", "#how many"], [["<us>", "3"]])
    text = studies.render(told, [], [section])
    assert "More & <more> Said. who" in Outline(text).words
    assert '<td class="number">3</td>' in text


def test_a_page_of_a_screening_says_what_the_inputs_do(tmp_path: Path) -> None:
    load = {"key": "workload.files.rate", "from": "50/s", "to": "400/s", "source": "guess: <nobody> knows"}
    scenario = small(tmp_path, horizon="300ms", uncertain={"load": load})
    found = sim.screen(scenario, 6, 2, metrics=(GOODPUT,), place=Place("serial"))
    told = Told.of(found.study)
    (drawn,) = study_figures.draw(told)
    text = studies.render(told, [drawn])
    assert drawn.title == "Goodput of a is moved by load"
    assert "Inputs and goodput of a" in text
    assert "guess: <nobody> knows" in Outline(text).words
    assert "alliance sweep scenario.yaml --screen 6 -r 2 --metric chains.a.goodput_tps" in text


def test_a_page_of_a_search_for_capacity_says_what_holds_and_what_binds(study: Study) -> None:
    probes = [{"load": load, "judgement": judged, "point": 0} for load, judged in ((4.0, "missed"), (2.0, "met"))]
    reliefs = [{"chain": "a", "resource": "round trips", "judgement": "met"}]
    head = {**study.head, "capacity": {"probes": probes, "holds": 2.0, "breaks": 4.0, "reliefs": reliefs}}
    first, second = study_sections.of(replace(study, head=head))
    (sentence,) = first.sentences
    assert sentence == "The objectives are met up to 2 times the scenario's load and not shown to be met at 4 times."
    assert [row[0] for row in first.rows] == ["2", "4"]
    assert second.rows == [("Round trips", "a", "met")]
    assert study_origin.command(Told.of(replace(study, head=head))) == "alliance capacity scenario.yaml -r 3"


def test_a_page_of_two_scenarios_says_how_far_latencies_moved(study: Study) -> None:
    first, second = (other(n, {"scenario": name}, study.points[n].scenario) for n, name in enumerate(("calm", "storm")))
    pair = replace(part(study, [0, 1]), points=(first, second), head={**study.head, "others": [0, 1]})
    (section,) = study_sections.of(pair)
    assert any("storm has" in sentence for sentence in section.sentences)
    assert any("area between the distributions" in sentence for sentence in section.sentences)
    said = study_origin.command(Told.of(pair))
    assert said.startswith("alliance compare scenario-0.yaml scenario-1.yaml -r 3")


def test_the_room_is_called_with_a_study_as_with_a_run(study: Study, html: str, tmp_path: Path) -> None:
    written = sim.report(study, tmp_path / "new" / "report.html")
    assert written.read_text(encoding="utf-8") == html


def test_a_study_that_is_read_gives_the_page_of_the_one_that_was_run(tmp_path: Path) -> None:
    scenario = asked(tmp_path)
    done = sim.sweep(scenario, {INTERVAL: ["10ms", "100ms"]}, 1, executor="serial", out=tmp_path / "out")
    first, second = (studies.render(told, []) for told in map(Told.of, (done, Study.read(tmp_path / "out"))))
    assert first == second


def test_a_study_without_a_result_has_a_page(tmp_path: Path) -> None:
    told = Told.of(unrun(asked(tmp_path), {VALIDATORS: [4, 7]}))
    assert study_figures.draw(told) == []
    assert "Commit latency of a (p99): no run has a result." in Outline(studies.render(told, [])).words
    assert "no run has a result" in printed(told.study)
    assert "–" in study_display.html(told.study)


def test_a_notebook_shows_a_row_for_each_point(study: Study) -> None:
    shown = study_display.html(with_failure(study))
    outline = Outline(shown)
    assert sum(tag == "tr" for tag, _ in outline.tags) == 1 + len(study.points)
    assert QUESTION in outline.words
    assert "2 of 3" in outline.words
    assert "<script" not in shown


GRIDS: list[Over] = [
    {VALIDATORS: [7, 4], INTERVAL: ["10ms", "100ms"]},
    {VALIDATORS: [4, 7, 10]},
    {VALIDATORS: [4], INTERVAL: ["10ms", "100ms"]},
    {"chains.a.hash": ["sm3", "sha256"], (VALIDATORS, INTERVAL): [(4, "10ms"), (7, "0.2s")]},
    {"chains.a.regions": [["east"], ["east", "west"]]},
    {"question": ["It's, well, [a] test: ok?", "no"]},
    {},
]


@pytest.mark.parametrize("over", GRIDS)
def test_the_command_on_the_page_makes_the_same_points(over: Over, tmp_path: Path) -> None:
    told = Told.of(unrun(asked(tmp_path), over, until=0.05))
    typed = shlex.split(study_origin.command(told))
    assert typed[:3] == ["alliance", "sweep", "scenario.yaml"]
    assert typed[-2:] == ["--until", "ci=5%"]
    options = list(zip(typed[3::2], typed[4::2], strict=True))
    given_over = [value for option, value in options if option == "--over"]
    zipped = [value for option, value in options if option == "--zip"]
    again = points(told.study.scenario, parameters(given_over, zipped))
    assert [point.text for point in again] == [point.text for point in told.study.points]


def test_no_command_is_made_up_for_points_that_none_makes(tmp_path: Path) -> None:
    over: Over = {VALIDATORS: [4, 7], INTERVAL: ["10ms", "100ms"]}
    where = "validators = 4 or \"interval\" = '10ms'"
    some = unrun(asked(tmp_path), over, where)
    assert study_origin.command(Told.of(some)) == ""
    said = study_origin.command(Told.of(replace(some, head={**some.head, "where": where})))
    assert shlex.split(said)[-4:-2] == ["--where", where]


def test_axes_know_numbers_quantities_names_and_what_changes_together(tmp_path: Path) -> None:
    over: Over = {
        (VALIDATORS, "chains.a.hash"): [(4, "sm3"), (7, "sha256")],
        INTERVAL: ["200ms", "0.4s", "10ms"],
        "chains.a.consensus.protocol": ["raft", "pbft"],
    }
    both, interval, protocol = axes(unrun(asked(tmp_path), over))
    assert both.paths == (VALIDATORS, "chains.a.hash")
    assert (both.name, both.values, both.places) == ("validators / hash", ("4 / sm3", "7 / sha256"), (4.0, 7.0))
    assert (interval.places, interval.unit, interval.logarithmic) == ((0.2, 0.4, 0.01), "s", True)
    assert interval.label == "interval (s, logarithmic)"
    assert interval.ordered == [2, 0, 1]
    assert (protocol.places, protocol.ordered) == (None, [0, 1])
    assert is_grid((both, interval, protocol))
    assert not is_grid((both, interval))


def test_values_are_written_along_an_axis_where_there_is_room_and_round_numbers_where_not(tmp_path: Path) -> None:
    roomy, crowded = (
        axes(unrun(asked(tmp_path), {("workload.files.rate", INTERVAL): rows}))[0]
        for rows in ([("50/s", "10ms"), ("100/s", "20ms")], [(f"{50 + n}/s", f"{100 + n}ms") for n in range(7)])
    )
    for axis, labels in ((roomy, ["50/s / 10ms", "100/s / 20ms"]), (crowded, None)):
        _, (place,) = panels(1, 2.0)
        place.plot(axis.places, [1.0] * len(axis.values))
        along_x(place, axis)
        written = [label.get_text() for label in place.get_xticklabels()]
        assert written == labels if labels else not set(written) & set(axis.values)
        assert place.get_xlabel() == (axis.name if labels else f"{axis.name} (per s)")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (P99, "commit latency of a (p99)"),
        ("chains.a.stages_s.queue.mean", "queue stage of a (mean)"),
        ("chains.a.throughput_tps", "throughput of a"),
        ("crosschain.a-b.latency_s.max", "one-way latency of a-b (max)"),
        ("crosschain.a-b.timed_out", "timed out of a-b"),
        ("casework.W1.deadlines.reply.missed", "reply missed in W1"),
        ("casework.W1.losses.wrong-answer", "wrong answer in W1"),
        ("docket.displaced_s.p99", "displaced of the docket (p99)"),
        ("proofs.not_found", "proofs not found"),
        ("something", "something"),
    ],
)
def test_metrics_have_names_for_people(path: str, name: str) -> None:
    assert called(path) == name


def test_units_suit_what_is_said(tmp_path: Path) -> None:
    assert exactly(P99, 0.05) == "50 ms"
    assert exactly(P99, 3) == "3 s"
    assert exactly("casework.W.wait_s.mean", 3 * 86400) == "3 d"
    assert exactly("chains.a.storage_bytes", 1_500_000) == "1.5 MB"
    assert exactly(GOODPUT, 12.5) == "12.5/s"
    assert exactly(BLOCKS, 1234) == "1,234"
    assert unit_of(P99, []) == Unit(1.0, "s")
    assert [direction(path, asked(tmp_path).slo if path == P99 else ()) for path in (P99, GOODPUT, BLOCKS)] == [
        -1,
        1,
        0,
    ]
    assert direction("casework.W.deadlines.reply.missed", ()) == -1
    assert direction("casework.W.deadlines.reply.met", ()) == 1


@given(st.floats(1e-6, 1e9), st.floats(1e-6, 1e6))
def test_a_half_width_shows_two_digits_unless_the_mean_would_be_too_long(mean: float, half: float) -> None:
    digits = decimals(mean, half)
    assert digits >= 0
    assert abs(round(half, digits) - half) <= max(0.05 * half, 0.5e-6 * max(mean, half), 0.5)


def test_numbers_are_as_precise_as_their_half_width() -> None:
    one = Estimate(0, "x", 5, 0, 0.04123456, 0.00034, 1.0, None)
    assert estimate(Unit(1e-3, "ms"), one) == "41.23 ± 0.34 ms"
    assert estimate(Unit(1e-3, "ms"), replace(one, half=None)) == "41.2 ms"
    assert estimate(Unit(1.0, ""), replace(one, mean=18.0, half=0.0)) == "18 ± 0"
    assert number(Unit(1.0, "s"), None) == "–"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12), st.sampled_from((-1, 1)))
def test_the_front_is_what_no_point_beats(values: list[tuple[int, int]], better: int) -> None:
    first, second = (_metric([pair[side] for pair in values], way) for side, way in ((0, -1), (1, better)))
    kept = {pair[0].point for pair in on_front(first, second)}

    def beaten(one: tuple[int, int]) -> bool:
        gains = [(one[0] - other[0], better * (other[1] - one[1])) for other in values]
        return any(min(gain) >= 0 and max(gain) > 0 for gain in gains)

    assert kept == {number for number, pair in enumerate(values) if not beaten(pair)}


def _metric(means: list[int], better: int) -> Metric:
    estimates = tuple(Estimate(n, f"x={n}", 3, 0, float(mean), 0.1, 1.0, None) for n, mean in enumerate(means))
    return Metric("m", "m", Unit(1.0, ""), better, "", (), estimates, (), None)


def test_a_front_is_drawn_where_two_metrics_have_a_better_side_and_vary(study: Study) -> None:
    told = Told.of(study)
    first, second = told.metrics
    assert "front" not in {one.picture.name for one in study_figures.draw(told)}  # more blocks are neither good nor bad
    varying = replace(second, better=1, contrasts=())
    (drawn,) = (
        one for one in study_figures.draw(replace(told, metrics=(first, varying))) if one.picture.name == "front"
    )
    assert style.title(drawn.figure) == drawn.title
    assert "both" in drawn.title
