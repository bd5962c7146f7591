"""A workflow in words: what `alliance show --workflow` prints, and the labels of its figure."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from sim.casework.contracts.interface import REFUSED
from sim.casework.contracts.registry import CONTRACTS
from sim.casework.definition import Answer, Clock, Priority, Wait
from sim.kernel import distributions
from sim.kernel.civil import Unit
from sim.scenario.units import NANOSECONDS, SECONDS_PER
from sim.scenario.workflow.quantities import OFFICE_DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.casework.definition import Deadline, Guard, Loss, Message, State, Transition, Workflow
    from sim.kernel.distributions import Distribution

_WIDTH: Final = 118
_UNITS: Final = {
    Unit.DAYS: "day",
    Unit.WORKING_DAYS: "working day",
    Unit.MONTHS: "month",
    Unit.YEARS: "year",
    Unit.HOURS: "hour",
}
_WAITS: Final = {
    Wait.COMMITTED: "waits for the block",
    Wait.DELIVERED: "waits for delivery",
    Wait.ACKNOWLEDGED: "waits for the acknowledgement",
    Wait.ANSWERED: "waits for the answer",
}


def length(duration_ns: float, clock: Clock = Clock.CALENDAR) -> str:
    """A duration as people say it: ``90 d``, ``20 min``, or ``5 wd`` on the clock of offices."""
    if clock == Clock.OFFICE and duration_ns >= OFFICE_DAY_NS:
        return f"{_number(duration_ns / OFFICE_DAY_NS)} wd"
    unit = next((unit for unit in ("d", "h", "min", "s", "ms") if duration_ns >= NANOSECONDS[unit]), "ms")
    if unit == "d" and duration_ns % NANOSECONDS["d"] and duration_ns < 3 * NANOSECONDS["d"]:
        unit = "h"
    return f"{_number(duration_ns / NANOSECONDS[unit])} {unit}" if duration_ns else "at once"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004 - three digits


def drawn(distribution: Distribution, clock: Clock = Clock.CALENDAR) -> str:
    """A random duration in words, by the numbers that its file has."""
    match distribution:
        case distributions.Constant(value=value):
            return length(value, clock)
        case distributions.Uniform(low=low, high=high):
            return f"{length(low, clock)} to {length(high, clock)}"
        case distributions.Exponential(mean=mean):
            return f"about {length(mean, clock)}"
        case distributions.Lognormal(median=median, p99=p99):
            return f"{length(median, clock)}, at worst {length(p99, clock)}"
        case _:
            return f"about {length(distribution.mean, clock)}"


def when(way: Transition) -> str:
    """What makes a way out fire."""
    if way.on is not None:
        usual = f", usually {drawn(way.usually)}" if way.expected and way.usually is not None else ""
        return f"on {way.on}{usual}"
    if way.desk is not None:
        return f"{way.desk.role} works {drawn(way.desk.work, Clock.OFFICE)}"
    delay = drawn(way.after, way.clock) if way.after is not None else ""
    if way.due is not None:
        return f"{delay} after {way.due} ends" if delay else f"when {way.due} ends"
    return delay if delay == "at once" else f"after {delay}"


def condition(guard: Guard) -> str:
    """What must hold; empty if nothing must."""
    parts = [*sorted(guard.yes), *(f"not {name}" for name in sorted(guard.no))]
    if guard.answer != Answer.ANY:
        parts.append(f"answer {answer_name(guard.answer)}")
    return ", ".join(parts)


def answer_name(answer: Answer) -> str:
    """As files have it."""
    return answer.name.lower().replace("_", "-")


def period(deadline: Deadline) -> str:
    """How long a period of law is."""
    return f"{deadline.count} {_UNITS[deadline.unit]}{'s' if deadline.count > 1 else ''}"


def share(chance: float) -> str:
    """A chance as a percentage."""
    return f"{100 * chance:.4g}%"


def deeds(way: Transition) -> Iterator[str]:
    """What a way out does when it fires, one after the other."""
    for each in way.records:
        count = "" if each.count == 1 else f"{each.count:g} × "
        yield f"deposits {count}{each.kind} on {each.chain}"
    if way.message is not None:
        yield _sent(way.message)
    if way.call is not None:
        yield f"calls {way.call.contract}.{way.call.method}"
    if way.check is not None:
        where = "platform" if way.check.public else "court"
        yield f"checks {way.check.of} on {way.check.chain} ({where})"
    if way.waits != Wait.NOTHING:
        yield _WAITS[way.waits]
    yield from _effects(way)


def _effects(way: Transition) -> Iterator[str]:
    """What a way out does to other cases and to the facts of its own."""
    for spawn in way.spawns:
        yield f"begins {spawn.workflow}" + ("" if spawn.chance == 1 else f" ({share(spawn.chance)})")
    for tell in way.tells:
        yield f"tells {tell.to} '{tell.signal}'"
    if way.sets:
        yield f"sets {', '.join(sorted(way.sets))}"
    if way.clears:
        yield f"clears {', '.join(sorted(way.clears))}"
    if way.irreversible:
        yield f"cannot be undone, repaired by {way.repaired_by}"


def _sent(message: Message) -> str:
    count = "" if message.count == 1 else f"{message.count} × "
    needs = ", ".join(word for word in (message.verify, message.atomicity) if word)
    return f"sends {count}{message.name} from {message.source} to {message.destination}" + (
        f" ({needs})" if needs else ""
    )


def description(workflow: Workflow) -> str:
    """Everything that a workflow says, as text of lines of at most 118 letters."""
    parts = [
        _head(workflow),
        _section("facts", _facts(workflow)),
        _section("states", (line for state in workflow.states.values() for line in _state(state))),
        _section("deadlines", (_deadline(each) for each in workflow.deadlines.values())),
        _section("losses", (_loss(each) for each in workflow.losses.values())),
        _section("contracts", _contracts(workflow)),
        _section("assumptions", (f"{key}: {text}" for key, text in workflow.assumptions.items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(workflow: Workflow) -> str:
    lines = [f"{workflow.code} {workflow.name}: {workflow.title}", workflow.zh]
    articles = ", ".join(map(str, workflow.articles))
    lines.append(f"article{'s' if len(workflow.articles) > 1 else ''} {articles}; lives on {workflow.chain}")
    starts = workflow.starts
    if starts is None:
        lines.append("begun by other workflows only")
    else:
        year = starts.rate_per_s * SECONDS_PER["/year"]
        evenly = starts.profile or "evenly"
        quarters = " ".join(f"{weight:.3g}" for weight in starts.seasons)
        batch = f", {starts.batch} at a time" if starts.batch > 1 else ""
        lines.append(f"{year:,.0f} cases a year{batch}, {evenly}, quarters {quarters}")
    if workflow.amount is not None:
        lines.append(f"at stake: {workflow.amount.mean:,.0f} CNY on average")
    if workflow.subjects:
        lines.append(f"about {workflow.subjects:,} persons or companies")
    return "\n".join(lines)


def _section(title: str, lines: Iterable[str]) -> str:
    told = [
        "\n".join(textwrap.wrap(line, _WIDTH - 2, initial_indent="  ", subsequent_indent="        "))
        if not line.startswith(" ")
        else "\n".join(textwrap.wrap(line.strip(), _WIDTH, initial_indent="    ", subsequent_indent="        "))
        for line in lines
    ]
    return "\n".join([title, *told]) if told else ""


def _facts(workflow: Workflow) -> Iterator[str]:
    for name, fact in workflow.facts.items():
        given = f" of {fact.given}" if fact.given is not None else ""
        yield f"{name}: {share(fact.chance)}{given}{', a truth that no rule sees' if fact.truth else ''}"


def _state(state: State) -> Iterator[str]:
    zh = f" {state.zh}" if state.zh else ""
    title = (
        "" if state.title.replace("-", " ") == state.name.rpartition(".")[2].replace("-", " ") else f": {state.title}"
    )
    yield f"{state.name}{zh}{title}{'' if state.transitions else '  (end)'}"
    for way in state.transitions:
        parts = [f"{when(way)}{f' ({share(way.chance)})' if way.chance is not None else ''}"]
        if condition(way.guard):
            parts.append(f"if {condition(way.guard)}")
        if way.by:
            parts.append(f"by {way.by}")
        text = ", ".join(parts)
        done = "; ".join(deeds(way))
        extra = f" [{way.priority.name}]" if way.priority != Priority.P2 else ""
        law = f" ({way.law})" if way.law else ""
        yield f"  → {way.target}: {text}{f': {done}' if done else ''}{extra}{law}"


def _deadline(deadline: Deadline) -> str:
    words = [f"{deadline.name}: {period(deadline)}", f"from {_names(deadline.starts)} to {_names(deadline.ends)}"]
    if deadline.restarts:
        words.append(f"anew at {_names(deadline.restarts)}")
    if deadline.suspends:
        words.append(f"not running in {_names(deadline.suspends)}")
    law = f" ({deadline.law})" if deadline.law else ""
    return f"{', '.join(words)}{law}{' [assumed]' if deadline.assumed else ''}"


def _names(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))


def _loss(loss: Loss) -> str:
    holds = condition(loss.guard)
    unit = f"days since {loss.since}" if loss.unit == "days" else loss.unit
    return f"{loss.name}: {unit}, counted at {loss.state}{f' if {holds}' if holds else ''}"


def _contracts(workflow: Workflow) -> Iterator[str]:
    for name, state in workflow.states.items():
        for way in state.transitions:
            if way.call is None:
                continue
            contract = CONTRACTS.get(way.call.contract)
            answers = (*contract.METHODS.get(way.call.method, ()), REFUSED) if contract is not None else ()
            who = f" by {way.by}" if way.by else ""
            yield f"{way.call.contract}.{way.call.method}, called{who} in {name}, answers {', '.join(answers)}"
