"""The front of the verification platform: queue laws, token buckets, floods, and the gateway behind it."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from sim.casework.compiled.fronting import CLIENT_LIMIT, GLOBAL_LIMIT, QUEUE_FULL, Arriving, Limits
from sim.casework.definition import Answer
from sim.casework.emissions import Asked, Emissions, Measured
from sim.casework.isolation import Isolation
from sim.casework.platform import Flood, Limit, Platform, Settings, fronted
from sim.casework.routed import CASES, FLOOD, HONEST, Routed
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.kernel.distributions import Constant, Exponential
from sim.kernel.draws import Draws

S = 1_000_000_000
MIN = 60 * S
OPEN = Limits(0, 1, 0, 1, 1 << 40, 1)


def arriving(times: list[int], clients: list[int] | None = None, *, work: int = 0, backoff: int = 1) -> Arriving:
    count = len(times)
    columns = (times, clients or [0] * count, [0] * count, [1] * count, [work] * count, [backoff] * count)
    return Arriving(*(np.array(column, dtype=np.int64) for column in columns))


def plainly(requests: Arriving, limits: Limits, servers: int) -> dict[str, list[int]]:
    """The same front with buckets that really hold tokens, as fractions, and a heap of events."""
    events = [(int(at), 0, row) for row, at in enumerate(requests.time_ns)]
    heapq.heapify(events)
    filled: dict[int, tuple[Fraction, int]] = {}
    free, begun = [0] * servers, []
    count = len(requests.time_ns)
    found = {"done": [-1] * count, "tries": [0] * count, "refused": [0, 0, 0]}

    def tokens(bucket: int, now: int, each: int, burst: int) -> Fraction:
        held, since = filled.get(bucket, (Fraction(burst), 0))
        return min(Fraction(burst), held + Fraction(now - since, each)) if each else Fraction(1 << 60)

    while events:
        now, _, row = heapq.heappop(events)
        found["tries"][row] += 1
        client, cost = int(requests.client[row]), int(requests.cost[row])
        mine = tokens(client, now, limits.client_ns, limits.client_burst)
        everybody = tokens(-1, now, limits.all_ns, limits.all_burst)
        waiting = sum(at > now for at in begun)
        if mine < cost:
            reason = CLIENT_LIMIT
        elif everybody < cost:
            reason = GLOBAL_LIMIT
        elif min(free) > now and waiting >= limits.room:
            reason = QUEUE_FULL
        else:
            filled[client], filled[-1] = (mine - cost, now), (everybody - cost, now)
            server = free.index(min(free))
            begun.append(max(now, free[server]))
            free[server] = found["done"][row] = begun[-1] + int(requests.work_ns[row])
            continue
        found["refused"][reason] += 1
        if found["tries"][row] < limits.tries:
            again = now + (int(requests.backoff_ns[row]) << (found["tries"][row] - 1))
            heapq.heappush(events, (again, 1, row))
    return found


def random_front(seed: int) -> tuple[Arriving, Limits]:
    draws = np.random.default_rng(seed)
    count = 400
    requests = Arriving(
        time_ns=np.sort(draws.integers(0, 4000, count)),
        client=draws.integers(0, 4, count),
        group=np.zeros(count, dtype=np.int64),
        cost=draws.integers(1, 3, count),
        work_ns=draws.integers(0, 40, count),
        backoff_ns=draws.integers(1, 60, count),
    )
    return requests, Limits(*(int(draws.integers(1, top)) for top in (60, 9, 12, 9, 8, 5)))


def test_the_front_is_that_of_buckets_with_tokens_as_fractions() -> None:
    reasons = np.zeros(3, dtype=np.int64)
    for seed in range(40):
        requests, limits = random_front(seed)
        room, plain = fronted(requests, limits, 2, 4), plainly(requests, limits, 2)
        assert room.done_ns.tolist() == plain["done"]
        assert room.tries.tolist() == plain["tries"]
        assert room.refused[0].tolist() == plain["refused"]
        reasons += plain["refused"]
    assert (reasons > 100).all(), "these cases hardly try everything"


def test_a_bucket_lets_through_its_burst_and_then_one_an_interval() -> None:
    room = fronted(arriving([0] * 5 + [99, 100, 101, 350]), OPEN._replace(client_ns=100, client_burst=3), 1, 1)
    assert (room.done_ns >= 0).tolist() == [True] * 3 + [False] * 3 + [True, False, True]


def test_who_is_turned_away_comes_back_after_backoffs_that_double() -> None:
    limits = OPEN._replace(client_ns=1000, tries=4)
    room = fronted(arriving([0, 1], work=5, backoff=200), limits, 1, 1)
    assert room.done_ns.tolist() == [5, 1 + 200 + 400 + 800 + 5]
    assert room.tries.tolist() == [1, 4]


def test_a_full_queue_turns_away_what_finds_neither_a_server_nor_a_place() -> None:
    room = fronted(arriving([0, 1, 2, 3, 51], work=50), OPEN._replace(room=2), 1, 1)
    assert room.done_ns.tolist() == [50, 100, 150, -1, 200]
    assert room.refused[0].tolist() == [0, 0, 1]


def erlang_c(servers: int, load: float) -> float:
    """The chance to wait in M/M/c; load in Erlang."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (3, 2.1), (8, 6.4)])
