"""Words and numbers for people: rounded quantities, what a verdict means, the official answers in Chinese."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sim.scenario import Scenario
    from sim.scenario.slo import Slo

NO_VALUE: Final = "–"
"""Stands where there is no number, such as a quantile of nothing."""

_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_LONG: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_LARGE: Final = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))
_BYTES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_LEAST: Final = 0.0001
"""A share nearer to nothing or to the whole is said to be nearer."""
_NEARLY_ALL: Final = 0.99
"""From here on, what is missing is of interest, and two decimals show it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verification can come to.

    Attributes:
        key: its name in `summary.json` under ``proofs``.
        official: whether it is one of the three answers of the public verification platform of the people's courts.
        zh: the platform's own words, or plain Chinese where the platform has none.
        en: the same in English.
    """

    key: str
    official: bool
    zh: str
    en: str


ANSWERS: Final = (
    Answer("passed", official=True, zh="核验通过", en="verified: it is what was deposited"),
    Answer("not_found", official=True, zh="尚未在司法区块链存证", en="not deposited on the judicial chain"),
    Answer("mismatch", official=True, zh="与链上存证数据比对结果不一致", en="not what was deposited"),
    Answer("refused", official=False, zh="证明无效", en="no answer: the proof itself was bad"),
    Answer("unfinished", official=False, zh="未完成", en="no answer by the end of the run"),
)

STAGE_MEANINGS: Final = {
    "submit": "from the client to the leader's pool",
    "queue": "waiting in the pool until a block is cut",
    "propose": "the leader checks, hashes and signs the block",
    "vote": "validators agree, and the client's node learns of it",
    "execute": "the client's node executes the block",
}


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective of the scenario and how the run stands to it, in words."""

    metric: str
    target: str
    actual: str
    met: bool


def three_digits(value: float) -> str:
    """A number to three significant digits, and to the unit from 100 on: 0.686, 14.3, 1,235."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def exact(value: float) -> str:
    """A number to twelve significant digits without an exponent: 0.25, 3, 1,234,567."""
    if value.is_integer():
        return f"{value:,.0f}"
    decimals = max(0, 11 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """A measured duration in the unit that suits it: 3.39 ms, 686 ms, 1,235 s."""
    return _scaled(seconds, _SECONDS, three_digits)


def given_duration(seconds: float) -> str:
    """A duration that is round by nature in the unit that suits it: 5 s, 100 ms."""
    return _scaled(seconds, _SECONDS, exact)


def long_duration(seconds: float) -> str:
    """A duration of people or of law in the unit that suits it: 26.9 s, 4.5 min, 2.1 h, 13.9 d."""
    return _scaled(seconds, _LONG, three_digits)


def clock(seconds: float) -> str:
    """A time since the start, to the millisecond: 0:03:03.076."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def storage(size_bytes: float) -> str:
    """A size in decimal units: 55.1 MB."""
    return _scaled(size_bytes, _BYTES, three_digits)


def scaled_rate(per_s: float) -> str:
    """A rate to three digits, in thousands, millions or billions from there on: 0.686, 12.3, 78.9 k, 1.24 G."""
    factor, prefix = next((pair for pair in _LARGE if per_s >= pair[0]), _LARGE[-1])
    return f"{three_digits(per_s / factor)}{prefix}"


def _scaled(value: float, units: tuple[tuple[float, str], ...], number: Callable[[float], str]) -> str:
    factor, unit = next((pair for pair in units if abs(value) >= pair[0]), units[0] if value == 0 else units[-1])
    return f"{number(value / factor)} {unit}"


def share(part: float) -> str:
    """A share of one as a percentage, 82 % or 1.3 % or 99.93 %; only the whole is 100 % and only nothing is 0 %."""
    if part in {0, 1}:
        return f"{100 * part:.0f} %"
    if part < _LEAST:
        return f"< {100 * _LEAST:g} %"
    if 1 - _LEAST < part < 1:
        return f"> {100 * (1 - _LEAST):g} %"
    decimals = sum(part < bound for bound in (0.1, 0.01)) or 2 * (_NEARLY_ALL < part < 1)
    return f"{100 * part:.{decimals}f} %"


def shorten(text: str, length: int) -> str:
    """The text, or its beginning and an ellipsis where it is longer."""
    return text if len(text) <= length else text[: max(1, length - 1)].rstrip() + "…"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: 1 chain, 10 chains."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def latency_s(chain: Mapping[str, Any], statistic: str) -> str:
    """A statistic of a chain's commit latency in seconds, or a dash where nothing was committed."""
    return three_digits(chain["commit_latency_s"][statistic]) if chain["records"] else NO_VALUE


def used_most(chain: Mapping[str, Any]) -> str:
    """The resource of a chain that is nearest to saturation, and how near: ``signature CPU 1.3 %``."""
    bound = chain["bottleneck"]["throughput"]
    return f"{bound['resource']} {share(bound['utilisation'])}"


