"""Cases step by step: what is due in a bucket of time happens, until nothing more is due in it.

Only what concerns a case alone happens here, at exact times: a way out is chosen, fires, waits for the chains, leads
into the next state. What leaves the case (work for a desk, calls, other cases) is written down for the docket.
`sim.casework.oracle` does the same in plain Python; both must agree to the nanosecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.casework.columns import NEVER, RUNNING, SOJOURN, STOPPED, SUSPENDED, TRANSIT, Agenda, Cases
from sim.casework.compiled.making import jit, part
from sim.casework.definition import Answer, Wait
from sim.casework.keys import ACKNOWLEDGED, FIRST, PART, PARTS, SECOND, SHIFTS, STEP
from sim.casework.program import CONSTANT, DESK, DUE, ENDS, ON, RESTARTS, SPAWNS, STARTS, SUSPENDS, Civil, Program
from sim.kernel.compiled.counters import words_at
from sim.kernel.compiled.scalars import exp, log_of_uniform, normal_quantile, uniform
from sim.kernel.inversion import LOG, LOGNORMAL, NORMAL, POWER, RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.known import Known
    from sim.casework.log import Log

    Cells = NDArray[np.int64]

_DAY_NS = 86_400_000_000_000
_HOUR_NS = 3_600_000_000_000
_STEPS = np.uint64(0)
"""Purpose of the words with which a case chooses its ways."""
_AGAIN = np.uint64(64)
"""First purpose of those with which a copy of a case chooses again."""
_ATTEMPTS = 64
_NOTHING, _ACKNOWLEDGED, _ANSWERED = int(Wait.NOTHING), int(Wait.ACKNOWLEDGED), int(Wait.ANSWERED)
_ANY, _DONE = int(Answer.ANY), int(Answer.DONE)
_NOT_FOUND, _MISMATCH = int(Answer.NOT_FOUND), int(Answer.MISMATCH)
_ITSELF, _EXPECTED = False, True
_AFTER_DESK, _NEVER = DESK, int(NEVER)
_STEP, _PART, _FIRST, _SECOND = (np.uint64(word) for word in (STEP, PART, FIRST, SECOND))
_FLIP, _ABOVE = np.uint64(ACKNOWLEDGED), np.uint64(64 - PARTS)
_SHIFT_A, _SHIFT_B, _SHIFT_C = (np.uint64(shift) for shift in SHIFTS)


class Terms(NamedTuple):
    """What holds in a pass.

    Attributes:
        key: (2,) of the draws.
        skew_ns: (provinces,) how far the clock of a province's chain is ahead.
        width_ns: of a bucket.
        horizon_ns: end of the run.
        calm: a past that nobody disturbs: desks are free, and what is expected comes.
        own_rules: contracts count by another table of holidays than the law's.
    """

    key: NDArray[np.uint64]
    skew_ns: Cells
    width_ns: int
    horizon_ns: int
    calm: bool
    own_rules: bool

    @property
    def buckets(self) -> int:
        """How many a run has."""
        return -(-self.horizon_ns // self.width_ns)


_MOST_LOSSES = 8
"""Of one state; what room a step needs in the log of losses."""


@part
def _signed(word: np.uint64) -> int:
    """The same bits as a signed number, as which laws take them."""
    signed: int = np.int64(word)  # type: ignore[assignment]
    return signed


@part
def _drawn(form: int, scale: float, shape: float, word: int) -> int:
    """A duration in whole nanoseconds."""
    if form == CONSTANT:
        return int(scale)
    u = uniform(word)
    if form == RANGE:
        value = scale + shape * u
    elif form == LOG:
        value = scale * log_of_uniform(u)
    elif form == POWER:
        value = scale * exp(log_of_uniform(u) / shape)
    elif form == NORMAL:
        value = max(scale + shape * normal_quantile(u), 0.0)
    elif form == LOGNORMAL:
        value = scale * exp(shape * normal_quantile(u))
    else:
        value = 0.0
    return int(value)


@part
def _day(civil: Civil, time_ns: int) -> int:
    return (time_ns - civil.midnight_ns) // _DAY_NS


@part
def after_office(civil: Civil, time_ns: int, work_ns: int) -> int:
    """When so much office time has passed; at the close of a day, not at the opening of the next."""
    if work_ns <= 0:
        return time_ns
    day = _day(civil, time_ns)
    done_ns = civil.office_before_ns[day] + work_ns
    if civil.working[day]:
        since_ns = time_ns - civil.midnight_ns - day * _DAY_NS
        done_ns += min(max(since_ns - civil.open_ns, 0), civil.close_ns - civil.open_ns)
    low, high = day, len(civil.working) - 1
    while low < high:
        middle = (low + high) >> 1
        if civil.office_before_ns[middle + 1] >= done_ns:
            high = middle
        else:
            low = middle + 1
    return civil.midnight_ns + low * _DAY_NS + civil.open_ns + done_ns - civil.office_before_ns[low]


@part
def _end_of(program: Program, civil: Civil, days: NDArray[np.int32], workflow: int, slot: int, time_ns: int) -> int:
    """When a period that begins now ends."""
    hours_ns = program.hours_ns[workflow, slot]
    if hours_ns > 0:
        # Civil Procedure Law, article 85: the hour in which it begins is not counted.
        begun_ns = time_ns - civil.midnight_ns
        return civil.midnight_ns + (begun_ns // _HOUR_NS + 1) * _HOUR_NS + hours_ns
    last = days[program.period[workflow, slot], _day(civil, time_ns)]
    return civil.midnight_ns + (last + 1) * _DAY_NS


@part
def _key(uid: np.uint64, step: int, place: int) -> np.uint64:
    z = uid + np.uint64(step + 1) * _STEP + np.uint64(place) * _PART
    z = (z ^ (z >> _SHIFT_A)) * _FIRST
    z = (z ^ (z >> _SHIFT_B)) * _SECOND
    return z ^ (z >> _SHIFT_C)


@part
def _find(known: Known, key: np.uint64) -> int:
    """Where a key stands, or -1."""
    low, high = 0, len(known.key)
    while low < high:
        middle = (low + high) >> 1
        if known.key[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(known.key) and known.key[low] == key else -1


@part
def _holds(program: Program, way: int, facts: np.uint64, answer: int) -> bool:
    return (
        (facts & program.yes[way]) == program.yes[way]
        and (facts & program.no[way]) == np.uint64(0)
        and (program.answer[way] == _ANY or program.answer[way] == answer)
    )


@part
def _chosen(program: Program, state: int, facts: np.uint64, answer: int, u: float, calm: bool) -> int:
    """One of a state's ways out by their chances: of those that come by themselves, or of those that calm brings."""
    first, end = program.first[state], program.first[state] + program.ways[state]
    total, rest = 0.0, 0
    for way in range(first, end):
        wanted = program.expected[way] if calm else program.when[way] != ON
        if wanted and _holds(program, way, facts, answer):
            if program.chance[way] >= 0.0:
                total += program.chance[way]
            else:
                rest += 1
    each = max(1.0 - total, 0.0) / rest if rest > 0 else 0.0
    at = u * (total + each * rest)
    found = -1
    for way in range(first, end):
        wanted = program.expected[way] if calm else program.when[way] != ON
        if wanted and _holds(program, way, facts, answer):
            mine = program.chance[way] if program.chance[way] >= 0.0 else each
            if mine > 0.0:
                found = way
                if at < mine:
                    return found
            at -= mine
    return found


