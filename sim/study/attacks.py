"""Every attack under every way of crossing: what it does, and how many keys an attacker needs.

    python -m sim.study.attacks              # or: make attacks, which draws the figure too

An attack is a scenario of one link, in ``scenarios/attacks/f*.yaml``. It is run as it stands and under every other way
of `sim.crosschain.ways.EXISTING`: the link takes the protocol, the check and the atomicity of that way, and what only
this way has; traffic and faults stay the same. What the table says comes out of these runs. How many keys an attacker
needs is found by search in runs of one attack, the forgery.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml

from sim.build import build
from sim.chain.invariants import InvariantViolation
from sim.crosschain.contracts.htlc import REFUND
from sim.crosschain.contracts.messages import TIME_OUT
from sim.crosschain.contracts.tcc import CANCEL
from sim.crosschain.contracts.two_phase import EXECUTE, ROLL_BACK
from sim.crosschain.outcome import DELIVERED
from sim.crosschain.points import points_of
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE
from sim.crosschain.ways import EXISTING, NOTARIES
from sim.scenario import ScenarioError, load
from sim.scenario.units import parse_duration
from sim.study.attack_table import as_markdown
from sim.study.latencies import latency
from sim.study.store import as_json, write_text
from sim.study.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Way = tuple[str, str, str]

FORGERY: Final = "f02-forge"
"""The attack in which keys are counted."""

CRASH: Final = "f14-coordinator-crash"
"""The attack that is also made at every point of a protocol."""

_ORDERED: Final = "from a raft chain"

LATE: Final = "f15-late"
"""The attack in which a chain executes what was given back."""

CALM: Final = "no attack"
"""The row of a way's delay."""

_SOURCES: Final = Path("scenarios")
_TARGET: Final = Path("results/reference")

_OF_SOME: Final = (
    *("via", "notaries", "timeout", "timed_blocks", "updates", "checked"),
    *("recovery", "timelocks", "claims", "margin"),
)
"""Keys of a link that not every way has."""

_BETWEEN: Final = "relay"
"""What a chain between is called; it is like the one where the link begins."""

_TIMELOCKS: Final = {"source": "20s", "destination": "10s"}
"""Of swaps: the participant's is as long as a packet may take in most attacks."""

_ACCOUNTS: Final = 1_000_000
"""On either chain, for transactions that lock them: so many that two transfers hardly ever meet."""

_CONTESTED: Final = 20
"""Accounts where transactions are to be rolled back: so few that transfers meet all the time."""

_IRREVERSIBLE: Final = {"irreversible": "20%"}
"""Of transfers, where what is executed must be undone [guess]."""

_EXECUTED: Final = f"{DESTINATION}.{EXECUTE}"
"""Where a coordinator that crashes leaves most that its log has rolled back although it was executed."""

_TOLD: Final = "a fifth irreversible"

_HURRIED: Final[Mapping[str, Mapping[str, object]]] = {
    "packet": {"timeout": {"measure": "destination_time", "value": "1500ms"}},
    "tcc": {"timeout": {"measure": "relay_height", "value": 4}},
    "htlc": {"timelocks": {"source": "4s", "destination": "2s"}},
}
"""Where deadlines are to be missed: about as long as transfers take, so that some are and some are not [guess]."""

_GIVING_BACK: Final = (TIME_OUT, CANCEL, REFUND)
"""Methods that nobody has a use for as long as deadlines are kept."""

_COMMITTEE: Final = {"count": 4, "threshold": 3}
"""A committee of as many as each chain has validators, with the same quorum."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run.

    Attributes:
        file: of the scenario.
        way: under which it runs.
        faults: keys that its faults of each action have besides.
        link: keys that its link has besides.
        source: keys that the chain where it begins has instead.
        transfers: keys that its transfers have besides.
        told: what is special about it; empty if nothing is.
    """

    file: Path
    way: Way
    faults: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    link: Mapping[str, object] = field(default_factory=dict)
    source: Mapping[str, object] = field(default_factory=dict)
    transfers: Mapping[str, object] = field(default_factory=dict)
    told: str = ""

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{name_of(self.way)} {self.told}".rstrip()


def name_of(way: Way) -> str:
    """How tables call a way."""
    protocol, verify, atomicity = way
    return f"{protocol}/{verify}/{atomicity}"


def ways() -> list[Way]:
    """All ways, those with the weakest trust first."""
    order = ("none", "spv", "committee", "light_client")
    return sorted(EXISTING, key=lambda way: (order.index(way[1]), way))


