"""Names of states, facts and deadlines in a workflow that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.scenario.problems import hint
from sim.scenario.workflow.worlds import IMPLICIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.scenario.workflow.model import Guard, Transition, Workflow
    from sim.scenario.yamltree import Location

    Defects = Iterator[tuple[Location, str]]


def unknown_names(workflow: Workflow) -> Defects:
    """Yield place and message of every name of a state, fact or deadline that the workflow does not have."""
    for name, state in workflow.states.items():
        for number, way in enumerate(state.then):
            yield from _in_way(workflow, way, ("states", name, "then", number))
    for name, deadline in workflow.deadlines.items():
        for key in ("starts", "ends", "restarts", "suspends"):
            yield from _each(("deadlines", name, key), getattr(deadline, key), workflow.states, "state")
    for name, loss in workflow.losses.items():
        yield from unknown(("losses", name, "state"), loss.state, workflow.states, "state")
        if loss.since is not None:
            yield from unknown(("losses", name, "since"), loss.since, workflow.states, "state")
        yield from _in_guard(workflow, loss.guard, ("losses", name, "if"))
    for number, (name, fact) in enumerate(workflow.facts.items()):
        if fact.given is not None:
            before = list(workflow.facts)[:number]
            if fact.given not in before:
                message = f"'{fact.given}' is not a fact declared before{hint(fact.given, before, 'facts before')}"
                yield ("facts", name, "given"), message


def facts_of(workflow: Workflow) -> tuple[str, ...]:
    """Return every fact that some way out or loss names, in the order of the file, without the implicit ones."""
    found: dict[str, None] = {}
    for state in workflow.states.values():
        for way in state.then:
            checked = (*way.verifies.altered, *way.verifies.absent) if way.verifies is not None else ()
            carried = (fact for spawn in way.spawns for fact in spawn.carries)
            names = (*way.guard.yes, *way.guard.no, *way.sets, *way.clears, *checked, *carried)
            found.update(dict.fromkeys(names))
    for loss in workflow.losses.values():
        found.update(dict.fromkeys((*loss.guard.yes, *loss.guard.no)))
    return tuple(name for name in found if name not in IMPLICIT)


def unknown(where: Location, word: str, known: Iterable[str], noun: str) -> Defects:
    """Yield a message if ``word`` is none of the words that are known, with the closest of these."""
    if word not in known:
        yield where, f"'{word}' is not a {noun}{hint(word, known, f'{noun}s')}"


def _each(where: Location, words: Iterable[str], known: Iterable[str], noun: str) -> Defects:
    for number, word in enumerate(words):
        yield from unknown((*where, number), word, known, noun)


def _in_way(workflow: Workflow, way: Transition, where: Location) -> Defects:
    yield from unknown((*where, "to"), way.to, workflow.states, "state")
    if way.repaired_by is not None:
        yield from unknown((*where, "repaired_by"), way.repaired_by, workflow.states, "state")
    if way.due is not None:
        yield from unknown((*where, "due"), way.due, workflow.deadlines, "deadline")
    yield from _in_guard(workflow, way.guard, (*where, "if"))
    for key in ("sets", "clears"):
        yield from _each((*where, key), getattr(way, key), workflow.facts, "fact")
    for number, spawn in enumerate(way.spawns):
        yield from _each((*where, "spawns", number, "carries"), spawn.carries, workflow.facts, "fact")
    if way.verifies is not None:
        for key in ("altered", "absent"):
            yield from _each((*where, "verifies", key), getattr(way.verifies, key), workflow.facts, "fact")


def _in_guard(workflow: Workflow, guard: Guard, where: Location) -> Defects:
    for key in ("yes", "no"):
        yield from _each((*where, key), getattr(guard, key), (*workflow.facts, *IMPLICIT), "fact")
