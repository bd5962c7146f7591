"""Files and runs that several tests of one room share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from report_kit import QUESTION
from scenario_kit import chain, checks, crash, deposits, small
from scenario_text import BASE, MATRIX

import sim
from sim.study.run import Run, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put the base and the matrix in place; return a writer of the scenario that extends them."""
    monkeypatch.chdir(tmp_path)
    for folder, name, text in (("networks", "three", MATRIX), ("base", "alliance", BASE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def write_scenario(text: str) -> Path:
        file = tmp_path / "s.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_scenario


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """Two chains, one of which loses its leader for a while; requests of every kind; a missed objective."""
    folder = tmp_path_factory.mktemp("report")
    scenario = small(
        folder,
        question=QUESTION,
        horizon="6s",
        members={"court": {"name": "Court of $x$ & <b>", "zh": "法院"}, "bank": {"name": "Banks", "zh": "银行"}},
        zones={"net": {"name": "Network", "zh": "专网"}, "fin": {"name": "Finance", "zh": "金融专网"}},
        chains={"a": chain(observers=3), "b": chain(7, member="bank", zone="fin")},
        workload={
            "files": deposits("150/s"),
            "replies": deposits("20/s", chain="b"),
            "look": checks("files", absent="20%", altered="20%"),
        },
        faults=[crash("2s", [0], "1s")],
        slo=[
            {"metric": "chains.a.commit_latency_s.p99", "at_most": "1us"},
            {"metric": "chains.a.storage_bytes", "at_most": "1234567B"},
            {"metric": "chains.b.goodput_tps", "at_least": "1/s"},
            {"metric": "proofs.refused", "equals": 0},
        ],
        assumptions={"made-up": "All of it is <made> up."},
    )
    result = run(scenario)
    out = folder / "out"
    out.mkdir()
    sim.report.add_to(result, out)
    return result, out


@pytest.fixture(scope="session")
def html(told: tuple[Run, Path]) -> str:
    return (told[1] / "report.html").read_text(encoding="utf-8")
