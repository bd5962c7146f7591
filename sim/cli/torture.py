"""`alliance torture`: thousands of short runs, each in a random storm of faults that the protocol must stand."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.completion import scenario_files
from sim.cli.options import AsJson, Scheduler, Settings, Workers, print_json
from sim.cli.progress import counted
from sim.scenario import load, parse_assignments
from sim.scenario.quantities import DURATION, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.scenario import Scenario
    from sim.study.executors import Executor
    from sim.study.torture import Outcome, Torture
    from sim.study.torture_log import TortureLog

INTERRUPTED = 130
_LOG = "seeds.jsonl"
_MOST_SHRUNK = 3
"""So many failures are made small; the others are listed by seed."""
_WORTH_WORKERS = 500
"""Storms from which on starting workers takes less time than they save: each takes seconds to load the code."""


def torture(
    file: Annotated[
        Path,
        typer.Argument(metavar="SCENARIO", help="Scenario file.", show_default=False, autocompletion=scenario_files),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="How many runs.")] = 200,
    horizon: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Storm and recovery; default: the scenario's horizon.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Consensus protocol of all chains, instead of their own.")
    ] = None,
    first_seed: Annotated[int, typer.Option(min=0, help="Seed of the first run; the others follow.")] = 1,
    beyond: Annotated[
        bool, typer.Option("--beyond", help="2q-n equivocators, more than the protocol stands: some runs must diverge.")
    ] = False,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="processes (of this machine), serial, or dask (workers of a scheduler). Default: processes from "
            f"{_WORTH_WORKERS} storms on.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go. Default: a directory in results/.")
    ] = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> int:
    """Torture chains with random faults within their protocols' bounds. Exit code 0: they stand them; 1: not."""
    from sim.study.torture import CannotTorture, Torture

    overrides = _overrides(file, settings, protocol)
    scenario = load(file, set=overrides)
    try:
        horizon_ns = scenario.horizon if horizon is None else DURATION.read(horizon)
        work = Torture(scenario, horizon_ns, beyond)
    except CannotTorture as error:
        raise OSError(f"{file}: {error}") from error
    except ValueError as error:
        raise typer.BadParameter(f"--horizon {error}") from error
    log = _log(work, out, Path("results") / _name(scenario, beyond=beyond))
    wanted = range(first_seed, first_seed + seeds)
    try:
        if missing := sum(seed not in log.done for seed in wanted):
            with _executor(executor, workers, scheduler, missing) as where:
                _run(work, log, wanted, where)
    except KeyboardInterrupt:
        print(
            f"alliance: interrupted; {log.path} holds {len(log.done)} seeds, the same command goes on", file=sys.stderr
        )
        raise SystemExit(INTERRUPTED) from None
    lines = [log.done[seed] for seed in wanted if seed in log.done]
    failed = [line for line in lines if line["verdict"] != "pass"]
    lost = len(wanted) - len(lines)
    command = _command(file, horizon, protocol, settings, beyond=beyond)
    shrunk = failed[: 1 if beyond else _MOST_SHRUNK]
    if as_json:
        print_json(_told(lines, log, [_failure(work, line["seed"], command) for line in shrunk]))
    else:
        _show(lines, log, beyond=beyond)
        for line in shrunk:
            _show_failure(_failure(work, line["seed"], command))
    if lost:
        again = "the same command tries them again"
        print(f"alliance: {lost:,} seeds have no result: their workers were killed, twice; {again}", file=sys.stderr)
    if beyond:
        return int(not any(line["verdict"] == "diverged" for line in lines))
    return int(bool(failed) or lost > 0)


@contextmanager
def _executor(name: str | None, workers: int | None, scheduler: str | None, storms: int) -> Iterator[Executor]:
    """Where so many storms run: as told, or where it takes less time."""
    from sim.study.executors import opened

    if name is None:
        many = workers is not None or storms >= _WORTH_WORKERS
        name = "dask" if scheduler is not None else "processes" if many else "serial"
    with ExitStack() as stack:
        try:
            executor = stack.enter_context(opened(name, workers, scheduler))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        yield executor


def _log(work: Torture, out: Path | None, place: Path) -> TortureLog:
    """The results so far: as told, or in a directory in results/ that holds none of anything else."""
    from sim.study.torture_log import ForeignResults, TortureLog

    if out is not None:
        return TortureLog(out / _LOG, work)
    number = 1
    while True:
        try:
            return TortureLog((place if number == 1 else place.with_name(f"{place.name}-{number}")) / _LOG, work)
        except ForeignResults:
            number += 1


