"""A workflow with one shared step, for tests that read it whole or with something wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.scenario import ScenarioError, load_workflow

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = """\
code: W12
title: Agreement not performed
zh: 调解协议不履行
articles: [14]
chain: med
starts: {rate: 1e6/year, seasons: [0.8, 1.2, 1.2, 0.8]}
amount: {lognormal: {median: 20000, p99: 2e6}}
facts:
  confirmed: {chance: 30%}
  will-pay: {chance: 95%, truth: true}
  unseen: {chance: 1%, truth: true, given: will-pay}
deadlines:
  filing: {within: 7d, starts: [due], ends: [filed, returned], law: CPL 126}
losses:
  wrongful: {state: filed, if: {yes: [unseen]}}
states:
  agreed:
    then:
      - {to: armed, after: 1h, by: mediator, records: [{kind: agreement}], call: agreement.arm, waits: committed}
  armed:
    then:
      - {to: paid, after: 30d, if: {yes: [will-pay], no: [unseen]}, by: debtor}
      - {to: serving, after: 5wd, if: {no: [will-pay]}, by: debtor}
      - {to: serving, after: 5wd, if: {yes: [unseen]}, by: nature}
  serving: {use: e-service, served: due, failed: due}
  due:
    then:
      - {to: filed, desk: {role: clerk, work: 20min}, irreversible: true, repaired_by: withdrawn}
      - {to: returned, desk: {role: clerk, work: {exponential: {mean: 10min}}}, chance: 1%}
      - {to: paid, on: paid}
  filed:
    then:
      - {to: withdrawn, on: refused, usually: 3d, expected: yes}
  withdrawn: {title: withdrawn, zh: 撤回}
  returned: {}
  paid: {}
"""
STEP = """\
exits: [served, failed]
facts:
  consents: {chance: 80%}
deadlines:
  reply: {within: 3d, starts: [sent], ends: [read]}
states:
  sent:
    then:
      - {to: read, after: 1d, if: {yes: [consents]}, tells: [{to: parent, signal: sent}]}
      - {to: failed, due: reply, if: {no: [consents]}}
  read:
    zh: 已读
    then:
      - {to: served, after: 1min}
"""


def write(folder: Path, workflow: str = WORKFLOW, step: str = STEP, name: str = "agreement") -> Path:
    """The file of a workflow, in a folder of workflows with one shared step."""
    steps = folder / "workflows" / "steps"
    steps.mkdir(parents=True, exist_ok=True)
    (steps / "e-service.yaml").write_text(step, encoding="utf-8")
    file = folder / "workflows" / f"{name}.yaml"
    file.write_text(workflow, encoding="utf-8")
    return file


def changed(old: str, new: str, text: str = WORKFLOW) -> str:
    """The text with one part of it, which is there once, replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def lines_of(file: Path) -> list[str]:
    """What is told of a workflow's file that does not load, a line for each problem, without its folder."""
    with pytest.raises(ScenarioError) as caught:
        load_workflow(file)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return [line.replace(f"{file.parent}/", "") for line in lines]
