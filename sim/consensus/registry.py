"""The protocols by name: a new protocol is one file and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.consensus.interface import Replica

_PROTOCOLS: Final[dict[str, Callable[[Config], Replica]]] = {"pbft": PbftReplica}


def protocols() -> tuple[str, ...]:
    """The names that `make_replica` knows, sorted."""
    return tuple(sorted(_PROTOCOLS))


def make_replica(protocol: str, *, n: int, me: int, timeout_ns: int, window: int, checkpoint_interval: int) -> Replica:
    """A fresh replica ``me`` of ``n`` that runs ``protocol``.

    Args:
        protocol: one of `protocols`.
        n: replicas of the chain.
        me: this replica, from 0.
        timeout_ns: how long a request may wait before the leader is suspected.
        window: values that a leader may have proposed and not yet executed.
        checkpoint_interval: values between checkpoints.

    Raises:
        ValueError: no such protocol, or a parameter out of range.
    """
    if protocol not in _PROTOCOLS:
        raise ValueError(f"unknown consensus protocol {protocol!r}; known: {', '.join(protocols())}")
    config = Config(n=n, me=me, timeout_ns=timeout_ns, window=window, checkpoint_interval=checkpoint_interval)
    return _PROTOCOLS[protocol](config)