def _overrides(file: Path, settings: list[str] | None, protocol: str | None) -> dict[str, object]:
    """The settings, with the protocol for every chain."""
    overrides = parse_assignments(settings or [])
    if protocol is None:
        return overrides
    from sim.consensus.registry import protocols

    try:
        one_of(*protocols()).read(protocol)
    except ValueError as error:
        raise typer.BadParameter(f"--protocol {error}") from error
    chains = load(file, set=overrides).chains
    return {**overrides, **{f"chains.{chain}.consensus.protocol": protocol for chain in chains}}


def _name(scenario: Scenario, *, beyond: bool) -> str:
    protocols = dict.fromkeys(chain.consensus.protocol for chain in scenario.chains.values())
    return "-".join(["torture", scenario.name, *protocols, *(["beyond"] if beyond else [])])


def _run(work: Torture, log: TortureLog, wanted: range, where: Executor) -> None:
    from sim.study.torture_work import run_missing

    failures = sum(line["verdict"] != "pass" for line in log.done.values())
    done = sum(seed in log.done for seed in wanted)
    with counted("storms") as tell:
        tell(done, len(wanted), failures)
        for line in run_missing(work, log, wanted, where):
            done, failures = done + 1, failures + (line["verdict"] != "pass")
            tell(done, len(wanted), failures)


def _show(lines: list[dict[str, Any]], log: TortureLog, *, beyond: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from sim.study.torture import bound, by_kind

    console = Console()
    table = Table("fault", "runs", "failed", "failure rate", box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    outcomes = [(tuple(line["kinds"]), line["verdict"] != "pass") for line in lines]
    for kind, (runs, failed) in by_kind(outcomes).items():
        rate = f"{failed / runs:.2g}" if failed else f"< {bound(runs):.2g}"
        table.add_row(kind, f"{runs:,}", f"{failed:,}", rate)
    console.print(table)
    verdicts = Counter(line["verdict"] for line in lines)
    told = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
    print(f"\n{len(lines):,} storms: {told}")
    if set(verdicts) == {"pass"}:
        print(f"No failure in {len(lines):,} bounds the failure rate by {bound(len(lines)):.2g} (95 %).")
    if beyond:
        seen = "seen" if verdicts["diverged"] else "NOT seen: the checker is blind, or nobody was fooled"
        print(f"Beyond the bound correct nodes can be made to disagree: {seen}.")
    print(f"results  {log.path}")


def _command(
    file: Path, horizon: str | None, protocol: str | None, settings: list[str] | None, *, beyond: bool
) -> list[str]:
    """The command as it was given, but for its seeds and its results."""
    command = ["alliance", "torture", str(file)]
    command += [] if horizon is None else ["--horizon", horizon]
    command += [] if protocol is None else ["--protocol", protocol]
    command += ["--beyond"] if beyond else []
    return command + [part for setting in settings or [] for part in ("--set", setting)]


def _told(lines: list[dict[str, Any]], log: TortureLog, shrunk: list[dict[str, Any]]) -> dict[str, Any]:
    """What `_show` and `_show_failure` say, for scripts."""
    from sim.study.torture import bound, by_kind

    verdicts = Counter(line["verdict"] for line in lines)
    outcomes = [(tuple(line["kinds"]), line["verdict"] != "pass") for line in lines]
    return {
        "storms": len(lines),
        "verdicts": dict(verdicts.most_common()),
        "failure_rate_at_most": bound(len(lines)) if set(verdicts) == {"pass"} else None,
        "faults": {kind: {"runs": runs, "failed": failed} for kind, (runs, failed) in by_kind(outcomes).items()},
        "failed_seeds": [line["seed"] for line in lines if line["verdict"] != "pass"],
        "failures": shrunk,
        "results": str(log.path),
    }


def _failure(work: Torture, seed: int, command: list[str]) -> dict[str, Any]:
    """A failure with as few faults and events as show it, and how to see it again."""
    from sim.kernel.engine import SECOND
    from sim.scenario.schedule import as_entry

    found: Outcome = work.smallest(work.run(seed))
    return {
        "seed": seed,
        "verdict": found.verdict,
        "validators": found.validators,
        "protocol": found.protocol,
        "detail": found.detail,
        "events": found.events,
        "time_s": found.time_ns / SECOND,
        "faults": [as_entry(fault) for fault in found.faults],
        "again": shlex.join([*command, "--first-seed", str(seed), "--seeds", "1"]),
    }


def _show_failure(failure: dict[str, Any]) -> None:
    print(
        f"\nseed {failure['seed']}: {failure['verdict']} with {failure['validators']} validators of "
        f"{failure['protocol']}: {failure['detail']}"
    )
    print(f"shown by the first {failure['events']:,} events ({failure['time_s']:g} s) and these faults alone:")
    for fault in failure["faults"]:
        print(f"  - {fault}")
    print(f"again    {failure['again']}")
