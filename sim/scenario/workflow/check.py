"""What is wrong with a workflow although every key of it can be read.

Each finding is the place of a key and one line. Names that lead nowhere are told first and alone: what cannot be
followed cannot be checked. Then: states, ways out and their chances in every combination of facts (`worlds`), periods
of law (`periods`), what cannot be undone, and who sees the truth. What several workflows do together, and what a
scenario must have for them, is in `together`.

Who sees the truth: a fact marked ``truth`` holds in the world, whether anybody knows it or not. So only nature, and
those whose own doing it is, may take a way out because of it: `BY_TRUTH`. Rules of contracts, courts, banks and
registries see only other facts, and what a verification request answers. Losses, and what a verification request
presents (``altered``, ``absent``), may name truths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.scenario.workflow.names import unknown_names
from sim.scenario.workflow.periods import impossible_deadlines
from sim.scenario.workflow.worlds import IMPLICIT, RUNNING, Worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.scenario.workflow.model import State, Transition, Workflow
    from sim.scenario.workflow.worlds import Here
    from sim.scenario.yamltree import Location

    Defects = Iterator[tuple[Location, str]]

BY_TRUTH: Final = (
    "nature",
    "party",
    "parties",
    "addressee",
    "applicant",
    "claimant",
    "company",
    "creditor",
    "debtor",
    "defendant",
    "insider",
    "intruder",
    "lawyer",
    "obligor",
    "other-party",
    "owner",
    "plaintiff",
    "prisoner",
    "respondent",
    "suspect",
    "third-party",
    "witness",
)
"""Whose ways out may depend on the truth: the world's, and theirs whose own doing it is."""
_EPSILON: Final = 1e-9
_MOST_BITS: Final = 62
"""Facts of a case are bits of one word, of which two are the implicit ones."""


def defects(workflow: Workflow) -> Defects:
    """Yield the place and the message of everything that is wrong with a workflow by itself."""
    unknown = list(unknown_names(workflow))
    yield from unknown
    if unknown:
        return
    if len(workflow.facts) > _MOST_BITS:
        yield ("facts",), f"has {len(workflow.facts)} facts; needs {_MOST_BITS} at most"
    yield from _seen_truths(workflow)
    yield from impossible_deadlines(workflow)
    yield from _unrepaired(workflow)
    yield from _without_end(workflow)
    if workflow.amount is None:
        for name, loss in workflow.losses.items():
            if loss.unit == "CNY":
                yield ("losses", name, "unit"), "is CNY, and nothing is at stake; needs an amount of the workflow"
    try:
        worlds = Worlds(workflow)
    except ValueError as error:
        yield ("facts",), f"{error} at most, or else not every combination can be looked at"
        return
    yield from _unreached(workflow, worlds)
    for name, state in workflow.states.items():
        heres = [here for here in worlds.heres if here.state == name]
        yield from _never_taken(name, state, worlds, heres)
        yield from _stuck(name, state, worlds, heres)
        yield from _not_running(name, state, worlds, heres)
        yield from _chances(name, state, worlds, heres)
    yield from _waits_for_ever(workflow)


def _seen_truths(workflow: Workflow) -> Defects:
    truths = {name for name, fact in workflow.facts.items() if fact.truth} | set(IMPLICIT)
    for name, state in workflow.states.items():
        for number, way in enumerate(state.then):
            if way.by in BY_TRUTH:
                continue
            for key in ("yes", "no"):
                for place, fact in enumerate(getattr(way.guard, key)):
                    if fact in truths:
                        who = f"'{way.by}' cannot see" if way.by is not None else "no rule sees"
                        message = f"'{fact}' is a truth, which {who}; needs by: nature or a party, or another fact"
                        yield ("states", name, "then", number, "if", key, place), message


def _unrepaired(workflow: Workflow) -> Defects:
    for name, state in workflow.states.items():
        for number, way in enumerate(state.then):
            where: Location = ("states", name, "then", number)
            if way.irreversible and way.repaired_by is None:
                yield (*where, "irreversible"), "cannot be undone; needs repaired_by: the state that repairs it"
            elif way.repaired_by is not None and way.repaired_by not in _reachable(workflow, way.to):
                message = f"no way leads from '{way.to}' to '{way.repaired_by}'; needs one, or nothing is repaired"
                yield (*where, "repaired_by"), message


def _reachable(workflow: Workflow, start: str) -> set[str]:
    found, queue = {start}, [start]
    while queue:
        for way in workflow.states[queue.pop()].then:
            if way.to not in found:
                found.add(way.to)
                queue.append(way.to)
    return found


def _without_end(workflow: Workflow) -> Defects:
    for name, state in workflow.states.items():
        if state.then and all(workflow.states[each].then for each in _reachable(workflow, name)):
            message = "can never be left for an end; needs a way, over whatever states, to a state without 'then'"
            yield ("states", name), message


