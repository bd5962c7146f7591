"""Run every study and write the table and the figure of the validation into results/reference.

python tests/validation/report.py            # or: make validation
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import studies
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track

from sim.report import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rows import Row, Study

TARGET = Path(__file__).parents[2] / "results" / "reference"
STUDIES = (
    studies.v1,
    studies.v1_closed,
    studies.v2,
    studies.v3,
    studies.v4,
    studies.v5,
    studies.v6,
    studies.v6_little,
    studies.v6_queue,
)


INTRODUCTION = (
    "Made by `make validation`. A row marked *fitted* had a constant fitted to it and predicts nothing. What casework "
    "and cross-chain links give cannot be held against measurements, for there are none: trust in it rests on "
    "invariants and laws (V6), not on V1 to V5."
)


def number(value: float | None) -> str:
    """Three significant digits, with thousands."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(done: Sequence[Study]) -> str:
    """All rows in Markdown, each study under the constants that it was given."""
    lines = [
        "# Validation",
        "",
        INTRODUCTION,
        "",
    ]
    for study in done:
        lines += [f"## {study.name}: {study.title}", "", f"Source: {study.source}.", ""]
        predicted = len(study.rows) - study.fitted
        rule = "" if study.predicts else " **No more predictions than free constants: read it as a description.**"
        lines += [
            f"{predicted} of {len(study.rows)} rows predicted with {study.free} constants guessed or fitted.{rule}",
            "",
        ]
        lines += [f"- {constant}: {origin}" for constant, origin in study.constants.items()]
        lines += [
            "",
            "| row | metric | published | simulated | error | null model | |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_line(row) for row in study.rows]
        lines.append("")
    return "\n".join(lines)


def _line(row: Row) -> str:
    remarks = [*(["*fitted*"] if row.fitted else []), *(["gates the tests"] if row.gate else []), row.note]
    cells = (
        row.setting,
        row.metric,
        number(row.published),
        number(row.simulated),
        f"{row.error:+.1%}",
        number(row.null_model),
        "; ".join(remark for remark in remarks if remark),
    )
    return f"| {' | '.join(cells)} |"


_WIDEST = 75
"""Errors beyond this many percent are written at the edge."""


def figure(done: Sequence[Study], path: Path) -> None:
    """Signed errors of all rows; hollow where a constant was fitted, grey ticks for the null model, arrows beyond."""
    import matplotlib.pyplot as plt

    rows = [row for study in done for row in study.rows]
    plot, axes = plt.subplots(figsize=(8, 0.21 * len(rows) + 1), layout="constrained")
    for place, row in enumerate(reversed(rows)):
        colour = style.SERIES[int(row.study[1:]) % len(style.SERIES)]
        error, fill = 100 * row.error, "none" if row.fitted else "full"
        if abs(error) <= _WIDEST:
            axes.plot(error, place, "o", color=colour, fillstyle=fill)
        else:
            edge = _WIDEST if error > 0 else -_WIDEST
            axes.plot(edge, place, ">" if error > 0 else "<", color=colour, fillstyle=fill)
            side = "right" if error > 0 else "left"
            axes.text(0.9 * edge, place, f"{error:+.0f} %", color=colour, fontsize=8, ha=side, va="center")
        if row.null_model is not None:
            axes.plot(100 * (row.null_model / row.published - 1), place, "|", color="0.5", markersize=9)
    axes.set_yticks(
        range(len(rows)), [f"{row.study}  {row.setting}: {row.metric}" for row in reversed(rows)], fontsize=7
    )
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.axvspan(-20, 20, color="0.93", zorder=0)
    axes.set_xlim(-_WIDEST - 3, _WIDEST + 3)
    axes.set_xlabel("simulated against published, %", fontsize=9)
    axes.set_title("Dots: simulated (hollow: fitted). Bars: a model without simulation. Band: ±20 %", fontsize=9)
    axes.margins(y=0.01)
    plot.savefig(path, dpi=130)
    plt.close(plot)


def main() -> None:
    """Run the studies one after the other; nothing is written unless all of them ran."""
    done = [study() for study in track(STUDIES, "validation")]
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "validation.md").write_text(table(done) + "\n", encoding="utf-8")
    data = [{**asdict(study), "rows": [{**asdict(row), "error": row.error} for row in study.rows]} for study in done]
    (TARGET / "validation.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    figure(done, TARGET / "validation.png")
    Console().print(Markdown(table(done)))


if __name__ == "__main__":
    main()
