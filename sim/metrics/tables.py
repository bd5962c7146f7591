"""The tables of a run and their columns; a name ends in its unit, and times count from the scenario's start."""

from __future__ import annotations

TABLES: dict[str, dict[str, type]] = {
    "commits": {  # one row per chain and height
        "chain": str,
        "height": int,
        "view": int,
        "leader": int,
        "transactions": int,
        "size_bytes": int,
        "ready_ns": int,  # the block could have been cut, had the protocol let its leader propose
        "cut_ns": int,  # the leader took the transactions out of its pool
        "proposed_ns": int,  # the signed proposal left the leader's CPU
        "decided_ns": int,  # the first node knew that it was final
        "executed_ns": int,  # the first node had executed it
        "log_size": int,  # leaves in the chain's log after this block
        "log_root": str,  # hexadecimal
        "header_digest": str,  # hexadecimal
    },
    "transactions": {  # one row per record offered
        "chain": str,
        "stream": str,
        "number": int,  # within its stream
        "node": int,  # the node that its client talks to
        "client": int,  # which of its stream's clients sent it; -1 in an open loop
        "size_bytes": int,
        "outcome": str,  # committed, rejected, unfinished, invalid (ordered, but what it read was out of date)
        "height": int,  # -1 where it is in no block
        "intended_ns": int,
        "queued_ns": int,  # admitted to the leader's pool; this and the next four are -1 where it did not happen
        "cut_ns": int,
        "proposed_ns": int,
        "voted_ns": int,  # final at the client's node
        "executed_ns": int,  # executed there
    },
    "verifications": {  # one row per verification request
        "chain": str,
        "stream": str,
        "number": int,
        "node": int,
        "kind": str,  # what the client presented: genuine, absent, altered
        "outcome": str,  # pass, not_found, mismatch, refused (the proof itself was bad), unfinished
        "leaf_index": int,  # -1 where the deposit number is not on the chain
        "log_size": int,  # the tree that the proof was made in
        "intended_ns": int,
        "done_ns": int,  # -1 where unfinished
    },
    "steps": {  # one row per way out of a state that fired, in the order of time
        "chain": str,  # where its workflow's cases live
        "workflow": str,
        "case": int,  # its uid, as a signed number
        "step": int,  # which of the case's
        "source": str,  # WORKFLOW/STATE
        "target": str,
        "way": int,  # number of the way out
        "province": int,  # position among the regions of the delay matrix
        "fired_ns": int,
        "entered_ns": int,  # when the case entered the next state: at once, or when the chains had answered
    },
    "packets": {  # one row per packet that crosses a link, or was forged; times are -1 where it did not happen
        "chain": str,  # where it is sent
        "link": str,
        "sequence": int,  # -1 where the source never sent it
        "amount": int,
        "outcome": str,  # delivered, timed-out, refused (by the source), stuck, unfinished, forged
        "intended_ns": int,  # -1 for a forged one
        "sent_ns": int,  # a node of the source had executed its sending
        "relayed_ns": int,  # a node of the chain between had taken it
        "polled_ns": int,  # the relayer that brought it had looked for packets
        "submitted_ns": int,  # and sent its call
        "updated_ns": int,  # the destination had the header that it is proved against (sim/crosschain/books.py)
        "prepared_ns": int,  # a node of the destination had reserved its effect
        "received_ns": int,  # a node of the destination had executed it
        "committed_ns": int,  # a node of the destination had made that final, where it was not at once
        "acknowledged_ns": int,  # a node of the source had executed the acknowledgement
        "timed_out_ns": int,  # or had given back what was locked
        "cancelled_ns": int,  # a node of the destination had dropped what was prepared
        "reversed_ns": int,  # or had undone the effect
        "repair_ns": int,  # or had left it to people to undo
    },
    "relayers": {  # one row per relayer of a link
        "chain": str,  # where packets are sent
        "link": str,
        "relayer": int,
        "polls": int,  # how often it looked for work
        "calls": int,  # that it sent
        "updates": int,  # those of them that bring headers
        "refused": int,  # those that a contract refused
        "size_bytes": int,  # of all calls
        "queue_peak": int,  # the most packets that it had to see to at a time
        "busy_ns": int,  # from looking to having what it sends, summed up
        "crashes": int,
    },
    "nodes": {  # one row per node
        "chain": str,
        "node": int,
        "role": str,  # validator, observer
        "region": str,
        "cpu_utilisation": float,  # share of the horizon
        "egress_utilisation": float,
        "ingress_utilisation": float,
        "height": int,  # executed by the end
        "view": int,  # -1 for observers
    },
    "messages": {"chain": str, "kind": str, "sent": int, "delivered": int, "lost": int, "sent_bytes": int},
    "views": {"chain": str, "time_ns": int, "node": int, "view": int, "leader": int},  # a node enters a view
    "faults": {"chain": str, "time_ns": int, "node": int, "event": str},  # crash, restart
    "hours": {  # of a run by tables, one row per chain and hour
        "chain": str,
        "hour": int,  # since the start
        "offered": int,  # records of the whole country that are no part of a burst
        "burst": int,  # that come at the midnight with which the hour begins
        "size_bytes": int,  # of all these
    },
    "levels": {  # of a run by tables, one row per chain and row of its tables
        "chain": str,
        "kind": str,  # level, or burst
        "load": float,  # records a second, or at one moment
        "offered": int,
        "rejected": int,
        "unfinished": int,
        "blocks": float,  # a second
        "p50_ns": float,
        "p99_ns": float,
        "max_ns": int,
    },
}
