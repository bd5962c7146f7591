"""What a workflow is: states, transitions between them, deadlines and losses, as frozen data that an interpreter reads.

A *case* is in one state. When it enters a state, one way out is chosen among those whose conditions hold
(`Transition.chance`), and with it the time at which that will happen: after a while, when a period of law ends, when
somebody at a desk has done it, or when something is said (`on`). What a transition does is done when it *fires*:
records are deposited, a packet is sent, a contract is called, other cases begin or are told something. The case then
enters the next state at once or, if the transition `waits`, when the chains have answered.

Nothing here knows YAML or files (`sim.scenario.workflow` does) or how time passes (`sim.casework.docket` does).
Durations are nanoseconds, probabilities shares from 0 to 1. Legal terms stand in Chinese beside the English.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.kernel.civil import Unit
    from sim.kernel.distributions import Distribution


class Clock(IntEnum):
    """Which time a duration is counted in."""

    CALENDAR = 0
    """All hours of all days."""
    OFFICE = 1
    """Office hours of working days only; ``1wd`` is one office day."""


class Wait(IntEnum):
    """What a transition waits for before the case enters the next state."""

    NOTHING = 0
    COMMITTED = 1
    """Its first record is on the chain, at the node of who deposited it."""
    DELIVERED = 2
    """Its packet was received on the other chain, or never will be."""
    ACKNOWLEDGED = 3
    """The sender knows what became of its packet."""
    ANSWERED = 4
    """Its verification request was answered."""


class Answer(IntEnum):
    """What a wait ended with; a way out may depend on it."""

    ANY = 0
    DONE = 1
    """Committed, delivered, acknowledged."""
    TIMED_OUT = 2
    REFUSED = 3
    PASS = 4
    NOT_FOUND = 5
    MISMATCH = 6
    NO_ANSWER = 7


class Priority(IntEnum):
    """Classes of urgency, most urgent first (domain: a proposal, not law)."""

    P0 = 0
    """Emergency preservation, bankruptcy broadcast, release of what was frozen in error."""
    P1 = 1
    """Freeze, deduct, release of funds."""
    P2 = 2
    """Filing, service, notices."""
    P3 = 3
    """Evidence."""
    P4 = 4
    """Archives, statistics."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on a case's facts: all of `yes` hold and none of `no`, and the last wait ended with `answer`.

    Attributes:
        yes: names of facts or truths.
        no: names of facts or truths.
        answer: of the transition that led into the state.
    """

    yes: frozenset[str] = frozenset()
    no: frozenset[str] = frozenset()
    answer: Answer = Answer.ANY


@dataclass(frozen=True, slots=True)
class Records:
    """Records that a transition deposits.

    Attributes:
        chain: where.
        kind: what they are, in a word or two: "judgment", "receipt".
        count: how many; a fractional part is a chance of one more.
        size: of each, bytes; None for the scenario's usual size.
    """

    chain: str
    kind: str
    count: float = 1.0
    size: Distribution | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a transition sends to another chain.

    Attributes:
        source: chain.
        destination: chain; must have a link from ``source`` in the scenario.
        name: of the message.
        count: packets, one for each institution asked; the transition waits for the last of them.
        verify: what the other chain must check at least ("none", "spv", "committee", "light_client"); "" for whatever
            the link does.
        atomicity: "none", "packet", "2pc", "tcc", "htlc", or "" for whatever the link does.
    """

    source: str
    destination: str
    name: str
    count: int = 1
    verify: str = ""
    atomicity: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a contract, whose answer comes as a signal: what the contract's method names."""

    contract: str
    method: str


@dataclass(frozen=True, slots=True)
class Check:
    """A verification request through the public platform or from inside the court.

    Attributes:
        of: kind of records asked about (`Records.kind`), of the chain.
        chain: where they are.
        public: by the Internet platform (article 7), with its queue and gateway; else from the court's own network.
        altered: facts of which each means that what is presented is not what was deposited.
        absent: facts of which each means that it was never deposited.
    """

    of: str
    chain: str
    public: bool = True
    altered: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Desk:
    """Work that a person does in office hours, who may be busy.

    Attributes:
        role: "clerk", "judge", "officer", ...: a scenario says how many of each a province has.
        work: how long it takes, in office hours.
    """

    role: str
    work: Distribution


@dataclass(frozen=True, slots=True)
class Spawn:
    """Another case that begins when a transition fires; it inherits province, amount, subject and asset.

    Attributes:
        workflow: name.
        chance: that it does.
        carries: facts that the new case takes over where it has facts of the same names.
    """

    workflow: str
    chance: float = 1.0
    carries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tell:
    """A signal to other cases: "parent", "children", or "subject" (all open cases about the same person or company)."""

    to: str
    signal: str