def scenario_of(job: Job) -> dict[str, Any]:
    """What a file would say: the scenario of one link, with the link crossing the job's way.

    Raises:
        ScenarioError: the job's file is wrong.
    """
    way = job.way
    data: dict[str, Any] = yaml.safe_load(load(job.file).to_yaml())
    ((link_id, given),) = data["links"].items()
    link = {key: value for key, value in given.items() if key not in _OF_SOME}
    link["protocol"], link["verify"], link["atomicity"] = way
    if way[0] == "relay_chain":
        link["via"], data["chains"][_BETWEEN] = _BETWEEN, data["chains"][given["from"]]
    if way[1] == "committee":
        link["notaries"] = _COMMITTEE
    if way[2] in {"packet", "tcc"} and "timeout" in given:
        link["timeout"] = _timeout(given["timeout"], data["chains"].get(link.get("via")))
    if way[2] == "htlc":
        link["timelocks"] = _TIMELOCKS
    accounts = {"accounts": _ACCOUNTS} if way[2] == "2pc" else {}
    for stream in data["workload"].values():
        if stream["action"] == "transfer":
            stream.update({**accounts, **job.transfers})
    data["links"][link_id] = {**link, **job.link}
    data["chains"][given["from"]] = {**data["chains"][given["from"]], **job.source}
    for fault in data.get("faults", ()):
        fault.update(job.faults.get(fault["action"], {}))
    return data


def _timeout(given: dict[str, Any], between: dict[str, Any] | None) -> dict[str, Any]:
    """A timeout by the destination's time, or the blocks that the chain between makes at most in that time."""
    if between is None:
        return given
    blocks = parse_duration(given["value"]) // parse_duration(between["block"]["interval"])
    return {"measure": "relay_height", "value": blocks}


def row_of(job: Job) -> dict[str, Any]:
    """What came of an attack under a way.

    Raises:
        ScenarioError: the attack cannot be made under this way.
    """
    data = scenario_of(job)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, job.file.name)
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        scenario = load(path)
    alliance = build(scenario, scenario.seed)
    violation = None
    try:
        alliance.engine.run(until=alliance.horizon_ns)
    except InvariantViolation as broken:
        violation = broken
    alliance.finish()
    summary = summarise(scenario, scenario.seed, alliance, violation)
    ((link_id, found),) = summary["crosschain"].items()
    packets = {name: np.array(cells) for name, cells in alliance.recorder.table("packets").items()}
    known = (packets["outcome"] == DELIVERED) & (packets["acknowledged_ns"] >= 0)
    round_trip = latency((packets["acknowledged_ns"] - packets["intended_ns"])[known].astype(np.int64))
    delivered = found["delivered"]
    return {
        "verdict": summary["verdict"],
        "trust": found["trust"],
        "broken": None if violation is None else violation.invariant,
        **{key: found[key] for key in _COUNTS},
        "forgeries": alliance.links[link_id].forgeries,
        "other_lies": alliance.links[link_id].other_lies,
        "refused": found["refused"],
        "locked": sum(found["locked_at_end"].values()),
        "frozen": found["frozen"],
        "one_way_s": found["latency_s"] if delivered else None,
        "round_trip_s": round_trip if known.any() else None,
        "messages": found["messages"],
        "bytes": found["bytes"],
        "crashes": sum(relayer.diary.crashes for relayer in alliance.links[link_id].relayers),
        "queries": found.get("queries"),
    }


_COUNTS: Final = (
    *("offered", "delivered", "timed_out", "stuck", "unfinished", "accepted_forged", "executed_twice"),
    *("late_success", "torn", "repairs"),
)


def fewest_keys(file: Path, way: Way, whose: str, keys: int) -> int | None:
    """How many keys of one kind a relayer must have stolen until a packet that it made up is executed, or one torn.

    Its own key is tried first, and then, by bisection over runs, stolen ones: whoever deceives with so many deceives
    with more.

    Args:
        file: of an attack with a forgery.
        way: that the link crosses.
        whose: as in `sim.crosschain.ways.STOLEN_FROM`.
        keys: how many there are.

    Returns:
        0 if its own is enough; None if all of them are not.
    """

    def deceives(stolen: int) -> bool:
        theft = {"stolen_keys": stolen, "stolen_from": whose} if stolen else {}
        row = row_of(Job(file, way, {"forge": theft}))
        return bool(row["accepted_forged"] or row["torn"])

    if deceives(0):
        return 0
    if not deceives(keys):
        return None
    low, high = 0, keys
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if deceives(middle) else (middle, high)
    return high


def owners_of(way: Way) -> tuple[str, ...]:
    """Whose keys a liar may have a use for: those whose signatures are counted on this way, as far as liars know how.

    Where nobody's are, the source's stand for them, because a relayer's own key is tried before any of them. Of swaps
    nothing is believed that a key could sign.
    """
    protocol, verify, atomicity = way
    if atomicity == "htlc":
        return ()
    if verify == "committee":
        return (NOTARIES,)
    return (SOURCE, RELAY) if protocol == "relay_chain" else (SOURCE,)


