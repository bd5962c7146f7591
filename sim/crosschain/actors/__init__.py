"""Who works beside the chains: they hold bytes and keys, read what one node of a chain tells, and send it calls.

- `endpoint` is such a node; `prover` makes what another chain believes out of what it tells, with signatures of those
  in `notary` where they are needed; which headers a chain must be brought, `updates` says.
- `relayer` polls, waits and sends, with what it has in its `memory`; which call is due, a `route` says: `coordinator`
  that of two-phase commit, `parties` those of the two who swap, `interchain_route` and `tcc_route` those over a relay
  chain, which a `ticker` has make blocks when it is idle.
- `told` is what a chain has been told of another one, as anybody can read it there.
- `keeper` changes documents and sends them on; `inquirer` asks one chain what another has on record.
- `sender` sends what `orders` makes of a stream's transfers.
- `forger`, `denier`, `relay_forger`, `relay_denier`, `false_coordinator` and `false_party` are relayers that lie, with
  `lies` for what a contract wants to see; `habits` are those of relayers that censor, replay, reorder or speak
  another version.
"""
