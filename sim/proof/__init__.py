"""Real hashing and proof code, ground floor: it knows nothing of simulations. Bytes go in and come out.

- Hashing: `suites` (with `sm3` where OpenSSL has none), lane kernels that hash many messages at once (`lanes`).
- Logs (RFC 9162): `log` makes proofs, `verify` checks them and shares no code with it, `batch` checks many at once,
  `multiproof` and `verify_multi` prove many leaves at once, `build` and `compact` commit billions; all are reached
  through `merkle`. `tiles` keeps a log on disk.
- Current facts: `state`, a keyed tree with proofs of presence and absence.
- Trust: `signatures`, signed notes (`note`), `checkpoint`, `witness`, evidence of a split view (`split_view`).
- Chains: `header`, `validators`, `certificate`, `finality`, `lightclient`, fork `evidence`, and `bundle`, one fact that
  another chain can check offline.

Every refusal is a `ProofError` whose subclass says what was wrong. Importing this package loads neither numpy nor
numba nor cryptography; what needs them loads them.
"""

from sim.proof import checkpoint, merkle, signatures
from sim.proof.errors import ProofError
from sim.proof.header import BlockHeader
from sim.proof.suites import SHA256, SM3, suite_by_name

__all__ = ["SHA256", "SM3", "BlockHeader", "ProofError", "checkpoint", "merkle", "signatures", "suite_by_name"]
