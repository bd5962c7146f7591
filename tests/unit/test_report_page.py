"""The report room: a run as a page."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from report_kit import FIGURES, OFFICIAL, QUESTION, Outline, assert_alone, assert_whole

import sim
from sim.report import inline, page
from sim.report.wording import ENGLISH
from sim.study.run import Run


def test_the_room_is_called_and_entered(told: tuple[Run, Path], html: str, tmp_path: Path) -> None:
    written = sim.report(told[0], tmp_path / "new" / "folder" / "report.html")
    assert written == tmp_path / "new" / "folder" / "report.html"
    assert written.read_text(encoding="utf-8") == html
    assert [path.name for path in written.parent.iterdir()] == ["report.html"]


def test_entering_the_room_loads_no_heavy_library() -> None:
    code = (
        "import sys, sim.report, sim.report.console\n"
        "heavy = {'matplotlib', 'polars', 'jinja2', 'networkx', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_drawing_is_silent_where_matplotlib_has_no_place_for_its_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = (
        "from sim.report import style\n"
        "with style.house_style():\n"
        "    figure = style.new_figure(2)\n"
        "    style.set_title(figure, 'a')\n"
        "print(len(style.to_svg(figure)))\n"
    )
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "file" / "below")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000


def test_a_page_that_cannot_be_written_leaves_nothing_behind(told: tuple[Run, Path], tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        sim.report(told[0], tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_page_is_well_formed_and_every_id_in_it_is_unique(html: str) -> None:
    assert_whole(html)


def test_a_page_needs_nothing_from_anywhere(html: str) -> None:
    assert_alone(html)


def test_a_page_holds_every_figure_with_words_for_those_who_do_not_see_it(html: str) -> None:
    tags = Outline(html).tags
    labels = [str(attributes["aria-label"]) for tag, attributes in tags if tag == "svg"]
    assert len(labels) == len(FIGURES)
    assert all(len(label) > 80 for label in labels)
    assert {attributes.get("id") for tag, attributes in tags if tag == "figure"} == set(FIGURES)


def test_a_figure_in_a_page_takes_its_colours_from_the_page(html: str) -> None:
    assert set(re.findall(r"#[0-9a-f]{6}\b", html.partition("<body>")[2])) <= {"#000000"}
    used = set(re.findall(r"var\(--([a-z]+)\)", html))
    assert set(inline.VARIABLES.values()) - {"alarm"} <= used
    defined = re.findall(r"--([a-z]+):", html)
    assert all(defined.count(name) == 3 for name in used), "each in light, in dark and on paper"


def test_what_a_scenario_says_is_text_and_never_markup(html: str) -> None:
    outline = Outline(html)
    assert QUESTION in outline.text
    assert "made-up: All of it is <made> up." in outline.words
    assert "Court of $x$ & <b>" in outline.text
    assert not {"script", "b", "made"} & {tag for tag, _ in outline.tags}


def test_a_page_says_the_verdict_and_each_objective(html: str) -> None:
    words = Outline(html).words
    assert "a question? slo-missed 1 of 4 objectives missed: chains.a.commit_latency_s.p99 is" in words
    assert "The scenario expects pass." in words
    assert re.search(r"missed chains\.a\.commit_latency_s\.p99 at most 1 µs [\d.]+ ms", words)
    assert re.search(r"met chains\.a\.storage_bytes at most 1\.234567 MB \d+ kB", words)
    assert re.search(r"met chains\.b\.goodput_tps at least 1/s [\d.]+/s", words)
    assert "met proofs.refused exactly 0 0" in words


def test_a_page_gives_the_official_answers_by_what_was_presented(told: tuple[Run, Path], html: str) -> None:
    summary, words = told[0].summary, Outline(html).words
    assert summary["proofs"]["mismatch"] > 0
    assert "genuine absent altered all" in words
    mismatch, passed = summary["proofs"]["mismatch"], summary["proofs"]["passed"]
    assert f"{OFFICIAL[2]} not what was deposited 0 0 {mismatch} {mismatch}" in words
    assert f"{OFFICIAL[0]} verified: it is what was deposited {passed} 0 0 {passed} " in words
    assert f"{OFFICIAL[1]} not deposited on the judicial chain" in words


def test_a_page_accounts_for_every_record_of_every_chain(told: tuple[Run, Path], html: str) -> None:
    words = Outline(html).words
    for name, result in told[0].summary["chains"].items():
        counts = [result[key] for key in ("offered", "records", "rejected", "unfinished")]
        assert f"{name} {' '.join(f'{number:,}' for number in counts)} " in words
    for stage in ("submit", "queue", "propose", "vote", "execute", "whole"):
        assert f" {stage} {ENGLISH(f'stage.{stage}')}" in words


def test_a_page_lists_crashes_restarts_and_view_changes(html: str) -> None:
    words = Outline(html).words
    assert "0:00:02.000 a node 0 crashes" in words
    assert re.search(r"0:00:02\.\d{3} a view 1, led by node 1; 4 nodes entered it, the last at 0:00:0[3-5]", words)
    assert "0:00:03.000 a node 0 restarts" in words


def test_a_page_says_how_far_to_trust_it_and_how_to_get_it_again(told: tuple[Run, Path], html: str) -> None:
    result, words = told[0], Outline(html).words
    heights = f"{result.summary['checked_heights']:,} heights"
    assert f"Agreement was checked at every commit of every node, over {heights}: no two nodes" in words
    assert "What was not modelled" in words
    assert "alliance run scenario.yaml --seed 1" in words
    assert result.trace_hash in words
    assert result.manifest["software"]["code_sha256"] in words
    assert " ".join(result.scenario.to_yaml().split()) in words


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("diverged", "Two nodes disagreed on a at height 7: node 2 has ab, another node cd. The run stopped there."),
        ("violated", "An invariant broke, agreement, on a at height 7: node 2 has ab, another node cd."),
    ],
)
def test_a_page_shows_the_invariant_that_broke(told: tuple[Run, Path], html: str, verdict: str, said: str) -> None:
    violation = {"invariant": "agreement", "chain": "a", "height": 7, "detail": "node 2 has ab, another node cd"}
    broken = replace(told[0], summary={**told[0].summary, "verdict": verdict, "violation": violation})
    words = Outline(page.render(broken, [])).words
    assert said in words
    assert "Invariant violated invariant agreement chain a height 7 what was seen node 2 has ab" in words
    assert ("no two nodes" in words) == (verdict != "diverged")
    assert "Invariant violated" not in Outline(html).words
