"""Real hashing and proof code, ground floor: it knows nothing of simulations and imports hashlib alone.

Hash suites (`suites`, with `sm3` where OpenSSL has none), the Merkle log that makes proofs (`log`) and the verifier
that shares no code with it (`verify`), both reached through `merkle`, and block headers (`header`). Bytes go in and
come out; every refusal is a `ProofError` whose subclass says what was wrong (`errors`).
"""

from sim.proof import merkle
from sim.proof.errors import ProofError
from sim.proof.header import BlockHeader
from sim.proof.suites import SHA256, SM3, suite_by_name

__all__ = ["SHA256", "SM3", "BlockHeader", "ProofError", "merkle", "suite_by_name"]
