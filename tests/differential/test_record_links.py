"""Links whose packets are records against the same links with contracts, relayers and proofs: the same mean latencies.

Two chains in two regions, 500 ms a block, and transfers one by one; nothing is crowded. The means may differ by 2 %,
and by 5 % over a chain between and in two phases. What records leave out is small: what checking a header takes at the
destination, that the calls which bring headers along fill blocks as well, and that a relayer's own node may execute a
block a little later than the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, linked, relayed

import sim

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario

BLOCK = {"max_transactions": 100, "max_bytes": "100kB", "interval": "500ms"}
TRANSFERS = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "0.5/s", "size": "400B", "amount": 5}
TOLERANCE, LOOSER = 0.02, 0.05
TIMEOUT = {"measure": "destination_time", "value": "40s"}


def spec() -> dict[str, Any]:
    return chain(block=BLOCK, regions=["east", "west"], consensus={"protocol": "pbft", "timeout": "3s"})


def keys_of(link: dict[str, Any], **more: object) -> dict[str, Any]:
    """Four minutes of transfers, and twenty seconds to finish them."""
    pay = {**TRANSFERS, "end": "240s", **more}
    return {"horizon": "260s", "chains": {"a": spec(), "b": spec()}, "workload": {"pay": pay}, "link": link}


def latencies(scenario: Scenario) -> tuple[float, float]:
    """Means in seconds: to the effect, and to the sender's knowledge; everything has arrived."""
    found = sim.run(scenario, seed=3).summary["crosschain"]["a-b"]
    assert found["offered"] == found["delivered"] == found["acknowledged"] > 100
    there = found["latency_s"]["mean"]
    if "fidelity" in found:
        return there, found["acknowledged_s"]["mean"]
    return there, there + found["stages_s"]["acknowledgement"]["mean"]


@pytest.mark.parametrize(
    ("verify", "relayers", "poll"),
    [
        ("light_client", 1, "1s"),
        ("light_client", 1, "4s"),
        ("light_client", 2, "3s"),
        ("spv", 1, "1s"),
        ("committee", 1, "1s"),
        ("none", 1, "1s"),
    ],
)
def test_a_record_link_takes_as_long_as_a_link_with_contracts(
    verify: str, relayers: int, poll: str, tmp_path: Path
) -> None:
    link = {"relayers": relayers, "poll": poll, "timeout": TIMEOUT}
    packet = latencies(linked(tmp_path, verify, **keys_of(link)))
    record = latencies(linked(tmp_path, verify, **keys_of({**link, "fidelity": "record"})))
    assert record == pytest.approx(packet, rel=TOLERANCE)


def test_two_phases_leave_as_many_records_as_they_take_steps(tmp_path: Path) -> None:
    link = {"atomicity": "2pc", "poll": "1s", "recovery": "log"}
    packet = latencies(linked(tmp_path, "none", **keys_of(link, accounts=100_000)))
    del link["recovery"]
    record = latencies(linked(tmp_path, "none", **keys_of({**link, "fidelity": "record"}, accounts=100_000)))
    assert record == pytest.approx(packet, rel=LOOSER)


@pytest.mark.parametrize("atomicity", ["packet", "tcc"])
def test_over_a_chain_between_it_takes_as_long_too(atomicity: str, tmp_path: Path) -> None:
    link = {"atomicity": atomicity, "poll": "1s"}
    chains = {"a": spec(), "b": spec(), "r": spec()}
    packet = latencies(relayed(tmp_path, **{**keys_of(link), "chains": chains}))
    record = latencies(relayed(tmp_path, **{**keys_of({**link, "fidelity": "record"}), "chains": chains}))
    assert record == pytest.approx(packet, rel=LOOSER)


@pytest.mark.parametrize("action", ["relayer-crash", "censor-packets"])
def test_packets_wait_alike_for_relayers_that_carry_nothing(action: str, tmp_path: Path) -> None:
    keys = keys_of({"relayers": 2, "poll": "1s"})
    keys["faults"] = [{"at": "20s", "for": "60s", "action": action, "link": "a-b"}]
    packet = latencies(linked(tmp_path, **keys))
    keys["link"]["fidelity"] = "record"
    record = latencies(linked(tmp_path, **keys))
    assert record[0] > 5
    assert record == pytest.approx(packet, rel=LOOSER)


def test_as_many_packets_time_out(tmp_path: Path) -> None:
    keys = keys_of({"relayers": 2, "poll": "1s", "timeout": {**TIMEOUT, "value": "10s"}})
    keys["faults"] = [{"at": "20s", "for": "60s", "action": "relayer-crash", "link": "a-b"}]
    packet = sim.run(linked(tmp_path, **keys), seed=3).summary["crosschain"]["a-b"]
    keys["link"]["fidelity"] = "record"
    record = sim.run(linked(tmp_path, **keys), seed=3).summary["crosschain"]["a-b"]
    assert packet["timed_out"] > 10
    assert record["timed_out"] == packet["timed_out"]
    assert record["delivered"] == packet["delivered"]
