"""What is wrong with workflows that can be read: every defect planted, with what is told of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from workflow_text import STEP, WORKFLOW, changed, lines_of, write

from sim.scenario import ScenarioError, load_workflow, validate_workflow

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "{to: armed, after: 1h",
            "{to: armd, after: 1h",
            "19:14: states.agreed.then.0.to: 'armd' is not a state; did you mean 'armed'?",
        ),
        (
            "yes: [will-pay], no",
            "yes: [wil-pay], no",
            "22:43: states.armed.then.0.if.yes.0: 'wil-pay' is not a fact; did you mean 'will-pay'?",
        ),
        (
            "given: will-pay",
            "given: unseen",
            (
                "11:44: facts.unseen.given: 'unseen' is not a fact declared before; facts before: consents, "
                "confirmed, will-pay"
            ),
        ),
        (
            "starts: [due], ends",
            "starts: [dew], ends",
            "13:33: deadlines.filing.starts.0: 'dew' is not a state; did you mean 'due'?",
        ),
        (
            "state: filed, if",
            "state: file, if",
            "15:21: losses.wrongful.state: 'file' is not a state; did you mean 'filed'?",
        ),
        (
            "{to: returned, desk: {role: clerk, work: {exponential: {mean: 10min}}}, chance: 1%}",
            "{to: returned, due: filng, if: {yes: [confirmed]}}",
            "29:29: states.due.then.1.due: 'filng' is not a deadline; did you mean 'filing'?",
        ),
        (
            "  returned: {}\n",
            "  returned: {}\n  lost: {}\n",
            "36:3: states.lost: is never reached: no way leads here from the first state",
        ),
        (
            "  withdrawn: {title: withdrawn, zh: 撤回}",
            "  withdrawn: {then: [{to: filed, after: 1d}]}",
            (
                "34:3: states.withdrawn: can never be left for an end; needs a way, over whatever states, to a state "
                "without 'then'"
            ),
        ),
        (
            ", if: {yes: [unseen]}, by: nature}",
            ", if: {yes: [unseen], no: [will-pay]}, by: nature}",
            "24:35: states.armed.then.2.if: can never be taken: its facts cannot be so in this state",
        ),
        (
            "      - {to: serving, after: 5wd, if: {yes: [unseen]}, by: nature}\n",
            "",
            "21:5: states.armed.then: no way out can be taken with will-pay and unseen; needs one for every case",
        ),
        (
            "waits: committed}",
            "waits: committed, sends: {to: jc}}\n      - {to: paid, after: 1h, if: {answer: timed-out}}",
            "20:31: states.agreed.then.1.if: can never be taken: the wait before never ends with timed-out",
        ),
        (
            "{to: serving, after: 5wd, if: {no: [will-pay]}, by: debtor}",
            "{to: serving, after: 5wd, by: debtor}",
            (
                "23:9: states.armed.then.1: may be taken as well as way 0, to 'paid' with will-pay and not unseen, "
                "equally often; needs an `if` that excludes it, or chances"
            ),
        ),
        (
            "chance: 1%}",
            "chance: 1%}\n      - {to: paid, after: 1h, chance: 99.5%}",
            "27:5: states.due.then: the chances of the ways out add up to 100.5000%; needs 100%",
        ),
        (
            "repaired_by: withdrawn}",
            "repaired_by: withdrawn, chance: 90%}",
            (
                "27:5: states.due.then: the chances of the ways out add up to 91.0000% at most; needs 100%, or one way "
                "without"
            ),
        ),
        (
            ", repaired_by: withdrawn}",
            "}",
            "28:69: states.due.then.0.irreversible: cannot be undone; needs repaired_by: the state that repairs it",
        ),
        (
            "repaired_by: withdrawn}",
            "repaired_by: returned}",
            (
                "28:88: states.due.then.0.repaired_by: no way leads from 'filed' to 'returned'; needs one, or nothing "
                "is repaired"
            ),
        ),
        (
            "no: [will-pay]}, by: debtor}",
            "no: [will-pay]}, by: court}",
            (
                "23:45: states.armed.then.1.if.no.0: 'will-pay' is a truth, which 'court' cannot see; needs by: nature "
                "or a party, or another fact"
            ),
        ),
        (
            "no: [will-pay]}, by: debtor}",
            "no: [will-pay]}}",
            (
                "23:45: states.armed.then.1.if.no.0: 'will-pay' is a truth, which no rule sees; needs by: nature or a "
                "party, or another fact"
            ),
        ),
        (
            "within: 7d, starts: [due]",
            "within: 3d, starts: [agreed]",
            (
                "13:20: deadlines.filing.within: can't be met: from agreed to filed, returned takes 4.4 days at least; "
                "needs a longer period or shorter ways"
            ),
        ),
        (
            "ends: [filed, returned]",
            "ends: [armed]",
            (
                "13:39: deadlines.filing.ends: can never end: no way leads from where it starts (due) to where "
                "it ends (armed)"
            ),
        ),
        (
            "{to: paid, after: 30d",
            "{to: paid, due: filing",
            (
                "22:25: states.armed.then.0.due: 'filing' may not be running here; needs every way here to pass one of "
                "its starts"
            ),
        ),
        (
            ", usually: 3d, expected: yes",
            "",
            (
                "32:5: states.filed.then: only signals lead out, and none is expected, so cases that began before the "
                "run stay for ever; needs expected: yes and usually beside the one that comes in calm"
            ),
        ),
        (
            "if: {yes: [unseen]}}",
            "if: {yes: [unseen]}, unit: CNY}",
            "15:55: losses.wrongful.unit: is CNY, and nothing is at stake; needs an amount of the workflow",
        ),
    ],
)
def test_every_defect_is_told(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = changed(old, new)
    if "unit: CNY" in new:
        text = changed("amount: {lognormal: {median: 20000, p99: 2e6}}", "# no amount", text)
    lines = lines_of(write(tmp_path, text))
    assert f"agreement.yaml:{line}" in lines, lines


def test_a_good_workflow_has_no_defect(tmp_path: Path) -> None:
    load_workflow(write(tmp_path))


def test_what_cannot_be_undone_must_be_repairable_over_several_states(tmp_path: Path) -> None:
    text = changed("{to: withdrawn, on: refused", "{to: returned, on: refused")
    text = changed("  returned: {}", "  returned: {then: [{to: withdrawn, after: 1d}]}", text)
    load_workflow(write(tmp_path, text))


@pytest.mark.parametrize(("answers", "missing"), [("pass", "not-found"), ("mismatch", "pass")])
def test_every_answer_of_a_check_needs_a_way_out(tmp_path: Path, answers: str, missing: str) -> None:
    """The first answer without a way out, in the order in which the platform gives them, is told."""
    text = changed("waits: committed}", "waits: answered, verifies: {of: agreement}}")
    ways = f"      - {{to: serving, after: 5wd, if: {{answer: {answers}}}}}\n"
    start, end = text.index("      - {to: paid, after: 30d"), text.index("  serving: {use")
    lines = lines_of(write(tmp_path, text[:start] + ways + text[end:]))
    message = f"no way out can be taken with answer {missing}; needs one for every case"
    assert f"agreement.yaml:21:5: states.armed.then: {message}" in lines


@pytest.mark.parametrize(
    ("waits", "answers", "missing"),
    [
        ("waits: committed}", "done", "refused"),
        ("waits: delivered, sends: {to: jc}}", "done", "timed-out"),
        ("waits: acknowledged, sends: {to: jc}}", "timed-out", "done"),
    ],
)
def test_every_end_of_a_wait_needs_a_way_out(tmp_path: Path, waits: str, answers: str, missing: str) -> None:
    text = changed("waits: committed}", waits)
    ways = f"      - {{to: serving, after: 5wd, if: {{answer: {answers}}}}}\n"
    start, end = text.index("      - {to: paid, after: 30d"), text.index("  serving: {use")
    lines = lines_of(write(tmp_path, text[:start] + ways + text[end:]))
    message = f"no way out can be taken with answer {missing}; needs one for every case"
    assert f"agreement.yaml:21:5: states.armed.then: {message}" in lines


def test_facts_that_are_set_on_the_way_count(tmp_path: Path) -> None:
    """`paid` holds in every case that gets there, so no way out is missing although only `paid` has one."""
    text = changed("confirmed: {chance: 30%}", "confirmed: {chance: 30%}\n  settled: {chance: 0%}")
    text = changed("by: mediator,", "by: mediator, sets: [settled],", text)
    text = changed("{yes: [will-pay], no: [unseen]}", "{yes: [will-pay, settled], no: [unseen]}", text)
    load_workflow(write(tmp_path, text))
    gone = changed("sets: [settled]", "clears: [settled]", text)
    told = [line for line in lines_of(write(tmp_path, gone)) if "states.armed.then:" in line]
    assert told == [
        (
            "agreement.yaml:22:5: states.armed.then: no way out can be taken with not settled and will-pay and not "
            "unseen; needs one for every case"
        )
    ]


def test_a_deadline_that_runs_on_some_ways_only_is_told(tmp_path: Path) -> None:
    step = changed("{to: failed, due: reply", "{to: read, due: reply", STEP)
    step = changed("{to: served, after: 1min}", "{to: served, after: 1min}\n      - {to: failed, due: reply}", step)
    lines = lines_of(write(tmp_path, step=step))
    assert [line for line in lines if "'serving.reply' may not be running here" in line]


def test_many_facts_are_looked_at_quickly(tmp_path: Path) -> None:
    facts = "".join(f"  f{number}: {{chance: 50%}}\n" for number in range(16))
    guards = ", ".join(f"f{number}" for number in range(16))
    text = changed("  confirmed: {chance: 30%}\n", f"  confirmed: {{chance: 30%}}\n{facts}")
    way = f"      - {{to: paid, after: 1h, if: {{yes: [{guards}]}}, chance: 10%}}\n"
    text = changed("      - {to: paid, on: paid}\n", f"      - {{to: paid, on: paid}}\n{way}", text)
    began = time.perf_counter()
    load_workflow(write(tmp_path, text))
    assert time.perf_counter() - began < 2


OTHER = """\
code: W9
title: Mediation
zh: 调解
articles: [14]
chain: med
starts: {rate: 1e6/year}
facts:
  confirmed: {chance: 30%}
