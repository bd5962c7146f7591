"""The story of a case tells what the table of steps has, and proves its records for real."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from scenario_kit import chain, small

from sim.cli.app import run_command
from sim.proof import SHA256
from sim.report.story import text_of
from sim.study.follow import NoSuchCase, Story
from sim.study.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario
    from sim.study.run import Run

WORKFLOW = """
code: W1
title: A letter with an answer
zh: 来信
articles: [9]
chain: jc
starts: {rate: 0.2/s}
facts:
  kind: {chance: 100%}
  forged: {chance: 100%, truth: true}
deadlines:
  answer: {within: 5d, starts: [sent], ends: [answered], law: CPL 85}
states:
  written:
    title: written
    then:
      - {to: sent, after: 10s, by: party, records: [{kind: letter, count: 2}], waits: committed, law: CPL 126}
  sent:
    title: sent
    zh: 已寄出
    then:
      - {to: answered, after: 20s, by: court, records: [{kind: answer}], verifies: {of: letter}, waits: answered}
  answered:
    title: answered
"""


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    folder = tmp_path_factory.mktemp("letters")
    (folder / "workflows").mkdir()
    (folder / "workflows" / "letter.yaml").write_text(WORKFLOW, encoding="utf-8")
    return small(
        folder,
        start="2023-03-13T10:00+08:00",
        horizon="5min",
        chains={"jc": chain(fidelity="auto")},
        workload={},
        workflows=["letter"],
        casework={"lookback": "1min"},
    )


@pytest.fixture(scope="module")
def played(letters: Scenario) -> Run:
    return run(letters, 2, follow=["letter"])


def test_a_workflows_name_stands_for_the_case_that_did_the_most(played: Run) -> None:
    story = played.stories[0]
    steps = played.table("steps")
    mine = steps.filter(steps["case"] == story.case)
    assert len(mine) == len(story.events) == 2
    assert mine["fired_ns"].to_list() == [event.time_ns for event in story.events]
    assert mine["entered_ns"].to_list() == [event.entered_ns for event in story.events]
    assert [f"letter/{event.target}" for event in story.events] == mine["target"].to_list()
    assert all(
        event.at - played.scenario.start == timedelta(microseconds=event.time_ns // 1000) for event in story.events
    )


def test_the_records_of_a_case_stand_in_blocks_and_their_proofs_hold(played: Run) -> None:
    letter, answer = (event.records for event in played.stories[0].events)
    assert [record.kind for record in letter + answer] == ["letter", "letter", "answer"]
    commits = played.table("commits").sort("height")
    size_after = dict(zip(commits["height"].to_list(), commits["log_size"].to_list(), strict=True))
    for record in letter + answer:
        assert record.proved
        assert size_after.get(record.height - 1, 0) <= record.leaf < size_after[record.height]
        assert (record.size, record.root) == (commits["log_size"][-1], commits["log_root"][-1])


def test_a_case_has_its_dates_facts_periods_and_relatives(played: Run) -> None:
    story = played.stories[0]
    assert (story.facts, story.truths) == (("kind",), ("forged",))
    (period,) = story.periods
    assert (period.name, period.law, period.status) == ("answer", "CPL 85", "met")
    assert period.until is not None
    # Five days after Monday the 13th is a Saturday; the period ends with the next Monday.
    assert period.until.isoformat() == "2023-03-21T00:00:00+08:00"
    assert story.ended
    assert story.parent is None
    assert story.events[1].told == ("verification of letter on jc, on the Internet platform: pass",)


def test_a_case_can_be_asked_for_by_its_number(letters: Scenario, played: Run) -> None:
    case = int(played.table("steps")["case"][7])
    assert run(letters, 2, follow=[str(case)]).stories[0].case == case


@pytest.mark.parametrize("case", ["1234567890123", "letters", "99999999999999999999999"])
def test_an_unknown_case_is_said_to_be_none(letters: Scenario, case: str) -> None:
    with pytest.raises(NoSuchCase, match=f"no case '{case}' in this run"):
        run(letters, 2, follow=[case])


def test_the_text_has_dates_articles_law_blocks_and_proofs(played: Run) -> None:
    text = text_of(played.stories[0])
    assert "W1 A letter with an answer 来信" in text
    assert "Opinions (法发〔2022〕16号), article 9" in text
    assert "2023-03-13 Mon 10:" in text
    assert "written → sent: sent 已寄出" in text
    assert "by party; CPL 126" in text
    assert "true, though nobody could see it: forged" in text
    assert "holds" in text
    assert "DOES NOT HOLD" not in text
    assert "answer 答辩期 (CPL 85 民事诉讼法第85条) to the end of 2023-03-20 Mon: met" in text


def test_a_root_that_is_another_logs_is_no_proof(letters: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.chain.records.Records.content", lambda *_: b"another record")
    story: Story = run(letters, 2, follow=["letter"]).stories[0]
    # What the chain hashed is another thing, unless the very same bytes went into all leaves.
    assert SHA256.leaf(b"another record")
    assert not any(record.proved for event in story.events for record in event.records)
    assert "DOES NOT HOLD" in text_of(story)


def test_the_command_tells_the_story_and_refuses_what_cannot_be(
    letters: Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    file = folder / "scenario.yaml"
    file.write_text(letters.to_yaml(), encoding="utf-8")
    assert run_command(["run", str(file), "--out", str(tmp_path / "out"), "--follow", "letter"]) == 0
    told = capsys.readouterr().out
    assert told.count("written → sent: sent 已寄出") == 1
    assert run_command(["run", str(file), "--out", str(tmp_path / "more"), "--follow", "lettre"]) == 2
    assert "no workflow 'lettre' in small; needs a case, or one of letter" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()
    shutil.rmtree(folder)
