"""Countries for tests: one in which everything rare is common, and chains that fail at random."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

import sim.build.docket as building
from sim.casework.definition import Answer, Wait
from sim.casework.keys import ACKNOWLEDGED, key_of
from sim.casework.known import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from sim.casework.definition import Workflow
    from sim.casework.docket import Docket
    from sim.casework.running import Pass

    Way = tuple[str, str, int]

DAY_NS = 86_400_000_000_000


def fired(docket: Docket, passed: Pass) -> set[Way]:
    """Workflow, state and place of every way out that fired."""
    labels = _labels(docket)
    return {labels[way] for way in np.unique(passed.fired.way).tolist()}


def every(docket: Docket) -> set[Way]:
    """All ways out."""
    return set(_labels(docket))


def _labels(docket: Docket) -> list[Way]:
    names = docket.country.names
    seen: dict[int, int] = {}
    labels = []
    for state, _ in names.transitions:
        labels.append((*names.states[state], seen.get(state, 0)))
        seen[state] = seen.get(state, 0) + 1
    return labels


def storm(docket: Docket, passed: Pass, seed: int, share: float) -> Known:
    """Of what a pass waited for, this share fails, up to three days late."""
    steps, program = passed.fired, docket.country.program
    waits = program.waits[steps.way]
    waited = np.flatnonzero(waits != Wait.NOTHING)
    chance = np.random.default_rng(seed)
    waited = waited[chance.random(len(waited)) < share]
    keys = key_of(steps.uid[waited], steps.step[waited].astype(np.int64), program.part[steps.way[waited]])
    keys = np.where(waits[waited] == Wait.ACKNOWLEDGED, keys ^ np.uint64(ACKNOWLEDGED), keys)
    checks = chance.choice([Answer.NO_ANSWER, Answer.NOT_FOUND, Answer.MISMATCH], len(keys))
    packets = chance.choice([Answer.TIMED_OUT, Answer.REFUSED], len(keys))
    kinds = [waits[waited] == Wait.ANSWERED, waits[waited] == Wait.COMMITTED]
    answers = np.select(kinds, [checks, Answer.REFUSED], default=packets).astype(np.int8)
    delays = (chance.random(len(keys)) * 3 * DAY_NS).astype(np.int64)
    unique, place = np.unique(keys, return_index=True)
    return Known(unique, delays[place], answers[place])


def levelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything as likely as everything else, and few persons the subject of many cases."""
    plain = building.workflows_of

    def level(workflow: Workflow) -> Workflow:
        states = {
            name: replace(
                state,
                transitions=tuple(
                    replace(
                        way,
                        chance=way.chance if way.on is not None else None,
                        spawns=tuple(replace(spawn, chance=0.5) for spawn in way.spawns),
                    )
                    for way in state.transitions
                ),
            )
            for name, state in workflow.states.items()
        }
        starts = workflow.starts and replace(workflow.starts, rate_per_s=_RATE_PER_S, batch=1)
        return replace(
            workflow,
            states=states,
            facts={name: replace(fact, chance=0.5) for name, fact in workflow.facts.items()},
            starts=starts,
            subjects=min(workflow.subjects, 30),
        )

    def all_levelled(scenario: object) -> Sequence[Workflow]:
        return tuple(level(workflow) for workflow in plain(scenario))  # type: ignore[arg-type]

    monkeypatch.setattr(building, "workflows_of", all_levelled)


_RATE_PER_S = 300_000 / (365 * 86_400)
"""With a share of 0.2 %, 600 cases of each workflow a year."""