states:
  asked:
    then:
      - {to: agreed, after: 1d, spawns: [{workflow: agreement, carries: [confirmed]}]}
  agreed: {then: [{to: over, on: sent}, {to: over, after: 90d}]}
  over: {}
"""


def together(folder: Path, other: str, workflow: str = WORKFLOW) -> list[str]:
    """What is told of both, each together with the other."""
    files = [write(folder, workflow), write(folder, other, name="mediation")]
    lines: list[str] = []
    for file in files:
        try:
            validate_workflow(file)
        except ScenarioError as error:
            lines += [line.replace(f"{file.parent}/", "") for line in str(error).splitlines()]
    return lines


def test_good_workflows_go_together(tmp_path: Path) -> None:
    assert together(tmp_path, OTHER) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "workflow: agreement",
            "workflow: agrement",
            (
                "mediation.yaml:12:53: states.asked.then.0.spawns.0.workflow: 'agrement' is not a workflow that runs "
                "here; did you mean 'agreement'?"
            ),
        ),
        (
            "on: sent",
            "on: snt",
            "mediation.yaml:13:34: states.agreed.then.0.on: nobody sends 'snt' to mediation; did you mean 'sent'?",
        ),
        (
            "starts: {rate: 1e6/year}\n",
            "",
            "mediation.yaml:1:1: nothing begins its cases; needs starts, or a workflow here that spawns it",
        ),
        (
            "after: 90d}",
            "after: 90d, call: agreement.fulfil}",
            "mediation.yaml:13:70: states.agreed.then.1.call: agreement has no method 'fulfil'; did you mean 'file'?",
        ),
        (
            "after: 90d}",
            "after: 90d, call: agrement.pay}",
            "mediation.yaml:13:70: states.agreed.then.1.call: 'agrement' is not a contract; did you mean 'agreement'?",
        ),
        (
            "after: 90d}",
            "after: 90d, verifies: {of: receipt}}",
            "mediation.yaml:13:79: states.agreed.then.1.verifies.of: nobody deposits 'receipt'; kinds: agreement",
        ),
    ],
)
def test_every_defect_between_workflows_is_told(tmp_path: Path, old: str, new: str, line: str) -> None:
    lines = together(tmp_path, changed(old, new, OTHER))
    assert [each for each in lines if each.startswith(line)], lines


def test_a_fact_must_be_there_to_be_carried(tmp_path: Path) -> None:
    other = changed("confirmed: {chance", "sealed: {chance", OTHER)
    (line,) = together(tmp_path, changed("[confirmed]", "[sealed]", other))
    assert "carries.0: agreement has no fact 'sealed'; its facts: consents, confirmed, will-pay, unseen" in line


def test_who_is_told_must_hear_it(tmp_path: Path) -> None:
    """What a case tells its children does not reach the case that began it."""
    lines = together(tmp_path, OTHER, WORKFLOW.replace("e-service,", "e-service, then: [],"))
    assert lines == []
    write(tmp_path, step=changed("to: parent", "to: children", STEP))
    folder = tmp_path / "other"
    file = write(folder, step=changed("to: parent", "to: children", STEP))
    other = write(folder, OTHER, step=changed("to: parent", "to: children", STEP), name="mediation")
    validate_workflow(file)
    with pytest.raises(ScenarioError, match="nobody sends 'sent' to mediation"):
        validate_workflow(other)
