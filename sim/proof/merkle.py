"""Merkle trees by RFC 9162 section 2.1, over any hash suite: the names that callers use.

The tree of n leaves splits at the largest power of two below n; the tree of none hashes the empty string. Two sides
stand apart: `Log` and `root` make trees and proofs (`sim.proof.log`), `verify_inclusion` and `verify_consistency`
check them (`sim.proof.verify`), and the second side imports nothing of the first.

Proofs are lists of 32-byte hashes; sizes and indices are plain integers below 2^63.
"""

from sim.proof.log import Log, root
from sim.proof.verify import verify_consistency, verify_inclusion

__all__ = ["Log", "root", "verify_consistency", "verify_inclusion"]
