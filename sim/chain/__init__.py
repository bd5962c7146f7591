"""One permissioned chain: nodes hosting a protocol, CPU, mempool, block pipeline, and a ledger on real proofs."""
