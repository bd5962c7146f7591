"""What `sim.study.attacks` found, in Markdown: what the runs show of each way, then a table for each attack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.crosschain.steps import RELAY, SOURCE
from sim.crosschain.ways import NOTARIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COLUMNS: Final = (
    "way",
    "trust",
    "verdict",
    "delivered",
    "forged",
    "twice",
    "torn",
    "late",
    "timed out",
    "lost or stuck",
    "locked",
    "repairs",
    "one way, p50 / p99",
    "there and back, p50",
    "messages",
    "kB",
)
_OF_QUERIES: Final = ("answers taken", "of them out of date")
_LEGEND: Final = (
    "*trust*: on whose word it rests what the chains believe of each other. *forged*: packets that nobody sent and the "
    "destination executed, of those that relayers made up. *twice*: executed again. *torn*: executed, and given back "
    "at the source all the same. *late*: executed although it was given back; what was undone since is not torn. "
    "*lost or stuck*: neither delivered nor given back at the end. *locked*: packets for which something is still held "
    "at the end. *repairs*: left to people. Delays are those of delivered packets, in seconds; messages and kilobytes "
    "are relayers' calls."
)
_HEAD: Final = (
    "Every row is a run: the scenario of that name in `scenarios/attacks/`, its link crossing that way "
    "(protocol/verify/atomicity)."
)
_WHOSE: Final = {
    SOURCE: "the source's validators",
    RELAY: "the relay chain's validators",
    NOTARIES: "the notaries",
}
_UNTRIED: Final = (
    "Keys of the destination's validators, with which a timeout could be made up, and forged chains that are shown to "
    "notaries' own nodes are not tried."
)
_RULE_OF_THREE: Final = 3
"""None in n tries: a share of 3/n at most, at a confidence of 95 % (Hanley and Lippman-Hand, JAMA 249, 1983)."""


def as_markdown(found: Mapping[str, Any]) -> str:
    """The whole page."""
    lines = [
        "# Attacks under every way of crossing",
        "",
        f"Made by `{found['command']}`. {_HEAD}",
        "",
        "## What a forger needs",
        "",
        *_forgers(found),
        "",
        "## What each attack does",
        "",
        _LEGEND,
    ]
    for attack, rows in found["attacks"].items():
        lines += ["", f"### {attack}", "", found["questions"][attack], "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _forgers(found: Mapping[str, Any]) -> Iterator[str]:
    yield "Besides its own key, until a packet that it made up is executed; found by bisection over runs."
    yield ""
    yield "| way | stolen keys that deceive | one way, p50 | there and back, p50 | bytes per delivered packet |"
    yield "|---|---|---|---|---|"
    for way, keys in found["keys"].items():
        calm = next(iter(found["attacks"].values()))[way]
        yield _row(way, _needed(keys), *_delays(calm), _per_packet(calm))
    yield ""
    yield _UNTRIED
    yield ""
    for way, row in next(rows for name, rows in found["attacks"].items() if name.endswith("forge")).items():
        yield f"- {way}: {_claim(row)}"


def _claim(row: Mapping[str, Any]) -> str:
    """What the run of the forgery says."""
    if "impossible" in row:
        return f"the attack cannot be made: {row['impossible']}."
    made, taken = row["forgeries"], row["accepted_forged"]
    if taken:
        return f"{taken} of {made} made-up packets were executed."
    reasons = ", ".join(f"{reason} {count}" for reason, count in row["refused"].items()) or "none"
    if not made:
        return f"no packet was made up; {row['other_lies']} other lies, refusals: {reasons}."
    return (
        f"none of {made} made-up packets was executed, which bounds the share at {_RULE_OF_THREE}/{made} and no lower; "
        f"refusals: {reasons}."
    )


def _needed(keys: Mapping[str, int | None]) -> str:
    if not keys:
        return "no key opens a swap; clocks may: f11"
    if 0 in keys.values():
        return "none"
    return (
        ", or ".join(f"{count} of {_WHOSE[whose]}" for whose, count in keys.items() if count is not None)
        or "all are too few"
    )


def _delays(row: Mapping[str, Any]) -> tuple[str, str]:
    """One way and there and back, at the median."""
    spans = (row.get("one_way_s"), row.get("round_trip_s"))
    one_way, round_trip = ("-" if span is None else f"{span['p50']:.2f} s" for span in spans)
    return one_way, round_trip


def _per_packet(row: Mapping[str, Any]) -> str:
    return f"{row['bytes'] / row['delivered']:,.0f}" if row.get("delivered") else "-"


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    columns = _COLUMNS + _OF_QUERIES if any(row.get("queries") for row in rows.values()) else _COLUMNS
    yield _row(*columns)
    yield "|---" * len(columns) + "|"
    for way, row in rows.items():
        if "impossible" in row:
            yield _row(way, f"cannot be: {row['impossible']}", *[""] * (len(columns) - 2))
            continue
        asked = row["queries"]
        answers = () if asked is None else (f"{asked['answered']} of {asked['asked']}", asked["accepted_stale"])
        one_way = row["one_way_s"]
        forged = f"{row['accepted_forged']} of {row['forgeries']}" if row["forgeries"] else "-"
        yield _row(
            way,
            row["trust"],
            row["verdict"] if row["broken"] is None else f"{row['verdict']}: {row['broken']}",
            f"{row['delivered']} of {row['offered']}",
            forged,
            row["executed_twice"],
            row["torn"],
            row["late_success"],
            row["timed_out"],
            row["stuck"] + row["unfinished"],
            row["locked"],
            row["repairs"],
            "-" if one_way is None else f"{one_way['p50']:.2f} / {one_way['p99']:.2f}",
            _delays(row)[1].removesuffix(" s"),
            row["messages"],
            f"{row['bytes'] / 1000:,.0f}",
            *answers,
        )


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
