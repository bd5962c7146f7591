"""Links over a relay chain, groups and irreversible transfers in scenario files: what is refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, linked, relayed, small

from sim.scenario import ScenarioError, load

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario

TRANSFER = {"action": "transfer", "chain": "a", "rate": "1/s", "size": "200B", "amount": 5}
FORGE = {"at": "1s", "action": "forge", "link": "a-b", "stolen_from": "relay"}
BY_RELAY = {"measure": "relay_height", "value": 4}


def between(to: str, **keys: object) -> dict[str, Any]:
    way = {"protocol": "relay_chain", "verify": "light_client", "atomicity": "packet", "via": "r"}
    return {"from": "a", "to": to, **way, **keys}


def forked(folder: Path, over: dict[str, Any], /, **keys: object) -> Scenario:
    """A scenario of a stream from ``a`` over these links at once."""
    pay = {**TRANSFER, "links": list(over), **keys}
    return small(folder, chains={name: chain() for name in "abcrs"}, links=over, workload={"pay": pay})


def told(error: ScenarioError) -> str:
    (problem,) = error.problems
    return f"{problem.path}: {problem.message}"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {
                "link": {"verify": "spv", "relayers": 2},
                "identity": {"registry": "a"},
                "faults": [{"at": "1s", "action": "revoke", "link": "a-b", "relayers": [1]}],
            },
            "faults.0.link: r is told nothing by a; needs a link from there with atomicity none, packet or tcc",
        ),
        ({"link": {"via": "b"}}, "links.a-b.via: b is an end of the link; needs another chain"),
        ({"link": {"via": "x"}}, "links.a-b.via: 'x' is not a chain"),
        ({"link": {"verify": "none"}}, "links.a-b.verify: a relay chain checks what it takes; needs"),
        ({"link": {"atomicity": "none"}}, "links.a-b.atomicity: "),
        ({"link": {"atomicity": "tcc", "order": "ordered"}}, "links.a-b.order: is ordered; tcc knows no order"),
        ({"link": {"timed_blocks": "1s"}}, "links.a-b.timed_blocks: belongs to relay_chain with a timeout"),
        ({"link": {"timed_blocks": "0s", "timeout": BY_RELAY}}, "links.a-b.timed_blocks: is '0s'"),
        (
            {"link": {"timeout": {"measure": "destination_height", "value": 4}}},
            "links.a-b.timeout.measure: is destination_height; relay_chain needs relay_height",
        ),
        ({"link": {"timeout": {"measure": "relay_height", "value": "4s"}}}, "links.a-b.timeout.value: is a duration"),
        (
            {"chains": {"a": chain(), "b": chain(), "r": chain(consensus={"protocol": "raft"})}},
            "links.a-b.via: r: raft stands crashes only and has no certificate",
        ),
        (
            {"faults": [{"at": "1s", "action": "relayer-crash", "link": "a-b", "after": "destination.recvPacket"}]},
            "faults.0.after: is 'destination.recvPacket': a-b has relay.handleIBTP, destination.invokeInterchain, so",
        ),
        ({"faults": [{**FORGE, "stolen_keys": 5}]}, "faults.0.stolen_keys: r has 4 validators; needs no more"),
        (
            {"workload": {"pay": {**TRANSFER, "link": "a-b", "irreversible": "150%"}}},
            "workload.pay.irreversible: ",
        ),
    ],
)
def test_what_no_relay_chain_does_is_refused_with_the_reason(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        relayed(tmp_path, **keys)
    assert told(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"link": {"via": "a"}}, "links.a-b.via: light_client has no chain between"),
        ({"link": {"protocol": "relay_chain"}}, "links.a-b.via: is missing; relay_chain needs it"),
        ({"link": {"timed_blocks": "1s"}}, "links.a-b.timed_blocks: belongs to relay_chain with a timeout"),
        (
            {"workload": {"pay": {**TRANSFER, "link": "a-b", "irreversible": "10%"}}},
            "workload.pay.irreversible: belongs to links over a relay_chain, or with atomicity: 2pc; others undo",
        ),
        ({"faults": [{**FORGE, "stolen_keys": 1}]}, "faults.0.stolen_from: a-b has no chain between; needs source"),
    ],
)
def test_what_only_a_relay_chain_does_is_refused_elsewhere(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        linked(tmp_path, **keys)
    assert told(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("links", "keys", "message"),
    [
        ({"a-b": between("b"), "a-c": between("c")}, {"link": "a-b"}, "workload.pay.links: stands beside link; needs"),
        ({"a-b": between("b"), "a-c": between("c")}, {"links": ["a-b"]}, "workload.pay.links: "),
        ({"a-b": between("b")}, {"links": ["a-b", "a-b"]}, "workload.pay.links.1: a-b is repeated; needs each link"),
        (
            {"a-b": between("b"), "a-c": between("c", via="s")},
            {},
            "workload.pay.links.1: a-c is unlike a-b, over r with packet; a group needs one relay chain",
        ),
        (
            {"a-b": between("b"), "a-c": between("c", atomicity="tcc")},
            {},
            "workload.pay.links.1: a-c is unlike a-b, over r with packet; a group needs one relay chain",
        ),
        ({"a-b": between("b"), "b-c": {**between("c"), "from": "b"}}, {}, "workload.pay.chain: b-c leaves from b"),
    ],
)
def test_what_is_no_group_is_refused_with_the_reason(
    tmp_path: Path, links: dict[str, Any], keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        forked(tmp_path, links, **keys)
    assert told(caught.value).startswith(message)


def test_a_group_needs_a_relay_chain(tmp_path: Path) -> None:
    direct = {key: value for key, value in between("c", protocol="light_client").items() if key != "via"}
    with pytest.raises(ScenarioError) as caught:
        forked(tmp_path, {"a-b": between("b"), "a-c": direct})
    assert told(caught.value).startswith("workload.pay.links.1: a-c is no link over a relay_chain, which a group needs")


def test_a_group_is_written_as_it_was_read(tmp_path: Path) -> None:
    links = {name: between(name[-1], timeout=BY_RELAY, timed_blocks="500ms") for name in ("a-b", "a-c")}
    scenario = forked(tmp_path, links, irreversible="20%")
    again = tmp_path / "again.yaml"
    again.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load(again) == scenario
