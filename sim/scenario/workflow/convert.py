"""From the models of a file to the frozen data that interpreters read."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.casework import definition
from sim.scenario.distributions import to_kernel
from sim.scenario.workflow.model import ANSWERS, PRIORITIES, QUARTERS, WAITS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sim.kernel.distributions import Distribution
    from sim.scenario.distributions import Plain
    from sim.scenario.model import Scenario
    from sim.scenario.workflow import model

_CLOCKS = {"calendar": definition.Clock.CALENDAR, "office": definition.Clock.OFFICE}


def to_definition(name: str, spec: model.Workflow) -> definition.Workflow:
    """Return the workflow ``name`` that a checked file describes."""
    return definition.Workflow(
        name=name,
        code=spec.code,
        title=spec.title,
        zh=spec.zh,
        articles=spec.articles,
        chain=spec.chain,
        initial=next(iter(spec.states)),
        states={key: _state(key, state, spec.chain) for key, state in spec.states.items()},
        facts={key: definition.Fact(fact.chance, fact.truth, fact.given) for key, fact in spec.facts.items()},
        deadlines={key: _deadline(key, deadline) for key, deadline in spec.deadlines.items()},
        losses={
            key: definition.Loss(key, loss.state, _guard(loss.guard), loss.unit, loss.since)
            for key, loss in spec.losses.items()
        },
        starts=_starts(spec.starts) if spec.starts is not None else None,
        amount=_drawn(spec.amount),
        subjects=spec.subjects,
        assumptions=dict(spec.assumptions),
    )


def workflows_of(scenario: Scenario) -> tuple[definition.Workflow, ...]:
    """Return the workflows that a scenario runs, without the cases that they begin outside of these."""
    followed = scenario.workflows.keys()
    return tuple(_within(to_definition(name, spec), followed) for name, spec in scenario.workflows.items())


def _within(workflow: definition.Workflow, followed: Collection[str]) -> definition.Workflow:
    return replace(
        workflow,
        states={
            name: replace(
                state,
                transitions=tuple(
                    replace(way, spawns=tuple(spawn for spawn in way.spawns if spawn.workflow in followed))
                    for way in state.transitions
                ),
            )
            for name, state in workflow.states.items()
        },
    )


def _drawn(spec: Plain[int] | None) -> Distribution | None:
    return to_kernel(spec) if spec is not None else None


def _guard(guard: model.Guard) -> definition.Guard:
    answer = definition.Answer(ANSWERS.index(guard.answer))
    return definition.Guard(frozenset(guard.yes), frozenset(guard.no), answer)


def _starts(starts: model.Starts) -> definition.Starts:
    mean = math.fsum(starts.seasons) / QUARTERS
    first, second, third, fourth = (weight / mean for weight in starts.seasons)
    return definition.Starts(starts.rate, starts.profile, (first, second, third, fourth), starts.batch)


def _deadline(name: str, deadline: model.Deadline) -> definition.Deadline:
    from sim.kernel.civil import Unit

    units = {
        "h": Unit.HOURS,
        "d": Unit.DAYS,
        "wd": Unit.WORKING_DAYS,
        "months": Unit.MONTHS,
        "years": Unit.YEARS,
    }
    return definition.Deadline(
        name=name,
        count=deadline.within.count,
        unit=units[deadline.within.unit],
        starts=frozenset(deadline.starts),
        ends=frozenset(deadline.ends),
        restarts=frozenset(deadline.restarts),
        suspends=frozenset(deadline.suspends),
        law=deadline.law or "",
        assumed=deadline.assumed,
    )


def _state(name: str, state: model.State, chain: str) -> definition.State:
    title = state.title or name.rpartition(".")[2].replace("-", " ")
    return definition.State(name, title, state.zh or "", tuple(_transition(way, chain) for way in state.then))


def _transition(way: model.Transition, chain: str) -> definition.Transition:
    return definition.Transition(
        target=way.to,
        after=_drawn(way.after),
        clock=_CLOCKS[way.clock],
        due=way.due,
        desk=definition.Desk(way.desk.role, to_kernel(way.desk.work)) if way.desk is not None else None,
        on=way.on,
        usually=_drawn(way.usually),
        expected=way.expected,
        chance=way.chance,
        guard=_guard(way.guard),
        by=way.by or "",
        records=tuple(_records(way, chain)),
        message=_message(way.sends, way.to, chain) if way.sends is not None else None,
        call=definition.Call(*way.call.split(".")) if way.call is not None else None,
        check=_check(way.verifies, chain) if way.verifies is not None else None,
        waits=definition.Wait(WAITS.index(way.waits) + 1) if way.waits is not None else definition.Wait.NOTHING,
        spawns=tuple(definition.Spawn(each.workflow, each.chance, frozenset(each.carries)) for each in way.spawns),
        tells=tuple(definition.Tell(each.to, each.signal) for each in way.tells),
        sets=frozenset(way.sets),
        clears=frozenset(way.clears),
        irreversible=way.irreversible,
        repaired_by=way.repaired_by,
        priority=definition.Priority(PRIORITIES.index(way.priority)),
        law=way.law or "",
    )


def _records(way: model.Transition, chain: str) -> Iterator[definition.Records]:
    """Yield what is deposited; a call is a transaction, and so a record, even where nothing else is."""
    for each in way.records:
        yield definition.Records(each.chain or chain, each.kind, each.count, _drawn(each.size))
    if way.call is not None and not way.records:
        yield definition.Records(chain, way.call.replace(".", "-"))


def _message(sends: model.Sending, target: str, chain: str) -> definition.Message:
    return definition.Message(
        source=sends.source or chain,
        destination=sends.destination,
        name=sends.name or target,
        count=sends.count,
        verify=sends.verify or "",
        atomicity=sends.atomicity or "",
    )


def _check(verifies: model.Verification, chain: str) -> definition.Check:
    return definition.Check(
        of=verifies.of,
        chain=verifies.chain or chain,
        public=verifies.public,
        altered=frozenset(verifies.altered),
        absent=frozenset(verifies.absent),
    )