@part
def _shift(terms: Terms, cases: Cases, i: int, slot: int, by_ns: int) -> None:
    """A period goes on, or stands still, from a time."""
    cases.limit[i, slot] += by_ns
    if terms.own_rules:
        cases.rule[i, slot] += by_ns


@part
def _follow_deadlines(
    program: Program, civil: Civil, terms: Terms, cases: Cases, log: Log, i: int, time_ns: int
) -> None:
    """What entering its state does to a case's deadlines."""
    state, workflow = cases.state[i], cases.workflow[i]
    for slot in range(program.deadlines[workflow]):
        op, status = program.ops[state, slot], cases.status[i, slot]
        if status == SUSPENDED and not op & SUSPENDS:
            _shift(terms, cases, i, slot, time_ns)
            status = RUNNING
        if op & ENDS and status == RUNNING:
            status = STOPPED
            late = time_ns > cases.limit[i, slot]
            if late:
                cases.facts[i] |= program.late
            if not terms.calm:
                log.missed[workflow, slot] += late
                log.met[workflow, slot] += not late
        if (op & STARTS and status != RUNNING) or op & RESTARTS:
            cases.limit[i, slot] = _end_of(program, civil, program.last_day, workflow, slot, time_ns)
            if terms.own_rules:
                cases.rule[i, slot] = _end_of(program, civil, program.rule_day, workflow, slot, time_ns)
            status = RUNNING
        if op & SUSPENDS and status == RUNNING:
            _shift(terms, cases, i, slot, -time_ns)
            status = SUSPENDED
        cases.status[i, slot] = status


@part
def _count_losses(program: Program, cases: Cases, log: Log, i: int, time_ns: int) -> None:
    state = cases.state[i]
    for loss in range(program.loss_first[state], program.loss_first[state] + program.losses[state]):
        yes, no = program.loss_yes[loss], program.loss_no[loss]
        if (cases.facts[i] & yes) == yes and (cases.facts[i] & no) == np.uint64(0):
            place = log.used[2]
            log.loss_case[place], log.loss[place], log.loss_time[place] = i, loss, time_ns
            log.used[2] = place + 1


