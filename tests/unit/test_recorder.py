"""The recorder keeps a table's columns together, in the order in which rows and chunks came."""

from __future__ import annotations

import numpy as np
import pytest

from sim.metrics.recorder import Coded, Hexadecimal, Recorder
from sim.metrics.tables import TABLES

VIEWS = ["chain", "time_ns", "node", "view", "leader"]


def _chunk(*times_ns: int) -> dict[str, list[int | float | str] | np.ndarray]:
    count = len(times_ns)
    return {
        "chain": ["jc"] * count,
        "time_ns": np.array(times_ns, dtype=np.int64),
        "node": np.arange(count),
        "view": [1] * count,
        "leader": np.ones(count, dtype=np.int64),
    }


@pytest.mark.parametrize("table", TABLES)
def test_every_table_starts_empty_with_all_its_columns_in_order(table: str) -> None:
    columns = Recorder().table(table)
    assert list(columns) == list(TABLES[table])
    assert all(len(column) == 0 for column in columns.values())


@pytest.mark.parametrize("cells", [(), ("jc", 1, 0, 1), ("jc", 1, 0, 1, 1, 9)])
def test_a_row_of_the_wrong_width_is_refused_and_leaves_no_trace(cells: tuple[int | str, ...]) -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match=f"views has 5 columns, not {len(cells)}"):
        recorder.row("views", *cells)
    assert recorder.table("views")["chain"] == []


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(KeyError, match="opinions"):
        Recorder().row("opinions", 1)
    with pytest.raises(KeyError, match="opinions"):
        Recorder().columns("opinions", {})
    with pytest.raises(KeyError, match="opinions"):
        Recorder().table("opinions")


def test_rows_come_back_as_columns_in_the_order_they_came() -> None:
    recorder = Recorder()
    recorder.row("views", "jc", 30, 0, 1, 1)
    recorder.row("views", "bank", 10, 2, 3, 4)
    assert recorder.table("views") == {
        "chain": ["jc", "bank"],
        "time_ns": [30, 10],
        "node": [0, 2],
        "view": [1, 3],
        "leader": [1, 4],
    }


def test_a_table_is_its_rows_first_and_then_its_chunks() -> None:
    recorder = Recorder()
    recorder.columns("views", _chunk(5, 6))
    recorder.row("views", "bank", 1, 0, 0, 0)
    recorder.columns("views", _chunk(3))
    recorder.row("views", "bank", 2, 0, 0, 0)
    table = recorder.table("views")
    assert list(table) == VIEWS
    assert list(table["time_ns"]) == [1, 2, 5, 6, 3]
    assert list(table["chain"]) == ["bank", "bank", "jc", "jc", "jc"]
    assert list(table["node"]) == [0, 0, 0, 1, 0]


def test_chunks_stay_arrays_and_rows_beside_them_give_plain_python_values() -> None:
    recorder = Recorder()
    recorder.columns("views", _chunk(5, 6))
    (time_ns,) = (recorder.table("views")["time_ns"],)
    assert isinstance(time_ns, np.ndarray)
    assert time_ns.dtype == np.int64
    recorder.columns("views", _chunk(7))
    both = recorder.table("views")["time_ns"]
    assert isinstance(both, np.ndarray)
    assert both.tolist() == [5, 6, 7]
    recorder.row("views", "jc", 8, 0, 0, 0)
    assert [type(cell) for cell in recorder.table("views")["time_ns"]] == [int] * 4


def test_tables_do_not_mix_and_reading_one_changes_nothing() -> None:
    recorder = Recorder()
    recorder.row("faults", "jc", 1, 0, "crash")
    recorder.columns("views", _chunk(5))
    for _ in range(2):
        assert recorder.table("faults")["event"] == ["crash"]
        assert list(recorder.table("views")["time_ns"]) == [5]
        assert recorder.table("messages")["kind"] == []


def _without(column: str) -> dict[str, list[int | float | str] | np.ndarray]:
    return {name: cells for name, cells in _chunk(1, 2).items() if name != column}


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        _without("leader"),
        {**_chunk(1, 2), "opinion": [0, 0]},
        {**_without("leader"), "lead": [0, 0]},
        {**_chunk(1, 2), "view": [1]},
        dict(reversed(_chunk(1, 2).items())),
    ],
    ids=["nothing", "a column missing", "a column more", "a wrong name", "unequal lengths", "another order"],
)
def test_columns_that_are_not_the_tables_are_refused_and_leave_no_trace(
    chunk: dict[str, list[int | float | str] | np.ndarray],
) -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="views takes columns of equal length: chain, time_ns, node, view, leader"):
        recorder.columns("views", chunk)
    assert recorder.table("views")["chain"] == []


def _commits(chain: str, *heights: int) -> dict[str, list[int | float | str] | np.ndarray | Coded | Hexadecimal]:
    count = len(heights)
    columns = {name: np.array(heights, dtype=np.int64) for name in TABLES["commits"]}
    digests = Hexadecimal(np.array([[height, 0] for height in heights], dtype=np.uint8).reshape(count, 2))
    chains = Coded(("other", chain), np.ones(count, dtype=np.uint8))
    return {**columns, "chain": chains, "log_root": digests, "header_digest": digests}


def test_codes_and_digests_are_the_texts_that_they_stand_for() -> None:
    recorder = Recorder()
    recorder.columns("commits", _commits("jc", 1, 255))
    table = recorder.table("commits")
    assert np.array(table["chain"]).tolist() == ["jc", "jc"]
    assert np.array(table["log_root"]).tolist() == ["0100", "ff00"]
    recorder.columns("commits", _commits("bank", 7))
    table = recorder.table("commits")
    assert (table["chain"], table["log_root"]) == (["jc", "jc", "bank"], ["0100", "ff00", "0700"])
    assert [len(chunk["height"]) for chunk in recorder.chunks("commits")] == [2, 1]


def test_a_chains_rows_are_its_own_whoever_wrote_them_down() -> None:
    recorder = Recorder()
    recorder.columns("commits", _commits("jc", 1, 2))
    recorder.columns("commits", _commits("bank", 7))
    assert recorder.of("commits", "jc")["height"] is recorder.chunks("commits")[0]["height"]
    assert list(recorder.of("commits", "bank")["height"]) == [7]
    recorder.row("commits", "jc", *range(11), "aa", "bb")
    recorder.row("commits", "bank", *range(11), "cc", "dd")
    mine = recorder.of("commits", "jc")
    assert list(mine["height"]) == [0, 1, 2]
    assert list(mine["log_root"]) == ["aa", "0100", "0200"]
    assert {column: len(cells) for column, cells in recorder.of("commits", "ip").items()} == dict.fromkeys(mine, 0)
