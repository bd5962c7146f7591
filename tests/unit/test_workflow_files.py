"""From a workflow's file to the data that is run: shared steps, units, and everything that cannot be read."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jsonschema
import pytest
from workflow_text import STEP, WORKFLOW, changed, lines_of, write

from sim.casework.definition import Call, Clock, Deadline, Guard, Priority, Records, Wait
from sim.kernel.civil import OFFICE_HOURS, Unit
from sim.kernel.distributions import Constant, Exponential, Lognormal
from sim.scenario import load_workflow, validate_workflow, workflow_schema
from sim.scenario.problems import Source
from sim.scenario.workflow.loader import validate_step
from sim.scenario.workflow.quantities import OFFICE_DAY_NS
from sim.scenario.yamltree import parse

HOUR_NS = 3_600 * 10**9


def test_a_file_becomes_what_it_says(tmp_path: Path) -> None:
    workflow = load_workflow(write(tmp_path))
    assert (workflow.name, workflow.code, workflow.initial, workflow.chain) == ("agreement", "W12", "agreed", "med")
    assert workflow.amount == Lognormal(20_000, 2e6)
    assert workflow.starts is not None
    assert workflow.starts.rate_per_s == pytest.approx(1e6 / (365 * 86_400))
    (first,) = workflow.states["agreed"].transitions
    assert first.after == Constant(HOUR_NS)
    assert first.records == (Records("med", "agreement"),)
    assert first.call == Call("agreement", "arm")
    assert first.waits == Wait.COMMITTED
    assert first.by == "mediator"
    filed, returned, paid = workflow.states["due"].transitions
    assert filed.desk is not None
    assert filed.desk.work == Constant(HOUR_NS / 3)
    assert filed.irreversible
    assert filed.repaired_by == "withdrawn"
    assert returned.desk is not None
    assert returned.desk.work == Exponential(HOUR_NS / 6)
    assert returned.chance == 0.01
    assert filed.priority == Priority.P2
    assert paid.on == "paid"
    assert workflow.facts["unseen"].given == "will-pay"
    assert workflow.facts["unseen"].truth
    assert workflow.losses["wrongful"].guard == Guard(yes=frozenset({"unseen"}))
    assert workflow.states["withdrawn"].zh == "撤回"
    assert workflow.states["paid"].transitions == ()


def test_a_call_is_a_record_even_where_nothing_else_is_deposited(tmp_path: Path) -> None:
    text = changed("records: [{kind: agreement}], ", "")
    assert load_workflow(write(tmp_path, text)).states["agreed"].transitions[0].records == (
        Records("med", "agreement-arm"),
    )


def test_working_days_are_counted_on_the_clock_of_offices(tmp_path: Path) -> None:
    way = load_workflow(write(tmp_path)).states["armed"].transitions[1]
    assert way.clock == Clock.OFFICE
    assert way.after == Constant(5 * 8 * HOUR_NS)
    assert (OFFICE_HOURS[1] - OFFICE_HOURS[0]) * 60 * 10**9 == OFFICE_DAY_NS


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [
        ("48h", 48, Unit.HOURS),
        ("3wd", 3, Unit.WORKING_DAYS),
        ("1month", 1, Unit.MONTHS),
        ("2months", 2, Unit.MONTHS),
        ("2years", 2, Unit.YEARS),
    ],
)
def test_periods_of_law_have_their_units(tmp_path: Path, text: str, count: int, unit: Unit) -> None:
    deadline = load_workflow(write(tmp_path, changed("within: 7d", f"within: {text}"))).deadlines["filing"]
    assert (deadline.count, deadline.unit) == (count, unit)


def test_a_shared_step_is_filled_in(tmp_path: Path) -> None:
    workflow = load_workflow(write(tmp_path))
    assert list(workflow.states)[2:5] == ["serving", "serving.read", "due"]
    read, failed = workflow.states["serving"].transitions
    assert (read.target, failed.target) == ("serving.read", "due")
    assert failed.due == "serving.reply"
    assert workflow.states["serving.read"].transitions[0].target == "due"
    assert workflow.states["serving.read"].zh == "已读"
    reply = Deadline("serving.reply", 3, Unit.DAYS, frozenset({"serving"}), frozenset({"serving.read"}))
    assert workflow.deadlines["serving.reply"] == reply
    assert list(workflow.facts) == ["consents", "confirmed", "will-pay", "unseen"]


def test_the_same_step_twice_has_two_sets_of_states_and_one_of_facts(tmp_path: Path) -> None:
    text = changed("{to: filed, desk", "{to: again, desk").replace(
        "  filed:\n", "  again: {use: e-service, served: filed, failed: filed}\n  filed:\n"
    )
    text = text.replace(", irreversible: true, repaired_by: withdrawn", "")
    workflow = load_workflow(write(tmp_path, text))
    assert workflow.states["serving.read"].transitions[0].target == "due"
    assert workflow.states["again.read"].transitions[0].target == "filed"
    assert workflow.states["again"].transitions[1].due == "again.reply"
    assert list(workflow.facts).count("consents") == 1


def test_the_workflow_says_otherwise_of_a_fact_of_its_step(tmp_path: Path) -> None:
    text = changed("  confirmed: {chance: 30%}", "  confirmed: {chance: 30%}\n  consents: {chance: 10%}")
    assert load_workflow(write(tmp_path, text)).facts["consents"].chance == 0.1


def test_a_user_of_a_step_adds_ways_out_of_all_its_states(tmp_path: Path) -> None:
    text = changed("failed: due}", "failed: due, title: by mail, then: [{to: paid, on: armed}]}")
    workflow = load_workflow(write(tmp_path, text))
    assert workflow.states["serving"].title == "by mail"
    assert workflow.states["serving"].transitions[-1].on == "armed"
    assert workflow.states["serving.read"].transitions[-1].target == "paid"


def test_a_step_may_use_another(tmp_path: Path) -> None:
    outer = "exits: [done]\nstates:\n  first: {then: [{to: mail, after: 1h}]}\n"
    outer += "  mail: {use: e-service, served: last, failed: done}\n  last: {then: [{to: done, after: 1h}]}\n"
    file = write(tmp_path, changed("{use: e-service, served: due, failed: due}", "{use: outer, done: due}"))
    (file.parent / "steps" / "outer.yaml").write_text(outer)
    workflow = load_workflow(file)
    inner = [name for name in workflow.states if name.startswith("serving")]
    assert inner == ["serving", "serving.mail", "serving.mail.read", "serving.last"]
    assert workflow.states["serving.mail.read"].transitions[0].target == "serving.last"
    assert workflow.states["serving.mail"].transitions[1].target == "due"
    assert workflow.states["serving.mail"].transitions[1].due == "serving.mail.reply"


def test_steps_that_use_each_other_have_an_end(tmp_path: Path) -> None:
    step = "exits: [served, failed]\nstates:\n  a: {then: [{to: b, after: 1h}]}\n"
    step += "  b: {use: e-service, served: a, failed: a}\n"
    (line,) = [line for line in lines_of(write(tmp_path, step=step)) if "deep" in line]
    assert "uses steps that use steps, more than 8 deep" in line


def test_a_workflow_can_be_pickled(tmp_path: Path) -> None:
    workflow = load_workflow(write(tmp_path))
    assert pickle.loads(pickle.dumps(workflow)) == workflow  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("code: W12", "code: 12", "agreement.yaml:1:7: code: is '12': needs a code such as W12"),
        ("title: Agreement", "tile: Agreement", "agreement.yaml:2:1: tile: no such key; did you mean 'title'?"),
        ("articles: [14]", "articles: [33]", "agreement.yaml:4:12: articles.0: is '33': must be ≤ 32"),
        ("rate: 1e6/year", "rate: 5d", "agreement.yaml:6:16: starts.rate: is a duration (5d); needs a rate such as"),
        (
            "[0.8, 1.2, 1.2, 0.8]",
            "[0.8, 1.2, 1.2, 1.2]",
            "agreement.yaml:6:26: starts.seasons: have the mean 1.1; needs weights of the quarters whose mean is 1",
        ),
        ("chance: 30%", "chance: 0.3", "agreement.yaml:9:23: facts.confirmed.chance: is '0.3': needs a share in per"),
        (
            "truth: true, given",
            "truth: maybe, given",
            "agreement.yaml:11:31: facts.unseen.truth: is 'maybe': needs yes",
        ),
        (
            "within: 7d",
            "within: 7 weeks",
            "agreement.yaml:13:20: deadlines.filing.within: is '7 weeks': needs a period",
        ),
        (
            "within: 7d",
            "within: 1.5d",
            "agreement.yaml:13:20: deadlines.filing.within: is a duration (1.5d); needs a p",
        ),
        (
            "after: 1h",
            "afer: 1h",
            "agreement.yaml:19:21: states.agreed.then.0.afer: no such key; did you mean 'after'?",
        ),
        (
            "after: 1h, ",
            "",
            "agreement.yaml:19:9: states.agreed.then.0: has no trigger; needs one of after, due, desk, on",
        ),
        (
            "after: 1h, ",
            "after: 1h, on: paid, ",
            "agreement.yaml:19:36: states.agreed.then.0.on: stands beside after; needs one of after, due, desk, on",
        ),
        (
            "after: 1h,",
            "after: {gamma: {mean: 1h, shape: 2}},",
            "agreement.yaml:19:21: states.agreed.then.0.after: is gamma, which takes several draws; needs one of const",
        ),
        (
            "after: 1h,",
            "after: {uniform: {low: 1h, high: 3wd}},",
            "agreement.yaml:19:21: states.agreed.then.0.after: mixes working days (3wd) with other time (1h); needs",
        ),
        (
            "after: 1h,",
            "after: 2months,",
            "agreement.yaml:19:28: states.agreed.then.0.after: is '2months': counts months or years, whose length v",
        ),
        (
            "call: agreement.arm",
            "call: arm",
            "agreement.yaml:19:82: states.agreed.then.0.call: is 'arm': needs a contract and its method, such as agree",
        ),
        (
            "waits: committed",
            "waits: delivered",
            "agreement.yaml:19:104: states.agreed.then.0.waits: waits for a packet, and there is none; needs sends",
        ),
        (
            "{to: paid, on: paid}",
            "{to: paid, on: paid, chance: 5%}",
            "agreement.yaml:30:38: states.due.then.2.chance: stands beside on; a signal comes or does not, so it needs",
        ),
        (
            ", usually: 3d",
            "",
            "agreement.yaml:33:9: states.filed.then.0.usually: is missing; an expected signal needs how long it takes",
        ),
        (
            "unseen]}}",
            "unseen]}, unit: days}",
            "agreement.yaml:15:3: losses.wrongful.since: is missing; days need since which state",
        ),
        (
            "use: e-service",
            "use: e-servce",
            "agreement.yaml:25:18: states.serving.use: 'e-servce' is not a shared step; did you mean 'e-service'?",
        ),
        (
            ", failed: due}",
            "}",
            "agreement.yaml:25:13: states.serving.failed: is missing; e-service may end there, so it needs the state",
        ),
        (
            "failed: due}",
            "failed: due, lost: due}",
            "agreement.yaml:25:55: states.serving.lost: no such key; exits and keys here: served, failed, use, title",
        ),
    ],
)
def test_what_cannot_be_read_is_told_where_it_stands(tmp_path: Path, old: str, new: str, line: str) -> None:
    found = lines_of(write(tmp_path, changed(old, new)))
    assert [each for each in found if each.startswith(line)], found


def test_the_json_schema_accepts_what_loads_and_refuses_what_does_not() -> None:
    schema = workflow_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not list(validator.iter_errors(as_an_editor_sees(WORKFLOW)))
    for old, new in (("code: W12", "code: 12"), ("after: 1h, ", "afer: 1h, "), ("within: 7d", "within: a week")):
        assert list(validator.iter_errors(as_an_editor_sees(changed(old, new))))


def as_an_editor_sees(text: str) -> object:
    """The file by YAML 1.2, in which `on` and `yes` are text and `true` is not."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(child) for key, child in value.items()}
        if isinstance(value, list):
            return [plain(child) for child in value]
        try:
            return json.loads(str(value))
        except ValueError:
            return str(value)

    return plain(parse(text, Source("w.yaml", Path()))[0])


