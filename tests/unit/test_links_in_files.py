"""Links, transfers and faults of relayers in scenario files: what loads, and what is refused with which reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from scenario_kit import chain, linked, small

from sim.crosschain.ways import ATOMICITIES, EXISTING, PROTOCOLS, VERIFICATIONS, table, why_not
from sim.scenario import ScenarioError, load

if TYPE_CHECKING:
    from pathlib import Path

TRANSFER = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "1/s", "size": "200B", "amount": 5}
SPV = {"protocol": "trusted_gateway", "verify": "spv"}
COMMITTEE = {"protocol": "notary", "verify": "committee"}
NOTARIES = {**COMMITTEE, "notaries": {"count": 4, "threshold": 3}}
FORGE = {"at": "1s", "action": "forge", "link": "a-b"}
SWAP = {
    "protocol": "trusted_gateway",
    "verify": "none",
    "atomicity": "htlc",
    "relayers": 2,
    "timelocks": {"source": "60s", "destination": "30s"},
}
LATE = {"source": "30s", "destination": "30s"}
CRASH = {"at": "1s", "action": "relayer-crash", "link": "a-b"}
QUERY = {"action": "query", "chain": "b", "link": "a-b", "rate": "1/s"}
BOTH = {"at": "1s", "link": "a-b", "relayers": [0], "notaries": [0]}
REVOKE = {"at": "1s", "action": "revoke", "link": "a-b"}
FABRIC = {"organisations": 2, "simulate": "1ms"}


def told(folder: Path, **keys: object) -> str:
    """The one problem of a scenario: path and message."""
    with pytest.raises(ScenarioError) as caught:
        linked(folder, **keys)
    (problem,) = caught.value.problems
    return f"{problem.path}: {problem.message}"


def agreeing(protocol: str) -> dict[str, Any]:
    return chain(consensus={"protocol": protocol})


RECORD = {"fidelity": "record"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"link": {"fidelity": "none"}}, "links.a-b.fidelity: is 'none': needs one of packet, record"),
        ({"link": {"gateway": "5s"}}, "links.a-b.gateway: belongs to fidelity: record; packets cross gateways only"),
        ({"link": {**RECORD, "gateway": "5s"}}, "links.a-b.gateway: all its chains are in net; needs chains of differ"),
        ({"link": {**RECORD, "order": "ordered"}}, "links.a-b.order: is ordered; needs a channel, which is a contract"),
        ({"link": {**RECORD, **SWAP}}, "links.a-b.fidelity: is record: htlc is between two parties; needs fidelity: p"),
        (
            {"link": {**RECORD, "timeout": {"measure": "destination_height", "value": 9}}},
            "links.a-b.timeout.measure: is destination_height; who counts blocks is a contract: needs destination_time",
        ),
        (
            {"link": RECORD, "faults": [FORGE]},
            "faults.0.action: a-b has fidelity: record, without contracts, proofs an",
        ),
        ({"link": RECORD, "faults": [{**CRASH, "after": "send"}]}, "faults.0.after: "),
        (
            {"link": RECORD, "faults": [{"at": "1s", "action": "censor-packets", "link": "a-b", "amounts_from": 5}]},
            "faults.0.amounts_from: a-b has fidelity: record, without calls and amounts; needs fidelity: packet",
        ),
        (
            {"link": RECORD, "workload": {"q": QUERY}},
            "workload.q.link: nothing is proved where fidelity is record; needs a link with fidelity: packet",
        ),
        (
            {"link": RECORD, "slo": [{"metric": "crosschain.a-b.torn", "equals": 0}]},
            "slo.0.metric: a-b has fidelity: record, where nobody counts torn; needs offered, delivered, acknowledged",
        ),
        (
            {"link": RECORD, "identity": {"registry": "a"}},
            "identity.registry: a is on links without contracts only; needs one with fidelity: packet",
        ),
        ({"link": {"to": "a"}}, "links.a-b.to: is where the link leaves from; needs another chain"),
        ({"link": {"to": "c"}}, "links.a-b.to: 'c' is not a chain"),
        (
            {"link": {"protocol": "notary"}},
            "links.a-b.verify: the committee stands for the chain's validators; need",
        ),
        ({"link": {"protocol": "ibc"}}, "links.a-b.protocol: is 'ibc': needs one of trusted_gateway, light_client"),
        ({"link": {"verify": "none"}}, "links.a-b.verify: a light-client relay stands or falls with its proofs; needs"),
        (
            {"link": {"protocol": "trusted_gateway", "verify": "committee"}},
            "links.a-b.verify: notaries who sign are",
        ),
        (
            {"link": {"notaries": {"count": 4, "threshold": 3}}},
            "links.a-b.notaries: belongs to verify: committee, no",
        ),
        ({"link": COMMITTEE}, "links.a-b.notaries: is missing; verify: committee needs it"),
        (
            {"link": {**COMMITTEE, "notaries": {"count": 3, "threshold": 4}}},
            "links.a-b.notaries.threshold: there are 3 notaries; needs no more",
        ),
        (
            {"link": {**SPV, "updates": "skipping"}},
            "links.a-b.updates: is 'skipping': headers without votes are beli",
        ),
        ({"link": {**SPV, "checked": "150%"}}, "links.a-b.checked: "),
        (
            {"link": {**SPV, "verify": "none", "checked": "50%"}},
            "links.a-b.checked: needs something to verify; veri",
        ),
        (
            {"link": {**SPV, "atomicity": "none", "timeout": {"measure": "destination_time", "value": "9s"}}},
            "links.a-b.timeout: does not belong here; with atomicity: none nothing times out",
        ),
        ({"link": {"protocol": "trusted_gateway"}}, "links.a-b.verify: a gateway that proves what it says is not tru"),
        ({"link": {"atomicity": "htlc"}}, "links.a-b.atomicity: either party of a swap watches both chains itself, so"),
        (
            {"link": {"atomicity": "2pc"}, "workload": {"pay": {**TRANSFER, "accounts": 4}}},
            "links.a-b.atomicity: two-phase commit has a coordinator whom both chains obey",
        ),
        ({"link": {"atomicity": "tcc"}}, "links.a-b.atomicity: what was tried is confirmed or cancelled by a chain be"),
        ({"link": {"recovery": "log"}}, "links.a-b.recovery: belongs to atomicity: 2pc; packet has no 'recovery'"),
        ({"link": {"claims": "at-once"}}, "links.a-b.claims: belongs to atomicity: htlc; packet has no 'claims'"),
        ({"link": {**SWAP, "timelocks": LATE}}, "links.a-b.timelocks.destination: must be before the source's"),
        ({"link": {**SWAP, "relayers": 1}}, "links.a-b.relayers: is 1; a swap needs 2: the initiator's router"),
        ({"link": {**SWAP, "margin": "1s"}}, "links.a-b.margin: belongs to claims: last-moment"),
        ({"link": {**SWAP, "order": "ordered"}}, "links.a-b.order: is ordered; htlc has no order, so it needs"),
        (
            {"link": {k: v for k, v in SWAP.items() if k != "timelocks"}},
            "links.a-b.timelocks: is missing; a swap needs them, such as {source: 60s, destination: 30s}",
        ),
        (
            {"link": {**SWAP, "timeout": {"measure": "destination_height", "value": 4}}},
            "links.a-b.timeout: belongs to atomicity: packet; htlc has no 'timeout'",
        ),
        (
            {"link": {"protocol": "trusted_gateway", "verify": "none", "atomicity": "2pc"}},
            "workload.pay.accounts: is missing; a-b locks accounts, so it needs how many there are, such as 1000",
        ),
        (
            {"workload": {"pay": {**TRANSFER, "accounts": 4}}},
            "workload.pay.accounts: belongs to atomicity: 2pc; a-b locks no accounts",
        ),
        ({"faults": [{**CRASH, "after": "destination.lock"}]}, "faults.0.after: is 'destination.lock': a-b has desti"),
        ({"faults": [{**CRASH, "after": "commit"}]}, "faults.0.after: is 'commit': needs one of destination.recvPa"),
        (
            {"faults": [{"at": "1s", "action": "relayer-clock", "link": "a-b"}]},
            "faults.0.ahead: is missing; relayer-clock needs ahead or behind",
        ),
        ({"link": {"atomicity": "none"}}, "links.a-b.atomicity: packets are acknowledged or time out in this proto"),
        ({"link": {"relayers": 0}}, "links.a-b.relayers: is '0': must be ≥ 1"),
        ({"link": {"timeout": {"measure": "relay_height", "value": 4}}}, "links.a-b.timeout.measure: is relay_hei"),
        ({"link": {"timeout": {"measure": "destination_height", "value": "4s"}}}, "links.a-b.timeout.value: is a dur"),
        ({"link": {"timeout": {"measure": "destination_time", "value": 4}}}, "links.a-b.timeout.value: is '4': "),
        ({"link": {"timeout": {"measure": "destination_time", "value": "0s"}}}, "links.a-b.timeout.value: must be mo"),
        (
            {"chains": {"a": agreeing("raft"), "b": chain()}},
            "links.a-b.from: a: raft stands crashes only and has no certificate that another chain could check",
        ),
        (
            {"chains": {"a": chain(), "b": agreeing("hotstuff")}},
            "links.a-b.to: b: light_client over blocks of hotstuff is not in this version; needs pbft, qbft",
        ),
        (
            {"chains": {"a": chain(fabric=FABRIC, observers=2), "b": chain()}},
            "links.a-b.from: a executes before it orders; contracts on such a chain are not in this version",
        ),
        ({"workload": {"pay": {**TRANSFER, "link": "b-a"}}}, "workload.pay.link: 'b-a' is not a link"),
        ({"workload": {"pay": {**TRANSFER, "chain": "b"}}}, "workload.pay.chain: a-b leaves from a; needs that chain"),
        ({"workload": {"pay": {**TRANSFER, "of": "pay"}}}, "workload.pay.of: 'pay' does not deposit"),
        ({"workload": {"pay": {**TRANSFER, "history": 4}}}, "workload.pay.history: belongs to another action; a tra"),
        (
            {"workload": {"pay": {k: v for k, v in TRANSFER.items() if k != "amount"}}},
            "workload.pay.amount: is missing; a transfer needs what each transfers",
        ),
        (
            {"workload": {"pay": {k: v for k, v in TRANSFER.items() if k != "link"}}},
            "workload.pay.link: is missing; a transfer needs the link that it crosses",
        ),
        (
            {"workload": {"pay": {"chain": "a", "rate": "1/s", "size": "200B", "amount": 5}}},
            "workload.pay.amount: belongs to action: transfer; needs that action, or no 'amount'",
        ),
        (
            {"workload": {"pay": {**{k: v for k, v in TRANSFER.items() if k != "rate"}, "clients": 3}}},
            "workload.pay.clients: belongs to action: deposit; needs a rate",
        ),
        ({"faults": [{"at": "1s", "action": "forge"}]}, "faults.0.link: is missing; forge needs it"),
        (
            {"faults": [{"at": "1s", "action": "forge", "link": "a-b", "relayers": [1]}]},
            "faults.0.relayers.0: a-b has no relayer 1; its relayers are 0 to 0",
        ),
        (
            {"faults": [{"at": "1s", "action": "forge", "link": "a-b", "stolen_keys": 5}]},
            "faults.0.stolen_keys: a has 4 validators; needs no more",
        ),
        (
            {"faults": [{"at": "1s", "action": "relayer-crash", "link": "a-b", "stolen_keys": 1}]},
            "faults.0.stolen_keys: belongs to action: forge; relayer-crash has no 'stolen_keys'",
        ),
        (
            {"faults": [{"at": "1s", "action": "crash", "chain": "a", "nodes": [0], "link": "a-b"}]},
            "faults.0.link: belongs to action: relayer-clock, relayer-crash, forge, notary-crash, recover-cl",
        ),
        (
            {"faults": [{"at": "1s", "action": "notary-crash", "link": "a-b"}]},
            "faults.0.link: a-b has no notaries; needs a link with verify: committee",
        ),
        (
            {"link": NOTARIES, "faults": [{"at": "1s", "action": "notary-crash", "link": "a-b", "notaries": [4]}]},
            "faults.0.notaries.0: a-b has no notary 4; its notaries are 0 to 3",
        ),
        (
            {"link": NOTARIES, "faults": [{"at": "1s", "action": "forge", "link": "a-b", "stolen_from": "notaries"}]},
            "faults.0.stolen_keys: is missing; stolen_from says whose they are",
        ),
        (
            {"link": SPV, "faults": [{**FORGE, "stolen_keys": 3}]},
            "faults.0.stolen_keys: nobody's votes count on a-b; needs verify: light_client or committee, or",
        ),
        (
            {"link": NOTARIES, "faults": [{**FORGE, "stolen_keys": 3}]},
            "faults.0.stolen_from: a-b counts its notaries' signatures, whose own nodes nobody deceives",
        ),
        (
            {"link": NOTARIES, "faults": [{**FORGE, "stolen_from": "notaries", "stolen_keys": 5}]},
            "faults.0.stolen_keys: a-b has 4 notaries; needs no more",
        ),
        (
            {"faults": [{"at": "1s", "for": "1s", "action": "recover-client", "link": "a-b"}]},
            "faults.0.for: does not belong here; recover-client happens at one time",
        ),
        (
            {"faults": [{"at": "1s", "action": "censor-packets", "link": "a-b", "streams": ["pay", "files"]}]},
            "faults.0.streams.1: 'files' is not a stream",
        ),
        (
            {
                "faults": [{"at": "1s", "action": "censor-packets", "link": "a-b", "streams": ["files"]}],
                "workload": {"pay": TRANSFER, "files": {"chain": "a", "rate": "1/s", "size": "200B"}},
            },
            "faults.0.streams.0: 'files' does not cross a-b",
        ),
        (
            {"faults": [{"at": "1s", "action": "deny-receipt", "link": "a-b"}]},
            "faults.0.action: nothing that was sent over a-b times out; needs a link with a timeout",
        ),
        (
            {"faults": [{"at": "1s", "action": "replay", "link": "a-b", "amounts_from": 5}]},
            "faults.0.amounts_from: belongs to action: censor-packets; replay has no 'amounts_from'",
        ),
        (
            {"faults": [{"at": "1s", "action": "revoke", "link": "a-b", "relayers": [0]}]},
            "faults.0.action: revoke changes the identity registry; needs identity: {registry: ",
        ),
        (
            {"identity": {"registry": "a"}, "faults": [{"at": "1s", "action": "revoke", "link": "a-b"}]},
            "faults.0.relayers: is missing; revoke needs relayers or notaries",
        ),
        (
            {"link": SWAP, "identity": {"registry": "a"}, "faults": [{**REVOKE, "relayers": [1]}]},
            "faults.0.link: b is told nothing by a; needs a link from there with atomicity none, packet or tcc",
        ),
        (
            {"link": NOTARIES, "identity": {"registry": "a"}, "faults": [{**BOTH, "action": "admit"}]},
            "faults.0.relayers: contradicts notaries; admit needs relayers or notaries",
        ),
        (
            {"identity": {"registry": "c"}, "chains": {**dict.fromkeys("abc", chain())}},
            "identity.registry: c is on no link; needs a chain of one",
        ),
        ({"workload": {"ask": {**QUERY, "chain": "a"}}}, "workload.ask.chain: a-b ends at b; needs that chain"),
        (
            {"workload": {"ask": {**QUERY, "size": "5B"}}},
            "workload.ask.size: belongs to another action; a query has no",
        ),
        (
            {"workload": {"ask": {k: v for k, v in QUERY.items() if k != "link"}}},
            "workload.ask.link: is missing; a query needs the link that its answers cross",
        ),
        ({"workload": {"pay": {**TRANSFER, "freshness": "5s"}}}, "workload.pay.freshness: belongs to action: query; n"),
        (
            {"slo": [{"metric": "crosschain.a-b.queries.accepted_stale", "equals": 0}]},
            "slo.0.metric: nobody asks anything over a-b; needs a stream with action: query",
        ),
        (
            {"slo": [{"metric": "crosschain.b-a.delivered", "equals": 0}]},
            "slo.0.metric: is 'crosschain.b-a.delivered': 'b-a' is not a link",
        ),
        (
            {"slo": [{"metric": "crosschain.a-b.lost", "equals": 0}]},
            "slo.0.metric: is 'crosschain.a-b.lost': no such metric 'lost'",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    assert told(tmp_path, **keys).startswith(message)


def test_every_way_exists_or_has_a_reason_and_the_table_says_so() -> None:
    rows = table().splitlines()[2:]
    assert len(rows) == len(PROTOCOLS) * len(VERIFICATIONS) * len(ATOMICITIES)
    assert sum(row.endswith("| yes |") for row in rows) == len(EXISTING)
    for protocol in PROTOCOLS:
        for verify in VERIFICATIONS:
            for atomicity in ATOMICITIES:
                reason = why_not(protocol, verify, atomicity)
                assert (reason is None) == ((protocol, verify, atomicity) in EXISTING)
                assert reason is None or "needs" in reason[1]


def test_a_change_of_the_registry_may_be_made_where_it_counts_or_cross_another_link(tmp_path: Path) -> None:
    revoked = {"faults": [{**REVOKE, "relayers": [1]}]}
    assert linked(tmp_path, link=SWAP, identity={"registry": "b"}, **revoked).identity is not None
    data = linked(tmp_path, link=SWAP, identity={"registry": "a"}).to_yaml()
    again = tmp_path / "again.yaml"
    both = yaml.safe_load(data)
    both["links"]["also"] = {"from": "a", "to": "b", **SPV, "atomicity": "none"}
    again.write_text(yaml.safe_dump({**both, **revoked}, sort_keys=False), encoding="utf-8")
    assert load(again).faults[0].action == "revoke"


def test_a_swap_is_written_as_it_was_read(tmp_path: Path) -> None:
    scenario = linked(tmp_path, link={**SWAP, "claims": "last-moment", "margin": "1s"})
    again = tmp_path / "again.yaml"
    again.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load(again) == scenario


@pytest.mark.parametrize("timeout", [None, ("destination_height", 4), ("destination_time", "30s")])
def test_a_link_is_written_as_it_was_read(tmp_path: Path, timeout: tuple[str, object] | None) -> None:
    limit = {} if timeout is None else {"timeout": dict(zip(("measure", "value"), timeout, strict=True))}
    scenario = linked(tmp_path, link={"order": "ordered", "rpc": "5ms", **limit})
    again = tmp_path / "again.yaml"
    again.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load(again) == scenario


def test_a_scenario_without_links_does_not_mention_them(tmp_path: Path) -> None:
    assert "links: {}" not in small(tmp_path).to_yaml()
    assert "\nlinks:" not in small(tmp_path).to_yaml()