def variants(file: Path, way: Way) -> Iterator[Job]:
    """An attack under a way.

    A forgery is also made about a chain whose nodes stand crashes only, so that whoever orders there is believed; a
    crash of everybody who carries packets also at every point of the way's protocol. Where
    either has a chain undo what it has executed, some transfers are also such that it can't.
    """
    yield Job(file, way)
    if file.stem == FORGERY:
        yield Job(file, way, source={"consensus": {"protocol": "raft"}}, told=_ORDERED)
    if file.stem == CRASH:
        yield from _crashes(file, way)
    if file.stem == LATE and way[0] == "relay_chain":
        yield Job(file, way, transfers=_IRREVERSIBLE, told=_TOLD)


def _crashes(file: Path, way: Way) -> Iterator[Job]:
    """A crash at every point; where all that goes well never comes there, something is made to go wrong."""
    for point, (_, method) in points_of(way[0], way[2]).items():
        faults, told = {"relayer-crash": {"after": point}}, f"after {point}"
        if method in _GIVING_BACK:
            yield Job(file, way, faults, _HURRIED[way[2]], told=f"{told}, deadlines short")
        elif method == ROLL_BACK:
            few = {"accounts": _CONTESTED}
            yield Job(file, way, faults, transfers=few, told=f"{told}, accounts few")
            yield Job(file, way, faults, {"recovery": "log"}, transfers=few, told=f"{told}, accounts few, with a log")
        else:
            yield Job(file, way, faults, told=told)
            if way[2] == "2pc":
                log, logged = {"recovery": "log"}, f"{told}, with a log"
                yield Job(file, way, faults, log, told=logged)
                if point == _EXECUTED:
                    yield Job(file, way, faults, log, transfers=_IRREVERSIBLE, told=f"{logged}, {_TOLD}")


def _outcome(job: Job) -> dict[str, Any]:
    try:
        row = row_of(job)
    except ScenarioError as error:
        return {"impossible": "; ".join(dict.fromkeys(problem.message for problem in error.problems))}
    reached = row["crashes"] or not job.told.startswith("after ")
    return row if reached else {"impossible": "this point is not reached in the run"}


def _keys(file: Path, way: Way) -> dict[str, int | None]:
    """The keys that are enough, by whose they are."""
    scenario = load(file)
    (link,) = scenario.links.values()
    validators = scenario.chains[link.source].validators
    return {
        whose: fewest_keys(file, way, whose, _COMMITTEE["count"] if whose == NOTARIES else validators)
        for whose in owners_of(way)
    }


def attacks_in(folder: Path) -> list[Path]:
    """The attacks' files, in the order of their numbers."""
    return sorted(folder.glob("attacks/f[0-9][0-9]-*.yaml"))


def survey(folder: Path, workers: int) -> dict[str, Any]:
    """All attacks under all ways, and the keys that forgeries need.

    Args:
        folder: of scenarios.
        workers: processes to run them in; what they find does not depend on it.
    """
    files = {CALM: folder / "base" / "crossing.yaml", **{file.stem: file for file in attacks_in(folder)}}
    jobs = {name: [job for way in ways() for job in variants(file, way)] for name, file in files.items()}
    with ProcessPoolExecutor(workers) as pool:
        keys = list(pool.map(_keys, [files[FORGERY]] * len(ways()), ways()))
        rows = iter(pool.map(_outcome, [job for each in jobs.values() for job in each]))
        found = {name: {job.name: next(rows) for job in each} for name, each in jobs.items()}
    return {
        "schema": 1,
        "command": "make attacks",
        "questions": {name: load(file).question for name, file in files.items()},
        "keys": {name_of(way): count for way, count in zip(ways(), keys, strict=True)},
        "attacks": found,
    }


def main() -> None:
    """Run everything and write attacks.json and attacks.md."""
    parser = argparse.ArgumentParser(prog="python -m sim.study.attacks", description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=Path, default=_SOURCES, help="the folder with base/ and attacks/")
    parser.add_argument("--out", type=Path, default=_TARGET, help="where attacks.json and attacks.md go")
    parser.add_argument("--workers", type=int, default=2, help="processes that run scenarios")
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("--workers must be at least 1")
    if not attacks_in(options.scenarios):
        parser.error(f"--scenarios: {options.scenarios} has no attacks/f*.yaml")
    found = survey(options.scenarios, options.workers)
    options.out.mkdir(parents=True, exist_ok=True)
    write_text(options.out / "attacks.json", as_json(found))
    write_text(options.out / "attacks.md", as_markdown(found))
    sys.stdout.write(f"wrote {options.out}/attacks.json and attacks.md\n")


if __name__ == "__main__":
    main()
