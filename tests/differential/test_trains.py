"""The compiled solver of trains against a plain one that goes another way: the same times, to the nanosecond.

Problems are drawn at random from a seed: validators, heights that overlap or do not, costs, delays, checkpoints, pushes
to observers, links that keep order, what is still busy before. Where all delays are alike, whole rounds of votes come
at once, in the order of what set them off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from train_reference import VOTES, Problem, Solution, solve

from sim.chain.rounds import vote
from sim.chain.train import Busy, Outcome, Shape, Work
from sim.consensus.quorum import Quorums
from sim.kernel.engine import MILLISECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS, MANY_SEEDS = range(40), range(40, 1000)
KINDS = ("proposal", *VOTES)


@dataclass
class Drawn:
    """T trains of G heights."""

    shape: Shape
    leader: int
    cut: NDArray[np.int64]
    work: Work
    delays: tuple[NDArray[np.int64], ...]
    before: Busy

    def outcome(self) -> Outcome:
        """Compiled."""
        return vote(self.shape, self.leader, self.cut, self.work, self.delays, self.before)

    def solution(self, number: int) -> Solution:
        """One train, plainly."""
        trains, heights = self.cut.shape
        n, work = self.shape.n, self.work
        found = self.before if number == 0 else Busy.idle(n)
        by_height = (trains, heights, n, n)
        delays = (np.broadcast_to(each, (trains * heights, n, n)).reshape(by_height)[number] for each in self.delays)
        return solve(
            Problem(
                self.shape,
                self.leader,
                self.cut[number],
                work.prepare[number],
                work.take[number],
                work.execute[number],
                work.proposal_nic[number],
                work.push_nic[number],
                work.told[number],
                work.votes,
                work.votes_nic,
                work.sign,
                dict(zip(KINDS, delays, strict=True)),
                *(cells.tolist() for cells in (found.cpu, found.ingress, found.egress, found.link)),
            )
        )


def drawn(seed: int) -> Drawn:
    """A problem; what costs time, and how much of a delay, is drawn as well."""
    chance = np.random.default_rng(seed)
    n, heights = int(chance.integers(4, 12)), int(chance.integers(1, 7))
    trains = int(chance.integers(1, 4))
    shape = Shape(
        n, Quorums.of(n).quorum, leader_votes=bool(chance.random() < 0.3), ordered=bool(chance.random() < 0.6)
    )
    longest = int(chance.choice([1, 10, 100])) * MILLISECOND

    def cells(share: float, *size: int) -> NDArray[np.int64]:
        free = chance.random() < 0.2
        return np.zeros(size, dtype=np.int64) if free else chance.integers(1, 2 + int(share * longest), size=size)

    def delays() -> NDArray[np.int64]:
        size = [(trains * heights, n, n), (1, n, n), (1, 1, 1)][int(chance.choice(3, p=[0.6, 0.2, 0.2]))]
        return np.broadcast_to(chance.integers(1, longest, size=size), (trains * heights, n, n))

    per_height = (trains, heights)
    finite = int(chance.random() < 0.8)
    work = Work(
        prepare=cells(1, *per_height),
        take=cells(1, *per_height),
        execute=cells(1, *per_height),
        proposal_nic=chance.integers(1, longest // 4, size=per_height) * finite,
        push_nic=cells(0.3, *per_height, n) * finite,
        told=chance.random(per_height) < 0.3,
        votes=cells(0.1, 3),
        votes_nic=chance.integers(1, longest // 16, size=3) * finite,
        sign=1 + int(chance.integers(longest // 8)),
    )
    between = int(chance.choice([1, 5, 50])) * longest
    cut = (
        between
        + np.sort(chance.integers(0, between, size=per_height), axis=1)
        + 9 * between * np.arange(trains)[:, None]
    )
    before = Busy.idle(n)
    if chance.random() < 0.3:
        before.cpu[:], before.ingress[:], before.egress[:] = chance.integers(0, 2 * between, size=(3, n))
        before.link[:] = np.minimum(before.ingress, chance.integers(0, 2 * between, size=(n, n)))
    return Drawn(shape, int(chance.integers(n)), cut, work, tuple(delays() for _ in KINDS), before)


def compare(problem: Drawn, seed: int) -> int:
    """See that the two agree on all that an outcome says but `touched`; how many heights overlap another."""
    outcome = problem.outcome()
    trains, heights = problem.cut.shape
    overlapping = 0
    for number in range(trains):
        solution = problem.solution(number)
        rows = slice(number * heights, (number + 1) * heights)

        def by_node(times: dict[tuple[int, int], int]) -> list[list[int]]:
            return [[times[height, node] for node in range(problem.shape.n)] for height in range(heights)]

        pushed = {key[1:]: begun_ns for key, begun_ns in solution.begins.items() if key[0] == "push"}
        assert outcome.decided[rows].tolist() == by_node(solution.decided), seed
        assert outcome.executed[rows].tolist() == by_node(solution.executed), seed
        assert outcome.pushed[rows].tolist() == by_node(pushed), seed
        assert outcome.proposed[rows].tolist() == [solution.proposed[height] for height in range(heights)], seed
        assert outcome.waited[rows].tolist() == [solution.waited[height] for height in range(heights)], seed
        last = rows.stop - 1
        for name in ("cpu", "ingress", "egress"):
            assert getattr(outcome, name)[last].tolist() == getattr(solution, name), (seed, name)
        if problem.shape.ordered:
            assert outcome.link[last].tolist() == solution.link, seed
        executed = outcome.executed[rows].max(axis=1)
        overlapping += int(np.count_nonzero(executed[:-1] > problem.cut[number, 1:]))
    return overlapping


def test_compiled_trains_have_the_times_of_a_plain_solution() -> None:
    overlapping = sum(compare(drawn(seed), seed) for seed in SEEDS)
    assert overlapping > len(SEEDS)


def test_heights_that_touch_no_other_have_the_times_of_a_train() -> None:
    touched = untouched = 0
    for seed in range(400):
        problem = drawn(seed)
        heights, per_height = problem.cut.size, ("prepare", "take", "execute", "proposal_nic", "told", "push_nic")
        if len(problem.cut) > 1 or heights == 1:
            continue
        # About as far from each other as they take, so that some end before the next begins; each as if it were alone.
        takes = int((problem.outcome().executed.max(axis=1) - problem.cut.reshape(-1)).min())
        between = int(takes * np.random.default_rng(seed).uniform(0.5, 2))
        problem.cut = problem.cut[0, 0] + between * np.arange(heights)[None, :]
        work = {name: np.moveaxis(getattr(problem.work, name), 1, 0) for name in per_height}
        apart = replace(problem, cut=problem.cut.reshape(heights, 1), work=replace(problem.work, **work)).outcome()
        if apart.touched.any():
            touched += 1
            continue
        untouched += 1
        together = problem.outcome()
        for name in ("proposed", "decided", "executed", "pushed"):
            assert np.array_equal(getattr(apart, name), getattr(together, name)), (seed, name)
    assert min(touched, untouched) > 20


@pytest.mark.full
def test_many_compiled_trains_have_the_times_of_a_plain_solution() -> None:
    for seed in MANY_SEEDS:
        compare(drawn(seed), seed)
