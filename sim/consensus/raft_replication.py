"""How values get into all logs and are committed: one Raft replica's log under the leader of a term (5.3, 5.4.2).

Rules 5 and 6 of `raft` live here. Nothing here knows a timer, an election or whose turn it is to lead; `raft` says in
which term this replica leads or follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.interface import Broadcast, Decide, HostError, Output, Send
from sim.consensus.raft_log import Log
from sim.consensus.raft_messages import Acknowledge, Append, Entry, Snapshot
from sim.consensus.raft_progress import Progress

if TYPE_CHECKING:
    from sim.consensus.interface import Value
    from sim.consensus.parameters import Parameters


class Replication:
    """The log of one replica and, while it leads, its work on the others' logs.

    Args:
        parameters: of the replica.
        majority: how many logs must hold an entry that is to be committed.
    """

    def __init__(self, parameters: Parameters, majority: int) -> None:
        self.log = Log()
        self.progress = Progress(parameters.n)
        self.majority = majority
        self.commit = 0
        self.decided = 0
        self._parameters = parameters
        self._me = parameters.me

    # The leader's part, section 5.3.

    def append(self, term: int, value: Value, outputs: list[Output]) -> None:
        """Take a value into the log of this replica, which leads the term, and send it to all."""
        previous = (self.log.last, self.log.last_term)
        entry = Entry(term, value)
        self.log.put(self.log.last + 1, entry)
        outputs.append(Broadcast(Append(self._me, term, self.log.last, previous, (entry,), self.commit)))
        self.progress.append(self._me, self.log.last)
        self.commit_what_is_safe(term, outputs)

    def send(self, term: int, peer: int, outputs: list[Output], kind: str = "append") -> None:
        """Send a follower what it is not known to have, from where it stands."""
        index = self.progress.next[peer] - 1
        if index < self.log.base:
            outputs.append(Send(peer, Snapshot(self._me, term, self.log.base, self.log.base_term)))
            return
        entries = self.log.after(index, self._parameters.window)
        last = index + len(entries)
        message = Append(self._me, term, last, (index, self.log.term(index)), entries, self.commit, kind)
        self.progress.next[peer] = last + 1
        outputs.append(Send(peer, message))

    def beat(self, term: int, outputs: list[Output]) -> None:
        """Send everybody a heartbeat."""
        for peer in range(self._parameters.n):
            if peer != self._me:
                self.progress.look_after(peer, self.log.last)
                self.send(term, peer, outputs, "heartbeat")
        self.progress.beaten()

    def acknowledged(self, message: Acknowledge, outputs: list[Output]) -> None:
        """A follower of this replica's term answers."""
        if not message.success:
            self.progress.disagree(message.sender, message.sequence)
            self.send(message.view, message.sender, outputs)
        elif self.progress.agree(message.sender, message.sequence):
            self.commit_what_is_safe(message.view, outputs)

    # The follower's part, section 5.3.

    def take(self, message: Append, outputs: list[Output]) -> None:
        """Take what the leader of the term sends, if it fits the log; answer, and commit what the leader has."""
        term, (index, previous_term) = message.view, message.previous
        if index > self.log.last or (index > self.log.base and self.log.term(index) != previous_term):
            hint = min(self.log.last, index - 1)
            outputs.append(Send(message.sender, Acknowledge(self._me, term, hint, success=False)))
            return
        for place, entry in enumerate(message.entries, start=index + 1):
            if place > self.log.base:
                self.log.put(place, entry)
        agreed = max(index + len(message.entries), min(self.log.base, self.commit))
        if message.kind != "commit":
            outputs.append(Send(message.sender, Acknowledge(self._me, term, agreed, success=True)))
        self.commit_to(min(message.commit, agreed), outputs)

    # Commitment, section 5.4.2.

    def commit_what_is_safe(self, term: int, outputs: list[Output]) -> None:
        """Commit what a majority holds, as the leader of the term, and tell the others."""
        index = self.progress.held_by(self.majority)
        if index > self.commit and self.may_commit(term, index):
            self.commit_to(index, outputs)
            place = (index, self.log.term(index))
            outputs.append(Broadcast(Append(self._me, term, index, place, (), index, "commit")))

    def may_commit(self, term: int, index: int) -> bool:
        """Only an entry of the leader's own term is committed by counting."""
        return self.log.term(index) == term

    def commit_to(self, index: int, outputs: list[Output]) -> None:
        """Everything up to this index is committed: decide what is in the log."""
        self.commit = max(self.commit, min(index, self.log.last))
        while self.decided < self.commit:
            self.decided += 1
            entry = self.log.entries[self.decided - self.log.base - 1]
            outputs.append(Decide(self.decided, entry.term, entry.value))

    # What the host has done, section 7.

    def execute(self, executed: int, sequence: int) -> None:
        """The host executed the value after ``executed``; now and then drop what was executed long ago."""
        if sequence != executed + 1 or sequence > self.decided:
            raise HostError(f"executed {sequence} after {executed}; {self.decided} are decided")
        interval = self._parameters.checkpoint_interval
        if sequence % interval == 0 and self.log.base < sequence - interval <= self.log.last:
            self.log.drop_to(sequence - interval)

    def stand_at(self, executed: int, outputs: list[Output]) -> None:
        """Everything up to ``executed`` is executed, and nothing above: what is decided there is decided again."""
        self.commit = max(self.commit, executed)
        self.decided = executed
        self.commit_to(self.commit, outputs)
