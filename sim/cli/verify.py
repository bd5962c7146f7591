"""`alliance verify`: one fact of a foreign chain, or a whole tile store, checked offline.

The outcomes are the three of the courts' public verification platform: passed, not deposited on the judicial chain, and
not what was deposited. A proof that is refused has no outcome there: nothing was compared, and the reason says why.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.scenario.quantities import INSTANT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cli.trustfile import Trust
    from sim.proof.bundle import Bundle

PASS, NOT_FOUND, MISMATCH = (
    "passed 核验通过",
    "not on chain 尚未在司法区块链存证",
    "mismatch 与链上存证数据比对结果不一致",
)
REFUSED = "refused"
UNREADABLE = 2


def verify(
    bundle: Annotated[Path | None, typer.Argument(metavar="[BUNDLE]", help="A cross-chain proof bundle.")] = None,
    trust: Annotated[Path | None, typer.Option(metavar="FILE", help="What is trusted about the chain.")] = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="The record as it is presented now.")] = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="The time to judge by; now, if left out.")] = None,
    store: Annotated[Path | None, typer.Option(metavar="DIR", help="A tile store to check instead.")] = None,
) -> int:
    """Check a proof bundle, or a tile store, offline. Exit code 0: passed; 1: anything else; 2: unreadable."""
    if store is not None:
        if bundle or trust or record or at:
            raise typer.BadParameter("--store stands alone: a store is checked against itself")
        return _verify_store(store)
    if bundle is None or trust is None:
        raise typer.BadParameter("needs BUNDLE and --trust FILE, or --store DIR")
    return _verify_bundle(bundle, trust, record, at)


def _verify_bundle(path: Path, trust_path: Path, record: Path | None, at: str | None) -> int:
    from sim.cli.trustfile import read_trust
    from sim.proof import ProofError
    from sim.proof.bundle import LONGEST_BUNDLE_BYTES, LONGEST_RECORD_BYTES, Bundle, RecordFact

    trust = read_trust(trust_path)
    now_ns = _now_ns(trust, at)
    presented = None if record is None else _read(record, LONGEST_RECORD_BYTES)
    try:
        bundle = Bundle.from_bytes(_read(path, LONGEST_BUNDLE_BYTES))
    except ProofError as refusal:
        return _unreadable(path, str(refusal))
    if presented is not None and not isinstance(bundle.fact, RecordFact):
        raise typer.BadParameter("--record: the bundle proves an entry of the state, not a record")
    outcome, detail = _judge(bundle, trust, presented, now_ns)
    print(f"{outcome}: {detail}")
    return 0 if outcome == PASS else 1


def _judge(bundle: Bundle, trust: Trust, presented: bytes | None, now_ns: int) -> tuple[str, str]:
    """The outcome, and the reason in one line."""
    from sim.proof import ProofError, errors
    from sim.proof.bundle import RecordFact

    fact, header, policy = bundle.fact, bundle.header, trust.client.policy
    at_block = f"block {header.height} of chain {policy.chain!r}"
    try:
        with _silenced_library():
            bundle.check(trust.client, now_ns)
    except (errors.RootMismatch, errors.ProofOfAnotherValue, errors.ProofOfPresence) as refusal:
        return MISMATCH, f"{at_block}: {refusal}"
    except (errors.IndexOutOfRange, errors.ProofOfAbsence) as refusal:
        return NOT_FOUND, f"{at_block}: {refusal}"
    except ProofError as refusal:
        return REFUSED, str(refusal)
    votes = f"{len(bundle.updates[-1].block.signers)} of {len(trust.client.validators)} validators"
    if isinstance(fact, RecordFact):
        where = f"record {fact.index} of {header.log_size} at {at_block}, by {votes}"
        if presented is not None and presented != fact.content:
            return MISMATCH, f"the presented file is not {where}"
        return PASS, where
    where = f"key {fact.key.hex()} at the end of block {header.state_height} of chain {policy.chain!r}, by {votes}"
    return (NOT_FOUND, f"no {where}") if fact.value is None else (PASS, f"value {_shown(fact.value)} of {where}")


@contextmanager
def _silenced_library() -> Iterator[None]:
    """Keep the SM2 library's C code, which reports every refused signature on its own, from writing to stderr."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _verify_store(directory: Path) -> int:
    from sim.proof.errors import StoreError
    from sim.proof.tiles_fsck import verify_store
    from sim.proof.tiles_head import HEAD_NAME

    try:
        report = verify_store(directory)
    except StoreError as refusal:
        # What cannot be read or is no store at all is bad input; a store that is there and wrong is a finding.
        if isinstance(refusal.__cause__, OSError) or not (directory / HEAD_NAME).exists():
            return _unreadable(directory, refusal.reason)
        print(f"{REFUSED}: {refusal}")
        return 1
    print(f"{PASS}: {report.size} leaves of {report.origin!r} under {report.suite_name}, root {report.root.hex()}")
    return 0


_SHOWN_BYTES = 32


def _shown(value: bytes) -> str:
    """A value in one line: hexadecimal digits, the first ones of a long one."""
    return value.hex() if len(value) <= _SHOWN_BYTES else f"{value[:_SHOWN_BYTES].hex()}... ({len(value)} bytes)"


def _now_ns(trust: Trust, at: str | None) -> int:
    try:
        now = datetime.now(UTC) if at is None else INSTANT.read(at)
    except ValueError as error:
        raise typer.BadParameter(f"--at {error}") from error
    passed = now - trust.epoch
    seconds = passed.days * 86_400 + passed.seconds
    if seconds < 0:
        raise typer.BadParameter(f"{now.isoformat()} lies before the epoch of the chain, {trust.epoch.isoformat()}")
    return seconds * 1_000_000_000 + passed.microseconds * 1_000


def _read(path: Path, longest: int) -> bytes:
    """A file's bytes, one more than may be read at most: what is too long is refused without being held."""
    with path.open("rb") as file:
        return file.read(longest + 1)


def _unreadable(path: Path, reason: str) -> int:
    print(f"alliance: {path}: {reason}", file=sys.stderr)
    return UNREADABLE
