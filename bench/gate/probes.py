"""What is timed: parts whose work is done by compiled code or over arrays, where counting opcodes sees little.

A turn is a tenth of a millisecond or a few of such work on fixed input that fits a core's own cache, and a yardstick of
about as long. Short turns find a quiet moment on a busy machine, long ones do not; input that leaves the cache meets
the neighbours. There is one thread, always: the second core may be somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.gate import chain_probes, proof_probes

if TYPE_CHECKING:
    from bench.gate.probe import Probe


def probes() -> dict[str, Probe]:
    """All, by name."""
    return {**proof_probes.probes(), **chain_probes.probes()}
