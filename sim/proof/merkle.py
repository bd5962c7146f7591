"""Merkle trees by RFC 9162 section 2.1, over any hash suite: the names that callers use.

The tree of n leaves splits at the largest power of two below n; the tree of none hashes the empty string. Two sides
stand apart: `Log` and `root` make trees and proofs (`sim.proof.log`), `verify_inclusion` and `verify_consistency`
check them (`sim.proof.verify`), and the second side imports nothing of the first. Each side has a fast form for very
many leaves: `build` makes the root of billions of records, joined from `CompactRange`s, and `verify_inclusion_batch`
checks an array of proofs (both load numpy, and numba where it is installed). `multi_proof` makes one proof for many
leaves of a log and `verify_multi` checks it.

Proofs are lists of 32-byte hashes; sizes and indices are plain integers below 2^63.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sim.proof.compact import CompactRange
from sim.proof.log import Log, root
from sim.proof.multiproof import multi_proof
from sim.proof.verify import verify_consistency, verify_inclusion
from sim.proof.verify_multi import verify_multi

if TYPE_CHECKING:
    from sim.proof.batch import verify_inclusion_batch
    from sim.proof.build import Built, build
    from sim.proof.series import extend, roots_at, roots_of_lists

__all__ = [
    "Built",
    "CompactRange",
    "Log",
    "build",
    "extend",
    "multi_proof",
    "root",
    "roots_at",
    "roots_of_lists",
    "verify_consistency",
    "verify_inclusion",
    "verify_inclusion_batch",
    "verify_multi",
]

_LOADED_WHEN_USED = {
    "Built": "sim.proof.build",
    "build": "sim.proof.build",
    "extend": "sim.proof.series",
    "roots_at": "sim.proof.series",
    "roots_of_lists": "sim.proof.series",
    "verify_inclusion_batch": "sim.proof.batch",
}


def __getattr__(name: str) -> object:
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_LOADED_WHEN_USED[name]), name)
    return found
