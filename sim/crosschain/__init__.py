"""Links between chains: contracts on the chains, relayers between them, and what became of every packet.

- What can be chosen: `ways`, which combinations of protocol, verification and atomicity exist, and why others do not.
- On the chains: `machine` runs the calls of a block; `channel` is the end of a link, `assets` the application on it,
  `trust` and `headers` what an end believes of the other chain, `store` the state that they see, `messages` the bytes.
- Beside them: `endpoint` is what one node tells, `relayer` carries packets, `sender` makes them, `notary` signs
  headers, `forger` is a relayer that lies.
- Where a relayer can be made to crash: `points`.
- Who is who: `identities` writes everybody's documents before the first block.
- From outside: `link` puts the parts together as its `config` says, with `crossing` and `trusting` for what belongs
  to one way of crossing, and of trusting; `books` keeps what happened, `groups` what became of packets that belong
  together, `invariants` judges it; `sample` says which honest proofs are checked for real.
"""
