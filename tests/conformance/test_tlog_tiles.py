"""The tile store against C2SP tlog-tiles: names, widths and bytes of tiles; and a table of refusals."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import rfc9162_oracle as oracle

from sim.proof import SHA256, SM3, suite_by_name
from sim.proof.errors import StoreError
from sim.proof.tiles import TileStore
from sim.proof.tiles_files import Files
from sim.proof.tiles_fsck import verify_store
from sim.proof.tiles_layout import tile_path

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

HERE = pathlib.Path(__file__).parent
REFERENCE = json.loads((HERE / "rfc6962_ct_reference_tree.json").read_text("utf-8"))
REFUSALS = json.loads((HERE / "refusals_tiles.json").read_text("utf-8"))


class UnsyncedFiles(Files):
    """Files without the waiting: no test here cuts the power."""

    def fsync(self, path: str) -> None:
        """Wait for nothing."""

    def fsync_dir(self, path: str) -> None:
        """Wait for nothing."""


def store_of(directory: pathlib.Path, suite: HashSuite, contents: list[bytes], *sizes: int) -> pathlib.Path:
    """A store of these records, synced at each of the sizes and at the end."""
    with TileStore.create(UnsyncedFiles(directory), suite, "refusals.example/log") as store:
        for size in (*sizes, len(contents)):
            store.append(suite.leaves(contents[store.size : size]))
            store.sync()
    return directory


def tiles_below(folder: pathlib.Path) -> dict[str, int]:
    """The tiles in a folder, and how many hashes each has."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size // 32 for path in folder.rglob("*") if path.is_file()
    }


def hash_of(name: str) -> oracle.Hash:
    return lambda data: hashlib.new(name, data).digest()


# Merkle tree


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (1234067, 256, "tile/0/x001/x234/067"),  # the specification's own example
        (0, 256, "tile/0/000"),
        (0, 1, "tile/0/000.p/1"),
        (273, 112, "tile/0/273.p/112"),
        (999, 255, "tile/0/999.p/255"),
        (1000, 256, "tile/0/x001/000"),
        (999_999, 256, "tile/0/x999/999"),
        (1_000_000, 3, "tile/0/x001/x000/000.p/3"),
        (2_200_000_000, 256, "tile/0/x002/x200/x000/000"),
    ],
)
def test_a_tile_s_index_is_cut_into_groups_of_three_digits(index: int, width: int, path: str) -> None:
    assert tile_path("tile/0", index, width) == path


def test_a_tree_of_70000_has_the_tiles_that_the_specification_lists(tmp_path: pathlib.Path) -> None:
    store = store_of(tmp_path / "store", SHA256, [b"%d" % i for i in range(70_000)])
    assert tiles_below(store / "tile") == {
        **{f"0/{index:03d}": 256 for index in range(273)},
        "0/273.p/112": 112,
        "1/000": 256,
        "1/001.p/17": 17,
        "2/000.p/1": 1,
    }


def test_a_tree_of_256_is_a_full_tile_and_one_hash_above_it(tmp_path: pathlib.Path) -> None:
    store = store_of(tmp_path / "store", SHA256, [b"%d" % i for i in range(256)])
    assert tiles_below(store / "tile") == {"0/000": 256, "1/000.p/1": 1}


def test_the_reference_leaves_make_one_tile_of_their_plain_hashes(tmp_path: pathlib.Path) -> None:
    contents = [bytes.fromhex(leaf) for leaf in REFERENCE["leaves_hex"]]
    store = store_of(tmp_path / "store", SHA256, contents, 7)
    plain = b"".join(hashlib.sha256(b"\x00" + content).digest() for content in contents)
    assert (store / "tile/0/000.p/8").read_bytes() == plain
    assert (store / "tile/0/000.p/7").read_bytes() == plain[: 7 * 32]
    with TileStore.open(store, writable=False) as opened:
        assert [opened.root(size).hex() for size in range(9)] == REFERENCE["roots_by_size"]


@pytest.mark.parametrize(("suite", "suffix"), [(SHA256, ""), (SM3, "-sm3")], ids=["sha256", "sm3"])
def test_each_hash_above_is_the_merkle_tree_hash_of_a_whole_tile_below(
    tmp_path: pathlib.Path, suite: HashSuite, suffix: str
) -> None:
    contents = [b"%d" % i for i in range(700)]
    store = store_of(tmp_path / "store", suite, contents)
    h = hash_of(suite.name)
    tile = (store / f"tile{suffix}/1/000.p/2").read_bytes()
    assert tile == oracle.mth(h, contents[:256]) + oracle.mth(h, contents[256:512])
    half = (store / f"half{suffix}/0/000.p/43").read_bytes()
    assert half == b"".join(oracle.mth(h, contents[start : start + 16]) for start in range(0, 688, 16))
    assert {path.name for path in store.iterdir()} == {f"tile{suffix}", f"half{suffix}", "head", "lock", "stage"}


