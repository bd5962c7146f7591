"""`alliance calibrate`: a file of costs with spread, machine and date, or one line that says why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

KEEPING = ("state-update", "tile-append", "tile-proof")
ALLIANCE = Path(sys.executable).parent / "alliance"


def calibrate(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ALLIANCE, "calibrate", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def test_everything_is_measured_with_its_spread_and_nothing_is_left_behind(tmp_path: Path) -> None:
    done = calibrate("here", "--out", tmp_path, "--samples", 5, "--hash", "sha256", "--signature", "ed25519")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["here.yaml"]
    data = yaml.safe_load((tmp_path / "here.yaml").read_text(encoding="utf-8"))
    both = ("hash-short", "hash-long", "leaf", "node", "proof-build", "proof-check")
    expected = {f"{operation}-{suite}" for operation in both for suite in ("sm3", "sha256")}
    expected |= {f"{operation}-{scheme}" for operation in ("sign", "verify") for scheme in ("sm2", "ed25519")}
    expected |= {"tile-sync", *(f"{operation}-sha256" for operation in KEEPING)}
    assert set(data["measurements"]) == expected
    for measured in data["measurements"].values():
        lower, upper = measured["quartiles_ns"]
        assert 0 < lower <= measured["median_ns"] <= upper
        assert measured["samples"] == 5
    median_ns = {name: measured["median_ns"] for name, measured in data["measurements"].items()}
    assert median_ns["hash-short-sm3"] < median_ns["hash-long-sm3"]
    assert median_ns["hash-short-sha256"] < median_ns["sign-ed25519"] < median_ns["sign-sm2"]
    assert "sha256 and ed25519" in data["costs"]["source"]
    assert done.stdout.count("\n") == len(expected) + 1


def test_several_suites_are_measured_together_and_written_apart(tmp_path: Path) -> None:
    every = ["--hash", "sm3", "--hash", "sha256", "--signature", "sm2", "--signature", "ed25519"]
    done = calibrate("all", "--out", tmp_path, "--samples", 5, *every)
    assert done.returncode == 0, done.stderr
    pairs = [(scheme, suite) for scheme in ("sm2", "ed25519") for suite in ("sm3", "sha256")]
    files = {pair: tmp_path / f"all-{pair[0]}-{pair[1]}.yaml" for pair in pairs}
    assert set(tmp_path.iterdir()) == set(files.values())
    data = {pair: yaml.safe_load(file.read_text(encoding="utf-8")) for pair, file in files.items()}
    first = data["sm2", "sm3"]["measurements"]
    assert {f"{operation}-{suite}" for operation in KEEPING for suite in ("sm3", "sha256")} <= set(first)
    assert "tile-sync" in first  # no hash makes it faster
    for (scheme, suite), calibration in data.items():
        assert calibration["name"] == f"all-{scheme}-{suite}"
        assert calibration["measurements"] == first
        assert f": {suite} and {scheme} on " in calibration["costs"]["source"]
    costs = {pair: calibration["costs"] for pair, calibration in data.items()}
    assert costs["sm2", "sm3"]["verify"] == costs["sm2", "sha256"]["verify"] != costs["ed25519", "sm3"]["verify"]
    assert costs["sm2", "sm3"]["execute"] == costs["ed25519", "sm3"]["execute"] != costs["sm2", "sha256"]["execute"]


def test_a_calibration_is_not_replaced_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "here.yaml").write_text("mine", encoding="utf-8")
    done = calibrate("here", "--out", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"alliance: {tmp_path}/here.yaml exists; give --force to replace it, or another NAME\n"
    assert (tmp_path / "here.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["../up"], "NAME is '../up': an id is made of lower-case letters"),
        (["here", "--hash", "md5"], "--hash is 'md5': needs one of sm3, sha256"),
        (["here", "--signature", "rsa"], "--signature is 'rsa': needs one of sm2, ed25519"),
        (["here", "--samples", "1"], "--samples is '1': must be ≥ 5"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = calibrate(*arguments, "--out", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
