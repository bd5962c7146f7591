"""The view change of section 4.4 as pure functions, and the record of who wants to leave for which view.

Three questions are answered here: may this VIEW-CHANGE be believed, what must a NEW-VIEW propose given the view
changes it stands on, and does it. The last is asked by recomputing the second, so a leader has no choice at all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sim.consensus.pbft_messages import (
    GENESIS,
    NULL,
    Assignment,
    CheckpointCertificate,
    NewView,
    PreparedCertificate,
    ViewChange,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.consensus.pbft_config import Config


def signers_fault(signers: tuple[int, ...], config: Config) -> str | None:
    """Why ``signers`` are no quorum of distinct replicas, or None."""
    if len(set(signers)) != len(signers):
        return "a signer twice"
    if any(not 0 <= signer < config.n for signer in signers):
        return "a signer that is no replica"
    if len(signers) < config.quorums.quorum:
        return f"{len(signers)} signers where a quorum is {config.quorums.quorum}"
    return None


def _checkpoint_fault(stable: CheckpointCertificate, config: Config) -> str | None:
    if stable == GENESIS:
        return None
    if stable.sequence < 1 or stable.sequence % config.checkpoint_interval:
        return f"stable checkpoint at {stable.sequence}, which is no multiple of the interval"
    fault = signers_fault(stable.signers, config)
    return None if fault is None else f"stable checkpoint with {fault}"


def _prepared_fault(certificate: PreparedCertificate, change: ViewChange, config: Config) -> str | None:
    where = f"prepared certificate at {certificate.sequence}"
    if not change.stable.sequence < certificate.sequence <= change.stable.sequence + config.log_size:
        return f"{where}, outside the water marks"
    if not 0 <= certificate.view < change.view:
        return f"{where} from view {certificate.view}, not below {change.view}"
    if config.leader(certificate.view) not in certificate.signers:
        return f"{where} without its leader's pre-prepare"
    fault = signers_fault(certificate.signers, config)
    return None if fault is None else f"{where} with {fault}"


def view_change_fault(change: ViewChange, config: Config) -> str | None:
    """Why ``change`` cannot come from a correct replica (section 4.4, conditions on C and P), or None."""
    if not 0 <= change.sender < config.n:
        return "view-change from no replica"
    if change.view < 1:
        return f"view-change to view {change.view}"
    fault = _checkpoint_fault(change.stable, config)
    sequences = [certificate.sequence for certificate in change.prepared]
    if fault is None and any(a >= b for a, b in pairwise(sequences)):
        fault = "prepared certificates out of order"
    for certificate in change.prepared:
        fault = fault or _prepared_fault(certificate, change, config)
    return fault


def highest_stable(view_changes: Sequence[ViewChange]) -> CheckpointCertificate:
    """The latest stable checkpoint in V: min-s of section 4.4, with its certificate."""
    return max((change.stable for change in view_changes), key=lambda stable: stable.sequence)


def latest_prepared(view_changes: Sequence[ViewChange]) -> dict[int, PreparedCertificate]:
    """Of each sequence number, the prepared certificate in V with the highest view."""
    latest: dict[int, PreparedCertificate] = {}
    for change in view_changes:
        for certificate in change.prepared:
            held = latest.get(certificate.sequence)
            if held is None or certificate.view > held.view:
                latest[certificate.sequence] = certificate
    return latest


def compute_new_view(view_changes: Sequence[ViewChange]) -> tuple[Assignment, ...]:
    """O of section 4.4: what a new leader must propose again given the view changes V.

    Every sequence number between min-s, the latest stable checkpoint in V, and max-s, the highest prepared one, gets
    the value whose prepared certificate has the highest view, or the null value if none prepared.
    """
    min_s = highest_stable(view_changes).sequence
    latest = latest_prepared(view_changes)
    max_s = max(latest, default=min_s)
    return tuple(Assignment(s, latest[s].digest if s in latest else NULL.digest) for s in range(min_s + 1, max_s + 1))


def _basis_fault(message: NewView, known: ViewChanges, config: Config) -> str | None:
    senders = {change.sender for change in message.view_changes}
    if len(senders) != len(message.view_changes):
        return "two view changes of one replica"
    if len(senders) < config.quorums.quorum:
        return f"{len(senders)} view changes where a quorum is {config.quorums.quorum}"
    for change in message.view_changes:
        if change.view != message.view:
            return f"a view change to {change.view}"
        fault = None if known.holds(change) else view_change_fault(change, config)
        if fault is not None:
            return f"an invalid view change: {fault}"
    return None


def new_view_fault(message: NewView, known: ViewChanges, config: Config) -> str | None:
    """Why ``message`` cannot come from a correct leader, or None; view changes already ``known`` are not re-checked."""
    if message.view < 1 or message.sender != config.leader(message.view):
        return f"new-view for view {message.view}, which it does not lead"
    fault = _basis_fault(message, known, config)
    if fault is not None:
        return f"new-view for view {message.view} on {fault}"
    if message.pre_prepares != compute_new_view(message.view_changes):
        return f"new-view for view {message.view} proposes what does not follow from its view changes"
    return None


class ViewChanges:
    """The latest valid view change of each replica; a correct one never asks for a lower view again."""

    def __init__(self, n: int) -> None:
        self._latest: list[ViewChange | None] = [None] * n

    def of(self, sender: int) -> ViewChange | None:
        """The latest that ``sender`` sent, if any."""
        return self._latest[sender]

    def put(self, change: ViewChange) -> None:
        """Replace what its sender said before."""
        self._latest[change.sender] = change

    def holds(self, change: ViewChange) -> bool:
        """Whether this very message was accepted before."""
        return 0 <= change.sender < len(self._latest) and self._latest[change.sender] is change

    def to(self, view: int) -> tuple[ViewChange, ...]:
        """Those for exactly ``view``, by sender."""
        return tuple(change for change in self._latest if change is not None and change.view == view)

    def count_from(self, view: int) -> int:
        """How many replicas ask for ``view`` or a later one."""
        return len(self.views_above(view - 1))

    def views_above(self, view: int) -> list[int]:
        """The views above ``view`` that replicas ask for, one entry per replica."""
        return [change.view for change in self._latest if change is not None and change.view > view]
