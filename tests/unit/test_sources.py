"""Marks and guesses are found in the files that a scenario was read from, and in no others."""

from __future__ import annotations

from pathlib import Path

import sim
from sim.study.sources import sources_of

ROOT = Path(__file__).parents[2]
TABLE = """
| mark | fact | source |
|---|---|---|
| cases-2022 | 30.3 M cases in 2022 | court statistics |
| fisco | blocks of at most 1000 | documentation |
"""


def test_marks_are_looked_up_and_guesses_quoted(tmp_path: Path) -> None:
    (tmp_path / "SOURCES.md").write_text(TABLE, encoding="utf-8")
    (tmp_path / "base").mkdir()
    file = tmp_path / "base" / "one.yaml"
    file.write_text(
        "# Cases [cases-2022], a year; [no-such-mark] is nothing.\n"
        "rate: 3/s   # [guess: 1 to 10 is plausible]\n"
        "name: '[fisco] is text here'\n",
        encoding="utf-8",
    )
    assert sources_of([str(file), str(tmp_path / "gone.yaml")]) == {
        "files": [str(file)],
        "marks": {"cases-2022": ["30.3 M cases in 2022", "court statistics"]},
        "guesses": [f"{file}:2: rate: 3/s   # [guess: 1 to 10 is plausible]"],
    }


def test_a_scenario_knows_the_files_that_anything_in_it_was_written_in() -> None:
    scenario = sim.load(ROOT / "scenarios" / "casework" / "mediation-default.yaml", set={"seed": 2})
    names = {Path(name).name for name in scenario.files}
    assert {"mediation-default.yaml", "chains.yaml", "china-provinces.yaml", "w12-mediation-default.yaml"} <= names
    assert "--set" not in scenario.files
    found = sources_of(scenario.files)
    assert len(found["marks"]) > 5
    assert all("[guess" in guess for guess in found["guesses"])
    assert found["guesses"]


def test_a_long_line_keeps_its_beginning_and_its_guess(tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_text(f"key: {'a' * 500}  # [guess]\n", encoding="utf-8")
    (told,) = sources_of([str(file)])["guesses"]
    assert " … " in told
    assert told.endswith("# [guess]")
    assert len(told) < len(str(file)) + 220
