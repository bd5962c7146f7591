"""Words and numbers for people: rounded quantities, what a verdict means, the official answers in Chinese.

What takes ``say`` puts its sentence together from a language's messages (`sim.report.words`); the rest is numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.report.words import chinese, law, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sim.report.words import Words
    from sim.scenario import Scenario
    from sim.scenario.slo import Slo

ENGLISH: Final = words("en")
"""What is said in English unless somebody asks for another language."""

NO_VALUE: Final = "–"
"""Stands where there is no number, such as a quantile of nothing."""

_SECONDS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_LONG: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_LARGE: Final = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))
_BYTES: Final = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_UNITS: Final = re.compile(r"(\d) (%|[nµm]?s|min|[hd]|[kMGT]?B)(?![A-Za-z])")
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
        zh: the platform's own words, or plain Chinese where the platform has none. What they mean is a message.
    """

    key: str
    official: bool
    zh: str


ANSWERS: Final = (
    Answer("passed", official=True, zh="核验通过"),
    Answer("not_found", official=True, zh="尚未在司法区块链存证"),
    Answer("mismatch", official=True, zh="与链上存证数据比对结果不一致"),
    Answer("refused", official=False, zh="证明无效"),
    Answer("unfinished", official=False, zh="未完成"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective of the scenario and how the run stands to it, in words."""

    metric: str
    target: str
    actual: str
    met: bool


def tied(text: str) -> str:
    """The text with its numbers bound to what belongs to them, so that no line ends between; markup stays markup."""
    bound = _UNITS.sub("\\1\u00a0\\2", text).replace(" ± ", "\u00a0±\u00a0")
    return text.__class__(bound)


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


def round_duration(seconds: float) -> str:
    """A duration that is round by nature in the largest unit that it has two of: 60 d, 90 min, 90 s, 100 ms."""
    for unit_s, unit in _LONG[:-1]:
        if seconds >= 2 * unit_s and seconds % unit_s == 0:
            return f"{exact(seconds / unit_s)} {unit}"
    return given_duration(seconds)


def long_duration(seconds: float) -> str:
    """A duration of people or of law in the unit that suits it: 26.9 s, 4.5 min, 2.1 h, 13.9 d."""
    return _scaled(seconds, _LONG, three_digits)


def clock(seconds: float) -> str:
    """A time since the start, to the millisecond: 0:03:03.076."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def storage(size_bytes: float) -> str:
    """A size in decimal units: 55.1 MB."""
    if size_bytes == 0:
        return "0 B"
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


def used_most(chain: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """The resource of a chain that is nearest to saturation, and how near: ``signature CPU 1.3 %``."""
    bound = chain["bottleneck"]["throughput"]
    return f"{say.name('resource', bound['resource'])} {share(bound['utilisation'])}"


def waits_for(chain: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """What most of the mean commit latency goes into, and how much of it: ``block cutting 54 %``."""
    bound = chain["bottleneck"]["latency"]
    return f"{say.name('resource', bound['cause'])} {share(bound['share'])}" if chain["records"] else NO_VALUE


def simulated(summary: Mapping[str, Any]) -> str:
    """How long the run was, to the millisecond: usually its horizon, less if it was stopped."""
    return given_duration(round(summary["simulated_s"], 3))


def started(scenario: Scenario) -> str:
    """The civil time at which a run starts, with its offset: ``2022-12-26 09:00 +0800``."""
    return f"{scenario.start:%Y-%m-%d %H:%M %z}"


def period_name(name: str, say: Words = ENGLISH) -> str:
    """What a workflow calls a period of law, with its Chinese; in Chinese that alone where there is one."""
    return _beside(name, chinese("period", name.rpartition(".")[2]), say)


def loss_name(name: str, say: Words = ENGLISH) -> str:
    """What a workflow calls a loss, in the same way."""
    return _beside(name.replace("-", " "), chinese("loss", name.rpartition(".")[2]), say)


def role_name(name: str, say: Words = ENGLISH) -> str:
    """Who sits at a desk, in the same way: ``judge 法官``."""
    return _beside(name, chinese("role", name), say)


def law_text(text: str, say: Words = ENGLISH) -> str:
    """Where a rule of law stands, in the same way: ``CPL 126 民事诉讼法第126条``."""
    return _beside(text, law(text), say)


def _beside(text: str, zh: str, say: Words) -> str:
    if not zh:
        return text
    return zh if say.lang == "zh" else f"{text} {zh}"


def busiest_chain(summary: Mapping[str, Any]) -> str:
    """The chain with the most records offered; the first of them where several have as many."""
    chains = summary["chains"]
    return str(max(chains, key=lambda chain_id: chains[chain_id]["offered"]))


def links(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All links by id; those whose packets are records can forge, tear and lock nothing, and have no stages between."""
    return {link_id: _whole(link) for link_id, link in summary["crosschain"].items()}


def is_recorded(link: Mapping[str, Any]) -> bool:
    """Whether a link's packets are records, without contracts, relayers and proofs."""
    return link.get("fidelity") == "record"


def _whole(link: Mapping[str, Any]) -> Mapping[str, Any]:
    if not is_recorded(link):
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


def objectives(summary: Mapping[str, Any], scenario: Scenario, say: Words = ENGLISH) -> list[Objective]:
    """The scenario's objectives beside what came out, each in its metric's unit.

    Bounds come from the scenario, because the summary rounds them to six digits.
    """
    return [_objective(slo, entry, say) for slo, entry in zip(scenario.slo, summary["slo"], strict=True)]


def _objective(slo: Slo, entry: Mapping[str, Any], say: Words) -> Objective:
    bounds = (("at-most", slo.at_most), ("at-least", slo.at_least), ("exactly", slo.equals))
    which, bound = next((which, bound) for which, bound in bounds if bound is not None)
    metric, value = entry["metric"], entry["actual"]
    target, actual = _quantity(metric, bound, exactly=True), _quantity(metric, value, exactly=False)
    if actual == target or (not entry["met"] and _quantity(metric, bound, exactly=False) == actual):
        actual = _quantity(metric, value, exactly=True)  # rounding must not hide on which side of the bound it lies
    return Objective(metric, say(f"bound.{which}", value=target), actual, entry["met"])


def _quantity(metric: str, value: float, *, exactly: bool) -> str:
    leaf = metric.split(".")[1 if metric.startswith("proofs.") else 2]
    if leaf.endswith("_s"):
        return given_duration(value) if exactly else duration(value)
    if leaf.endswith("_bytes"):
        return _scaled(value, _BYTES, exact if exactly else three_digits)
    if leaf.endswith("_tps"):
        return f"{(exact if exactly else three_digits)(value)}/s"
    return exact(value)


def finding(summary: Mapping[str, Any], scenario: Scenario, say: Words = ENGLISH) -> str:
    """The verdict in one plain sentence."""
    verdict = summary["verdict"]
    if verdict == "pass":
        kept, unjudged = _kept(len(summary["slo"]), say), _unjudged(summary, say) if scenario.faults else ""
        return f"{kept}{say('gap')}{unjudged}" if unjudged else kept
    if verdict == "slo-missed":
        missed = [goal for goal in objectives(summary, scenario, say) if not goal.met]
        told = say("semicolon").join(
            say("finding.missed-one", metric=goal.metric, actual=goal.actual, target=goal.target) for goal in missed
        )
        return say("finding.missed", missed=len(missed), of=len(summary["slo"]), told=told)
    if verdict == "no-progress":
        return _stuck(summary, say)
    return _broken(summary, say)


def _kept(number: int, say: Words) -> str:
    which = {0: "kept-none", 1: "kept-one"}.get(number, "kept")
    return say(f"finding.{which}", number=number)


def _stuck(summary: Mapping[str, Any], say: Words) -> str:
    chains = summary["chains"].items()
    stuck = [f"{name} {say.echo(chain['progress']['stuck'])}" for name, chain in chains if _is_stuck(chain)]
    waiting = {name: chain["unfinished"] for name, chain in chains if chain["unfinished"]}
    left = [f"{name} {number:,}" for name, number in sorted(waiting.items(), key=lambda item: -item[1])]
    told = say("comma").join(left) if left else say("none")
    return say("finding.stuck", stuck=say("semicolon").join(stuck), left=told)


def _is_stuck(chain: Mapping[str, Any]) -> bool:
    return chain["progress"]["stuck"] is not None


def _unjudged(summary: Mapping[str, Any], say: Words) -> str:
    """Which chains may stand still since their last fault without anybody noticing; empty if none may."""
    chains = {
        name: chain["progress"]["bound_s"]
        for name, chain in summary["chains"].items()
        if not chain["progress"]["judged_after_last_fault"]
    }
    told = say("comma").join(f"{name} ({given_duration(round(bound_s, 3))})" for name, bound_s in chains.items())
    return told and say("finding.unjudged", chains=told)


def _broken(summary: Mapping[str, Any], say: Words) -> str:
    violation = summary["violation"]
    if violation is None:
        whole = all(conserved(chain) for chain in summary["chains"].values())
        return say("finding.clients" if whole else "finding.records")
    detail = say.echo(violation["detail"])
    where = say("finding.where", chain=violation["chain"], height=violation["height"], detail=detail)
    return say(f"finding.{summary['verdict']}", invariant=violation["invariant"], where=where)


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


def by_messages(scenario: Scenario, say: Words = ENGLISH) -> list[str]:
    """Of each chain that may be computed and is not, because of its clients or links, that and why."""
    waiting: dict[str, list[str]] = {}
    for stream_id, stream in scenario.workload.items():
        if stream.clients is not None and scenario.chains[stream.chain].fidelity == "auto":
            waiting.setdefault(stream.chain, []).append(stream_id)
    links_by_messages = [link for link in scenario.links.values() if link.fidelity != "record"]
    ends = {chain for link in links_by_messages for chain in link.chains}
    crossing = [chain for chain in scenario.chains if chain in ends and scenario.chains[chain].fidelity == "auto"]
    return [say("finding.by-links", chain=chain_id) for chain_id in crossing] + [
        say("finding.by-clients", chain=chain_id, streams=say("and").join(streams))
        for chain_id, streams in waiting.items()
        if chain_id not in crossing
    ]


def expectation(summary: Mapping[str, Any], scenario: Scenario, say: Words = ENGLISH) -> str:
    """What the scenario expected where that needs saying: where it is not `pass`, or did not come true."""
    if summary["verdict"] == scenario.expect:
        return "" if scenario.expect == "pass" else say("finding.expected")
    return say("finding.expects", verdict=say(f"verdict.{scenario.expect}"))


def costs(manifest: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """Which calibration a run's CPU costs come from: the file, and what that says of machine and time."""
    told = manifest["parameters"]["costs"]
    source = say.echo(told["source"]) if told["source"] else say("costs.unknown")
    return say("costs.file", file=told["file"], source=source) if told["file"] else source


def load_sentence(summary: Mapping[str, Any], say: Words = ENGLISH) -> str:
    """The busiest chain in one plain sentence."""
    name = busiest_chain(summary)
    chain = summary["chains"][name]
    if chain["offered"] == 0:
        return say("load.nothing")
    which = say("load.busiest" if len(summary["chains"]) > 1 else "load.only", chain=name)
    rate = three_digits(chain["offered"] / summary["simulated_s"])
    start = say("load.start", which=which, rate=rate, time=simulated(summary))
    if chain["records"] == 0:
        return say("load.none", start=start)
    latency, offered = chain["commit_latency_s"], chain["offered"]
    rejected = say("load.rejected", share=share(chain["rejected"] / offered)) if chain["rejected"] else ""
    in_vain = chain.get("fabric", {"invalid": 0})["invalid"]
    return say(
        "load.committed",
        start=start,
        share=share(chain["records"] / offered),
        invalid=say("load.invalid", share=share(in_vain / offered)) if in_vain else "",
        rejected=rejected,
        p50=duration(latency["p50"]),
        p99=duration(latency["p99"]),
        cause=waits_for(chain, say),
        resource=used_most(chain, say),
    )
