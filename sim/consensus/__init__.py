"""Consensus protocols as sans-I/O state machines, one per file, standard library only.

A replica is stepped with an input and answers with outputs; it owns no clock, no socket and no ledger
(`interface`). The chain room hosts it, charges its CPU and carries its messages.
"""
