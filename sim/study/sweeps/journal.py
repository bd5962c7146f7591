"""What a study has found: a line per run while it goes on, few Parquet files when it has ended.

A line is on the disk before the next run is counted, so that a killed study goes on where it was. Results of different
code never stand in one directory.

    study.json          what was asked: question, points, seeds, rule, code
    scenario.yaml       what the points are changes of, complete
    runs.parquet        a row per run: point, replication, seed, status, verdict, and every number of its summary
    summaries.parquet   the summaries, as JSON
    latencies.parquet   histograms of commit latency by run, chain and slot of time
    journal.jsonl       while it goes on
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from sim.study.manifest import code_digest
from sim.study.store import as_json, write_bytes, write_text
from sim.study.sweeps.task import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

SCHEMA: Final = 1
HEAD, SCENARIO, JOURNAL = "study.json", "scenario.yaml", "journal.jsonl"
RUNS, SUMMARIES, LATENCIES = "runs.parquet", "summaries.parquet", "latencies.parquet"
_LATENCY_COLUMNS: Final = ("chain", "slot", "values_ns", "counts", "total_ns", "lost")


def other_file(number: int) -> str:
    """Where the scenario of a point stands that is no change of `scenario.yaml`."""
    return f"scenario-{number}.yaml"


class ForeignStudy(FileExistsError):
    """The directory holds something else; the text says what would be right."""


class Journal:
    """The results in a directory, or in memory only.

    Args:
        directory: made if it does not exist; None keeps nothing.

    Attributes:
        done: outcomes so far, by run.

    Raises:
        ForeignStudy: it holds results of other code, or no study.
        OSError: it cannot be read or written.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.done: dict[str, Outcome] = {}
        self.code = code_digest()
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / HEAD).is_file():
            self._read(directory)
        elif any(directory.iterdir()):
            raise ForeignStudy(f"{directory} exists and is not a study; give another --out")

    def _read(self, directory: Path) -> None:
        head = read_head(directory)
        if head["code_sha256"] != self.code:
            raise ForeignStudy(f"{directory} holds results of other code; give another --out")
        if (directory / SUMMARIES).is_file():
            self.done = outcomes(directory)
        journal = directory / JOURNAL
        if journal.is_file():
            # A kill may have cut the last line off: that run is done again.
            whole, newline, rest = journal.read_text(encoding="utf-8").rpartition("\n")
            for line in whole.splitlines():
                outcome = Outcome(**json.loads(line))
                self.done[outcome.run_id] = outcome
            if rest:
                write_text(journal, f"{whole}{newline}")
        # Who was killed from outside is tried again; who broke down would break down again.
        self.done = {run_id: outcome for run_id, outcome in self.done.items() if outcome.status != "lost"}

    def begin(self, head: dict[str, Any], texts: Mapping[str, str], wanted: Iterable[str] | None) -> None:
        """Write down what is asked, before the first run.

        Args:
            head: for `study.json`.
            texts: of scenarios, by the names of their files.
            wanted: the runs; None for a search, which finds out what it wants as it goes on.

        Raises:
            ForeignStudy: there are results that this study would not have, or a search in another scenario.
        """
        if self.directory is None:
            return
        strange = self.done.keys() - (self.done.keys() if wanted is None else set(wanted))
        base = self.directory / SCENARIO
        if wanted is None and base.is_file() and base.read_text(encoding="utf-8") != texts[SCENARIO]:
            raise ForeignStudy(f"{self.directory} holds results of another scenario; give another --out")
        if strange:
            raise ForeignStudy(
                f"{self.directory} holds {len(strange):,} runs that are not of this study; give another --out"
            )
        for name, text in texts.items():
            write_text(self.directory / name, text)
        write_text(self.directory / HEAD, as_json(head))

    def add(self, outcome: Outcome) -> None:
        """Keep a run.

        Raises:
            ForeignStudy: the worker has other code.
        """
        if outcome.code and outcome.code != self.code:
            raise ForeignStudy("a worker runs other code than this process; give all of them the same version")
        self.done[outcome.run_id] = outcome
        if self.directory is not None:
            with (self.directory / JOURNAL).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome), ensure_ascii=False, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def end(self, head: dict[str, Any], rows: Sequence[Mapping[str, Any]], *, rest: bool = False) -> None:
        """Write the tables in the place of the journal; the same bytes whatever the number of workers was.

        Args:
            head: as for `begin`, with what has come out.
            rows: run by run, what the study says of them beside their outcomes: point, replication, seed, parameters.
            rest: keep runs that are in no row, which a search wanted when it was asked otherwise. Those that a rule
                did not need are dropped: they depend on the number of workers.
        """
        if self.directory is None:
            return
        mine = {row["run_id"] for row in rows}
        other = sorted(self.done.keys() - mine) if rest else []
        every = [*rows, *({"run_id": run_id, "point": None, "replication": None} for run_id in other)]
        told = [replace(self.done[row["run_id"]], wall_s=0.0) for row in every]  # which differs each time
        for name, frame in (
            (LATENCIES, latencies_frame(every, told)),
            (RUNS, runs_frame(rows, told[: len(rows)])),
            (SUMMARIES, _summaries_frame(told)),
        ):
            write_bytes(self.directory / name, _parquet(frame))
        write_text(self.directory / HEAD, as_json(head))
        (self.directory / JOURNAL).unlink(missing_ok=True)


