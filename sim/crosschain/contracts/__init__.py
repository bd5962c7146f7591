"""What runs on the chains at the ends of a link: state machines that see calls, their chain's state and its blocks.

A contract knows nothing of the simulation: no clock but the block's, no network, and nobody's intentions.

- `machine` runs the calls of a block; `store` is the state that they see, `messages` the bytes, `refusal` why not.
- `trust` is what an end believes of another chain: a relayer's word, or what is proved against `headers` that `spv`, a
  `committee` or a `light_client` has accepted.
- `identity` has the documents of who is who, `views` what a chain has seen of another one's.
- `application` takes what packets carry: amounts (`assets`), or documents.
- `channel` has the packets of IBC, `two_phase` the transactions of WeCross, `htlc` its swaps; `interchain` has the
  packets of BitXHub and `tcc` those of TCIP, both over a relay chain, which keeps them as in `relayed`. `sending` is
  the end where packets are sent; `terms` is what a transfer says besides its amount.
"""
