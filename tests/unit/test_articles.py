"""The articles' table: complete, and true of the workflows and scenarios that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario import ScenarioError, load
from sim.scenario.articles import BOUND, load_articles
from sim.scenario.files import read_map

SCENARIOS = Path(__file__).parents[2] / "scenarios"
ARTICLES = load_articles(SCENARIOS / "articles.yaml")
WORKFLOWS = {file.stem: read_map(file)[0] for file in sorted((SCENARIOS / "workflows").glob("*.yaml"))}
WRITTEN = {str(tree["code"]) for tree in WORKFLOWS.values()}
CODES = [f"W{number}" for number in range(1, 29)]
NAMED = sorted({name for article in ARTICLES.values() for name in article.scenarios})
FILES = {file.stem: file for folder in (SCENARIOS, SCENARIOS / "casework") for file in sorted(folder.glob("*.yaml"))}


def test_every_article_is_there() -> None:
    assert list(ARTICLES) == list(range(1, 33))
    assert [number for number, article in ARTICLES.items() if article.part in {"I", "VII"}] == [1, 2, 3, *range(27, 33)]


def test_every_workflow_is_of_some_article() -> None:
    named = {code for article in ARTICLES.values() for code in article.workflows}
    assert sorted(named, key=CODES.index) == CODES


def test_every_article_of_what_is_built_names_a_workflow_and_a_scenario() -> None:
    for number in BOUND:
        assert ARTICLES[number].workflows, number
        assert ARTICLES[number].scenarios, number


def test_a_workflow_is_named_by_the_articles_that_it_says_it_runs() -> None:
    for name, tree in WORKFLOWS.items():
        for number in tree["articles"]:
            assert str(tree["code"]) in ARTICLES[int(str(number))].workflows, (name, number)


def test_every_workflow_has_a_file() -> None:
    assert sorted(WRITTEN, key=CODES.index) == CODES


def test_every_scenario_of_an_article_runs_a_workflow_of_it() -> None:
    assert set(NAMED) <= FILES.keys()
    for article in ARTICLES.values():
        for name in article.scenarios:
            run = {spec.code for spec in load(FILES[name]).workflows.values()}
            assert run & set(article.workflows), (name, article.title)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  27:\n", "  28:\n", "articles.28: duplicate key"),
        ("    part: VII\n", "    part: VI\n", "articles.27.part: is VI; article 27 belongs to part VII"),
        ("known: text", "knwon: text", "articles.1.knwon: no such key; did you mean 'known'?"),
        ("workflows: [W1, ", "workflows: [1, ", "articles.4.workflows.0: is '1': needs a code such as W12"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = (SCENARIOS / "articles.yaml").read_text(encoding="utf-8")
    (tmp_path / "articles.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_articles(tmp_path / "articles.yaml")
    assert line in str(caught.value)
