"""Workflows made up at random, and both interpreters side by side."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sim.casework.compiled.stepping import Terms
from sim.casework.contracts.interface import REFUSED, Answered, Called
from sim.casework.country import Country
from sim.casework.definition import (
    Answer,
    Call,
    Check,
    Clock,
    Deadline,
    Desk,
    Fact,
    Guard,
    Loss,
    Message,
    Priority,
    Records,
    Spawn,
    State,
    Tell,
    Transition,
    Wait,
    Workflow,
)
from sim.casework.docket import Docket
from sim.casework.known import Known
from sim.casework.newborn import Beginning, Nursery
from sim.casework.oracle import Oracle, World
from sim.casework.program import assemble, civil_arrays
from sim.kernel.civil import Calendar, Unit
from sim.kernel.counters import Counters
from sim.kernel.distributions import Constant, Exponential, Lognormal, Uniform
from sim.kernel.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.casework.running import Pass
    from sim.kernel.distributions import Distribution

MINUTE, HOUR, DAY = 60 * 10**9, 3600 * 10**9, 86400 * 10**9
START = datetime.fromisoformat("2022-09-28T00:00+08:00")
SIGNALS = ("heard", "stopped", "granted", REFUSED)
CHAINS = ("jc", "bank")
RECORD_NS = {"jc": 2 * 10**9, "bank": 10**9}
MESSAGE_NS = {(a, b): 20 * 10**9 for a in CHAINS for b in CHAINS if a != b}


class Fickle:
    """A contract that grants by the caller's uid, and tells the last caller of what the next one wants."""

    METHODS: ClassVar = {"ask": ("granted", REFUSED)}
    OTHERS = ("heard",)

    def __init__(self) -> None:
        self.last = 0
        self.calls: list[tuple[int, int]] = []

    def apply(self, called: Called) -> Sequence[Answered]:
        self.calls.append((called.time_ns, called.case))
        answers = [Answered(called.case, "granted" if called.case % 3 else REFUSED)]
        if self.last and self.last != called.case:
            answers.append(Answered(self.last, "heard"))
        self.last = called.case
        return answers

    def check(self) -> None:
        assert self.calls == sorted(self.calls)

    def summary(self) -> dict[str, int]:
        return {"calls": len(self.calls)}


class Idle:
    """A witness of contracts whose invariants are those of `Fickle` alone."""

    def saw(self, name: str, called: Called, answers: Sequence[Answered]) -> None:
        pass

    def finish(self) -> None:
        pass


