"""Whole runs of transfers to two chains at once: all of each are executed, or none, whatever becomes of relayers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, played, small, table

from sim.chain.invariants import InvariantViolation
from sim.crosschain import invariants
from sim.crosschain.contracts.interchain import InterchainManager
from sim.crosschain.contracts.messages import Packet
from sim.crosschain.contracts.tcc import CANCEL, CONFIRM, DestinationGateway, Done
from sim.crosschain.groups import Groups
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from pathlib import Path

    from sim.build import Alliance
    from sim.crosschain.contracts.contract import Event
    from sim.crosschain.contracts.store import Store

LINKS = ("a-b", "a-c")
DOWN = [{"at": "2s", "for": "3s", "action": "relayer-crash", "link": "a-c"}]


def forked(
    folder: Path,
    atomicity: str,
    faults: list[dict[str, Any]],
    irreversible: str = "0%",
    links: tuple[str, ...] = LINKS,
    blocks: int = 40,
) -> tuple[Alliance, dict[str, Any]]:
    """A run of transfers over both links at once, or over one of them."""
    way = {"protocol": "relay_chain", "verify": "light_client", "atomicity": atomicity, "via": "r", "poll": "200ms"}
    timeout = {"measure": "relay_height", "value": blocks}
    over = {name: {"from": "a", "to": name[-1], **way, "timeout": timeout} for name in LINKS}
    crossing = {"links": list(links)} if len(links) > 1 else {"link": links[0]}
    pay = {"action": "transfer", "chain": "a", **crossing, "rate": "8/s", "size": "200B", "amount": 5}
    files = {"chain": "r", "rate": "20/s", "size": "500B"}
    workload = {"pay": {**pay, "end": "6s", "irreversible": irreversible}, "files": files}
    chains = {name: chain() for name in "abcr"}
    return played(small(folder, horizon="14s", chains=chains, links=over, workload=workload, faults=faults))


def ends(alliance: Alliance) -> list[dict[int, str]]:
    """What became of each packet, by sequence, for both links; packets of a group have the same."""
    packets = table(alliance, "packets")
    return [
        dict(zip(packets["sequence"][mine].tolist(), packets["outcome"][mine].tolist(), strict=True))
        for mine in (packets["link"] == link for link in LINKS)
    ]


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
@pytest.mark.parametrize("faults", [[], DOWN], ids=["calm", "relayers of one link down"])
def test_a_transfer_to_two_chains_is_executed_on_both_or_on_none(
    tmp_path: Path, atomicity: str, faults: list[dict[str, Any]]
) -> None:
    alliance, summary = forked(tmp_path, atomicity, faults)
    assert summary["verdict"] == "pass", summary["violation"]
    first, second = ends(alliance)
    assert first == second
    assert set(first.values()) == ({"delivered", "timed-out"} if faults else {"delivered"})
    for link in LINKS:
        found = summary["crosschain"][link]
        assert found["torn"] == found["repairs"] == 0
        assert found["locked_at_end"] == {"source": 0, "destination": 0}
        stores = {name: alliance.links[link].books._machines[name].store for name in (link[0], link[-1])}
        escrowed = stores["a"].number(f"escrow/{link}".encode())
        assert escrowed == stores[link[-1]].number(f"vouchers/{link}".encode()) == 5 * found["delivered"]


def test_what_was_reserved_is_dropped_and_what_was_executed_is_undone(tmp_path: Path) -> None:
    # While relayers of the other link are down, this destination goes as far as it may without it.
    for atomicity, column in (("packet", "reversed_ns"), ("tcc", "cancelled_ns")):
        alliance, summary = forked(tmp_path, atomicity, DOWN)
        packets = table(alliance, "packets")
        given_back = (packets["link"] == "a-b") & (packets["outcome"] == "timed-out")
        assert given_back.sum() == summary["crosschain"]["a-b"]["timed_out"] > 10
        assert (packets[column][given_back] > 0).all()
        executed = packets["received_ns"][given_back] > 0
        assert executed.all() if atomicity == "packet" else not executed.any()


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_what_cannot_be_undone_is_left_to_people(tmp_path: Path, atomicity: str) -> None:
    alliance, summary = forked(tmp_path, atomicity, DOWN, "40%")
    assert summary["verdict"] == "pass", summary["violation"]
    packets = table(alliance, "packets")
    for link in LINKS:
        found = summary["crosschain"][link]
        mine = packets["link"] == link
        left = mine & (packets["repair_ns"] > 0)
        assert found["repairs"] == left.sum() > 0
        assert set(packets["outcome"][left]) == {"timed-out"}
        assert found["torn"] == 0
        there = alliance.links[link].books._machines[link[-1]].store
        assert there.number(f"vouchers/{link}".encode()) == 5 * (found["delivered"] + found["repairs"])


def test_a_relay_chain_that_takes_each_for_itself_breaks_the_invariant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InterchainManager, "_group_of", lambda *_: None)
    _, summary = forked(tmp_path, "packet", DOWN)
    assert summary["verdict"] == "violated"
    assert summary["violation"]["invariant"] == invariants.ALL_OR_NONE


def test_only_opposite_ends_of_one_group_contradict_each_other() -> None:
    groups = Groups()
    one, other = (Packet(link, 1, 0, 0, b"", "pay/0", 2) for link in LINKS)
    groups.end("a", 1, one, Step.SENT, reserved=True)
    groups.end("b", 1, one, Step.EXECUTED, reserved=False)
    groups.end("b", 1, one, Step.CANCELLED, reserved=False)
    groups.end("a", 1, one, Step.SETTLED, reserved=False)
    groups.end("a", 1, other, Step.SETTLED, reserved=False)
    groups.end("c", 1, other, Step.EXECUTED, reserved=True)
    groups.end("a", 1, Packet("a-b", 2, 0, 0, b""), Step.REFUNDED, reserved=True)
    for step, reserved in ((Step.REFUNDED, False), (Step.REFUNDED, True), (Step.CANCELLED, True)):
        with pytest.raises(InvariantViolation, match="group-all-or-none"):
            groups.end("a", 1, other, step, reserved=reserved)


@pytest.mark.parametrize(
    ("links", "blocks", "broken"), [(LINKS, 40, invariants.ALL_OR_NONE), (("a-c",), 8, invariants.NOT_BOTH)]
)
def test_a_destination_that_executes_what_it_should_cancel_breaks_an_invariant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: tuple[str, ...], blocks: int, broken: str
) -> None:
    do = DestinationGateway._do

    def stubborn(
        end: DestinationGateway, store: Store, method: str, packet: Packet, held: bytes | None
    ) -> tuple[Done, Event | None]:
        tried = held is not None and held[0] == Done.TRIED
        return do(end, store, CONFIRM if method == CANCEL and tried else method, packet, held)

    monkeypatch.setattr(DestinationGateway, "_do", stubborn)
    _, summary = forked(tmp_path, "tcc", DOWN, links=links, blocks=blocks)
    assert summary["verdict"] == "violated"
    assert summary["violation"]["invariant"] == broken