# Partial tiles and pruning


def test_partial_tiles_of_synced_sizes_stay_until_their_tile_is_full(tmp_path: pathlib.Path) -> None:
    contents = [b"%d" % i for i in range(300)]
    assert tiles_below(store_of(tmp_path / "short", SHA256, contents[:200], 10, 20) / "tile/0") == {
        "000.p/10": 10,
        "000.p/20": 20,
        "000.p/200": 200,
    }
    assert tiles_below(store_of(tmp_path / "long", SHA256, contents, 10, 20, 200) / "tile/0") == {
        "000": 256,
        "001.p/44": 44,
    }


def test_pruning_removes_exactly_the_tiles_that_end_at_or_below_the_minimum_index(tmp_path: pathlib.Path) -> None:
    store = store_of(tmp_path / "store", SHA256, [b"%d" % i for i in range(70_000)])
    with TileStore.open(store) as opened:
        assert opened.prune(65_535) == 255 + 15
        assert tiles_below(store / "tile").keys() >= {"0/255", "1/000"}
        assert opened.prune(65_536) == 1 + 1 + 1
    assert tiles_below(store / "tile") == {
        **{f"0/{index:03d}": 256 for index in range(256, 273)},
        "0/273.p/112": 112,
        "1/001.p/17": 17,
        "2/000.p/1": 1,
    }


# Refusals


@pytest.fixture(scope="module")
def honest_store(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return store_of(tmp_path_factory.mktemp("honest") / "store", SHA256, [b"record %d" % i for i in range(5000)], 4900)


def changed_store(honest: pathlib.Path, target: pathlib.Path, case: dict[str, Any]) -> pathlib.Path:
    shutil.copytree(honest, target)
    if "remove" in case:
        (target / case["remove"]).unlink()
    if "resize" in case:
        path, size_bytes = case["resize"]
        (target / path).write_bytes((target / path).read_bytes()[:size_bytes].ljust(size_bytes, b"\0"))
    if "flip" in case:
        path, offset = case["flip"]
        data = bytearray((target / path).read_bytes())
        data[offset] ^= 0xFF
        (target / path).write_bytes(data)
    if "copy" in case:
        shutil.copy(target / case["copy"][0], target / case["copy"][1])
    if "write" in case:
        path, text = case["write"]
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(text.encode())
    if "link" in case:
        (target / case["link"][1]).unlink()
        (target / case["link"][1]).symlink_to(target / case["link"][0])
    return target


def check_refusal(refusal: StoreError, store: pathlib.Path, case: dict[str, Any]) -> None:
    assert refusal.path == str(store / case["names"])
    assert str(refusal) == f"{refusal.path}: {refusal.reason}"
    assert "\n" not in str(refusal)


@pytest.mark.parametrize("case", REFUSALS["refused"], ids=lambda case: case["name"])
def test_a_store_of_the_refusal_table_is_refused_and_the_file_named(
    tmp_path: pathlib.Path, honest_store: pathlib.Path, case: dict[str, Any]
) -> None:
    store = changed_store(honest_store, tmp_path / "store", case)
    with pytest.raises(StoreError) as refusal:
        verify_store(store)
    check_refusal(refusal.value, store, case)
    assert case["says"] in refusal.value.reason
    if not case.get("opens", True):
        for writable in (True, False):
            with pytest.raises(StoreError):
                TileStore.open(store, writable=writable)
    if "leaf" in case:
        with TileStore.open(store, writable=False) as opened, pytest.raises(StoreError) as refusal:
            opened.inclusion_proof(case["leaf"])
        check_refusal(refusal.value, store, case)


@pytest.mark.parametrize("case", REFUSALS["accepted"], ids=lambda case: case["name"])
def test_leftovers_of_the_refusal_table_are_counted_and_collected(
    tmp_path: pathlib.Path, honest_store: pathlib.Path, case: dict[str, Any]
) -> None:
    store = changed_store(honest_store, tmp_path / "store", case)
    report = verify_store(store)
    assert (report.size, report.earlier_partials, report.leftovers) == (
        5000,
        case["earlier_partials"],
        case["leftovers"],
    )
    with TileStore.open(store) as opened:
        opened.collect()
        opened.append([suite_by_name(report.suite_name).leaf(b"one more")])
        opened.sync()
    report = verify_store(store)
    assert (report.size, report.leftovers) == (5001, 0)


def test_the_refusal_table_names_each_case_once() -> None:
    names = [case["name"] for case in REFUSALS["refused"] + REFUSALS["accepted"]]
    assert len(set(names)) == len(names)