def test_waiting_times_are_those_of_erlang_c(servers: int, load: float) -> None:
    # 60 stretches of 20,000 requests each; their means are normal by the look of it, and 4.4 standard errors have a
    # false-alarm rate of 1e-5. Seed 5.
    draws = np.random.default_rng(5)
    count, parts = 1_200_000, 60
    gaps, work = draws.exponential(S / load, count), draws.exponential(S, count)
    times, needs = np.cumsum(gaps).astype(np.int64), work.astype(np.int64)
    zeros = np.zeros(count, dtype=np.int64)
    room = fronted(Arriving(times, zeros, zeros, zeros + 1, needs, zeros + 1), OPEN, servers, 1)
    waits = (room.waited_ns / S).reshape(parts, -1).mean(axis=1)
    expected = erlang_c(servers, load) / (servers - load)
    assert abs(waits.mean() - expected) < 4.4 * waits.std(ddof=1) / math.sqrt(parts)
    assert 4.4 * waits.std(ddof=1) / math.sqrt(parts) < 0.1 * expected, "too few requests to tell"


def test_a_gateway_holds_what_comes_while_it_is_down_for_the_next_batch_after() -> None:
    gateway = Isolation(10, Constant(0), down=((25, 47), (50, 55)))
    arrived = np.array([0, 1, 9, 10, 21, 22, 48, 56])
    delay = np.zeros(8, dtype=np.int64)
    assert gateway.leaves_ns(arrived, delay).tolist() == [0, 10, 10, 10, 60, 60, 60, 60]
    assert gateway.leaves_ns(arrived, delay + 3).tolist() == [10, 10, 20, 20, 60, 60, 60, 60]


def test_a_copy_in_front_of_the_gateway_shows_what_the_last_batch_before_brought() -> None:
    gateway = Isolation(10, Constant(0), down=((25, 47),))
    assert gateway.seen_ns(np.array([9, 24, 30, 46, 49, 50]), 2).tolist() == [-2, 18, 18, 18, 18, 48]


USUAL = Settings(
    servers=4,
    service=Exponential(0.05 * S),
    room=100,
    per_client=Limit(),
    everybody=Limit(),
    tries=3,
    backoff=Constant(2 * S),
    patience_ns=2 * MIN,
    isolation=Isolation(5 * S, Constant(S)),
    copy_in_front=False,
    lag_ns=3 * S,
    pending=False,
    age=None,
    users=100_000,
    province=0,
)
"""At most 80 requests a second."""
FLOOD_OF = Flood(5 * MIN, 5 * MIN, 200.0, 50, 0.0, "jc", "served/receipt", checked=0.1)


def asked(count: int, every_ns: int, *, public: bool = True) -> Emissions:
    columns = np.zeros(count, dtype=np.int64)
    requests = Asked(
        key=np.arange(1, count + 1, dtype=np.uint64),
        time_ns=np.arange(count, dtype=np.int64) * every_ns,
        province=columns + 7,
        presented=np.arange(count, dtype=np.int64) % 3,
        public=np.full(count, public),
        of=columns,
        kinds=("served/receipt",),
    )
    return Emissions(checks={"jc": requests})


def goodput(settings: Settings) -> tuple[float, float, dict[str, object]]:
    """Of cases, answers a second without and with a flood, when 40 ask a second for a quarter of an hour."""
    routed = Platform(settings, Draws(3)).route(asked(36_000, 25_000_000))
    summary = routed.summary(Measured(*[np.zeros(0, dtype=kind) for kind in (np.uint64, np.int64, np.int8)]), 15 * MIN)
    during = summary["during_floods"]["cases"]
    everywhere = summary["requests"]["cases"]
    before = (everywhere["answered"] - during["answered"]) / (10 * 60)
    return before, during["goodput_per_s"], summary


def test_a_flood_halves_goodput_without_limits_and_not_with_them() -> None:
    calm, flooded, open_to_all = goodput(replace(USUAL, floods=(FLOOD_OF,)))
    assert calm > 0.97 * 40
    assert flooded < 0.5 * 40
    limited = replace(USUAL, floods=(FLOOD_OF,), per_client=Limit(0.1, 5))
    calm, flooded, guarded = goodput(limited)
    assert calm > 0.97 * 40
    assert flooded > 0.97 * 40
    tried = guarded["refused_tries"]["flood"]["client_limit"]  # type: ignore[index]
    assert tried > 10 * guarded["requests"]["flood"]["answered"]  # type: ignore[index]
    assert open_to_all["refused_tries"]["cases"]["queue_full"] > 0  # type: ignore[index]


