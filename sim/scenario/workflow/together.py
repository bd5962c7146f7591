"""What is wrong with workflows together: cases that nobody begins, signals that nobody sends, contracts unheard of.

A set of workflows is what a scenario runs, or all files of a folder. Findings lead to a workflow by its name first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sim.casework.contracts.interface import REFUSED
from sim.scenario.problems import hint
from sim.scenario.workflow.names import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim.casework.contracts.interface import Contract
    from sim.scenario.workflow.model import State, Transition, Workflow
    from sim.scenario.yamltree import Location

    Defects = Iterator[tuple[Location, str]]


def contracts() -> Mapping[str, type[Contract]]:
    """All contracts by name; they come with the calendar and its libraries, so only when workflows are checked."""
    from sim.casework.contracts.registry import CONTRACTS

    return CONTRACTS


@dataclass(frozen=True)
class Together:
    """Workflows that begin each other's cases and tell each other.

    Attributes:
        workflows: by name.
        outside: names of workflows that are begun but not followed.
        complete: these are all that there are, so that every signal has somebody who sends it; else it is enough that
            no case waits for nothing but signals that nobody sends.
    """

    workflows: Mapping[str, Workflow]
    outside: frozenset[str] = frozenset()
    complete: bool = True

    def defects(self) -> Defects:
        """Yield the place, from the workflow's name on, and the message of everything that is wrong."""
        for name, workflow in self.workflows.items():
            if workflow.starts is None and name not in self._begun:
                message = "nothing begins its cases; needs starts, or a workflow here that spawns it"
                yield (name,), message
            for state_name, state in workflow.states.items():
                where: Location = (name, "states", state_name, "then")
                for number, way in enumerate(state.then):
                    yield from self._unfit(way, (*where, number))
                yield from self._unheard(name, state, where)

    def _unfit(self, way: Transition, where: Location) -> Defects:
        known = (*self.workflows, *sorted(self.outside))
        for number, spawn in enumerate(way.spawns):
            here: Location = (*where, "spawns", number)
            if spawn.workflow not in known:
                message = (
                    f"'{spawn.workflow}' is not a workflow that runs here{hint(spawn.workflow, known, 'these do')}"
                )
                yield (*here, "workflow"), message
            child = self.workflows.get(spawn.workflow)
            for place, fact in enumerate(spawn.carries if child is not None else ()):
                if child is not None and fact not in child.facts:
                    message = f"{spawn.workflow} has no fact '{fact}'{hint(fact, child.facts, 'its facts')}"
                    yield (*here, "carries", place), message
        if way.call is not None:
            contract, method = way.call.split(".")
            yield from unknown((*where, "call"), contract, contracts(), "contract")
            if contract in contracts() and method not in contracts()[contract].METHODS:
                methods = contracts()[contract].METHODS
                message = f"{contract} has no method '{method}'{hint(method, methods, 'its methods')}"
                yield (*where, "call"), message
        if way.verifies is not None and self.complete:
            chain = way.verifies.chain
            kinds = self._kinds if chain is None else {kind for kind, at in self._deposits if at == chain}
            message = f"nobody deposits '{way.verifies.of}'" + (f" on {chain}" if chain is not None else "")
            if way.verifies.of not in kinds:
                yield (*where, "verifies", "of"), f"{message}{hint(way.verifies.of, sorted(kinds), 'kinds')}"

    def _unheard(self, name: str, state: State, where: Location) -> Defects:
        sent = self._sent_to(name)
        waits = [(number, way.on) for number, way in enumerate(state.then) if way.on is not None]
        unsent = [(number, signal) for number, signal in waits if signal not in sent]
        stuck = len(waits) == len(state.then) and len(unsent) == len(waits)
        if stuck or self.complete:
            for number, signal in unsent:
                message = f"nobody sends '{signal}' to {name}{hint(signal, sorted(sent), 'signals that it gets')}"
                yield (*where, number, "on"), message

    def _sent_to(self, name: str) -> set[str]:
        """Signals that cases of a workflow may get: answers of contracts, and what other cases tell them."""
        sent = {signal for contract in self._called for signal in contracts()[contract].OTHERS}
        for way in _ways(self.workflows[name]):
            if way.call is not None:
                contract, method = way.call.split(".")
                if contract in contracts():
                    sent |= {REFUSED, *contracts()[contract].METHODS.get(method, ())}
        for teller, workflow in self.workflows.items():
            for way in _ways(workflow):
                sent |= {tell.signal for tell in way.tells if self._hears(name, teller, tell.to)}
        return sent

    def _hears(self, name: str, teller: str, to: str) -> bool:
        if to == "parent":
            return teller in self._begun_by[name]
        return to == "subject" or name in self._begun_by[teller]

    @cached_property
    def _begun_by(self) -> Mapping[str, set[str]]:
        return {
            name: {spawn.workflow for way in _ways(workflow) for spawn in way.spawns}
            for name, workflow in self.workflows.items()
        }

    @cached_property
    def _begun(self) -> set[str]:
        return {name for begun in self._begun_by.values() for name in begun}

    @cached_property
    def _called(self) -> list[str]:
        calls = {way.call.split(".")[0] for each in self.workflows.values() for way in _ways(each) if way.call}
        return sorted(calls & contracts().keys())

    @cached_property
    def _deposits(self) -> set[tuple[str, str]]:
        return {
            (record.kind, record.chain or workflow.chain)
            for workflow in self.workflows.values()
            for way in _ways(workflow)
            for record in way.records
        }

    @cached_property
    def _kinds(self) -> set[str]:
        return {kind for kind, _ in self._deposits}


def _ways(workflow: Workflow) -> Iterator[Transition]:
    for state in workflow.states.values():
        yield from state.then