@dataclass(frozen=True, slots=True)
class Transition:
    """One way out of a state. Exactly one of `after`, `due`, `desk` and `on` says when.

    Attributes:
        target: the state that it leads to.
        after: how long after entering the state; on `clock`.
        due: the name of a deadline of the workflow, at whose end it fires; `after` may be added to it as delay.
        desk: somebody has to do it.
        on: a signal for which the case waits; it pre-empts whatever else was planned.
        usually: how long that takes in a calm country, for cases that began before the run; only with `on`.
        expected: this is the `on` that a calm country brings.
        chance: its weight among the ways out that are not `on` and whose `guard` holds; None for an equal part of the
            rest.
        guard: else it can't be taken.
        by: who does it: an actor.
        records: deposited when it fires.
        message: sent when it fires.
        call: of a contract when its record is committed.
        check: a verification request.
        waits: for what, before `target` is entered.
        spawns: cases that begin.
        tells: signals to other cases.
        sets: facts that hold from then on.
        clears: facts that do not hold from then on.
        irreversible: what can't be undone (money left the account, title registered), only repaired.
        repaired_by: the state that repairs it; required if irreversible.
        priority: of its desk work and its transactions.
        law: the rule that it follows, as "CPL 126"; its source.
    """

    target: str
    after: Distribution | None = None
    clock: Clock = Clock.CALENDAR
    due: str | None = None
    desk: Desk | None = None
    on: str | None = None
    usually: Distribution | None = None
    expected: bool = False
    chance: float | None = None
    guard: Guard = Guard()
    by: str = ""
    records: tuple[Records, ...] = ()
    message: Message | None = None
    call: Call | None = None
    check: Check | None = None
    waits: Wait = Wait.NOTHING
    spawns: tuple[Spawn, ...] = ()
    tells: tuple[Tell, ...] = ()
    sets: frozenset[str] = frozenset()
    clears: frozenset[str] = frozenset()
    irreversible: bool = False
    repaired_by: str | None = None
    priority: Priority = Priority.P2
    law: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A state of a case. Without a way out it is an end.

    Attributes:
        name: unique in its workflow.
        title: in English.
        zh: as the law or the courts say.
        transitions: ways out, in the order in which the file has them.
    """

    name: str
    title: str
    zh: str = ""
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A period of law (期间).

    Attributes:
        name: unique in its workflow.
        count: how many `unit`s.
        unit: calendar days by default; the starting day is not counted and a last day off rolls over (CPL 85), except
            for hours, which run from the moment.
        starts: entering one of these states begins it.
        ends: entering one of these ends it: met if before its end, else missed.
        restarts: entering one of these begins it anew.
        suspends: while the case is in one of these, it does not run.
        law: its source.
        assumed: the period itself is a guess or from memory.
    """

    name: str
    count: int
    unit: Unit
    starts: frozenset[str]
    ends: frozenset[str]
    restarts: frozenset[str] = frozenset()
    suspends: frozenset[str] = frozenset()
    law: str = ""
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes wrong for people, counted whenever a state is entered while the guard holds.

    Attributes:
        name: unique in its workflow; "wrongful-filing", "escaped-asset", ...
        state: entering it counts.
        guard: over facts and ground truth.
        unit: "cases", "CNY" (the case's amount) or "days" (since `since` was entered).
        since: a state entered before; only for "days".
    """

    name: str
    state: str
    guard: Guard = Guard()
    unit: str = "cases"
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A yes or no that is drawn when a case begins.

    Attributes:
        chance: that it holds.
        truth: it is true of the world, and no rule or contract can see it: only nature's ways out, losses and proofs.
        given: a fact without which it does not hold, declared before it.
    """

    chance: float
    truth: bool = False
    given: str | None = None


@dataclass(frozen=True, slots=True)
class Starts:
    """How many cases of a workflow begin by themselves.

    Attributes:
        rate_per_s: long-run mean in the whole country.
        profile: name of the scenario's profile of day and week, or None for evenly.
        seasons: weights of the four quarters, mean 1.
        batch: cases that begin together: a prison's, a bank's.
    """

    rate_per_s: float
    profile: str | None = None
    seasons: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the courts.

    Attributes:
        name: its file's.
        code: "W12".
        title: in English.
        zh: in Chinese.
        articles: of the Opinions (法发〔2022〕16号), which it runs.
        chain: where its cases live: its records go there unless they say otherwise.
        initial: the state in which a case begins.
        states: by name, in the order of the file.
        facts: by name, in the order in which they are drawn.
        deadlines: by name.
        losses: by name.
        starts: None if only other workflows begin its cases.
        amount: CNY at stake; None if nothing is.
        subjects: how many persons or companies its cases are about, in the whole country; 0 if each is about its own.
        assumptions: guesses an answer may hang on, by key.
    """

    name: str
    code: str
    title: str
    zh: str
    articles: tuple[int, ...]
    chain: str
    initial: str
    states: Mapping[str, State]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    losses: Mapping[str, Loss] = field(default_factory=dict)
    starts: Starts | None = None
    amount: Distribution | None = None
    subjects: int = 0
    assumptions: Mapping[str, str] = field(default_factory=dict)
