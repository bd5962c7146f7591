"""A scenario and a run as a notebook shows them: a compact table in the notebook's own colours, light or dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from sim.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.scenario import Scenario
    from sim.study.run import Run

_SECOND: Final = 1e9
_BADGES: Final = {"pass": "#00795a", "slo-missed": "#946400"}
"""Of verdicts; the others are `_ALARM`. White on each has a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""
_ALARM: Final = "#b3261e"
_LINE: Final = "border-bottom:1px solid rgba(128,128,128,.4);"
_LEFT, _RIGHT = (f"{_LINE}padding:2px 12px 2px 0;text-align:{side};vertical-align:top" for side in ("left", "right"))

_MISSED: Final = ";font-weight:700;text-decoration:underline"
"""What an objective that is not met stands out by, whatever the colours."""


def run_html(run: Run) -> str:
    """A run: question, verdict, what became of each chain's records, links, objectives."""
    summary = run.summary
    chains = [
        (
            chain_id,
            _nodes(run.scenario, chain_id),
            f"{chain['offered']:,}",
            f"{chain['records']:,}",
            f"{chain['rejected']:,}",
            wording.latency_s(chain, "p50"),
            wording.latency_s(chain, "p99"),
            f"{chain['view_changes']:,}",
        )
        for chain_id, chain in summary["chains"].items()
    ]
    heads = ("chain", "validators", "offered", "committed", "rejected", "p50 [s]", "p99 [s]", "view changes")
    parts = [
        _head(summary["scenario"], summary["question"], summary["verdict"]),
        _small(
            f"{wording.simulated(summary)} simulated, seed {summary['seed']}, trace {summary['trace_hash'][:12]}. "
            f"{wording.finding(summary, run.scenario)}"
        ),
        _table(heads, chains, texts=1),
    ]
    if summary["crosschain"]:
        links = [
            (
                link_id,
                str(link["protocol"]),
                *(f"{link[name]:,}" for name in ("offered", "delivered", "timed_out", "unfinished")),
                wording.three_digits(link["latency_s"]["p50"]) if link["delivered"] else wording.NO_VALUE,
            )
            for link_id, link in summary["crosschain"].items()
        ]
        parts.append(_table(("link", "protocol", "offered", "delivered", "timed out", "open", "p50 [s]"), links, 2))
    if summary["casework"]:
        cases = [
            (name, *(f"{workflow[key]:,}" for key in ("started", "completed", "open")))
            for name, workflow in summary["casework"].items()
        ]
        parts.append(_table(("workflow", "started", "completed", "open"), cases, 1))
    if summary["slo"]:
        met = [
            (each.metric, each.target, each.actual, "met" if each.met else "missed")
            for each in wording.objectives(summary, run.scenario)
        ]
        parts.append(_table(("objective", "target", "actual", ""), met, 1))
    return _whole(parts)


def scenario_html(scenario: Scenario) -> str:
    """A scenario: question, chains, how much is sent to each, links, workflows, faults and objectives in numbers."""
    chains = []
    for chain_id, chain in scenario.chains.items():
        streams = [stream for stream in scenario.workload.values() if stream.chain == chain_id]
        rate = sum(stream.rate for stream in streams if stream.rate is not None)
        chains.append(
            (
                chain_id,
                scenario.members[chain.member].name,
                chain.consensus.protocol,
                chain.hash,
                _nodes(scenario, chain_id),
                f"{len(streams)}",
                wording.scaled_rate(rate) if rate else wording.NO_VALUE,
            )
        )
    heads = ("chain", "member", "protocol", "hash", "validators", "streams", "mean per s")
    more = [
        wording.counted(len(part), noun)
        for part, noun in (
            (scenario.links, "link"),
            (scenario.workflows, "workflow"),
            (scenario.faults, "fault"),
            (scenario.slo, "objective"),
        )
        if part
    ]
    lasts = wording.long_duration(scenario.horizon / _SECOND)
    said = ", ".join([f"{scenario.start.isoformat(timespec='minutes')}, {lasts}, seed {scenario.seed}", *more])
    return _whole([_head(scenario.name, scenario.question, None), _small(said), _table(heads, chains, texts=4)])


def _nodes(scenario: Scenario, chain_id: str) -> str:
    chain = scenario.chains[chain_id]
    return f"{chain.validators}+{chain.observers}" if chain.observers else str(chain.validators)


def _whole(parts: Iterable[str]) -> str:
    return f'<div style="font-size:13px;line-height:1.4;max-width:62em">{"".join(parts)}</div>'


def _head(name: str, question: str, verdict: str | None) -> str:
    badge = ""
    if verdict is not None:
        style = f"background:{_BADGES.get(verdict, _ALARM)};color:#fff;border-radius:3px;padding:1px 7px"
        badge = f' <span style="{style};font-weight:600">{escape(verdict)}</span>'
    return f"<div><b>{escape(name)}</b>{badge}</div><div>{escape(question)}</div>"


def _small(text: str) -> str:
    return f'<div style="opacity:.75;margin:2px 0 4px">{escape(text)}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]], texts: int) -> str:
    """A table whose first columns are texts and whose others are numbers."""

    def line(cells: Sequence[Any], tag: str) -> str:
        styled = []
        for place, cell in enumerate(cells):
            style = (_LEFT if place < texts else _RIGHT) + (_MISSED if cell == "missed" else "")
            styled.append(f'<{tag} style="{style}">{escape(str(cell))}</{tag}>')
        return f'<tr style="background:none">{"".join(styled)}</tr>'

    body = "".join(line(row, "td") for row in rows)
    style = "border-collapse:collapse;margin:4px 0 8px;color:inherit;font-size:inherit"
    return f'<table style="{style}"><thead>{line(heads, "th")}</thead><tbody>{body}</tbody></table>'
