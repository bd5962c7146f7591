"""Directed schedules, each aimed at one rule. Who keeps the rule agrees in the end; who does not, parts.

What the scenes do is within what the protocol claims to stand: any delay and any loss until the calm, and of n replicas
⌊(n−1)/3⌋ liars where it stands liars, none in Raft.

Sources: D. Ongaro and J. Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014, figure 8;
S. Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021, sections 2 and 5, for liars in two worlds at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.raft_messages import Append, Ballot

if TYPE_CHECKING:
    from collections.abc import Callable

    from directed import Directed

    from sim.consensus.interface import Message

LONG = 2_000
"""Twenty timeouts: a group that can decide by itself does so."""


# Quorums and votes, for every protocol.


def halves(cluster: Directed) -> None:
    """Six replicas in two halves. Three must not be enough to decide."""
    cluster.ask("east", of="0 1 2")
    cluster.ask("west", of="3 4 5")
    cluster.scene(LONG, "0 1 2", "3 4 5")


def two_worlds(cluster: Directed) -> None:
    """Seven replicas in two worlds of four, 3 lives in both of them. Four must not be enough to decide."""
    cluster.ask("east", of="0 1 2 3a")
    cluster.ask("west", of="3b 4 5 6")
    cluster.scene(LONG, "0 1 2 3a", "3b 4 5 6")


def echo(cluster: Directed) -> None:
    """Seven replicas in worlds of three and five, 2 lives in both. Everything comes thrice, and three remain three."""
    cluster.ask("east", of="0 1 2a")
    cluster.ask("west", of="2b 3 4 5 6")
    cluster.scene(LONG, "0 1 2a", "2b 3 4 5 6", copies=3)


# What a replica holds on to, where a leader and two rounds of votes decide.


def only_zero_hears(kind: str) -> Callable[[Message, str], bool]:
    """Messages of this kind get lost, but for those to 0."""
    return lambda message, to: message.kind == kind and to != "0"


def left_behind(cluster: Directed, last_vote: str) -> None:
    """Four replicas, 1 lies. 0 decides with the votes of 1a and 2, and nobody else hears of it; then 0 is away.

    1b leads the next view and saw nothing of that, nor did 3. Only what 2 holds on to keeps the three from deciding
    something else.
    """
    cluster.ask("first", of="0 1a 2")
    cluster.ask("second", of="1b 3")
    cluster.scene(30, "0 1a 2", lost=only_zero_hears(last_vote))
    assert cluster.decided == {1: b"first"}
    cluster.scene(LONG, "1b 2 3")


def left_behind_by_commits(cluster: Directed) -> None:
    """PBFT and QBFT."""
    left_behind(cluster, "commit")


def left_behind_by_precommits(cluster: Directed) -> None:
    """Tendermint."""
    left_behind(cluster, "precommit")


# What a replica holds on to, where blocks certify their parents; 0, 1, 2, … lead views 1, 2, 3, …


def behind_certificate(cluster: Directed, length: int, world: str, rest: str) -> None:
    """Four replicas. So many blocks in a row are certified, so the first is final, but 0 alone sees the last one.

    It is the next leader, a liar, that shows it to 0. Then 0 is away. The liar leads the same view in the other world,
    and proposes there as if nothing had been certified.
    """
    liar = world.rsplit(maxsplit=1)[-1]
    cluster.ask("first", of=world)
    cluster.ask("second", of=liar.replace("a", "b"))
    cluster.scene(
        LONG,
        world,
        lost=lambda message, to: message.view > length and to != "0",
        until=lambda: bool(cluster.decided),
    )
    assert cluster.decided == {1: b"first"}
    cluster.scene(LONG, rest)


def behind_three_blocks(cluster: Directed) -> None:
    """HotStuff: 1 and 2 are locked on the first block, since they saw the second certified."""
    behind_certificate(cluster, 3, world="0 1 2 3a", rest="1 2 3b")


def behind_two_blocks(cluster: Directed) -> None:
    """Jolteon: 1 knows that the first block is certified, and its TIMEOUT says so."""
    behind_certificate(cluster, 2, world="0 1 2a", rest="1 2b 3")


def late_vote(cluster: Directed) -> None:
    """Jolteon, four replicas, 2 lies, leads view 3, and is in two worlds: a vote in a view that one gave up on.

    Block 1 is certified, and block 2 on it lacks one vote: it is slow on its way to 0, which gives up on view 2 with 2b
    and 3. Nobody of these knows of a certificate. Now block 2 comes to 0. With its vote, 2a would certify that block
    and show it to 1, which decides block 1; and in view 3 the others would go on as their timeouts allow, beside it.
    """
    three = cluster.named["3"].replica
    cluster.ask("first", of="0 1 2a")
    cluster.ask("second", of="2b 3")
    cluster.scene(20, "0 1 2a", held=lambda message, to: (message.kind, message.view, to) == ("proposal", 2, "0"))

    def keeps_zero_in_view_2(message: Message, to: str) -> bool:
        return to == "0" and message.view >= 2 and message.kind != "proposal"

    cluster.scene(
        LONG,
        "0 2b 3",
        lost=keeps_zero_in_view_2,
        held=lambda message, to: message.view == 3 and to == "0",
        until=lambda: three.view == 3 and cluster.holds(view=3),
    )
    cluster.release(view=2)
    cluster.scene(20, "0 1 2a", lost=lambda message, to: message.view == 3 and to == "0")
    cluster.release(view=3)
    cluster.scene(LONG, "0 2b 3")


# Raft, five replicas.


def only_runs(index: int) -> Callable[[Message, str], bool]:
    """Whoever else asks for votes is not heard."""
    return lambda message, _to: type(message) is Ballot and message.sender != index


def echo_of_two(cluster: Directed) -> None:
    """Section 5.2: two of five elect nobody, even if their votes come thrice."""
    cluster.ask("first", of="0 1 2")
    cluster.ask("second", of="3 4")
    cluster.scene(LONG, "0 1 2", "3 4", copies=3)
    cluster.scene(LONG, "2 3 4")


def short_log(cluster: Directed) -> None:
    """Section 5.4.1: 4 lacks what 0, 1 and 2 decided, so 2 must not vote for it."""
    cluster.ask("first", of="0 1 2")
    cluster.ask("second", of="4")
    cluster.scene(30, "0 1 2")
    assert cluster.decided == {1: b"first"}
    cluster.scene(LONG, "2 3 4", lost=only_runs(4))


def figure_8(cluster: Directed) -> None:
    """Section 5.4.2, figure 8. S1 to S5 are 0 to 4, and what is index 2 there is index 2 here, in a term one less.

    (a) 0 leads and gets its entry for index 2 to 1 only. (b) 0 is away; 4 is elected by 2 and 3, and has another entry
    at index 2. (c) 4 is away; 0 is elected again, and 2 takes the old entry. A majority holds it now, and it must not
    count as committed, for (d) 0 is away, 4 is elected by 2 and 3, whose last terms are below its own, and puts its
    entry in the place.

    With a window of one, entries are sent one by one, so that 2 has the old one and not yet the new.
    """
    four, two = cluster.named["4"].replica, cluster.named["2"].replica
    cluster.ask("before", of="0 1 2 3 4")
    cluster.scene(30, "0 1 2 3 4")
    cluster.ask("old", of="0")
    cluster.scene(9, "0 1")

    def nothing_of_four(message: Message, to: str) -> bool:
        return type(message) is Append or only_runs(4)(message, to)

    def old_entry_only(message: Message, to: str) -> bool:
        new = type(message) is Append and message.entries and message.sequence > 2
        return (new and to == "2") or only_runs(0)(message, to)

    cluster.scene(LONG, "2 3 4", lost=nothing_of_four, until=lambda: four.leader == 4)
    cluster.scene(LONG, "0 1 2", lost=old_entry_only, until=lambda: two.next_sequence == 3)
    cluster.scene(5, "0 1 2", lost=old_entry_only)
    cluster.scene(LONG, "2 3 4", lost=only_runs(4))
