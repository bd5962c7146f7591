"""What is wrong with a workflow although every key of it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.scenario.problems import hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.scenario.workflow.model import Workflow
    from sim.scenario.yamltree import Location


def defects(workflow: Workflow) -> Iterator[tuple[Location, str]]:
    """Yield the place and the message of everything that is wrong with a workflow by itself."""
    yield from _unknown_states(workflow)


def _unknown_states(workflow: Workflow) -> Iterator[tuple[Location, str]]:
    for name, state in workflow.states.items():
        for index, way in enumerate(state.then):
            yield from _unknown(("states", name, "then", index, "to"), way.to, workflow.states, "state")


def _unknown(where: Location, word: str, known: Iterable[str], noun: str) -> Iterator[tuple[Location, str]]:
    if word not in known:
        yield where, f"'{word}' is not a {noun}{hint(word, known, f'{noun}s')}"
