"""Why a contract refuses a call: every reason has a short name, by which refusals are counted."""

from __future__ import annotations

import re

from sim.proof.errors import ProofError


class Refused(ProofError):
    """A contract refuses a call.

    Attributes:
        reason: its short name, such as ``already-received``.
        detail: what was seen, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def malformed(detail: str) -> Refused:
    """The refusal of bytes that are no call, packet or proof."""
    return Refused("malformed", detail)


def reason_of(refusal: ProofError) -> str:
    """The short name of any refusal: for one of `sim.proof` its class, ``RootMismatch`` as ``root-mismatch``."""
    if isinstance(refusal, Refused):
        return refusal.reason
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(refusal).__name__).lower()
