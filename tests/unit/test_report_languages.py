"""Reports in English and Chinese: one catalogue beside the other, and no page that is half in either."""

from __future__ import annotations

import io
import re
import string
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from report_kit import LATIN, OFFICIAL, Foreign, Outline
from report_runs import claims, lively
from rich.console import Console

import sim
from sim.report import console, page, story, trust, words
from sim.report.words import NoSuchLanguage, chinese, law
from sim.scenario import fault
from sim.study import bottleneck
from sim.study.answers import questions

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.study.follow import Story
    from sim.study.run import Run

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "sim" / "report"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return [make(tmp_path_factory.mktemp("runs")) for make in (lively, claims)]


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return [sim.load(asked.file) for asked in questions(ROOT / "scenarios")]


def places(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


def test_both_catalogues_have_the_same_messages_with_the_same_places() -> None:
    en, zh = words.keys("en"), words.keys("zh")
    assert set(en) == set(zh)
    assert {key for key in en if places(en[key]) != places(zh[key])} == set()
    assert {key for key in en if en[key].count("<code>") != zh[key].count("<code>")} == set()


def test_every_message_is_said_somewhere_and_everything_that_is_said_is_a_message() -> None:
    sources = [*REPORT.rglob("*.py"), *REPORT.rglob("*.j2"), *(ROOT / "sim" / "cli").glob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    known = words.keys("en")
    said = set(re.findall(r"""\b(?:say|say\.html|t)\(\s*["']([a-z_.0-9-]+)["']""", text))
    assert {key for key in said if key not in known and not key.endswith(".")} == set()
    # Figures, days, verdicts, kinds of scenarios and people of the platform have their names from data. Where the end
    # of a key is put together, that end stands alone between quotes.
    ends = set(re.findall(r"""["'#]([a-z_0-9-]+)["'}]""", text)) | set(re.findall(r'"(?:[a-z]+)\.([a-z_-]+)"', text))
    silent = {key for key in known if key not in text and key.rpartition(".")[2] not in ends}
    by_data = ("figure.", "weekday.", "verdict.", "finding.", "platform.", "study.kind.")
    assert {key for key in silent if not key.startswith(by_data)} == set()


def test_a_language_that_nobody_speaks_is_refused(runs: list[Run]) -> None:
    with pytest.raises(NoSuchLanguage, match="no language 'de'; needs one of en, zh"):
        page.render(runs[0], [], "de")


def test_everything_that_a_run_can_name_has_a_chinese_name(scenarios: list[Scenario]) -> None:
    names = vars(bottleneck)
    wanted = {("resource", names[name]) for name in names if name.isupper() and isinstance(names[name], str)}
    wanted |= {("fault", action) for action in fault._ACTIONS}
    for scenario in scenarios:
        wanted |= {("question", scenario.question), *(("assumption", text) for text in scenario.assumptions.values())}
        wanted |= {("region", region) for region in scenario.network.delays.regions}
        wanted |= {("action", stream.action) for stream in scenario.workload.values()}
        for link in scenario.links.values():
            wanted |= {("way", way) for way in (link.protocol, link.verify, link.atomicity)}
        for workflow in scenario.workflows.values():
            wanted |= {("period", name.rpartition(".")[2]) for name in workflow.deadlines}
            wanted |= {("loss", name.rpartition(".")[2]) for name in workflow.losses}
            for state in workflow.states.values():
                wanted |= {("actor", way.by) for way in state.then if way.by}
                wanted |= {("role", way.desk.role) for way in state.then if way.desk is not None}
    assert sorted(f"{kind}: {name}" for kind, name in wanted if not chinese(kind, name)) == []


def test_every_rule_of_law_in_the_workflows_has_its_chinese(scenarios: list[Scenario]) -> None:
    rules = {
        rule
        for scenario in scenarios
        for workflow in scenario.workflows.values()
        for rule in (
            *(period.law for period in workflow.deadlines.values()),
            *(way.law for state in workflow.states.values() for way in state.then),
        )
        if rule
    }
    assert len(rules) > 50
    assert {rule for rule in rules if not law(rule)} == set()
    assert law("CPL 103, 104") == "民事诉讼法第103条、第104条"
    assert law("a custom of the house") == ""


def test_a_chinese_page_says_nothing_in_english_but_ids_and_what_a_scenario_says_itself(runs: list[Run]) -> None:
    for result in runs:
        told = Foreign(page.render(result, [], "zh")).text.replace(result.scenario.question, "")
        ids = {*result.summary["chains"], *result.scenario.workload, *result.scenario.workflows}
        left = [found[0] for found in LATIN.finditer(told) if not set(found[0].split()) <= ids]
        assert left == []


def test_a_chinese_console_says_nothing_in_english_but_ids(runs: list[Run]) -> None:
    for result in runs:
        out = io.StringIO()
        console.show(result.summary, result.manifest, result.scenario, Console(file=out, width=100), "zh")
        told = out.getvalue().replace(result.scenario.question, "")
        assert [found[0] for found in LATIN.finditer(told)] == []
        assert all(answer in told for answer in OFFICIAL)


def test_legal_terms_carry_the_chinese_in_both_languages(runs: list[Run]) -> None:
    for lang in ("en", "zh"):
        told = Outline(page.render(runs[1], [], lang)).words
        assert all(answer in told for answer in OFFICIAL)
        for term in ("民事诉讼法第128条", "答辩期", "请求", "期间", "损失", "民事诉讼法第85条", "法发〔2022〕16号"):
            assert term in told, lang


def test_an_english_page_says_of_its_chinese_that_it_is(runs: list[Run]) -> None:
    text = page.render(runs[1], [], "en")
    inside = re.sub(r'<(\w+)[^>]*lang="zh-Hans"[^>]*>[^<]*</\1>', "", text.partition("<body>")[2])
    left = re.sub(r"<pre.*?</pre>", "", inside, flags=re.DOTALL)
    assert re.findall(r"[\u4e00-\u9fff]+", left) == []


def test_a_story_is_told_in_chinese_too(runs: list[Run]) -> None:
    told: Story = runs[1].stories[0]
    text = story.text_of(told, words.words("zh"))
    assert "法发〔2022〕16号" in text
    assert LATIN.findall(text.replace("claim", "").replace("jc", "")) == []


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("node 3 stands at height 17, others at 40", "节点 3 停在高度 17，其他节点已到 40"),
        ("done at a desk (judge)", "法官办理"),
        ("node 2 has 52a2, another node 8498", "节点 2 为 52a2，另一节点为 8498"),
        (
            "verification of letter on jc, on the Internet platform: pass",
            "在互联网验证平台核验 jc 上的 letter：核验通过",
        ),
        ("message order, jc to bank to 4 institutions", "消息 order，自 jc 至 bank，共 4 家机构"),
        ("what no pattern knows", "what no pattern knows"),
    ],
)
def test_sentences_of_the_simulation_are_recognised(text: str, there: str) -> None:
    assert words.words("zh").echo(text) == there
    assert words.words("en").echo(text) == text


def test_a_number_comes_with_its_noun_and_markup_escapes_what_is_put_into_it() -> None:
    say = words.words("en")
    assert [say("losses.cases", value=value) for value in (0, 1, 1234)] == ["0 cases", "1 case", "1,234 cases"]
    assert "<b>" not in say.html("time.more", number=1)
    assert "&lt;b&gt;" in say.html("links.refused", link="<b>", reasons="")
    with pytest.raises(KeyError):
        say("no.such.message")


def test_what_is_said_to_be_validated_is_what_the_validation_found() -> None:
    text = (ROOT / "results" / "reference" / "validation.md").read_text(encoding="utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    for study in trust.studies():
        section = sections[study["title"]]
        assert f"{study['predicted']} of {study['rows']} rows predicted" in section
        rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ") and "*fitted*" not in line]
        errors = [row[4] for row in rows if row[4].endswith("%")]
        assert study["error"] == max(errors, key=lambda error: abs(float(error.rstrip("%"))))
    catalogue = tomllib.loads((REPORT / "validated.toml").read_text(encoding="utf-8"))
    named = {title for title in sections if title[:2] in {"V1", "V2", "V3", "V4", "V5"}}
    assert named <= {study["title"] for study in catalogue["study"]}, "every published study is told of"