def _unreached(workflow: Workflow, worlds: Worlds) -> Defects:
    drawn = _reachable(workflow, next(iter(workflow.states)))
    for name in workflow.states:
        if name not in drawn:
            yield ("states", name), "is never reached: no way leads here from the first state"
        elif name not in worlds.reached:
            yield ("states", name), "is never reached: the ways that lead here can never be taken"


def _never_taken(name: str, state: State, worlds: Worlds, heres: list[Here]) -> Defects:
    for number, way in enumerate(state.then):
        if heres and not any(worlds.holding(way, here) for here in heres):
            answers = sorted({here.answer for here in heres} - {"any"})
            if way.guard.answer not in {"any", *answers}:
                ends = f"ends with {', '.join(answers)}, never" if answers else "never ends"
                message = f"can never be taken: the wait before {ends} with {way.guard.answer}"
            else:
                message = "can never be taken: its facts cannot be so in this state"
            yield ("states", name, "then", number, "if"), message


def _asked(state: State) -> list[str]:
    facts = [fact for way in state.then for fact in (*way.guard.yes, *way.guard.no)]
    return facts + [RUNNING + way.due for way in state.then if way.due is not None]


def _when(worlds: Worlds, state: State, here: Here, held: int) -> str:
    """In which case, in words, after a comma or nothing."""
    facts = worlds.example(held, [fact for fact in _asked(state) if not fact.startswith(RUNNING)])
    answer = f"answer {here.answer}" if any(way.guard.answer != "any" for way in state.then) else ""
    words = " and ".join(part for part in (answer, facts) if part)
    return f" with {words}" if words else ""


def _stuck(name: str, state: State, worlds: Worlds, heres: list[Here]) -> Defects:
    """A state that some case cannot leave; told once, with the first example."""
    for here in heres:
        if not state.then:
            continue
        open_ = here.held
        for way in state.then:
            open_ &= ~worlds.holding(way, here)
        if open_:
            where = _when(worlds, state, here, open_)
            yield ("states", name, "then"), f"no way out can be taken{where}; needs one for every case"
            return


def _not_running(name: str, state: State, worlds: Worlds, heres: list[Here]) -> Defects:
    for number, way in enumerate(state.then):
        if way.due is None:
            continue
        for here in heres:
            if worlds.holding(way, here) & ~worlds.running(way.due):
                message = f"'{way.due}' may not be running here; needs every way here to pass one of its starts"
                yield ("states", name, "then", number, "due"), message
                break


def _chances(name: str, state: State, worlds: Worlds, heres: list[Here]) -> Defects:
    planned = [(number, way) for number, way in enumerate(state.then) if way.on is None]
    ways = [way for _, way in planned]
    most = -1.0
    for here in heres:
        for held, taken in worlds.together(ways, here):
            given = sum(chance for place in taken if (chance := ways[place].chance) is not None)
            free = [place for place in taken if ways[place].chance is None]
            if given > 1 + _EPSILON:
                where = _when(worlds, state, here, held)
                yield ("states", name, "then"), f"the chances of the ways out add up to {given:.4%}{where}; needs 100%"
                return
            if free and given < 1 - _EPSILON:
                rival = _rival(ways, free)
                if rival is not None:
                    first, second = (planned[place][0] for place in rival)
                    where = _when(worlds, state, here, held)
                    message = (
                        f"may be taken as well as way {first}, to '{state.then[first].to}'{where}, equally often; "
                        "needs an `if` that excludes it, or chances"
                    )
                    yield ("states", name, "then", second), message
                    return
            most = max(most, 1.0 if free else given)
    if 0 <= most < 1 - _EPSILON and any(way.chance for way in ways):
        message = f"the chances of the ways out add up to {most:.4%} at most; needs 100%, or one way without"
        yield ("states", name, "then"), message


def _rival(ways: list[Transition], free: list[int]) -> tuple[int, int] | None:
    """Two ways without chances under different conditions: whoever writes that means one or the other."""
    for place in free[1:]:
        if ways[place].guard != ways[free[0]].guard:
            return free[0], place
    return None


def _waits_for_ever(workflow: Workflow) -> Defects:
    """States in which cases that began before the run would stay: in calm, only expected signals come."""
    initial = next(iter(workflow.states))
    calm, queue = {initial}, [initial]
    while queue:
        for way in workflow.states[queue.pop()].then:
            if (way.on is None or way.expected) and way.to not in calm:
                calm.add(way.to)
                queue.append(way.to)
    for name, state in workflow.states.items():
        if name in calm and state.then and all(way.on is not None and not way.expected for way in state.then):
            message = (
                "only signals lead out, and none is expected, so cases that began before the run stay for ever; "
                "needs expected: yes and usually beside the one that comes in calm"
            )
            yield ("states", name, "then"), message