def read_head(directory: Path) -> dict[str, Any]:
    """`study.json` of a directory.

    Raises:
        ForeignStudy: there is none, or it cannot be read.
    """
    try:
        head: dict[str, Any] = json.loads((directory / HEAD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ForeignStudy(f"{directory} is not a study: it has no {HEAD}") from None
    except ValueError as error:
        raise ForeignStudy(f"{directory / HEAD} is no JSON ({error}); give another directory") from None
    if head.get("schema") != SCHEMA:
        raise ForeignStudy(f"{directory / HEAD} is of schema {head.get('schema')}; this version reads {SCHEMA}")
    return head


def numbers(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Every number of a summary by its dotted path; truth values count as numbers, texts and lists are left out."""
    found: dict[str, float] = {}
    for key, value in summary.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            found |= numbers(value, f"{path}.")
        elif isinstance(value, int | float):
            found[path] = float(value)
    return found


def runs_frame(rows: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """A row per run: what the study says of it, its status and verdict, and every number of its summary."""
    import polars as pl

    told = [
        {
            **row,
            "status": outcome.status,
            "verdict": outcome.summary["verdict"] if outcome.summary else None,
            "trace_hash": outcome.summary["trace_hash"] if outcome.summary else None,
            "error": outcome.error or None,
        }
        for row, outcome in zip(rows, outcomes, strict=True)
    ]
    measured = [numbers(outcome.summary) if outcome.summary else {} for outcome in outcomes]
    named = dict.fromkeys(path for one in measured for path in one)
    for path in ("schema", "seed", *(path for row in rows for path in row)):
        named.pop(path, None)  # the study says it already
    left = pl.DataFrame(told, infer_schema_length=None)
    schema = pl.Schema({path: pl.Float64() for path in named})
    right = pl.DataFrame({path: [one.get(path) for one in measured] for path in named}, schema=schema)
    return left.with_columns(pl.col("verdict", "trace_hash", "error").cast(pl.String)).hstack(right.get_columns())


def latencies_frame(rows: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> pl.DataFrame:
    """Histograms of commit latency: a row per run, chain and slot."""
    import polars as pl

    schema: dict[str, Any] = {
        "run_id": pl.String,
        "point": pl.Int64,
        "replication": pl.Int64,
        "chain": pl.String,
        "slot": pl.Int64,
        "values_ns": pl.List(pl.Float64),
        "counts": pl.List(pl.Int64),
        "total_ns": pl.Int64,
        "lost": pl.Int64,
    }
    told = [
        {"run_id": row["run_id"], "point": row["point"], "replication": row["replication"], **latency}
        for row, outcome in zip(rows, outcomes, strict=True)
        for latency in outcome.latencies
    ]
    return pl.DataFrame(told, schema=schema)


def _summaries_frame(outcomes: Sequence[Outcome]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "run_id": [outcome.run_id for outcome in outcomes],
            "status": [outcome.status for outcome in outcomes],
            "error": [outcome.error for outcome in outcomes],
            "summary": [json.dumps(outcome.summary, ensure_ascii=False) for outcome in outcomes],
        },
        schema=pl.Schema({name: pl.String() for name in ("run_id", "status", "error", "summary")}),
    )


def outcomes(directory: Path) -> dict[str, Outcome]:
    """What the tables of a directory hold, by run."""
    import polars as pl

    latencies: dict[str, list[dict[str, Any]]] = {}
    for row in pl.read_parquet(directory / LATENCIES).iter_rows(named=True):
        latencies.setdefault(row["run_id"], []).append({name: row[name] for name in _LATENCY_COLUMNS})
    return {
        row["run_id"]: Outcome(
            row["run_id"], row["status"], json.loads(row["summary"]), latencies.get(row["run_id"], []), row["error"]
        )
        for row in pl.read_parquet(directory / SUMMARIES).iter_rows(named=True)
    }


def _parquet(frame: pl.DataFrame) -> bytes:
    import io

    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
