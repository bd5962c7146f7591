"""`alliance verify`: what a court's clerk types, reads and gets as an exit code."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from foreign_chain import ForeignChain, grown

from sim.cli import main
from sim.proof import SM3, merkle
from sim.proof.evidence import Update
from sim.proof.tiles import TileStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.bundle import Bundle

EPOCH = "2022-12-26T09:00:00+08:00"
AT = "2022-12-26T09:00:05+08:00"
CHAIN = grown(6, suite=SM3)
RECORD = CHAIN.bundle(CHAIN.record_fact(2, 4), CHAIN.update(4))


def trust_of(chain: ForeignChain, /, **changes: object) -> dict[str, object]:
    validators = {
        member.id: {"algorithm": member.algorithm, "public_key": member.public_key.hex()}
        for member in chain.sets[0].members
    }
    return {
        "chain": chain.chain,
        "protocol": chain.protocol,
        "hash": chain.suite.name,
        "epoch": EPOCH,
        "trusting_period": "14d",
        "clock_drift": "10s",
        "height": 0,
        "header": chain.headers[0].to_bytes().hex(),
        "validators": validators,
        **changes,
    }


@dataclasses.dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def alliance(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`alliance verify` within this process, through the command's own entry point."""

    def called(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["alliance", "verify", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as exit_:
                main()
        finally:
            signal.signal(signal.SIGTERM, before)
        captured = capsys.readouterr()
        return Done(exit_.value.code, captured.out, captured.err)

    return called


@pytest.fixture
def judged(alliance: Callable[..., Done], tmp_path: Path) -> Callable[..., Done]:
    """What the command says to a bundle under a trust file with some keys changed."""

    def called(bundle: Bundle | bytes, *more: object, at: str = AT, **changes: object) -> Done:
        (tmp_path / "bundle").write_bytes(bundle if isinstance(bundle, bytes) else bundle.to_bytes())
        trust = tmp_path / "trust.yaml"
        trust.write_text(yaml.safe_dump(trust_of(CHAIN, **changes), sort_keys=False), encoding="utf-8")
        return alliance(tmp_path / "bundle", "--trust", trust, "--at", at, *more)

    return called


def test_a_good_bundle_passes_with_the_official_words(judged: Callable[..., Done]) -> None:
    done = judged(RECORD)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "passed 核验通过: record 2 of 5 at block 4 of chain 'bank', by 3 of 4 validators\n"


def test_the_installed_command_says_the_same_today(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(RECORD.to_bytes())
    trust = trust_of(CHAIN, trusting_period="36525d")
    (tmp_path / "trust.yaml").write_text(yaml.safe_dump(trust), encoding="utf-8")
    command = Path(sys.executable).parent / "alliance"
    done = subprocess.run(
        [command, "verify", "bundle", "--trust", "trust.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("passed 核验通过: record 2 of 5")


def test_a_refused_sm2_signature_is_told_in_one_line_and_nowhere_else(tmp_path: Path) -> None:
    chain = grown(3, suite=SM3, algorithm="sm2")
    honest = chain.update(2)
    certificate = honest.block.links[0].certificate
    first, second, *rest = certificate.signatures
    forged = dataclasses.replace(first, signature=second.signature)
    certificate = dataclasses.replace(certificate, signatures=(forged, second, *rest))
    link = dataclasses.replace(honest.block.links[0], certificate=certificate)
    update = dataclasses.replace(honest, block=dataclasses.replace(honest.block, links=(link,)))
    (tmp_path / "bundle").write_bytes(chain.bundle(chain.record_fact(1, 2), update).to_bytes())
    (tmp_path / "trust.yaml").write_text(yaml.safe_dump(trust_of(chain)), encoding="utf-8")
    command = [Path(sys.executable).parent / "alliance", "verify", "bundle", "--trust", "trust.yaml", "--at", AT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (1, "", 1)
    assert done.stdout.startswith("refused: ")


def test_a_trust_file_may_be_json(alliance: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "bundle").write_bytes(RECORD.to_bytes())
    (tmp_path / "trust.json").write_text(json.dumps(trust_of(CHAIN), indent=2), encoding="utf-8")
    done = alliance(tmp_path / "bundle", "--trust", tmp_path / "trust.json", "--at", AT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_presented_record_must_be_the_deposited_one(judged: Callable[..., Done], tmp_path: Path) -> None:
    presented = tmp_path / "record"
    presented.write_bytes(CHAIN.records[2])
    assert judged(RECORD, "--record", presented).returncode == 0
    presented.write_bytes(CHAIN.records[2] + b"\n")
    done = judged(RECORD, "--record", presented)
    assert done.returncode == 1
    assert done.stdout.startswith("mismatch 与链上存证数据比对结果不一致: the presented file is not record 2")
    assert done.stdout.count("\n") == 1


def test_a_state_entry_passes_and_shows_its_value(judged: Callable[..., Done]) -> None:
    done = judged(CHAIN.bundle(CHAIN.state_fact(b"asset 2", 4), CHAIN.update(4)))
    assert done.returncode == 0
    assert f"value {b'frozen'.hex()} of key {b'asset 2'.hex()} at the end of block 3" in done.stdout


@pytest.mark.parametrize(
    ("bundle", "start"),
    [
        (
            CHAIN.bundle(dataclasses.replace(CHAIN.record_fact(2, 4), content=b"changed"), CHAIN.update(4)),
            "mismatch 与链上存证数据比对结果不一致: block 4 of chain 'bank': the proof leads to root ",
        ),
        (
            CHAIN.bundle(dataclasses.replace(CHAIN.state_fact(b"asset 2", 4), value=b"free"), CHAIN.update(4)),
            "mismatch 与链上存证数据比对结果不一致: ",
        ),
        (
            CHAIN.bundle(CHAIN.state_fact(b"asset 9", 4), CHAIN.update(4)),
            f"not on chain 尚未在司法区块链存证: no key {b'asset 9'.hex()} at the end of block 3",
        ),
        (
            CHAIN.bundle(dataclasses.replace(CHAIN.record_fact(2, 4), index=5), CHAIN.update(4)),
            "not on chain 尚未在司法区块链存证: ",
        ),
        (
            CHAIN.bundle(CHAIN.record_fact(2, 4), CHAIN.update(4, "ab")),
            "refused: 2 votes, a quorum of 4 validators is 3",
        ),
        (
            CHAIN.bundle(CHAIN.record_fact(2, 4), CHAIN.update(4, phase="prepare")),
            "refused: not final under pbft: votes of phase 'prepare' do not count",
        ),
        (
            CHAIN.bundle(
                CHAIN.record_fact(2, 4), Update(CHAIN.update(4).block, grown(1, names="abc", suite=SM3).sets[0])
            ),
            "refused: the header names validator set ",
        ),
    ],
    ids=["record", "value", "absent", "beyond", "votes", "phase", "validators"],
)
def test_what_does_not_hold_is_told_in_one_line(judged: Callable[..., Done], bundle: Bundle, start: str) -> None:
    done = judged(bundle)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(start)
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "at", "start"),
    [
        ({"chain": "notary"}, AT, "trust.yaml:1:1: header is of 'bank', not of 'notary'"),
        ({"protocol": "raft"}, AT, "trust.yaml:1:1: raft survives crashes only"),
        ({"hash": "md5"}, AT, "trust.yaml:3:7: hash: is 'md5': needs one of sm3, sha256"),
        ({"height": 7}, AT, "trust.yaml:7:9: height: is 7; the header has height 0"),
        ({"header": "4A"}, AT, "trust.yaml:8:9: header: is '4A'; needs bytes as lower-case hexadecimal digits"),
        ({"header": "4a 41"}, AT, "trust.yaml:8:9: header: is '4a 41'; needs bytes"),
        ({"trusting_period": "14"}, AT, "trust.yaml:5:18: trusting_period: is '14': "),
        ({"validators": "abcd"}, AT, "trust.yaml:9:13: validators: needs a map of validators by id"),
        ({"validators": {"a": {"algorithm": "sm2"}}}, AT, "trust.yaml:10:3: validators.a.public_key: is missing"),
        (
            {"validators": {"a": {"algorithm": "rsa", "public_key": "00"}}},
            AT,
            "trust.yaml:11:16: validators.a.algorithm: is 'rsa': needs one of ed25519, sm2",
        ),
        (
            {"validators": {"a": {"algorithm": "sm2", "public_key": "00"}}},
            AT,
            "trust.yaml:9:1: validators: malformed validator set: public_key must have 65 bytes, not 1",
        ),
        ({"colour": "red"}, AT, "trust.yaml:22:1: colour: no such key"),
        ({}, "2022-12-26T08:59:59+08:00", "2022-12-26T08:59:59+08:00 lies before the epoch"),
        ({}, "tomorrow", "--at is 'tomorrow'"),
    ],
)
def test_a_trust_that_cannot_be_is_bad_input_told_by_line(
    judged: Callable[..., Done], tmp_path: Path, changes: dict[str, object], at: str, start: str
) -> None:
    done = judged(RECORD, at=at, **changes)
    assert (done.returncode, done.stdout) == (2, "")
    first = done.stderr.splitlines()[0]
    assert first.removeprefix("alliance: ").removeprefix(f"{tmp_path}/").startswith(start)
    assert "Traceback" not in done.stderr


def test_a_court_that_trusts_a_header_for_too_long_is_told(judged: Callable[..., Done]) -> None:
    done = judged(RECORD, at="2023-01-09T09:00:00+08:00")
    assert done.returncode == 1
    assert done.stdout == "refused: the trusted header is 1209600.000 s old, the trusting period is 1209600.000 s\n"


@pytest.mark.parametrize(
    "data", [b"", b"JACB", RECORD.to_bytes()[:-1], RECORD.to_bytes() + b"\n", b"PK\x03\x04" * 100, bytes(9_000_000)]
)
def test_a_file_that_is_no_bundle_is_unreadable(judged: Callable[..., Done], tmp_path: Path, data: bytes) -> None:
    done = judged(data)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"alliance: {tmp_path}/bundle: malformed bundle: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["bundle"], ["--store", ".", "bundle"], ["--trust", "x"], ["--store", "."]])
def test_wrong_usage_is_one_line(alliance: Callable[..., Done], arguments: list[str]) -> None:
    done = alliance(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_missing_file_is_one_line(alliance: Callable[..., Done], tmp_path: Path) -> None:
    done = alliance(tmp_path / "none", "--trust", tmp_path / "none.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such file" in done.stderr


def store_in(folder: Path) -> bytes:
    """A tile store of 300 leaves; returns its root."""
    leaves = SM3.leaves([b"%d" % index for index in range(300)])
    with TileStore.create(folder, origin="court.example/log", suite=SM3) as store:
        store.extend(leaves)
        store.sync()
    return merkle.root(SM3, leaves)


def test_a_whole_store_passes_with_its_root(alliance: Callable[..., Done], tmp_path: Path) -> None:
    root = store_in(tmp_path / "log")
    done = alliance("--store", tmp_path / "log")
    assert (done.returncode, done.stderr) == (0, "")
    expected = f"passed 核验通过: 300 leaves of 'court.example/log' under sm3, root {root.hex()}\n"
    assert done.stdout == expected


def test_a_store_with_a_changed_tile_is_refused(alliance: Callable[..., Done], tmp_path: Path) -> None:
    store_in(tmp_path / "log")
    tile = next(path for path in sorted((tmp_path / "log").rglob("*")) if path.is_file() and path.stat().st_size > 4000)
    data = bytearray(tile.read_bytes())
    data[100] ^= 1
    tile.chmod(0o644)
    tile.write_bytes(data)
    done = alliance("--store", tmp_path / "log")
    assert done.returncode == 1
    assert done.stdout.startswith("refused: ")
    assert done.stdout.count("\n") == 1


EXAMPLE = Path(__file__).parents[2] / "results" / "reference" / "bundle"


def test_the_committed_example_passes_and_its_altered_record_does_not(
    alliance: Callable[..., Done], update_golden: bool
) -> None:
    content = RECORD.fact.content
    files = {
        "record.bundle": RECORD.to_bytes(),
        "record.bin": content,
        "altered.bin": bytes([content[0] ^ 1]) + content[1:],
        "trust.yaml": yaml.safe_dump(trust_of(CHAIN), sort_keys=False).encode(),
    }
    for name, data in files.items():
        if update_golden:
            EXAMPLE.mkdir(exist_ok=True)
            (EXAMPLE / name).write_bytes(data)
        assert (EXAMPLE / name).read_bytes() == data, f"{name}: run pytest tests/cli/test_verify.py --update-golden"
    trusted = (EXAMPLE / "record.bundle", "--trust", EXAMPLE / "trust.yaml", "--at", AT)
    assert "核验通过" in alliance(*trusted, "--record", EXAMPLE / "record.bin").stdout
    altered = alliance(*trusted, "--record", EXAMPLE / "altered.bin")
    assert (altered.returncode, "与链上存证数据比对结果不一致" in altered.stdout + altered.stderr) == (1, True)
