"""Studies in English and Chinese: sweeps, searches for capacity, comparisons and screenings, as pages and consoles."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from report_kit import LATIN, Foreign, Outline
from rich.cells import cell_len
from rich.console import Console
from scenario_kit import chain, checks, crash, deposits, small

import sim
from sim.report import findings, studies, study_console, study_figures
from sim.report.study_names import called
from sim.report.study_numbers import Told
from sim.report.study_words import answer, differences, sureness, varied
from sim.report.words import NoSuchLanguage, words
from sim.scenario.slo import CASE_METRICS, CHAIN_METRICS, DOCKET_METRICS, LINK_METRICS, PROOF_METRICS
from sim.study.sweeps.capacity import capacity
from sim.study.sweeps.study import Study
from sim.study.sweeps.sweep import Place
from sim.study.sweeps.task import Outcome
from sim.study.sweeps.versus import versus, without_faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sim.scenario import Scenario

    Show = Callable[[Console, str], None]
    Kinds = dict[str, tuple[Study, Show]]

P99, INTERVAL, VALIDATORS = "chains.a.commit_latency_s.p99", "chains.a.block.interval", "chains.a.validators"
QUESTION = "How soon is a record committed here?"
BREAKDOWN = "ZeroDivisionError: division by nothing at all"
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]")


def asked(folder: Path, **keys: object) -> Scenario:
    return small(
        folder,
        **{
            "question": QUESTION,
            "horizon": "600ms",
            "chains": {"a": chain()},
            "workload": {"files": deposits("100/s"), "looks": checks("files")},
            "slo": [{"metric": P99, "at_most": "70ms"}, {"metric": "proofs.refused", "equals": 0}],
            "assumptions": {"made-up": "All of it is made up."},
            **keys,
        },
    )


def broken(whole: Study) -> Study:
    """The same study, whose last run broke down."""
    *kept, last = whole._outcomes
    return replace(whole, _outcomes=(*kept, Outcome(last.run_id, "failed", error=BREAKDOWN)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def swept(folder: Path) -> Study:
    over: dict[str | tuple[str, ...], list[object]] = {VALIDATORS: [1, 4], INTERVAL: ["10ms", "100ms"]}
    return sim.sweep(asked(folder), over, 3, executor="serial", out=folder / "swept")


@pytest.fixture(scope="module")
def told(folder: Path, swept: Study) -> Kinds:
    """Every kind of study, and how it is printed."""
    searched = capacity(asked(folder), 3, 0.5, place=Place("serial", out=folder / "searched"))
    stormy = asked(folder, horizon="2s", faults=[crash("500ms", [0])], slo=[{"metric": P99, "at_most": "2s"}])
    against = versus(without_faults(stormy), stormy, 3, place=Place("serial"))
    load = {"key": "workload.files.rate", "from": "50/s", "to": "400/s", "source": "guess: nobody at all knows"}
    screened = sim.screen(asked(folder, uncertain={"load": load}), 6, 2, place=Place("serial"))
    unsure = replace(broken(swept), head={**swept.head, "until": 0.001, "warmup_s": 0.12})
    alone = sim.sweep(asked(folder), {}, 1, executor="serial")

    def plain(study: Study) -> tuple[Study, Show]:
        return study, lambda console, lang: study_console.show(study, console, lang)

    return {
        "sweep": plain(swept),
        "unsure": plain(unsure),
        "alone": plain(alone),
        "capacity": (searched.study, lambda console, lang: findings.show_capacity(searched, console, lang)),
        "versus": (against.study, lambda console, lang: findings.show_versus(against, console, lang)),
        "screening": (screened.study, lambda console, lang: findings.show_screening(screened, console, lang)),
    }


KINDS = ("sweep", "unsure", "alone", "capacity", "versus", "screening")


def printed(show: Show, lang: str, width: int = 100) -> str:
    target = io.StringIO()
    show(Console(file=target, width=width), lang)
    return target.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chinese_page_says_nothing_in_english_but_ids_and_what_a_scenario_says_itself(told: Kinds, kind: str) -> None:
    study, _ = told[kind]
    numbers = Told.of(study)
    page = Foreign(studies.render(numbers, study_figures.draw(numbers), lang="zh"))
    assert [found[0] for found in LATIN.finditer(page.text)] == []
    assert HAN.search(page.text)
    # Where regions, figures and columns are read aloud, they are called something in the page's language.
    names = [str(tag["aria-label"]) for _, tag in page.tags if "aria-label" in tag]
    assert all(HAN.search(name) and not LATIN.search(name) for name in names)
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', studies.render(numbers, [], lang="zh"))
    ids = {*study.parameters.values(), "±"}
    assert [head for head in heads if not HAN.search(head) and head not in ids] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_chinese_console_says_nothing_in_english_but_ids_and_what_a_scenario_says_itself(
    told: Kinds, kind: str
) -> None:
    text = printed(told[kind][1], "zh", 400)
    for own in (QUESTION, BREAKDOWN, "nobody at all knows"):
        text = text.replace(own, "")
    assert [found[0] for found in LATIN.finditer(text)] == []
    assert HAN.search(text)


@pytest.mark.parametrize("kind", KINDS)
def test_an_english_study_says_nothing_in_chinese(told: Kinds, kind: str) -> None:
    study, show = told[kind]
    text = re.sub(r"<pre.*?</pre>", "", studies.render(Told.of(study), []), flags=re.DOTALL)
    assert not HAN.search(text.partition("<body>")[2])
    assert not HAN.search(printed(show, "en"))


def test_a_console_fits_eighty_columns_in_chinese(
    told: Kinds,
) -> None:
    for kind in ("sweep", "unsure", "alone"):
        assert max(cell_len(line) for line in printed(told[kind][1], "zh", 80).splitlines()) <= 80


def test_both_languages_tell_the_same_numbers(swept: Study) -> None:
    english = Told.of(swept)
    chinese = english.in_words_of(words("zh"))
    number = re.compile(r"-?\d[\d,.]*\d|\d")

    def said(told: Told) -> list[list[str]]:
        texts = [varied(told), *sureness(told)]
        for metric in told.metrics:
            texts += [answer(told, metric), *differences(metric)]
        return [sorted(number.findall(text)) for text in texts]

    assert said(chinese) == said(english)
    assert chinese.in_words_of(words("en")) == english


def test_the_scenario_as_it_stands_has_a_name_in_both_languages(
    told: Kinds,
) -> None:
    numbers = Told.of(told["screening"][0])
    assert numbers.metrics[0].estimates[0].label == "as it stands"
    assert numbers.in_words_of(words("zh")).metrics[0].estimates[0].label == "原场景"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (P99, "a 的上链时延（p99）"),
        ("chains.a.stages_s.queue.mean", "a 的排队阶段（均值）"),
        ("chains.a.throughput_tps", "a 的吞吐量"),
        ("crosschain.a-b.queries.age_s.max", "a-b 的查询（陈旧程度最大值）"),
        ("casework.W1.deadlines.answer.missed", "W1 的答辩期逾期"),
        ("casework.W1.losses.unheard-of", "W1 的 unheard-of"),
        ("docket.displaced_s.p99", "全部案件的动作的移动（p99）"),
        ("proofs.not_found", "核验的未存证数"),
        ("something", "something"),
    ],
)
def test_metrics_have_chinese_names(path: str, name: str) -> None:
    assert called(path, words("zh")) == name


def test_every_metric_that_can_be_asked_for_has_a_chinese_name() -> None:
    paths = [f"chains.x.{leaf}" for leaf in CHAIN_METRICS] + [f"crosschain.x.{leaf}" for leaf in LINK_METRICS]
    paths += [f"casework.x.{leaf}" for leaf in CASE_METRICS] + [f"docket.{leaf}" for leaf in DOCKET_METRICS]
    paths += [f"proofs.{leaf}" for leaf in PROOF_METRICS]
    names = {path: called(path, words("zh")) for path in paths}
    assert {path: name for path, name in names.items() if re.search(r"[A-Za-z]{2}|_", name)} == {}


def test_a_language_that_nobody_speaks_is_refused_before_anything_is_written(swept: Study, tmp_path: Path) -> None:
    with pytest.raises(NoSuchLanguage, match="no language 'de'; needs one of en, zh"):
        studies.write_page(swept, tmp_path / "page.html", lang="de")
    with pytest.raises(NoSuchLanguage, match="needs one of en, zh"):
        studies.add_to(swept, tmp_path, lang="de")
    assert list(tmp_path.iterdir()) == []


def test_the_room_writes_a_study_in_chinese_too(swept: Study, tmp_path: Path) -> None:
    text = sim.report(swept, tmp_path / "page.html", "zh").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in text
    assert "帕累托前沿" in text or "各项指标" in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_study_that_is_read_gives_the_page_of_the_one_that_was_run(told: Kinds, folder: Path, lang: str) -> None:
    for kind, place in (("sweep", "swept"), ("capacity", "searched")):
        first, second = (
            studies.render(Told.of(one), [], lang=lang) for one in (told[kind][0], Study.read(folder / place))
        )
        assert first == second
        assert Outline(first).open == []
