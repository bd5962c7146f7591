"""A train of heights, solved plainly: what `sim.chain.compiled.trains` must agree with.

The other way round than the compiled solver, which goes through all arrivals in the order of time: here every node
serves all that comes to it, as if it were known when the others say what; that gives anew what each says; and again,
until it stands still. Causes precede effects, so it does, and there is one such solution.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.chain.train import Shape

    Cells = NDArray[np.int64]

VOTES = ("first", "second", "checkpoint")


class Said(NamedTuple):
    """Something leaves a sender's CPU: the ``order``-th of what it says, for what arrived at ``because_ns``."""

    at_ns: int
    because_ns: int
    order: int
    kind: str
    height: int


class Coming(NamedTuple):
    """A message at a receiver's NIC; of those that come at once first the one whose cause came first."""

    arrival_ns: int
    because_ns: int
    order: int
    kind: str
    height: int


@dataclass
class Problem:
    """One train; arrays by height, delays by kind, height, sender and receiver, busy times by node (and receiver)."""

    shape: Shape
    leader: int
    cut: Cells
    prepare: Cells
    take: Cells
    execute: Cells
    proposal_nic: Cells
    push_nic: Cells
    told: NDArray[np.bool_]
    votes: Cells
    votes_nic: Cells
    sign: int
    delays: dict[str, Cells]
    cpu: list[int]
    ingress: list[int]
    egress: list[int]
    link: list[list[int]]

    def nic(self, kind: str, height: int) -> int:
        """What a NIC takes for a message."""
        return int(self.proposal_nic[height] if kind == "proposal" else self.votes_nic[VOTES.index(kind)])

    def work(self, kind: str, height: int) -> int:
        """What a CPU takes for it."""
        own = {"cut": self.prepare, "proposal": self.take}
        return int(own[kind][height] if kind in own else self.votes[VOTES.index(kind)])


@dataclass
class Solution:
    """What comes of it, as in `Outcome`; times by height and node, or by height, or by node."""

    proposed: dict[int, int] = field(default_factory=dict)
    waited: dict[int, bool] = field(default_factory=dict)
    decided: dict[tuple[int, int], int] = field(default_factory=dict)
    executed: dict[tuple[int, int], int] = field(default_factory=dict)
    begins: dict[tuple[str, int, int], int] = field(default_factory=dict)
    """When a sender begins to send something."""
    arrives: dict[tuple[int, int], list[Coming]] = field(default_factory=dict)
    cpu: list[int] = field(default_factory=list)
    ingress: list[int] = field(default_factory=list)
    egress: list[int] = field(default_factory=list)
    link: list[list[int]] = field(default_factory=list)


def solve(problem: Problem) -> Solution:
    """Let nodes speak and serve until what they say stands still."""
    nodes = range(problem.shape.n)
    said: list[list[Said]] = [[] for _ in nodes]
    while True:
        solution = Solution(cpu=list(problem.cpu), ingress=list(problem.ingress), egress=list(problem.egress))
        coming = _carry(problem, solution, said)
        again = [_Node(problem, solution, node).serve(sorted(coming[node])) for node in nodes]
        if again == said:
            return solution
        said = again


def _carry(problem: Problem, solution: Solution, said: list[list[Said]]) -> list[list[Coming]]:
    """Send what is said through NICs and links; returns what comes to each node."""
    n = problem.shape.n
    coming: list[list[Coming]] = [[] for _ in range(n)]
    solution.link = [list(row) for row in problem.link]
    for height, at_ns in enumerate(problem.cut.tolist()):
        coming[problem.leader].append(Coming(at_ns, -1, 0, "cut", height))
    for sender, sayings in enumerate(said):
        for at_ns, because_ns, order, kind, height in sorted(sayings):
            free_ns = max(at_ns, solution.egress[sender])
            solution.begins[kind, height, sender] = free_ns
            if kind == "push" and not problem.push_nic[height, sender]:
                continue  # it feeds nobody
            if kind == "push":
                free_ns += int(problem.push_nic[height, sender])
            else:
                for k in range(1, n):
                    receiver = (sender + k) % n
                    free_ns += problem.nic(kind, height)
                    arrival_ns = free_ns + int(problem.delays[kind][height, sender, receiver])
                    if problem.shape.ordered:
                        arrival_ns = max(arrival_ns, solution.link[sender][receiver])
                        solution.link[sender][receiver] = arrival_ns
                    coming[receiver].append(Coming(arrival_ns, because_ns, order, kind, height))
            solution.egress[sender] = free_ns
    for receiver in range(n):
        for message in coming[receiver]:
            solution.arrives.setdefault((message.height, receiver), []).append(message)
    return coming


class _Node:
    """One node at work."""

    def __init__(self, problem: Problem, solution: Solution, number: int) -> None:
        self.problem, self.solution, self.number = problem, solution, number
        self.heard: dict[tuple[str, int], int] = {}
        self.known: set[int] = set()
        self.prepared: set[int] = set()
        self.next = 0
        self.because_ns = self.now_ns = 0
        self.said: list[Said] = []

    def serve(self, coming: list[Coming]) -> list[Said]:
        """Take in messages in the order of arrival; returns what the node says."""
        problem, solution, me = self.problem, self.solution, self.number
        for message in coming:
            kind, height = message.kind, message.height
            self.because_ns = received_ns = message.arrival_ns
            if kind != "cut":
                received_ns = max(solution.ingress[me] + problem.nic(kind, height), received_ns)
                solution.ingress[me] = received_ns
            self.now_ns = max(solution.cpu[me], received_ns) + problem.work(kind, height)
            if kind == "cut":
                solution.waited[height] = self.now_ns > message.arrival_ns + problem.work(kind, height)
            self.heard[kind, height] = self.heard.get((kind, height), 0) + 1
            self.follow(kind, height)
            solution.cpu[me] = self.now_ns
        return self.said

    def follow(self, kind: str, height: int) -> None:
        """Do what one more message allows."""
        if kind == "cut":
            self.known.add(height)
            self.say("proposal", height)
            self.solution.proposed[height] = self.now_ns
            if self.problem.shape.leader_votes:
                self.say("first", height)
        elif kind == "proposal":
            self.known.add(height)
            self.say("first", height)
        # Votes of other nodes; a backup counts the proposal for the vote that the leader does not cast.
        needs = self.problem.shape.quorum - 1
        counted = self.number != self.problem.leader and not self.problem.shape.leader_votes
        if height in self.known - self.prepared and self.heard.get(("first", height), 0) + counted >= needs:
            self.prepared.add(height)
            self.say("second", height)
        self.execute(needs)

    def execute(self, needs: int) -> None:
        """Execute what is decided, in order; then tell of the checkpoints."""
        begin = self.next
        while self.next in self.prepared and self.heard.get(("second", self.next), 0) >= needs:
            self.solution.decided[self.next, self.number] = self.now_ns
            self.now_ns += int(self.problem.execute[self.next])
            self.solution.executed[self.next, self.number] = self.now_ns
            self.said.append(Said(self.now_ns, self.because_ns, len(self.said), "push", self.next))
            self.next += 1
        for height in range(begin, self.next):
            if self.problem.told[height]:
                self.say("checkpoint", height)

    def say(self, kind: str, height: int) -> None:
        """Sign a message."""
        self.now_ns += self.problem.sign
        self.said.append(Said(self.now_ns, self.because_ns, len(self.said), kind, height))