@part
def _plan(
    program: Program, civil: Civil, terms: Terms, cases: Cases, log: Log, i: int, time_ns: int, purpose: np.uint64
) -> None:
    """What a case that has entered its state at a time does next, and when."""
    state = cases.state[i]
    words = words_at(terms.key[0], terms.key[1], np.uint64(cases.steps[i]), cases.uid[i], purpose)
    word0, word1, word2, word3 = _signed(words[0]), _signed(words[1]), _signed(words[2]), _signed(words[3])
    facts, answer = cases.facts[i], cases.answer[i]
    cases.planned[i], cases.due[i] = -1, _NEVER
    way = _chosen(program, state, facts, answer, uniform(word0), _ITSELF)
    if way >= 0:
        length_ns = _drawn(program.form[way], program.scale[way], program.shape[way], word1)
        if program.when[way] == _AFTER_DESK and not terms.calm:
            place = log.used[1]
            log.job_case[place], log.job_way[place], log.job_time[place], log.job_work[place] = (
                i,
                way,
                time_ns,
                length_ns,
            )
            log.used[1] = place + 1
        else:
            begun_ns = time_ns
            if program.when[way] == DUE:
                slot = program.slot[way]
                limit_ns = cases.rule[i, slot] if terms.own_rules else cases.limit[i, slot]
                begun_ns = max(limit_ns - terms.skew_ns[cases.province[i]], time_ns)
            if program.office[way] or program.when[way] == _AFTER_DESK:
                due_ns = after_office(civil, begun_ns, length_ns)
            else:
                due_ns = begun_ns + length_ns
            cases.planned[i], cases.due[i] = way, due_ns
    if terms.calm:
        way = _chosen(program, state, facts, answer, uniform(word2), _EXPECTED)
        if way >= 0:
            length_ns = _drawn(program.usual_form[way], program.usual_scale[way], program.usual_shape[way], word3)
            if time_ns + length_ns < cases.due[i]:
                cases.planned[i], cases.due[i] = way, time_ns + length_ns


@part
def _enter(
    program: Program, civil: Civil, terms: Terms, cases: Cases, log: Log, i: int, state: int, time_ns: int
) -> None:
    """A case enters a state, and what happens next is planned."""
    cases.state[i], cases.entered[i], cases.phase[i] = state, time_ns, SOJOURN
    _follow_deadlines(program, civil, terms, cases, log, i, time_ns)
    if not terms.calm:
        _count_losses(program, cases, log, i, time_ns)
    _plan(program, civil, terms, cases, log, i, time_ns, _STEPS)


@part
def _fire(program: Program, civil: Civil, terms: Terms, known: Known, cases: Cases, log: Log, i: int) -> None:
    """What a case had planned happens."""
    way, time_ns, step = cases.planned[i], cases.due[i], cases.steps[i]
    if program.when[way] == DUE:
        slot = program.slot[way]
        if cases.status[i, slot] == RUNNING and time_ns < cases.limit[i, slot]:
            cases.facts[i] |= program.premature
    cases.facts[i] = (cases.facts[i] | program.sets[way]) & ~program.clears[way]
    cases.steps[i] = step + 1
    entry = log.used[0]
    log.case[entry], log.way[entry], log.time[entry], log.step[entry] = i, way, time_ns, step
    log.facts[entry], log.entered[entry] = cases.facts[i], time_ns
    if not terms.calm or program.does[way] & SPAWNS:
        log.used[0] = entry + 1
    waits = program.waits[way]
    if waits == _NOTHING:
        cases.answer[i] = _DONE
        _enter(program, civil, terms, cases, log, i, program.target[way], time_ns)
        return
    delay_ns, answer = program.idle_ns[way], program.idle_answer[way]
    if waits == _ANSWERED:
        if cases.facts[i] & program.absent[way]:
            answer = _NOT_FOUND
        elif cases.facts[i] & program.altered[way]:
            answer = _MISMATCH
    key = _key(cases.uid[i], step, program.part[way])
    if waits == _ACKNOWLEDGED:
        key ^= _FLIP
    # As `sim.casework.keys.estimated_ns`.
    delay_ns = delay_ns // 2 + ((delay_ns * np.int64(key >> _ABOVE)) >> PARTS)
    place = _find(known, key)
    if place >= 0:
        delay_ns, answer = known.delay_ns[place], known.answer[place]
    log.entered[entry] = time_ns + delay_ns
    cases.answer[i], cases.phase[i], cases.due[i] = answer, TRANSIT, time_ns + delay_ns


