"""Mutation check by directed schedules: each rule whose absence storms seldom show is shown to be needed, and kept.

Every case plays one script (`scripts`) twice: the protocol as it is must agree and go on once the script is over, and
the variant without the rule (`mutations`) must be seen to diverge, by the same checks that guard every run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mutations as broken
import pytest
import scripts
from broken_hotstuff import HotStuffShort
from broken_jolteon import JolteonShort
from broken_pbft import PbftForgetful, PbftShort
from broken_qbft import QbftUnjustified
from broken_raft import RaftForgetful
from broken_tendermint import TendermintUnlocked
from directed import Directed

from sim.consensus.registry import family

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from directed import Make


@dataclass(frozen=True)
class Case:
    """A script, and the variant that it unmasks. A liar's instances run the protocol or, by name, something else."""

    protocol: str
    variant: type
    script: Callable[[Directed], None]
    n: int
    liars: Mapping[int, tuple[type | None, ...]] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=dict)

    def verdict(self, make: Make) -> tuple[str, Directed]:
        entry = family(self.protocol)
        liars = {index: tuple(make if own is None else own.make for own in pair) for index, pair in self.liars.items()}
        cluster = Directed(make, self.n, liars, rotates=entry.rotates, doubling=entry.byzantine, settings=self.settings)
        return cluster.verdict(self.script), cluster


TWINS = (None, None)
CASES = [
    Case("raft", broken.RaftOneShort, scripts.halves, 6),
    Case("raft", broken.RaftEcho, scripts.echo_of_two, 5),
    Case("raft", RaftForgetful, scripts.short_log, 5),
    Case("raft", broken.RaftCounting, scripts.figure_8, 5, settings={"window": 1}),
    Case("pbft", PbftShort, scripts.halves, 6),
    Case("pbft", PbftShort, scripts.two_worlds, 7, {3: TWINS}),
    Case("pbft", broken.PbftEcho, scripts.echo, 7, {2: TWINS}),
    Case("pbft", PbftForgetful, scripts.left_behind_by_commits, 4, {1: TWINS}),
    Case("pbft", broken.PbftCredulous, scripts.left_behind_by_commits, 4, {1: (None, broken.PbftOblivious)}),
    Case("tendermint", broken.TendermintOneShort, scripts.halves, 6),
    Case("tendermint", broken.TendermintOneShort, scripts.two_worlds, 7, {3: TWINS}),
    Case("tendermint", broken.TendermintEcho, scripts.echo, 7, {2: TWINS}),
    Case("tendermint", TendermintUnlocked, scripts.left_behind_by_precommits, 4, {1: TWINS}),
    Case("qbft", broken.QbftOneShort, scripts.halves, 6),
    Case("qbft", broken.QbftOneShort, scripts.two_worlds, 7, {3: TWINS}),
    Case("qbft", broken.QbftEcho, scripts.echo, 7, {2: TWINS}),
    Case("qbft", QbftUnjustified, scripts.left_behind_by_commits, 4, {1: TWINS}),
    Case("qbft", broken.QbftCredulous, scripts.left_behind_by_commits, 4, {1: (None, broken.QbftOblivious)}),
    Case("qbft", broken.QbftGullible, scripts.left_behind_by_commits, 4, {1: (None, broken.QbftPretender)}),
    Case("rpbft", broken.RpbftOneShort, scripts.halves, 7, settings={"committee": 6, "epoch": 64}),
    Case("rpbft", broken.RpbftEcho, scripts.echo, 8, {2: TWINS}, settings={"committee": 7, "epoch": 64}),
    Case(
        "rpbft",
        broken.RpbftCredulous,
        scripts.left_behind_by_commits,
        5,
        {1: (None, broken.RpbftOblivious)},
        settings={"committee": 4, "epoch": 64},
    ),
    Case("hotstuff", HotStuffShort, scripts.halves, 6),
    Case("hotstuff", broken.HotStuffOneShort, scripts.halves, 6),
    Case("hotstuff", broken.HotStuffOneShort, scripts.two_worlds, 7, {3: TWINS}),
    Case("hotstuff", broken.HotStuffEcho, scripts.echo, 7, {2: TWINS}),
    Case("hotstuff", broken.HotStuffUnlocked, scripts.behind_three_blocks, 4, {3: (None, broken.HotStuffOnTheOldest)}),
    Case("jolteon", JolteonShort, scripts.halves, 6),
    Case("jolteon", broken.JolteonOneShort, scripts.halves, 6),
    Case("jolteon", broken.JolteonOneShort, scripts.two_worlds, 7, {3: TWINS}),
    Case("jolteon", broken.JolteonEcho, scripts.echo, 7, {2: TWINS}),
    Case("jolteon", broken.JolteonUndeterred, scripts.late_vote, 4, {2: TWINS}),
    Case("jolteon", broken.JolteonStale, scripts.behind_two_blocks, 4, {2: (None, broken.JolteonOnTheOldest)}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.variant.__name__}-{case.n}")
def test_a_schedule_aimed_at_a_rule_parts_those_who_break_it_and_no_others(case: Case) -> None:
    honest, cluster = case.verdict(family(case.protocol).make)
    assert honest == "pass"
    assert {said.culprit for _, said in cluster.accused} <= set(case.liars)
    verdict, _ = case.verdict(case.variant.make)
    assert verdict == "diverged"


def test_every_protocol_is_tried_without_three_of_its_rules() -> None:
    rules = {case.protocol: {other.variant for other in CASES if other.protocol == case.protocol} for case in CASES}
    assert set(rules) == {"hotstuff", "jolteon", "pbft", "qbft", "raft", "rpbft", "tendermint"}
    assert min(map(len, rules.values())) >= 3
