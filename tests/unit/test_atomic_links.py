"""Whole runs of two-phase commit and of swaps: what crashes, lies, conflicts and clocks leave behind."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, linked, played, table

from sim.chain.invariants import InvariantViolation
from sim.crosschain import crossing, invariants
from sim.crosschain.actors.orders import SwapOrder
from sim.crosschain.contracts.two_phase import PaidEnd
from sim.crosschain.points import points_of
from sim.scenario import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.contracts.store import Store

PAY = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5}


def transacted(
    folder: Path,
    accounts: int = 100_000,
    irreversible: str = "0%",
    link: Mapping[str, object] = MappingProxyType({}),
    verify: str = "none",
    **keys: object,
) -> dict[str, Any]:
    """What the summary says of ten seconds of transactions in two phases, six of them with traffic."""
    of_link = {"atomicity": "2pc", "poll": "50ms", **link}
    pay = {"pay": {**PAY, "accounts": accounts, "end": "6s", "irreversible": irreversible}}
    _, summary = played(linked(folder, verify, link=of_link, workload=pay, **keys))
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    return found


def swapped(folder: Path, link: Mapping[str, object] = MappingProxyType({}), **keys: object) -> dict[str, Any]:
    """What the summary says of twelve seconds of swaps, four of them with traffic; deposits keep both clocks going."""
    of_link = {
        "atomicity": "htlc",
        "poll": "50ms",
        "relayers": 2,
        "timelocks": {"source": "4s", "destination": "2s"},
        **link,
    }
    files = {name: {"chain": name, "rate": "40/s", "size": "100B", "arrivals": "regular"} for name in "ab"}
    pay = {"pay": {**PAY, "end": "4s"}, **files}
    _, summary = played(linked(folder, "none", link=of_link, workload=pay, horizon="12s", **keys))
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    return found


def unlocked(found: dict[str, Any]) -> bool:
    return found["locked_at_end"] == {"source": 0, "destination": 0}


@pytest.mark.parametrize("relayers", [1, 3])
def test_transactions_commit_on_both_chains_and_free_their_accounts(tmp_path: Path, relayers: int) -> None:
    found = transacted(tmp_path, link={"relayers": relayers})
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 40
    assert found["refused"] == {}
    assert unlocked(found)


def test_what_coordinators_say_is_proved_where_headers_are_kept(tmp_path: Path) -> None:
    found = transacted(tmp_path, verify="spv")
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 40
    assert found["refused"] == {}
    # Five calls of each transaction tell of the other chain, and headers come before them.
    assert found["verified_real"] > 5 * found["offered"]
    assert unlocked(found)


def test_few_accounts_are_fought_over_and_each_conflict_is_refused_or_rolled_back(tmp_path: Path) -> None:
    found = transacted(tmp_path, 12)
    refused = found["refused"]["resource-locked"]
    assert refused > 0
    assert found["timed_out"] > 0
    assert found["delivered"] + found["timed_out"] + refused >= found["offered"]
    assert found["delivered"] == found["acknowledged"] > 0
    assert found["torn"] == found["late_success"] == 0
    assert unlocked(found)


COMMON = [name for name in points_of("trusted_gateway", "2pc") if "rollback" not in name]


@pytest.mark.parametrize("point", COMMON)
def test_a_coordinator_without_a_log_leaves_locked_what_it_had_begun(tmp_path: Path, point: str) -> None:
    crash = {"at": "2s", "for": "1s", "action": "relayer-crash", "link": "a-b", "after": point}
    found = transacted(tmp_path, faults=[crash])
    assert found["locked_at_end"]["source"] > 0
    # Nothing that was begun is finished, so what was under way at the crash stays as it was.
    assert found["offered"] == found["acknowledged"] + found["locked_at_end"]["source"]
    assert found["torn"] == found["timed_out"] == 0


@pytest.mark.parametrize("point", COMMON)
def test_a_coordinator_with_a_log_finishes_or_rolls_back_everything(tmp_path: Path, point: str) -> None:
    crash = {"at": "2s", "for": "1s", "action": "relayer-crash", "link": "a-b", "after": point}
    found = transacted(tmp_path, link={"recovery": "log"}, faults=[crash])
    assert unlocked(found)
    assert found["timed_out"] > 0
    assert found["delivered"] == found["acknowledged"] == found["offered"] - found["timed_out"]
    assert found["torn"] == found["late_success"] == 0


def test_what_a_rollback_cannot_undo_is_left_to_people(tmp_path: Path) -> None:
    crash = {"at": "2s", "for": "1s", "action": "relayer-crash", "link": "a-b", "after": "destination.execTransaction"}
    undone, left = (
        transacted(tmp_path, irreversible=share, link={"recovery": "log"}, faults=[crash]) for share in ("0%", "100%")
    )
    assert undone["repairs"] == 0
    assert 0 < left["repairs"] < left["timed_out"] == undone["timed_out"]
    assert left["torn"] == 0
    assert unlocked(left)


def test_a_crash_comes_right_after_the_call_that_it_waits_for(tmp_path: Path) -> None:
    crash = {"at": "2s", "action": "relayer-crash", "link": "a-b", "after": "destination.commitTransaction"}
    of_link = {"atomicity": "2pc", "poll": "50ms"}
    pay = {"pay": {**PAY, "accounts": 100_000, "end": "6s"}}
    alliance, _ = played(linked(tmp_path, "none", link=of_link, workload=pay, faults=[crash]))
    packets = table(alliance, "packets")
    last = packets["committed_ns"].max()
    assert 2e9 < last < 3e9
    half = (packets["committed_ns"] == last) & (packets["acknowledged_ns"] == -1)
    assert half.any()
    assert packets["received_ns"].max() <= last


def test_a_lying_coordinator_has_one_side_pay_and_the_other_take_back(tmp_path: Path) -> None:
    lie = {"at": "2s", "for": "2s", "action": "forge", "link": "a-b", "relayers": [1]}
    found = transacted(tmp_path, link={"relayers": 2}, faults=[lie])
    assert found["accepted_forged"] > 20
    assert found["torn"] > 5
    assert found["executed_twice"] == 0


def test_a_lying_coordinator_deceives_by_headers_of_its_own_too(tmp_path: Path) -> None:
    lie = {"at": "2s", "for": "2s", "action": "forge", "link": "a-b", "relayers": [1]}
    found = transacted(tmp_path, link={"relayers": 2}, faults=[lie], verify="spv")
    assert found["accepted_forged"] > 0
    assert found["torn"] > 0
    # Headers of the true chain do not fit on top of its own, so nothing true goes on.
    assert found["locked_at_end"]["source"] > 0


def test_a_contract_that_forgets_to_unlock_breaks_an_invariant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: PaidEnd, store: Store, account: int) -> None:
        store.delete(f"accounts/{self.link}/{account}".encode())

    monkeypatch.setattr(PaidEnd, "_unlock", forgetful)
    pay = {"pay": {**PAY, "accounts": 9}}
    _, summary = played(linked(tmp_path, "none", link={"atomicity": "2pc"}, workload=pay))
    assert summary["verdict"] == "violated"
    assert summary["violation"]["invariant"] == invariants.CONSERVATION
    with pytest.raises(InvariantViolation, match="locks"):
        invariants.check_balance("b", 1, "locks", 1, 0)


@pytest.mark.parametrize("claims", ["at-once", "last-moment"])
def test_swaps_are_claimed_on_both_chains(tmp_path: Path, claims: str) -> None:
    margin = {"margin": "500ms"} if claims == "last-moment" else {}
    found = swapped(tmp_path, link={"claims": claims, **margin})
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 20
    assert found["torn"] == 0
    assert unlocked(found)
    # Who waits for the last moment gets it 1.5 seconds after sending at the earliest.
    assert (found["latency_s"]["mean"] > 1.4) == (claims == "last-moment")


def test_without_the_participant_initiators_get_theirs_back(tmp_path: Path) -> None:
    crash = {"at": "1ms", "action": "relayer-crash", "link": "a-b", "relayers": [1]}
    found = swapped(tmp_path, faults=[crash])
    assert found["timed_out"] == found["offered"] > 20
    assert unlocked(found)


def test_without_the_initiator_both_get_theirs_back(tmp_path: Path) -> None:
    crash = {"at": "1s", "for": "6s", "action": "relayer-crash", "link": "a-b", "relayers": [0]}
    found = swapped(tmp_path, faults=[crash])
    assert found["timed_out"] > 20
    assert found["delivered"] + found["timed_out"] == found["offered"]
    assert found["torn"] == 0
    assert unlocked(found)


def test_a_participant_that_is_down_too_long_pays_and_gets_nothing(tmp_path: Path) -> None:
    crash = {
        "at": "2s",
        "for": "5s",
        "action": "relayer-crash",
        "link": "a-b",
        "relayers": [1],
        "after": "destination.lock",
    }
    found = swapped(tmp_path, faults=[crash])
    assert found["torn"] == found["late_success"] > 0
    assert unlocked(found)


@pytest.mark.parametrize(
    ("skewed", "jump", "torn"), [("a", "ahead", True), ("b", "behind", True), ("a", "behind", False)]
)
def test_clocks_apart_by_more_than_the_timelocks_tear_swaps(tmp_path: Path, skewed: str, jump: str, torn: bool) -> None:
    skew = {"at": "0s", "action": "clock-skew", "chain": skewed, "nodes": [0, 1, 2, 3], jump: "1900ms"}
    found = swapped(tmp_path, link={"claims": "last-moment", "margin": "200ms"}, faults=[skew])
    assert (found["torn"] > 0) == torn
    assert unlocked(found)


def test_a_participant_whose_clock_is_ahead_gives_up_what_it_could_still_have(tmp_path: Path) -> None:
    late = {"claims": "last-moment", "margin": "500ms"}
    skew = {"at": "3s", "action": "relayer-clock", "link": "a-b", "relayers": [1], "ahead": "3s"}
    found = swapped(tmp_path, link=late, faults=[skew])
    # What was locked before the clock jumped is claimed by the initiator; what comes after is never locked.
    assert found["torn"] > 0
    assert found["timed_out"] > 0
    assert unlocked(found)
    behind = {**skew, "ahead": None, "behind": "3s"}
    found = swapped(tmp_path, link=late, faults=[{k: v for k, v in behind.items() if v is not None}])
    assert found["torn"] == 0


def test_a_participant_locks_only_where_the_timelocks_are_as_far_apart_as_agreed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closer(source_ns: int, destination_ns: int, preimages: dict[bytes, bytes]) -> SwapOrder:
        return SwapOrder(source_ns - 1, destination_ns, preimages)

    monkeypatch.setattr(crossing, "SwapOrder", closer)
    found = swapped(tmp_path)
    assert found["timed_out"] == found["offered"] > 20
    assert found["delivered"] == found["torn"] == 0
    assert unlocked(found)


@pytest.mark.parametrize("liar", [0, 1])
def test_a_lying_party_to_swaps_gets_nothing(tmp_path: Path, liar: int) -> None:
    lie = {"at": "1s", "for": "2s", "action": "forge", "link": "a-b", "relayers": [liar]}
    found = swapped(tmp_path, faults=[lie])
    assert found["accepted_forged"] == found["torn"] == 0
    assert found["refused"]["wrong-preimage"] > 0
    assert found["refused"]["timelock-not-passed"] > 0
    assert found["delivered"] + found["timed_out"] == found["offered"]
    assert unlocked(found)


def test_who_claims_too_late_gives_its_secret_away(tmp_path: Path) -> None:
    # The margin is too short for a claim to get into a block. An honest participant does not read refused calls.
    late = {"claims": "last-moment", "margin": "60ms"}
    honest = swapped(tmp_path, link=late)
    assert honest["refused"]["timelock-passed"] > 0
    assert honest["torn"] == 0
    greedy = {"at": "3s", "for": "5s", "action": "forge", "link": "a-b", "relayers": [1]}
    assert swapped(tmp_path, link=late, faults=[greedy])["torn"] > 0


def test_swaps_cross_between_protocols_and_hashes(tmp_path: Path) -> None:
    chains = {
        "a": chain(consensus={"protocol": "raft", "timeout": "500ms"}, hash="sm3"),
        "b": chain(consensus={"protocol": "hotstuff", "timeout": "500ms"}),
    }
    found = swapped(tmp_path, chains=chains)
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 20


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    timelocks = {"source": "4s", "destination": "2s"}
    for way, terms in (
        ({"atomicity": "2pc"}, {"accounts": 9}),
        ({"atomicity": "htlc", "relayers": 2, "timelocks": timelocks}, {}),
    ):
        scenario = linked(tmp_path, "none", link=way, workload={"pay": {**PAY, **terms}}, horizon="4s")
        first, again = (played(scenario, 1)[1] for _ in range(2))
        assert first == again


@pytest.mark.full
@pytest.mark.parametrize("name", ["two-phase-commit", "hash-time-locks"])
def test_scenarios_end_as_they_say(name: str) -> None:
    scenario = load(Path("scenarios", "crosschain", f"{name}.yaml"))
    assert played(scenario)[1]["verdict"] == scenario.expect
