"""Who works beside the chains: they hold bytes and keys, read what one node of a chain tells, and send it calls.

- `endpoint` is such a node; `prover` makes what another chain believes out of what it tells, with signatures of those
  in `notary` where they are needed; which headers a chain must be brought, `updates` says.
- `relayer` polls, waits and sends; which call is due, a `route` says.
- `sender` makes packets; `forger` is a relayer that lies, with `lies` for what a contract wants to see.
"""