class FreeDesks:
    """Desks at which nobody waits longer than to the end of the bucket."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.waiting: list[tuple[int, int]] = []

    def arrive(self, province, pool, case, uid, priority, work_ns, time_ns) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        del province, pool, uid, priority, time_ns
        self.waiting += zip(case.tolist(), work_ns.tolist(), strict=True)

    def hand_out(self, from_ns: int, until_ns: int) -> tuple[np.ndarray, np.ndarray]:
        del until_ns
        waiting, self.waiting = sorted(self.waiting), []
        finish = [max(self.calendar.after_office(from_ns, work_ns), from_ns) for _, work_ns in waiting]
        return np.array([job for job, _ in waiting], dtype=np.int64), np.array(finish, dtype=np.int64)


def random_workflows(seed: int, count: int = 3) -> list[Workflow]:
    """Workflows with everything that the language has, some of it nonsense in law."""
    chance = random.Random(seed)  # noqa: S311 - it makes up tests
    return [_workflow(chance, number, count) for number in range(count)]


def _workflow(chance: random.Random, number: int, count: int) -> Workflow:
    facts = {
        f"fact-{k}": Fact(chance.random(), given=f"fact-{k - 1}" if k and chance.random() < 0.3 else None)
        for k in range(6)
    }
    names = [f"state-{k}" for k in range(7)]
    states = {name: _state(chance, k, names, count) for k, name in enumerate(names)}
    deadlines = {f"period-{k}": _deadline(chance, k, names) for k in range(2)}
    losses = {"loss": Loss("loss", chance.choice(names), Guard(yes=frozenset({"fact-0"})))}
    return Workflow(
        f"flow-{number}",
        f"W{number}",
        "made up",
        "",
        (14,),
        "jc",
        names[0],
        states,
        facts,
        deadlines,
        losses,
        amount=Lognormal(1000.0, 50000.0) if chance.random() < 0.7 else None,
        subjects=chance.choice([0, 5]),
    )


def _deadline(chance: random.Random, k: int, names: list[str]) -> Deadline:
    def some(p: float) -> frozenset[str]:
        return frozenset(name for name in names if chance.random() < p)

    unit = chance.choice(list(Unit))
    count = {Unit.HOURS: 48, Unit.DAYS: 7, Unit.WORKING_DAYS: 3, Unit.MONTHS: 1, Unit.YEARS: 1}[unit]
    return Deadline(f"period-{k}", count, unit, some(0.4) | {names[0]}, some(0.3), some(0.15), some(0.2))


def _state(chance: random.Random, k: int, names: list[str], count: int) -> State:
    if k == len(names) - 1:
        return State(names[k], "end")
    ways = tuple(_way(chance, k, names, count) for _ in range(chance.randint(1, 4)))
    onward = Transition(names[k + 1], after=Uniform(HOUR, 30.0 * HOUR), guard=Guard())
    return State(names[k], "somewhere", "", (*ways, onward))


def _duration(chance: random.Random) -> Distribution:
    return chance.choice(
        [Constant(3.0 * HOUR), Exponential(9.0 * HOUR), Lognormal(HOUR, 40.0 * HOUR), Uniform(MINUTE, 2.0 * HOUR)]
    )


def _way(chance: random.Random, k: int, names: list[str], count: int) -> Transition:
    kind = chance.choice(["after", "office", "due", "desk", "on", "on"])
    yes = frozenset({f"fact-{chance.randrange(6)}"}) if chance.random() < 0.3 else frozenset()
    no = frozenset({f"fact-{chance.randrange(6)}"}) if chance.random() < 0.3 else frozenset()
    answer = chance.choice([Answer.ANY, Answer.ANY, Answer.ANY, Answer.DONE, Answer.PASS, Answer.TIMED_OUT])
    wait = chance.choice([Wait.NOTHING, Wait.NOTHING, Wait.COMMITTED, Wait.DELIVERED, Wait.ACKNOWLEDGED, Wait.ANSWERED])
    others = [chain for chain in CHAINS if chain != "jc"]
    return Transition(
        # Back at most one state and never to the same, so that nobody goes round in circles for ever.
        target=chance.choice(names[max(0, k - 1) : k] + names[k + 1 :]),
        after=_duration(chance) if kind in {"after", "office"} else Constant(float(MINUTE)) if kind == "due" else None,
        clock=Clock.OFFICE if kind == "office" else Clock.CALENDAR,
        due=f"period-{chance.randrange(2)}" if kind == "due" else None,
        desk=Desk(chance.choice(["clerk", "judge"]), Exponential(HOUR)) if kind == "desk" else None,
        on=chance.choice(SIGNALS) if kind == "on" else None,
        usually=_duration(chance) if kind == "on" else None,
        expected=kind == "on" and chance.random() < 0.5,
        chance=chance.random() / 2 if chance.random() < 0.5 else None,
        guard=Guard(yes, no, answer),
        records=(Records("jc", "paper"),) if wait == Wait.COMMITTED or chance.random() < 0.5 else (),
        message=Message("jc", others[0], "word") if wait in {Wait.DELIVERED, Wait.ACKNOWLEDGED} else None,
        call=Call("fickle", "ask") if chance.random() < 0.4 else None,
        check=Check("paper", "jc", altered=frozenset({"fact-1"}), absent=frozenset({"fact-2"}))
        if wait == Wait.ANSWERED
        else None,
        waits=wait,
        spawns=(Spawn(f"flow-{chance.randrange(count)}", 0.2, frozenset({"fact-0", "fact-3"})),)
        if chance.random() < 0.2
        else (),
        tells=(Tell(chance.choice(["parent", "children", "subject"]), chance.choice(SIGNALS)),)
        if chance.random() < 0.3
        else (),
        sets=frozenset({f"fact-{chance.randrange(6)}"}) if chance.random() < 0.3 else frozenset(),
        clears=frozenset({f"fact-{chance.randrange(6)}"}) if chance.random() < 0.3 else frozenset(),
        priority=chance.choice(list(Priority)),
    )


@dataclass
class Both:
    """The same run twice."""

    fast: Pass
    plain: Oracle
    names: object
    program: object


def side_by_side(
    workflows: Sequence[Workflow],
    seed: int,
    *,
    per_day: float = 30.0,
    days: int = 6,
    past_days: int = 12,
    known: Known | None = None,
) -> Both:
    """Run both interpreters on the same births and draws."""
    calendar = Calendar(START, days_before=past_days + 30, days_after=days + 900)
    # Half of the runs count by a table of holidays that is wrong.
    wrong = {date(2022, 10, 8): False, date(2022, 10, 4): True}
    rules = Calendar(START, past_days + 30, days + 900, wrong) if seed % 2 else calendar
    provinces = (3.0, 1.0, 2.0)
    skew = (0, 0, DAY)
    counters = Counters(Draws(seed), "casework")
    births = _births(seed, len(workflows), per_day, days, past_days)
    program, names = assemble(workflows, calendar, rules, RECORD_NS, MESSAGE_NS)
    width, horizon = 10 * MINUTE, days * DAY
    terms = Terms(
        counters.key, np.array(skew, dtype=np.int64), width, horizon, calm=False, own_rules=rules is not calendar
    )
    country = Country(
        program,
        names,
        civil_arrays(calendar),
        terms,
        counters,
        Nursery(names, counters, provinces),
        births,
        contracts=lambda: {"fickle": Fickle()},
        desks=lambda: FreeDesks(calendar),
        witness=Idle,
    )
    docket = Docket(country)
    heard = known or Known(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8))
    fast = docket.go(heard)
    told = {
        key: (delay, Answer(answer))
        for key, delay, answer in zip(heard.key.tolist(), heard.delay_ns.tolist(), heard.answer.tolist(), strict=True)
    }
    world = World(workflows, calendar, rules, counters, provinces, skew, RECORD_NS, MESSAGE_NS, told, width, horizon)
    plain = Oracle(world, {"fickle": Fickle()}, FreeDesks(calendar))
    plain.run(births)
    return Both(fast, plain, names, program)


def _births(seed: int, workflows: int, per_day: float, days: int, past_days: int) -> Beginning:
    rng = np.random.default_rng(seed)
    count = int(per_day * (days + past_days))
    times = np.sort(rng.integers(-past_days * DAY, days * DAY, count))
    return Beginning(
        rng.integers(0, workflows, count).astype(np.int16), np.arange(1, count + 1, dtype=np.uint64), times
    )
