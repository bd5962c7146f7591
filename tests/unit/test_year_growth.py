"""What is stored: tiles to the byte as a store on disk has them, and the build of 2.2 billion records."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from scenario_kit import CHEAP

from sim.proof.suites import DIGEST_SIZE, SHA256
from sim.proof.tiles import TileStore
from sim.scenario.model import Costs
from sim.scenario.year import Growth
from sim.study.year.growth import Yearly, grown, tile_bytes

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


@pytest.mark.parametrize("leaves", [1, 16, 300, 70_000])
def test_a_store_on_disk_has_the_bytes_that_are_counted(tmp_path: Path, leaves: int) -> None:
    store = TileStore.create(tmp_path / "store", SHA256, "year.test/log")
    digests = [hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(leaves)]
    for begin in range(0, leaves, 10_000):
        store.extend(digests[begin : begin + 10_000])
    store.sync()
    store.close()
    folders = ("tile", "half")
    on_disk = sum(
        file.stat().st_size for folder in folders for file in (tmp_path / "store" / folder).rglob("*") if file.is_file()
    )
    assert on_disk == tile_bytes(leaves)


@pytest.mark.parametrize("name", ["billions-sm3-records", "billions-sha256-records"])
def test_the_build_of_billions_is_stored_as_growth_says(name: str) -> None:
    built = json.loads((REFERENCE / f"{name}.json").read_text(encoding="utf-8"))
    leaves, record_bytes = built["records"], built["record_bytes"]
    chain = Yearly(1, leaves, leaves * record_bytes, 0, 0)
    stored = chain.stored(leaves)
    assert stored["records"] == leaves * record_bytes == 528_000_000_000
    # The build's compact range is the roots of the perfect subtrees that a store of this size holds, one for each bit.
    assert len(built["range"]) == leaves.bit_count()
    # A perfect tree keeps 1 + 1/16 + 1/256 + … hashes a leaf; what is not perfect is less than a hash of each row.
    least = DIGEST_SIZE * leaves * 16 / 15
    assert least - 64 * DIGEST_SIZE <= stored["tiles"] <= least
    # The log of a record of this size takes a seventh of what the record does.
    assert stored["tiles"] / stored["records"] == pytest.approx(DIGEST_SIZE * 16 / 15 / record_bytes, rel=1e-6)


def test_years_add_up_and_grow() -> None:
    chains = {"a": Yearly(4, 1_000_000, 600_000_000, 10_000, 200), "b": Yearly(2, 0, 0, 0, 200)}
    costs = Costs.model_validate(CHEAP)
    rows = grown(chains, Growth.model_validate({"years": "3", "rate": "10%"}), costs)
    assert [row["records"] for row in rows] == [1_000_000, 1_100_000, 1_210_000]
    assert rows[-1]["records_so_far"] == 3_310_000
    one = rows[0]["stored_bytes"]["a"]
    assert one == 600_000_000 + 10_000 * 200 + tile_bytes(1_000_000)
    assert rows[0]["stored_on_all_nodes_bytes"] == 4 * one
    assert rows[0]["storage_cny"] == pytest.approx(4 * one / 1e12 * 2400)
    # Each node verifies (30 us), executes (20 us) and hashes (500 ns and 2 us for each 1000 bytes) each record.
    assert rows[0]["core_hours"] == pytest.approx(4 * 1e6 * (30e-6 + 20e-6 + 0.5e-6 + 1.2e-6) / 3600)