@part
def _schedule(agenda: Agenda, terms: Terms, i: int, due_ns: int) -> None:
    if due_ns >= terms.horizon_ns:
        return
    bucket, place = due_ns // terms.width_ns, agenda.used[0]
    agenda.case[place], agenda.before[place] = i, agenda.last[bucket]
    agenda.last[bucket], agenda.used[0] = place, place + 1


@jit
def schedule(agenda: Agenda, terms: Terms, cases: Cases, rows: NDArray[np.int32], count: int) -> None:
    """Enter the first ``count`` of these cases into the agenda, where something is due before the horizon."""
    for at in range(count):
        _schedule(agenda, terms, rows[at], cases.due[rows[at]])


@jit
def due_in(agenda: Agenda, cases: Cases, bucket: int, until_ns: int, rows: NDArray[np.int32]) -> int:
    """Write down the cases that are due in a bucket, and return how many they are."""
    count, place = 0, agenda.last[bucket]
    while place >= 0:
        i = agenda.case[place]
        if cases.due[i] < until_ns:
            rows[count] = i
            count += 1
        place = agenda.before[place]
    return count


@jit
def entries_in(agenda: Agenda, bucket: int) -> int:
    """How many entries a bucket has, those that hold no more among them."""
    count, place = 0, agenda.last[bucket]
    while place >= 0:
        count += 1
        place = agenda.before[place]
    return count


@jit
def draw_again(program: Program, civil: Civil, terms: Terms, cases: Cases, log: Log, count: int) -> None:
    """Draw anew, for the first ``count`` cases, what is next for each, given that it has not happened before the run.

    By rejection, which is exact; where it does not succeed, what was planned for whom it is a copy of stays.
    """
    for i in range(count):
        planned, due_ns = cases.planned[i], cases.due[i]
        if cases.phase[i] == TRANSIT or planned < 0:
            continue
        for attempt in range(_ATTEMPTS):
            _plan(program, civil, terms, cases, log, i, cases.entered[i], _AGAIN + np.uint64(attempt))
            if cases.due[i] >= 0:
                break
        if cases.due[i] < 0:
            cases.planned[i], cases.due[i] = planned, due_ns


@jit
def deliver(
    program: Program,
    terms: Terms,
    cases: Cases,
    agenda: Agenda,
    rows: NDArray[np.int32],
    signals: NDArray[np.int32],
    at_ns: Cells,
    kept: NDArray[np.bool_],
) -> int:
    """Give cases signals, in this order: whoever waits for one takes it at its time, whatever else was planned.

    A signal that meets a case between two states, or one that takes another in this bucket, is ``kept`` for later.

    Returns:
        How many found a case that does not wait for them, and are lost.
    """
    lost = 0
    end_ns = at_ns[0] // terms.width_ns * terms.width_ns + terms.width_ns if len(at_ns) > 0 else 0
    for at in range(len(rows)):
        i, signal = rows[at], signals[at]
        planned = cases.planned[i]
        taken = planned >= 0 and program.when[planned] == ON and cases.due[i] < end_ns
        kept[at] = cases.phase[i] == TRANSIT or taken
        if kept[at]:
            continue
        state, found = cases.state[i], -1
        for way in range(program.first[state], program.first[state] + program.ways[state]):
            if program.signal[way] == signal and _holds(program, way, cases.facts[i], cases.answer[i]):
                found = way
                break
        if found < 0:
            lost += 1
            continue
        cases.planned[i], cases.due[i] = found, at_ns[at]
        _schedule(agenda, terms, i, at_ns[at])
    return lost


@jit
def advance(  # noqa: PLR0913, PLR0917 - a compiled loop is handed all its arrays
    program: Program,
    civil: Civil,
    terms: Terms,
    known: Known,
    cases: Cases,
    agenda: Agenda,
    log: Log,
    rows: NDArray[np.int32],
    begin: int,
    count: int,
    until_ns: int,
) -> int:
    """Let these cases do all that is due before a time, from the ``begin``-th of ``count`` on.

    Returns:
        How many are done; fewer than ``count`` if there is no more room in the log or in the agenda.
    """
    for at in range(begin, count):
        i = rows[at]
        was_ns = cases.due[i]
        while cases.due[i] < until_ns:
            full = log.used[0] + 1 > len(log.case) or log.used[1] + 1 > len(log.job_case)
            if full or log.used[2] + _MOST_LOSSES > len(log.loss_case) or agenda.used[0] + 1 > len(agenda.case):
                return at
            if cases.phase[i] == TRANSIT:
                # A new case has no way behind it that led to its first state.
                planned = cases.planned[i]
                state = program.target[planned] if planned >= 0 else cases.state[i]
                _enter(program, civil, terms, cases, log, i, state, cases.due[i])
            else:
                _fire(program, civil, terms, known, cases, log, i)
        if cases.due[i] != was_ns and not terms.calm:
            _schedule(agenda, terms, i, cases.due[i])
    return count