def test_a_limit_for_all_together_protects_nobody_from_a_flood() -> None:
    _, flooded, summary = goodput(replace(USUAL, floods=(FLOOD_OF,), everybody=Limit(70.0, 70)))
    assert flooded < 0.5 * 40
    assert summary["refused_tries"]["cases"]["global_limit"] > 0  # type: ignore[index]


def test_private_checks_pass_the_platform_by() -> None:
    emissions = asked(50, S, public=False)
    routed = Platform(USUAL, Draws(1)).route(emissions)
    before, after = emissions.checks["jc"], routed.emissions.checks["jc"]
    assert after.time_ns.tolist() == before.time_ns.tolist()
    assert after.province.tolist() == before.province.tolist()
    assert len(routed.passage.key) == 0
    measured = answers_of(routed)
    assert routed.answered(measured).delay_ns.tolist() == measured.delay_ns.tolist()


def answers_of(routed: Routed, delay_ns: int = 10_000_000) -> Measured:
    """What an idle chain says to what it is asked."""
    requests = routed.emissions.checks["jc"]
    order = np.argsort(requests.key)
    right = {GENUINE: Answer.PASS, ABSENT: Answer.NOT_FOUND, ALTERED: Answer.MISMATCH}
    answer = np.array([right[int(kind)] for kind in requests.presented[order]], dtype=np.int8)
    return Measured(requests.key[order], np.full(len(order), delay_ns), answer)


def test_request_and_answer_cross_the_gateway_each_with_its_batch() -> None:
    settings = replace(USUAL, service=Constant(S // 10))
    routed = Platform(settings, Draws(1)).route(asked(3, 7 * S))
    assert routed.emissions.checks["jc"].time_ns.tolist() == [5 * S, 10 * S, 20 * S]
    assert routed.emissions.checks["jc"].province.tolist() == [0, 0, 0]
    back = routed.answered(answers_of(routed))
    assert back.key.tolist() == [1, 2, 3]
    assert back.delay_ns.tolist() == [10 * S, 8 * S, 11 * S]
    assert back.answer.tolist() == [Answer.PASS, Answer.NOT_FOUND, Answer.MISMATCH]


def test_a_copy_in_front_answers_at_once_from_what_is_old() -> None:
    settings = replace(USUAL, service=Constant(S // 10), copy_in_front=True)
    routed = Platform(settings, Draws(1)).route(asked(3, 7 * S))
    requests = routed.emissions.checks["jc"]
    assert requests.time_ns.tolist() == [S // 10, 71 * S // 10, 141 * S // 10]
    assert requests.looks is not None
    # Batches at 0, 5 and 10 s, each with what had been copied 3 + 1 s before.
    assert requests.looks.behind_ns.tolist() == [41 * S // 10, 61 * S // 10, 81 * S // 10]
    assert routed.answered(answers_of(routed)).delay_ns.tolist() == [S // 10 + 10_000_000] * 3


def test_who_waits_longer_than_the_gateway_takes_gets_no_answer() -> None:
    settings = replace(USUAL, patience_ns=MIN, isolation=Isolation(5 * S, Constant(S), down=((0, 90 * S),)))
    routed = Platform(settings, Draws(1)).route(asked(100, S))
    back = routed.answered(answers_of(routed))
    assert (back.answer[:28] == Answer.NO_ANSWER).all()
    assert (back.delay_ns[:28] == MIN).all()
    assert (back.answer[45:] != Answer.NO_ANSWER).all()


def test_honest_people_and_attackers_are_told_apart_and_only_a_share_is_proved() -> None:
    flood = replace(FLOOD_OF, honest=0.3)
    routed = Platform(replace(USUAL, floods=(flood,), servers=100), Draws(9)).route(asked(1000, S))
    passage = routed.passage
    counts = np.bincount(passage.group, minlength=3)
    assert counts[CASES] == 1000
    # 60,000 requests by Poisson, 30 % honest: 4.4 standard deviations, a false-alarm rate of 1e-5 each. Seed 9.
    assert abs(counts[HONEST] + counts[FLOOD] - 60_000) < 4.4 * math.sqrt(60_000)
    assert abs(counts[HONEST] - 18_000) < 4.4 * math.sqrt(18_000)
    proved = np.count_nonzero(passage.checked & (passage.group != CASES))
    through = np.count_nonzero((passage.done_ns >= 0) & (passage.group != CASES))
    assert abs(proved - 0.1 * through) < 4.4 * math.sqrt(0.1 * through)
    assert passage.checked[passage.group == CASES].all()
    again = Platform(replace(USUAL, floods=(flood,), servers=100), Draws(9)).route(asked(1001, S))
    assert again.passage.key[again.passage.group != CASES].tolist() == passage.key[passage.group != CASES].tolist()
