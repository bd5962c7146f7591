"""What became of requests to the verification platform: when each was answered, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.compiled.fronting import REASONS
from sim.casework.definition import Answer
from sim.casework.emissions import Emissions, Measured
from sim.chain.verification import ABSENT, ALTERED, GENUINE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.platform import Settings

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]
    Flags = NDArray[np.bool_]

CASES, HONEST, FLOOD = range(3)
"""Who asks: a case, somebody else who wants to know, an attacker."""
GROUPS = ("cases", "honest", "flood")
_OUTCOMES = {
    "pass": Answer.PASS,
    "not_found": Answer.NOT_FOUND,
    "mismatch": Answer.MISMATCH,
    "no_answer": Answer.NO_ANSWER,
}
_SECOND_NS = 1_000_000_000
_PRESENTED = np.zeros(3, dtype=np.int8)
_PRESENTED[[GENUINE, ABSENT, ALTERED]] = Answer.PASS, Answer.NOT_FOUND, Answer.MISMATCH
_PERCENT = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


@dataclass(frozen=True, slots=True)
class Passage:
    """Requests on their way in, in the order of their first try, ties by key; arrays have shape (requests,).

    Attributes:
        key: of each.
        group: `CASES`, `HONEST` or `FLOOD`.
        source, row: which of the platform's sources it is from, and its row there.
        time_ns: of the first try.
        presented: what is presented.
        tries: that it took.
        waited_ns: for a server.
        work_ns: of a server.
        done_ns: when the server had done with it; -1 if it was turned away for good.
        refused: (groups, reasons) tries turned away.
        asks_ns: when it asks the chain's node, or would; -1 likewise.
        behind_ns: how old what it sees of the chain is.
        age_ns: how long before the first try what it asks about was deposited; -1 for any time.
        return_ns: what checking the answer takes at the gateway.
        checked: the chain makes a proof for it.
    """

    key: Keys
    group: Cells
    source: Cells
    row: Cells
    time_ns: Cells
    presented: Cells
    tries: Cells
    waited_ns: Cells
    work_ns: Cells
    done_ns: Cells
    refused: Cells
    asks_ns: Cells
    behind_ns: Cells
    age_ns: Cells
    return_ns: Cells
    checked: Flags


@dataclass(frozen=True, slots=True)
class Answers:
    """What those who asked got to know; arrays have shape (requests,), as in the `Passage`.

    Attributes:
        back_ns: when; where nothing came, when they gave up.
        answer: an `Answer`; `NO_ANSWER` where they gave up.
    """

    back_ns: Cells
    answer: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Routed:
    """Requests that went through the platform, and what is left for the chains to do.

    Attributes:
        emissions: what the chains are asked.
        passage: of every request.
        settings: of the platform.
    """

    emissions: Emissions
    passage: Passage
    settings: Settings

    def answers(self, measured: Measured) -> Answers:
        """What everybody who asked got to know.

        What the chains made no proof for, the platform answers truly from what it has found before, in the median of
        the time that they took for the others.

        Args:
            measured: what the chains did with what they were asked (`emissions`).
        """
        passage, settings = self.passage, self.settings
        place = np.minimum(np.searchsorted(measured.key, passage.key), max(len(measured.key) - 1, 0))
        known = measured.key[place] == passage.key if len(measured.key) else np.zeros(len(passage.key), dtype=np.bool_)
        usual_ns = np.sort(measured.delay_ns[place[known]])[np.count_nonzero(known) // 2] if known.any() else 0
        delay_ns = np.full(len(passage.key), usual_ns, dtype=np.int64)
        answer = _PRESENTED[passage.presented]
        delay_ns[known], answer[known] = measured.delay_ns[place[known]], measured.answer[place[known]]
        answered_ns = passage.asks_ns + delay_ns
        if settings.copy_in_front:
            back_ns = answered_ns
        else:
            back_ns = settings.isolation.leaves_ns(answered_ns, passage.return_ns)
        patient_ns = passage.time_ns + settings.patience_ns
        nothing = (passage.done_ns < 0) | (back_ns > patient_ns) | (answer == Answer.NO_ANSWER)
        answer[nothing] = Answer.NO_ANSWER
        return Answers(np.where(nothing, patient_ns, back_ns), answer)

    def answered(self, measured: Measured) -> Measured:
        """The same as the cases see it: for each request of theirs, from its first try to the answer."""
        answers = self.answers(measured)
        mine = self.passage.group == CASES
        key = self.passage.key[mine]
        others = ~np.isin(measured.key, self.passage.key)
        keys = np.concatenate([measured.key[others], key])
        delay_ns = np.concatenate([measured.delay_ns[others], answers.back_ns[mine] - self.passage.time_ns[mine]])
        answer = np.concatenate([measured.answer[others], answers.answer[mine]])
        order = np.argsort(keys, kind="stable")
        return Measured(keys[order], delay_ns[order], answer[order])

    def summary(self, measured: Measured, horizon_ns: int) -> dict[str, Any]:
        """`docket.platform` of `summary.json`.

        By who asks, over the whole run and, where there are floods, during them: requests and their tries, those turned
        away for good, answered and given up; goodput a second; latency from the first try; the answers.
        """
        passage, answers = self.passage, self.answers(measured)
        everywhere = np.ones(len(passage.key), dtype=np.bool_)
        found: dict[str, Any] = {
            "requests": {
                name: self._of(answers, everywhere & (passage.group == group), horizon_ns)
                for group, name in enumerate(GROUPS)
            },
            "refused_tries": {
                name: dict(zip(REASONS, passage.refused[group].tolist(), strict=True))
                for group, name in enumerate(GROUPS)
            },
            "utilisation": float(
                np.sum(passage.work_ns[passage.done_ns >= 0]) / (self.settings.servers * max(horizon_ns, 1))
            ),
            "waited_s": _quantiles(passage.waited_ns[passage.done_ns >= 0]),
        }
        floods = self._flooded()
        if self.settings.floods:
            lasted_ns = sum(flood.for_ns for flood in self.settings.floods)
            found["during_floods"] = {
                name: self._of(answers, floods & (passage.group == group), lasted_ns)
                for group, name in enumerate(GROUPS)
            }
        return found

    def _flooded(self) -> Flags:
        """Which requests were first made during a flood."""
        time_ns = self.passage.time_ns
        during = np.zeros(len(time_ns), dtype=np.bool_)
        for flood in self.settings.floods:
            during |= (time_ns >= flood.at_ns) & (time_ns < flood.at_ns + flood.for_ns)
        return during

    def _of(self, answers: Answers, mine: Flags, lasted_ns: int) -> dict[str, Any]:
        passage = self.passage
        answer = answers.answer[mine]
        good = answer != Answer.NO_ANSWER
        turned_away = int(np.count_nonzero(passage.done_ns[mine] < 0))
        return {
            "asked": len(answer),
            "tries": int(np.sum(passage.tries[mine])),
            "turned_away": turned_away,
            "answered": int(np.count_nonzero(good)),
            "given_up": int(len(answer) - np.count_nonzero(good)) - turned_away,
            "goodput_per_s": float(np.count_nonzero(good) * _SECOND_NS / max(lasted_ns, 1)),
            "latency_s": _quantiles((answers.back_ns - passage.time_ns)[mine][good]),
            "outcomes": {name: int(np.count_nonzero(answer == code)) for name, code in _OUTCOMES.items()},
        }


def _quantiles(times_ns: Cells) -> dict[str, float | None]:
    """Mean and exact order statistics, in seconds; None of nothing."""
    if not len(times_ns):
        return dict.fromkeys(("mean", *_PERCENT))
    ordered = np.sort(times_ns)
    ranks = {name: -(-percent * len(ordered) // 100) for name, percent in _PERCENT.items()}
    mean = {"mean": int(np.sum(ordered)) / len(ordered) / _SECOND_NS}
    return {**mean, **{name: int(ordered[rank - 1]) / _SECOND_NS for name, rank in ranks.items()}}
