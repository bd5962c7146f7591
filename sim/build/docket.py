"""What a scenario says of its cases, under the names of the casework room."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from sim.build.estimates import message_ns, record_ns
from sim.build.streams import curve_of_profile
from sim.casework.compiled.stepping import Terms
from sim.casework.contracts.registry import LONGEST_YEARS, contracts
from sim.casework.country import Country
from sim.casework.desks import Desks
from sim.casework.docket import Docket
from sim.casework.newborn import Nursery
from sim.casework.program import assemble, civil_arrays
from sim.casework.witness import Witness
from sim.kernel.civil import Calendar, Unit
from sim.kernel.counters import Counters
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND
from sim.scenario.casework import Casework
from sim.scenario.workflow.convert import workflows_of
from sim.workload.births import births, days_needed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from sim.casework.definition import Workflow
    from sim.casework.program import Names
    from sim.scenario import Scenario

_MOST_PAST = 2_500_000
"""Cases whose past is lived through, more or less: a few seconds' work."""
_SPARE_DAYS = 30
"""Beyond the longest period: what rolls over days off."""
_DAYS_OF = {Unit.HOURS: 1 / 24, Unit.DAYS: 1, Unit.WORKING_DAYS: 2, Unit.MONTHS: 31, Unit.YEARS: 366}


def docket(scenario: Scenario, seed: int) -> Docket:
    """The cases of a scenario for one replication."""
    casework = scenario.casework or Casework()
    workflows = definitions(scenario)
    before, after = days_needed(casework.lookback, scenario.horizon, _longest(workflows))
    calendar = Calendar(scenario.start, before, after)
    rules = calendar if casework.holidays is None else Calendar(scenario.start, before, after, _table(casework))
    program, names = assemble(workflows, calendar, rules, record_ns(scenario), message_ns(scenario))
    civil = civil_arrays(calendar)
    draws = Draws(seed)
    counters = Counters(draws, "casework")
    weights = _weights(scenario, casework)
    profiles = {name: curve_of_profile(profile) for name, profile in scenario.profiles.items()}
    terms = Terms(
        key=counters.key,
        skew_ns=_skew_ns(scenario, casework),
        width_ns=casework.bucket_ns(scenario.horizon),
        horizon_ns=scenario.horizon,
        calm=False,
        own_rules=rules is not calendar,
    )
    people = _people(casework, names, weights)
    copies = _copies(workflows, casework)

    country = Country(
        program=program,
        names=names,
        civil=civil,
        terms=terms,
        counters=counters,
        nursery=Nursery(names, counters, weights),
        births=births(
            draws, workflows, profiles, calendar, casework.share, casework.lookback, scenario.horizon, copies
        ),
        contracts=lambda: dict(contracts(rules.due_ns)),
        desks=lambda: Desks(civil, names.roles, people, frozenset(casework.on_duty), casework.most_waiting),
        witness=Witness,
        copies=copies,
    )
    return Docket(country)


def _copies(workflows: Sequence[Workflow], casework: Casework) -> int:
    """Of how many cases of the past one is lived through, so that they are not too many."""
    rate = sum(workflow.starts.rate_per_s for workflow in workflows if workflow.starts is not None)
    return max(1, round(rate * casework.share * casework.lookback / SECOND / _MOST_PAST))


def definitions(scenario: Scenario) -> list[Workflow]:
    """The workflows of a scenario, in its order, without the cases that they begin outside of these.

    Of a share of the country, as small a share of its people and companies has cases: two cases are about the same
    one as often as in the whole.
    """
    share = 1.0 if scenario.casework is None else scenario.casework.share
    return [
        replace(workflow, subjects=max(1, round(workflow.subjects * share))) if workflow.subjects else workflow
        for workflow in workflows_of(scenario)
    ]


def _weights(scenario: Scenario, casework: Casework) -> list[float]:
    """Of every region of the delay matrix, by its number; one each if the scenario gives none."""
    usual = 0.0 if casework.provinces else 1.0
    return [casework.provinces.get(region, usual) for region in scenario.network.delays.regions]


def _skew_ns(scenario: Scenario, casework: Casework) -> NDArray[np.int64]:
    """How far each province's clock is ahead, by its number."""
    wrong = {region: clock.ahead_ns for region, clock in casework.clocks.items()}
    return np.array([wrong.get(region, 0) for region in scenario.network.delays.regions], dtype=np.int64)


def _longest(workflows: Sequence[Workflow]) -> timedelta:
    """The longest period that a workflow, or a contract that one calls, may ask the calendar for."""
    days = [
        deadline.count * _DAYS_OF[deadline.unit] for workflow in workflows for deadline in workflow.deadlines.values()
    ]
    if any(way.call for workflow in workflows for state in workflow.states.values() for way in state.transitions):
        days.append(LONGEST_YEARS * _DAYS_OF[Unit.YEARS])
    return timedelta(days=max(days, default=0) + _SPARE_DAYS)


def _table(casework: Casework) -> dict[date, bool]:
    if casework.holidays is None:
        return {}
    return {**dict.fromkeys(casework.holidays.off, False), **dict.fromkeys(casework.holidays.working, True)}


def _people(casework: Casework, names: Names, weights: Sequence[float]) -> NDArray[np.int64]:
    """People of each role in each province, shape (provinces, roles): at least one, if the country has any."""
    shares = np.array(weights) / sum(weights)
    counts = np.array([casework.desks.get(role, 0) for role in names.roles], dtype=np.float64) * casework.share
    people = np.maximum(np.rint(np.outer(shares, counts)), 1).astype(np.int64)
    people[:, counts == 0] = 0
    return people