def test_what_is_wrong_in_a_step_is_told_in_the_step(tmp_path: Path) -> None:
    (line,) = lines_of(write(tmp_path, step=changed("after: 1d", "after: soon", STEP)))
    assert line.startswith("steps/e-service.yaml:9:27: states.serving.then.0.after: is 'soon': needs a duration with")
    (line,) = lines_of(write(tmp_path, step=changed("to: served", "to: severed", STEP)))
    assert line.startswith("steps/e-service.yaml:14:14: states.serving.read.then.0.to: 'severed' is not a state")


def test_a_step_that_is_not_there_is_told_alone(tmp_path: Path) -> None:
    text = changed("use: e-service", "use: post")
    (line,) = lines_of(write(tmp_path, text))
    assert line == "agreement.yaml:25:18: states.serving.use: 'post' is not a shared step; steps: e-service"


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = changed("code: W12", "code: 12").replace("after: 1h", "after: 1").replace("within: 7d", "within: 7")
    assert len(lines_of(write(tmp_path, text))) == 3


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    (line,) = lines_of(write(tmp_path, name="Agreement_1"))
    assert line.startswith(
        "Agreement_1.yaml: the file's name is the workflow's, and is 'Agreement_1': an id is made of"
    )


WORKFLOWS = Path(__file__).parents[2] / "scenarios" / "workflows"


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_committed_workflow_is_good_alone_and_with_the_others(file: Path) -> None:
    validate_workflow(file)
    assert not list(jsonschema.Draft202012Validator(workflow_schema()).iter_errors(as_an_editor_sees(file.read_text())))


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("steps/*.yaml")), ids=lambda file: file.stem)
def test_every_committed_step_is_good(file: Path) -> None:
    assert validate_step(file) > 0