def waits_for(chain: Mapping[str, Any]) -> str:
    """What most of the mean commit latency goes into, and how much of it: ``block cutting 54 %``."""
    bound = chain["bottleneck"]["latency"]
    return f"{bound['cause']} {share(bound['share'])}" if chain["records"] else NO_VALUE


def simulated(summary: Mapping[str, Any]) -> str:
    """How long the run was, to the millisecond: usually its horizon, less if it was stopped."""
    return given_duration(round(summary["simulated_s"], 3))


def busiest_chain(summary: Mapping[str, Any]) -> str:
    """The chain with the most records offered; the first of them where several have as many."""
    chains = summary["chains"]
    return str(max(chains, key=lambda chain_id: chains[chain_id]["offered"]))


def links(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All links by id; those whose packets are records can forge, tear and lock nothing, and have no stages between."""
    return {link_id: _whole(link) for link_id, link in summary["crosschain"].items()}


def _whole(link: Mapping[str, Any]) -> Mapping[str, Any]:
    if "stages_s" in link:
        return link
    there, known = link["latency_s"], link["acknowledged_s"]
    back_s = max((known["mean"] or 0.0) - (there["mean"] or 0.0), 0.0)
    stages_s = {"one way": there, "acknowledgement": {"mean": back_s}}
    return {**dict.fromkeys(_IMPOSSIBLE, 0), **link, "stages_s": stages_s, "refused": {}, "locked_at_end": {}}


_IMPOSSIBLE: Final = (
    "stuck",
    "accepted_forged",
    "torn",
    "late_success",
    "repairs",
    "verified_real",
    "verified_charged",
)
"""What cannot happen to packets that are records."""


def answers(summary: Mapping[str, Any]) -> Iterator[tuple[Answer, int]]:
    """What verification requests came to: the official answers always, the others where there are any."""
    for answer in ANSWERS:
        number = summary["proofs"].get(answer.key, 0)
        if answer.official or number:
            yield answer, number


def objectives(summary: Mapping[str, Any], scenario: Scenario) -> list[Objective]:
    """The scenario's objectives beside what came out, each in its metric's unit.

    Bounds come from the scenario, because the summary rounds them to six digits.
    """
    return [_objective(slo, entry) for slo, entry in zip(scenario.slo, summary["slo"], strict=True)]


def _objective(slo: Slo, entry: Mapping[str, Any]) -> Objective:
    bounds = (("at most", slo.at_most), ("at least", slo.at_least), ("exactly", slo.equals))
    words, bound = next((words, bound) for words, bound in bounds if bound is not None)
    metric, value = entry["metric"], entry["actual"]
    target, actual = _quantity(metric, bound, exactly=True), _quantity(metric, value, exactly=False)
    if actual == target or (not entry["met"] and _quantity(metric, bound, exactly=False) == actual):
        actual = _quantity(metric, value, exactly=True)  # rounding must not hide on which side of the bound it lies
    return Objective(metric, f"{words} {target}", actual, entry["met"])


def _quantity(metric: str, value: float, *, exactly: bool) -> str:
    leaf = metric.split(".")[1 if metric.startswith("proofs.") else 2]
    if leaf.endswith("_s"):
        return given_duration(value) if exactly else duration(value)
    if leaf.endswith("_bytes"):
        return _scaled(value, _BYTES, exact if exactly else three_digits)
    if leaf.endswith("_tps"):
        return f"{(exact if exactly else three_digits)(value)}/s"
    return exact(value)


def finding(summary: Mapping[str, Any], scenario: Scenario) -> str:
    """The verdict in one plain sentence."""
    verdict = summary["verdict"]
    if verdict == "pass":
        return f"{_kept(len(summary['slo']))} {_unjudged(summary) if scenario.faults else ''}".rstrip()
    if verdict == "slo-missed":
        missed = [goal for goal in objectives(summary, scenario) if not goal.met]
        told = "; ".join(f"{goal.metric} is {goal.actual}, meant to be {goal.target}" for goal in missed)
        return f"{len(missed)} of {counted(len(summary['slo']), 'objective')} missed: {told}."
    if verdict == "no-progress":
        return _stuck(summary)
    return _broken(summary)


def _kept(number: int) -> str:
    if number == 0:
        return "The scenario sets no objective; every chain made progress and no invariant broke."
    return f"{'The only objective is' if number == 1 else f'All {number} objectives are'} met."


def _stuck(summary: Mapping[str, Any]) -> str:
    told = [f"{name} {chain['progress']['stuck']}" for name, chain in summary["chains"].items()]
    stuck = "; ".join(line for line, chain in zip(told, summary["chains"].values(), strict=True) if _is_stuck(chain))
    waiting = {name: chain["unfinished"] for name, chain in summary["chains"].items() if chain["unfinished"]}
    left = ", ".join(f"{name} {number:,}" for name, number in sorted(waiting.items(), key=lambda item: -item[1]))
    return f"A chain stood still: {stuck}. Records unfinished at the end: {left or 'none'}."


def _is_stuck(chain: Mapping[str, Any]) -> bool:
    return chain["progress"]["stuck"] is not None


def _unjudged(summary: Mapping[str, Any]) -> str:
    """Which chains may stand still since their last fault without anybody noticing; empty if none may."""
    chains = {
        name: chain["progress"]["bound_s"]
        for name, chain in summary["chains"].items()
        if not chain["progress"]["judged_after_last_fault"]
    }
    told = ", ".join(f"{name} ({given_duration(round(bound_s, 3))})" for name, bound_s in chains.items())
    return told and f"The run ends too soon after the last fault to judge progress since (needed after it): {told}."


def _broken(summary: Mapping[str, Any]) -> str:
    violation = summary["violation"]
    if violation is None:
        if all(conserved(chain) for chain in summary["chains"].values()):
            return "Clients are unaccounted for: in some closed loop those waiting and those thinking are not all."
        return "Records are unaccounted for: on some chain, offered is not committed + rejected + unfinished."
    where = f"on {violation['chain']} at height {violation['height']:,}: {violation['detail']}"
    if summary["verdict"] == "diverged":
        return f"Two nodes disagreed {where}. The run stopped there."
    return f"An invariant broke, {violation['invariant']}, {where}. The run stopped there."


def conserved(chain: Mapping[str, Any]) -> bool:
    """Whether every record offered to a chain is committed, rejected or unfinished."""
    return bool(chain["offered"] == chain["records"] + chain["rejected"] + chain["unfinished"])


def closed_loops(summary: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The closed loops, each with its chain and its stream."""
    return [
        (chain_id, stream_id, loop)
        for chain_id, chain in summary["chains"].items()
        for stream_id, loop in chain.get("closed_loops", {}).items()
    ]


def by_messages(scenario: Scenario) -> list[str]:
    """Of each chain that may be computed and is not, because of its clients or links, that and why."""
    waiting: dict[str, list[str]] = {}
    for stream_id, stream in scenario.workload.items():
        if stream.clients is not None and scenario.chains[stream.chain].fidelity == "auto":
            waiting.setdefault(stream.chain, []).append(stream_id)
    links_by_messages = [link for link in scenario.links.values() if link.fidelity != "record"]
    ends = {chain for link in links_by_messages for chain in link.chains}
    crossing = [chain for chain in scenario.chains if chain in ends and scenario.chains[chain].fidelity == "auto"]
    return [
        f"{chain_id} goes by messages throughout, although its fidelity is auto: relayers of links decide while it runs"
        " what they send."
        for chain_id in crossing
    ] + [
        f"{chain_id} goes by messages throughout, although its fidelity is auto: the clients of {' and '.join(streams)}"
        " wait for their records, so what a height will hold is not known before the one below it is committed."
        for chain_id, streams in waiting.items()
        if chain_id not in crossing
    ]


def expectation(summary: Mapping[str, Any], scenario: Scenario) -> str:
    """What the scenario expected where that needs saying: where it is not `pass`, or did not come true."""
    if summary["verdict"] == scenario.expect:
        return "" if scenario.expect == "pass" else "This is what the scenario expects."
    return f"The scenario expects {scenario.expect}."


def costs(manifest: Mapping[str, Any]) -> str:
    """Which calibration a run's CPU costs come from: the file, and what that says of machine and time."""
    told = manifest["parameters"]["costs"]
    source = told["source"] or "no source stated"
    return f"{told['file']} ({source})" if told["file"] else source


def load_sentence(summary: Mapping[str, Any]) -> str:
    """The busiest chain in one plain sentence."""
    name = busiest_chain(summary)
    chain = summary["chains"][name]
    if chain["offered"] == 0:
        return "No records were offered to any chain."
    which = f"The busiest chain, {name}," if len(summary["chains"]) > 1 else f"The chain, {name},"
    rate = three_digits(chain["offered"] / summary["simulated_s"])
    start = f"{which} was offered {rate} records/s for {simulated(summary)}"
    if chain["records"] == 0:
        return f"{start} and committed none of them."
    latency = chain["commit_latency_s"]
    rejected = f" and rejected {share(chain['rejected'] / chain['offered'])}" if chain["rejected"] else ""
    fabric = chain.get("fabric", {"invalid": 0})
    invalid = (
        f", {share(fabric['invalid'] / chain['offered'])} of them in vain (MVCC conflicts)" if fabric["invalid"] else ""
    )
    return (
        f"{start}: it committed {share(chain['records'] / chain['offered'])} of them{invalid}{rejected}; "
        f"of those committed, half took at most {duration(latency['p50'])} "
        f"and 99 % at most {duration(latency['p99'])}. "
        f"Most of the time goes into {waits_for(chain)}; nearest to its limit is {used_most(chain)}."
    )
