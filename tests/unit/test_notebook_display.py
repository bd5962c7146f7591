"""Scenarios and runs in a notebook: a table whichever way they were imported, one line elsewhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from scenario_kit import chain, linked, small

import sim
from sim.display import DRAWN_BY, Shown
from sim.metrics.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from sim.study.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    slo = [
        {"metric": "chains.a.commit_latency_s.p99", "at_most": "1us"},
        {"metric": "chains.a.rejected", "equals": 0},
    ]
    folder = tmp_path_factory.mktemp("run")
    return sim.run(linked(folder, horizon="4s", question="Is 1 < 2 & <b>2 > 1</b>?", slo=slo), seed=7)


class Seen(HTMLParser):
    """Tags must nest; what is read is kept."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.styles = ""
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        self.styles += f"{dict(attrs).get('style') or ''};"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def html_of(shown: object) -> Seen:
    data, _ = DisplayFormatter().format(shown)
    assert "text/html" in data, "Jupyter would show no table"
    assert "\n" not in data["text/plain"]
    return Seen(data["text/html"])


def test_a_run_shows_question_verdict_chains_links_and_objectives(run: Run) -> None:
    seen = html_of(run)
    assert "slo-missed" in seen.text
    assert "Is 1 < 2 & <b>2 > 1</b>?" in seen.text
    for word in ("a-b", "light_client", "chains.a.commit_latency_s.p99", "at most 1 µs", "missed", "met", "seed 7"):
        assert word in seen.text
    assert f"{run.summary['chains']['a']['offered']:,}" in seen.text
    assert seen.tags.count("table") == 3


def test_a_scenario_shows_question_chains_and_what_is_sent(run: Run) -> None:
    seen = html_of(run.scenario)
    for word in ("Is 1 < 2 & <b>2 > 1</b>?", "pbft", "sha256", "Court", "1 link", "2 objectives", "10.0"):
        assert word in seen.text
    assert seen.tags.count("table") == 1


def test_what_the_user_wrote_is_text_and_nothing_else(run: Run) -> None:
    for shown in (run, run.scenario):
        assert set(html_of(shown).tags) <= {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td"}
        assert html_of(shown).tags.count("b") == 1


def test_colours_are_the_notebooks_own_but_for_the_badge(run: Run) -> None:
    styles = html_of(run).styles
    assert "color:inherit" in styles
    colours = {part for part in styles.replace(";", " ").split() if part.startswith(("background:#", "color:#"))}
    assert colours == {"background:#946400", "color:#fff"}


def test_reprs_are_one_line(run: Run) -> None:
    assert repr(run) == f"<Run small: slo-missed, 4 s simulated, seed 7, trace {run.trace_hash[:12]}>"
    assert repr(run.scenario) == str(run.scenario) == "<Scenario small: 2 chains, 1 streams, 4s>"


def test_a_run_without_links_cases_or_objectives_shows_its_chains(tmp_path: Path) -> None:
    assert html_of(sim.run(small(tmp_path, horizon="1s"))).tags.count("table") == 1
    assert html_of(sim.run(small(tmp_path, horizon="1s", workload={}))).tags.count("table") == 1


def test_cases_are_shown(tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    text = """
code: W1
title: A letter
zh: 信
articles: [9]
chain: a
starts: {rate: 0.2/s}
states:
  written: {title: written, then: [{to: sent, after: 1s, by: party, law: CPL 126}]}
  sent: {title: sent}
"""
    (tmp_path / "workflows" / "letter.yaml").write_text(text, encoding="utf-8")
    scenario = small(tmp_path, horizon="20s", chains={"a": chain()}, workflows=["letter"])
    assert "1 workflow" in html_of(scenario).text
    assert "letter" in html_of(sim.run(scenario)).text


@pytest.mark.parametrize(
    "way", ["import sim; load = sim.load", "from sim.scenario import load", "from sim.scenario.loader import load"]
)
def test_it_does_not_matter_how_one_imports(way: str) -> None:
    program = f"{way}\nassert '<table' in load('scenarios/quickstart.yaml')._repr_html_()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_draws_nothing() -> None:
    program = "import sys, sim\nassert not {'sim.report', 'sim.study', 'numpy', 'pydantic'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_nobody_draws_is_shown_by_its_repr() -> None:
    class Plain(Shown):
        pass

    assert "Plain" not in DRAWN_BY
    assert set(DisplayFormatter().format(Plain())[0]) == {"text/plain"}


def test_a_run_completes_its_public_names(run: Run) -> None:
    public = [name for name in dir(run) if not name.startswith("_")]
    assert public == [
        "manifest",
        "read",
        "save",
        "scan",
        "scenario",
        "stories",
        "summary",
        "table",
        "tables",
        "trace_hash",
    ]
    assert "_recorder" not in dir(run)
    assert run.tables == tuple(TABLES)
    assert all(run.table(name) is not None for name in run.tables)


def test_a_notebook_completes_names_and_keys_of_the_summary(run: Run) -> None:
    completer = IPCompleter(shell=InteractiveShell(), namespace={"run": run}, use_jedi=False)

    def completed(text: str) -> set[str]:
        with provisionalcompleter():
            return {each.text.rpartition(".")[2] for each in completer.completions(text, len(text))}

    assert completed("run.t") == {"table", "tables", "trace_hash"}
    assert any("verdict" in key for key in completed('run.summary["ver'))
