"""The work directory of a year: pieces come back as they were, and nothing of another run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.study.year.work import Work

if TYPE_CHECKING:
    from pathlib import Path


def test_a_piece_comes_back_as_it_was_and_its_arrays_can_be_changed(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", "one")
    piece = {"cases": np.arange(1000).reshape(10, 100), "empty": np.zeros(0), "text": "jc", "nested": [np.array(3)]}
    work.keep("piece", piece)
    found = Work(tmp_path / "work", "one").read("piece")
    assert (found["cases"] == piece["cases"]).all()
    assert (found["text"], len(found["empty"]), int(found["nested"][0])) == ("jc", 0, 3)
    found["cases"][0, 0] = 7


def test_a_piece_is_made_once(tmp_path: Path) -> None:
    work, made = Work(tmp_path / "work", "one"), []
    for _ in range(3):
        assert work.once("piece", lambda: made.append(1) or [4]) == [4]  # type: ignore[func-returns-value]
    assert made == [1]
    work.drop("piece")
    assert work.read("piece") is None
    assert not work.has("piece")


def test_pieces_of_another_run_are_thrown_away(tmp_path: Path) -> None:
    Work(tmp_path / "work", "one").keep("piece", 4)
    assert Work(tmp_path / "work", "two").read("piece") is None
    assert Work(tmp_path / "work", "one").read("piece") is None


@pytest.mark.parametrize("place", [0, 20, 33, 45, -1])
def test_a_piece_that_is_not_what_was_written_counts_as_unfinished(tmp_path: Path, place: int) -> None:
    work = Work(tmp_path / "work", "one")
    work.keep("piece", np.arange(100))
    file = tmp_path / "work" / "piece"
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert work.read("piece") is None
    file.write_bytes(data[:50])
    assert work.read("piece") is None


def test_a_directory_that_no_run_left_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="no run's work directory"):
        Work(tmp_path, "one")
    assert (tmp_path / "thesis.tex").exists()
