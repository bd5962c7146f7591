"""How a case of refusals_notes.json is read and run; its format stands in the file."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from sim.proof import checkpoint, note
from sim.proof.note_key import NoteVerifier
from sim.proof.split_view import SplitView
from sim.proof.witness import CosignatureVerifier, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    Case = dict[str, Any]

TABLE = json.loads(pathlib.Path(__file__).with_name("refusals_notes.json").read_text("utf-8"))


def run(case: Case) -> None:
    """Verify what the case holds."""
    _RUNS[case["kind"]](case)


def octets(value: str | dict[str, str] | None) -> bytes | None:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return value.encode() if isinstance(value, str) else value


def _keys(case: Case) -> list[NoteVerifier]:
    return [NoteVerifier.parse(vkey) for vkey in case["keys"]]


def _checkpoint(case: Case, field: str = "note") -> checkpoint.Checkpoint:
    return checkpoint.parse(octets(case[field]), _keys(case), origin=case.get("origin"))


def _proof(case: Case) -> list[bytes]:
    return [bytes.fromhex(digits) for digits in case["proof"]]


def _note(case: Case) -> None:
    note.verify(note.parse(octets(case["note"])), _keys(case))


def _key(case: Case) -> None:
    NoteVerifier.parse(case["vkey"])


def _inclusion(case: Case) -> None:
    leaf_hash = bytes.fromhex(case["leaf_hash"])
    checkpoint.verify_inclusion(_checkpoint(case), leaf_hash=leaf_hash, index=case["index"], proof=_proof(case))


def _consistency(case: Case) -> None:
    checkpoint.verify_consistency(_checkpoint(case), _checkpoint(case, "new_note"), _proof(case))


def _policy(case: Case) -> None:
    witnesses = tuple(CosignatureVerifier.parse(vkey) for vkey in case["witnesses"])
    Policy(witnesses, case["quorum"]).check(_checkpoint(case), not_after_s=case["not_after_s"])


def _split_view(case: Case) -> None:
    SplitView.from_bytes(octets(case["evidence"])).verify(_keys(case), origin=case.get("origin"))


_RUNS: dict[str, Callable[[Case], object]] = {
    "note": _note,
    "key": _key,
    "checkpoint": _checkpoint,
    "inclusion": _inclusion,
    "consistency": _consistency,
    "policy": _policy,
    "split view": _split_view,
}
