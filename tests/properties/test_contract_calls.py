"""The courts' contracts under any sequence of calls: no order breaks an invariant, and broken contracts show."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from broken_contracts import BROKEN
from hypothesis import given
from hypothesis import strategies as st

from sim.casework.contracts.interface import Called
from sim.casework.contracts.register import Register
from sim.casework.contracts.registry import CONTRACTS, contracts
from sim.casework.invariants import CaseViolation
from sim.casework.witness import Witness
from sim.casework.witness_register import RegisterWatch
from sim.kernel.civil import DAY_NS, HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.casework.contracts.interface import Answered, Contract

STEPS_NS = (0, HOUR_NS, DAY_NS, 3 * DAY_NS, 15 * DAY_NS, 30 * DAY_NS, 200 * DAY_NS)
"""How long a call comes after the one before."""
FACTS = {
    "agreement": ("confirmed",),
    "bankruptcy": ("against", "ordered"),
    "fund": (),
    "listing": (),
    "loop": ("same-person", "differs"),
    "preservation": ("ordinary", "in-suit"),
    "register": ("court-order", "short"),
    "title": ("ruling", "final", "moved-by-judge"),
}
"""Facts that a contract looks at. Which kind of thing an asset is depends on its number."""


@dataclass(frozen=True, slots=True)
class World:
    """Who may call: families of four cases, of which the first began the others, about a few things."""

    families: int = 3
    assets: int = 2
    first: int = 0

    def called(self, contract: str, chance: random.Random, now_ns: int) -> Called:
        """A call of any method by any case; every fourth case is from before the run."""
        family, member = chance.randrange(self.families), chance.randrange(4)
        case = self.first + 4 * family + member
        asset = self.first + family % self.assets
        facts = {fact for fact in FACTS[contract] if chance.random() < 0.3}
        if contract == "register" and asset % 2:
            facts.add("immovable")
        return Called(
            method=chance.choice(list(CONTRACTS[contract].METHODS)),
            time_ns=now_ns,
            case=case,
            parent=case - member,
            subject=asset,
            asset=asset,
            amount_cny=(0.005, 100.0, 333.33, 1e6)[(family + member) % 4],
            facts=frozenset(facts),
            old=member == 3,
        )

    def sequence(self, contract: str, seed: int, length: int) -> list[Called]:
        chance, now_ns, calls = random.Random(seed), 0, []  # noqa: S311
        for _ in range(length):
            now_ns += chance.choice(STEPS_NS)
            calls.append(self.called(contract, chance, now_ns))
        return calls


def executed(contract: Contract, calls: Iterable[Called]) -> list[Sequence[Answered]]:
    return [contract.apply(called) for called in calls]


def witnessed(name: str, contract: Contract, calls: Iterable[Called]) -> Witness:
    witness = Witness()
    for called in calls:
        witness.saw(name, called, contract.apply(called))
    witness.finish()
    return witness


names = st.sampled_from(sorted(CONTRACTS))
seeds = st.integers(0, 2**32 - 1)


@given(names, seeds)
def test_no_sequence_of_calls_breaks_an_invariant(name: str, seed: int) -> None:
    contract = contracts()[name]
    calls = World().sequence(name, seed, 80)
    witness = Witness()
    for called in calls:
        answers = contract.apply(called)
        assert answers[0].case == called.case
        assert answers[0].signal in (*contract.METHODS[called.method], "refused")
        assert {answer.signal for answer in answers[1:]} <= set(contract.OTHERS)
        witness.saw(name, called, answers)
        contract.check()
    witness.finish()


@given(seeds)
def test_the_witness_recomputes_the_ranks_of_every_asset(seed: int) -> None:
    world = World(families=6, assets=2)
    register, watch = Register(), RegisterWatch()
    for called in world.sequence("register", seed, 120):
        known = replace(called, old=False)
        watch.saw(known, register.apply(known))
        assert watch.ranks(called.asset) == register.ranks(called.asset)


@given(st.sampled_from(sorted(set(CONTRACTS) - {"bankruptcy", "loop", "listing"})), seeds, seeds)
def test_what_happens_to_one_does_not_depend_on_the_order_among_others(name: str, seed: int, order: int) -> None:
    apart = [World(first=100 * number).sequence(name, seed + number, 30) for number in range(3)]
    alone = [executed(contracts()[name], calls) for calls in apart]
    together, chance = contracts()[name], random.Random(order)  # noqa: S311
    turns = [number for number in range(3) for _ in range(30)]
    chance.shuffle(turns)
    heard: list[list[Sequence[Answered]]] = [[], [], []]
    for number in turns:
        heard[number].append(together.apply(apart[number][len(heard[number])]))
    assert heard == alone


@given(names, seeds)
def test_a_call_that_is_repeated_changes_nothing(name: str, seed: int) -> None:
    calls = World().sequence(name, seed, 60)
    once, twice = contracts()[name], contracts()[name]
    for called in calls:
        answers = once.apply(called)
        assert twice.apply(called) == answers
        again = twice.apply(called)
        # Whatever the repetition is told, it is told alone: nobody else hears a second time of anything.
        assert len(again) == 1 or again[0].signal == "illegal"


def first_violation(name: str, make: type[Contract], seeds: Iterable[int]) -> str | None:
    for seed in seeds:
        try:
            witnessed(name, make(), World().sequence(name, seed, 200))
        except CaseViolation as violation:
            return violation.invariant
    return None


SEEDS = range(60)
"""Enough that each broken contract is caught in many of them, and the real ones in none."""


@pytest.mark.parametrize(("name", "make", "invariants"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_the_witness_catches_a_contract_with_a_rule_broken(
    name: str, make: type[Contract], invariants: frozenset[str]
) -> None:
    assert first_violation(name, make, SEEDS) in invariants


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_the_witness_lets_the_real_contract_pass_where_broken_ones_fail(name: str) -> None:
    assert first_violation(name, CONTRACTS[name], SEEDS) is None


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_random_calls_reach_every_answer(name: str) -> None:
    contract = contracts()[name]
    told = {
        (called.method, contract.apply(called)[0].signal)
        for seed in SEEDS
        for called in World(first=1000 * seed).sequence(name, seed, 200)
    }
    assert told >= {(method, signal) for method, signals in contract.METHODS.items() for signal in signals}
