"""Workflows that a scenario names: their files, what it changes of them, what it must have for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import workflow_text
from scenario_text import HEAD, problem_lines
from workflow_text import WORKFLOW, changed

from sim.casework.definition import Spawn
from sim.scenario import load, parse_assignments
from sim.scenario.workflow.convert import workflows_of
from sim.study.slo import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CASEWORK = "workflows: [agreement]\ncasework: {desks: {clerk: 12000}}\n"


@pytest.fixture
def courts(write: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """A writer of a scenario with a folder of workflows beside it."""

    def write_both(text: str = HEAD + CASEWORK, workflow: str = WORKFLOW) -> Path:
        workflow_text.write(tmp_path, changed("\nchain: med\n", "\nchain: jc\n", workflow))
        return write(text)

    return write_both


def test_a_scenario_names_workflows_and_keeps_all_of_them(courts: Callable[..., Path], tmp_path: Path) -> None:
    scenario = load(courts())
    assert list(scenario.workflows) == ["agreement"]
    saved = tmp_path / "elsewhere" / "saved.yaml"
    saved.parent.mkdir()
    saved.write_text(scenario.to_yaml(), encoding="utf-8")
    for file in (tmp_path / "workflows").rglob("*.yaml"):
        file.unlink()
    again = load(saved)
    assert again == scenario
    assert again.to_yaml() == scenario.to_yaml()
    assert workflows_of(again) == workflows_of(scenario)


def test_a_scenario_without_workflows_is_saved_as_ever(write: Callable[[str], Path]) -> None:
    saved = load(write(HEAD)).to_yaml()
    assert "workflows" not in saved
    assert "casework" not in saved


def test_a_scenario_changes_what_it_says_of_a_workflow(courts: Callable[..., Path]) -> None:
    text = CASEWORK.replace("[agreement]", "{agreement: {facts: {confirmed: {chance: 100%}}}}")
    workflow = load(courts(HEAD + text)).workflows["agreement"]
    assert workflow.facts["confirmed"].chance == 1
    assert workflow.facts["consents"].chance == 0.8


def test_a_file_that_extends_another_changes_workflows_of_its_list(courts: Callable[..., Path], tmp_path: Path) -> None:
    base = courts()
    (tmp_path / "more.yaml").write_text(
        f"extends: {base.name}\nname: more\nworkflows: {{agreement: {{starts: {{batch: 7}}}}}}\n"
    )
    starts = load(tmp_path / "more.yaml").workflows["agreement"].starts
    assert starts is not None
    assert starts.batch == 7
    assert starts.seasons == (0.8, 1.2, 1.2, 0.8)


def test_the_command_line_changes_workflows(courts: Callable[..., Path]) -> None:
    overrides = parse_assignments(["workflows.agreement.facts.confirmed.chance=12%", "casework.share=10%"])
    scenario = load(courts(), set=overrides)
    assert scenario.workflows["agreement"].facts["confirmed"].chance == 0.12
    assert scenario.casework is not None
    assert scenario.casework.share == 0.1


def test_cases_outside_of_what_runs_are_not_begun(courts: Callable[..., Path]) -> None:
    workflow = changed("by: mediator,", "by: mediator, spawns: [{workflow: trial}],")
    (line,) = problem_lines(courts(workflow=workflow))
    assert line == (
        "workflows/agreement.yaml:19:66: workflows.agreement.states.agreed.then.0.spawns.0.workflow: 'trial' is not a "
        "workflow that runs here; these do: agreement"
    )
    scenario = load(courts(HEAD + CASEWORK.replace("casework: {", "casework: {outside: [trial], "), workflow))
    assert scenario.workflows["agreement"].states["agreed"].then[0].spawns[0].workflow == "trial"
    (run,) = workflows_of(scenario)
    assert Spawn("trial") not in run.states["agreed"].transitions[0].spawns


def test_the_width_of_a_bucket_follows_the_horizon(courts: Callable[..., Path]) -> None:
    casework = load(courts()).casework
    assert casework is not None
    minute_ns, day_ns = 60 * 10**9, 86_400 * 10**9
    assert [casework.bucket_ns(days * day_ns) // minute_ns for days in (1, 2, 3, 60, 61)] == [1, 1, 15, 15, 60]
    assert casework.model_copy(update={"bucket": 7}).bucket_ns(day_ns) == 7


def test_a_table_of_holidays_comes_from_a_file(courts: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "days.yaml").write_text("source: made up\noff: [2022-12-27]\nworking: [2022-12-31]\n")
    scenario = load(courts(HEAD + CASEWORK.replace("casework: {", "casework: {holidays: days.yaml, ")))
    assert scenario.casework is not None
    assert scenario.casework.holidays is not None
    assert [str(day) for day in scenario.casework.holidays.off] == ["2022-12-27"]
    saved = tmp_path / "saved.yaml"
    saved.write_text(scenario.to_yaml())
    assert load(saved) == scenario


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[agreement]", "[agrement]", "s.yaml:6:13: workflows.agrement: no such workflow; did you mean 'agreement'?"),
        (
            "[agreement]",
            "[agreement, agreement]",
            "s.yaml:6:24: workflows.agreement: is named twice; needs each workflow once",
        ),
        (
            "[agreement]",
            "{agreement: all}",
            "s.yaml:6:13: workflows.agreement: needs a map with what of the workflow's file changes, such as {}",
        ),
        (
            "{clerk: 12000}",
            "{clrk: 12000}",
            "workflows/agreement.yaml:28:34: workflows.agreement.states.due.then.0.desk.role: nobody is a 'clerk'",
        ),
        ("[agreement]", "[]", "s.yaml:7:1: casework: belongs to workflows, and none runs; needs workflows: [...]"),
    ],
)
def test_what_is_wrong_is_told(courts: Callable[..., Path], old: str, new: str, line: str) -> None:
    assert problem_lines(courts(HEAD + CASEWORK.replace(old, new)))[0].startswith(line)


LINK = "links: {jc-exe: {from: jc, to: exe, protocol: trusted_gateway, verify: spv, atomicity: packet, poll: 200ms}}\n"


@pytest.mark.parametrize(
    ("links", "sends", "problem"),
    [
        (LINK, "{to: exe}", ""),
        (LINK, "{to: exe, verify: spv, atomicity: packet}", ""),
        (LINK, "{to: exe, verify: none, atomicity: none}", ""),
        ("", "{to: exe}", "no link leads from jc to exe; links lead to: none"),
        (LINK, "{from: exe, to: jc}", "no link leads from exe to jc; links lead to: none"),
        (LINK, "{to: exe, verify: light_client}", "link jc-exe checks spv; needs light_client or more"),
        (LINK, "{to: exe, atomicity: 2pc}", "link jc-exe has atomicity packet; needs 2pc"),
    ],
)
def test_messages_need_a_link_that_is_good_enough(
    courts: Callable[..., Path], links: str, sends: str, problem: str
) -> None:
    workflow = changed("by: mediator,", f"by: mediator, sends: {sends},")
    file = courts(HEAD + CASEWORK + links, workflow)
    if not problem:
        load(file)
        return
    (line,) = problem_lines(file)
    assert line == f"workflows/agreement.yaml:19:46: workflows.agreement.states.agreed.then.0.sends: {problem}"


def test_chains_and_profiles_must_be_of_the_scenario(courts: Callable[..., Path]) -> None:
    workflow = changed("records: [{kind: agreement}]", "records: [{kind: agreement, chain: mediation}]")
    workflow = changed("{rate: 1e6/year,", "{rate: 1e6/year, profile: offise,", workflow)
    lines = [line.partition(": ")[2] for line in problem_lines(courts(workflow=workflow))]
    assert lines == [
        "workflows.agreement.starts.profile: 'offise' is not a profile; did you mean 'office'? profiles: office",
        "workflows.agreement.states.agreed.then.0.records.0.chain: 'mediation' is not a chain; chains: jc, exe",
    ]


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        ("casework.agreement.completed", ""),
        ("casework.agreement.losses.wrongful", ""),
        ("casework.agreement.deadlines.serving.reply.missed", ""),
        ("docket.displaced_s.p99", ""),
        ("casework.agrement.open", "'agrement' does not run here; did you mean 'agreement'?"),
        ("casework.agreement.startd", "no such metric 'startd'; did you mean 'started'?"),
        ("casework.agreement.losses.wrong", "agreement has no 'wrong'; did you mean 'wrongful'?"),
        ("casework.agreement.deadlines.filing.late", "no such metric 'late'; metrics: met, missed, open"),
        ("docket.case", "no such metric 'case'; did you mean 'cases'?"),
    ],
)
def test_objectives_are_about_cases_too(courts: Callable[..., Path], metric: str, problem: str) -> None:
    bound = "3s" if "_s" in metric else "3"
    file = courts(HEAD + CASEWORK + f"slo: [{{metric: {metric}, at_most: {bound}}}]\n")
    if problem:
        (line,) = problem_lines(file)
        assert line == f"s.yaml:8:16: slo.0.metric: is '{metric}': {problem}"
        return
    (objective,) = load(file).slo
    summary = {
        "casework": {
            "agreement": {"completed": 4, "losses": {"wrongful": 4}, "deadlines": {"serving.reply": {"missed": 4}}}
        },
        "docket": {"displaced_s": {"p99": 4.0}},
    }
    (entry,) = evaluate([objective], summary)
    assert (entry["actual"], entry["met"]) == (4.0, False)


def test_who_is_on_duty_must_be_somebody(courts: Callable[..., Path]) -> None:
    text = HEAD + "workflows: [agreement]\ncasework: {desks: {clerk: 12000}, on_duty: [clark]}\n"
    (line,) = problem_lines(courts(text))
    assert "casework.on_duty.0: nobody is a 'clark'; needs a role of casework.desks" in line


def test_desks_of_a_scenario_work_when_and_put_off_what_it_says(courts: Callable[..., Path]) -> None:
    text = HEAD + "workflows: [agreement]\ncasework: {desks: {clerk: 12000}, on_duty: [clerk], most_waiting: 2.5}\n"
    casework = load(courts(text)).casework
    assert casework is not None
    assert (casework.on_duty, casework.most_waiting) == (("clerk",), 2.5)
