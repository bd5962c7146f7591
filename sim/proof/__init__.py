"""Real hashing and proof code, ground floor: it knows nothing of simulations and imports hashlib alone.

Hash suites (`suites`, with `sm3` where OpenSSL has none), the Merkle log that makes proofs (`log`) and the verifier
that shares no code with it (`verify`), both reached through `merkle`, and block headers (`header`). Signature schemes
(`signatures`), signed notes (`note`, `note_key`), checkpoints of logs in them (`checkpoint`), witnesses (`witness`) and
evidence against a log that shows two histories (`split_view`). A light client
(`lightclient`) follows a chain by headers and votes: `validators`, `certificate`, `finality`, `evidence` of forks, and
`bundle`, which carries one fact across chains; their refusals are in `chain_errors`. Keyed states with
proofs of presence and absence are reached through `sim.proof.state`, which loads numpy. Bytes go in and come out;
every refusal is a `ProofError` whose subclass says what was wrong (`errors`).
"""

from sim.proof import checkpoint, merkle, signatures
from sim.proof.errors import ProofError
from sim.proof.header import BlockHeader
from sim.proof.suites import SHA256, SM3, suite_by_name

__all__ = ["SHA256", "SM3", "BlockHeader", "ProofError", "checkpoint", "merkle", "signatures", "suite_by_name"]
