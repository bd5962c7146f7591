"""What casework emits goes through the real chains and comes back with the keys that it was asked with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import chain, deposits, link, small

from sim.build import build, measure, provinces
from sim.build.measured import acknowledged, given_rows, merged
from sim.build.outside import Part
from sim.build.places import Places
from sim.casework.definition import Answer
from sim.casework.emissions import Asked, Deposited, Emissions, Sent
from sim.chain.verification import ABSENT, ALTERED, GENUINE
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.casework.emissions import Measured
    from sim.scenario import Scenario

COUNT = 400


def columns(count: int, end_ns: int, seed: int) -> dict[str, Any]:
    """Times up to ``end_ns`` and provinces for so many rows, with keys that no other seed has."""
    rng = np.random.Generator(np.random.Philox(seed))
    return {
        "key": rng.integers(0, 1 << 63, count, dtype=np.uint64),
        "time_ns": np.sort(rng.integers(0, end_ns, count)),
        "province": rng.integers(0, 2, count),
    }


def deposited(count: int = COUNT, end_ns: int = SECOND, seed: int = 1, size_bytes: int = 0) -> Deposited:
    """Records of two kinds in turn."""
    sizes = np.full(count, size_bytes, dtype=np.int64)
    kind = np.arange(count) % 2
    return Deposited(**columns(count, end_ns, seed), size_bytes=sizes, kind=kind, kinds=("w/one", "w/two"))


def asked(presented: int, count: int = 40, of: str = "w/one", seed: int = 2) -> Asked:
    """Requests about records of one kind, in the second second."""
    rows = columns(count, SECOND // 2, seed)
    rows["time_ns"] += SECOND
    public, same = np.ones(count, dtype=np.bool_), np.zeros(count, dtype=np.int64)
    return Asked(**rows, presented=same + presented, public=public, of=same, kinds=(of,))


def sent(count: int = 20, parts: int = 1, seed: int = 3) -> Sent:
    """Messages of so many packets each, in the first second."""
    rows = {name: np.repeat(cells, parts) for name, cells in columns(count, SECOND, seed).items()}
    part = np.tile(np.arange(parts), count)
    return Sent(**rows, part=part, kind=np.zeros(count * parts, dtype=np.int64), kinds=("w/query",))


def finished(scenario: Scenario, emissions: Emissions, seed: int = 7) -> Alliance:
    """The alliance at the end of its run."""
    alliance = build(scenario, seed, emissions=emissions)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    return alliance


def told(measured: Measured, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Delay and answer of each of these keys."""
    place = np.searchsorted(measured.key, keys)
    assert (measured.key[place] == keys).all()
    return measured.delay_ns[place], measured.answer[place]


@pytest.mark.parametrize("fidelity", ["message", "auto"])
@pytest.mark.parametrize("protocol", ["pbft", "tendermint"])
def test_every_record_comes_back_with_the_time_at_which_its_own_node_executed_it(
    fidelity: str, protocol: str, tmp_path: Path
) -> None:
    consensus = {"protocol": protocol, "timeout": "500ms"}
    spec = chain(fidelity=fidelity, regions=["east", "west"], consensus=consensus)
    scenario = small(tmp_path, chains={"a": spec}, workload={"files": deposits("100/s")})
    records = deposited()
    alliance = finished(scenario, Emissions(deposits={"a": records}))
    measured = measure(alliance)
    delay_ns, answer = told(measured, records.key)
    assert (answer == Answer.DONE).all()
    ledger, offered = alliance.chains["a"].ledger, alliance.chains["a"].offered
    rows = given_rows(alliance.chains["a"], alliance.emitted.records["a"])
    assert (offered.intended_ns[rows] == records.time_ns).all()
    for place, row in enumerate(rows.tolist()):
        leaf = int(ledger.leaf_index[row])
        height = int(np.searchsorted(ledger.blocks.log_sizes, leaf, side="right"))
        there_ns = int(ledger.blocks[height].executed_ns[offered.node[row]])
        assert there_ns - records.time_ns[place] == delay_ns[place]


def test_records_are_numbered_in_their_own_stream_and_hashed_in_the_log(tmp_path: Path) -> None:
    alliance = finished(small(tmp_path, workload={"files": deposits()}), Emissions(deposits={"a": deposited()}))
    offered, records = alliance.chains["a"].offered, alliance.chains["a"].records
    assert offered.streams == ("files", "w/one", "w/two")
    for code in range(3):
        mine = offered.stream == code
        assert (offered.number[mine] == np.arange(np.count_nonzero(mine))).all()
    row = int(np.flatnonzero(offered.stream == 2)[5])
    assert b'"number":5,"stream":"w/two"' in records.content(records.history + row)


def test_what_is_emitted_in_the_same_way_fares_the_same_whatever_else_is(tmp_path: Path) -> None:
    scenario, records = small(tmp_path, workload={}), deposited()
    alone = finished(scenario, Emissions(deposits={"a": records}))
    checked = finished(scenario, Emissions(deposits={"a": records}, checks={"a": asked(GENUINE)}))
    first, second = (alliance.emitted.records["a"].given for alliance in (alone, checked))
    assert (first.node == second.node).all()
    assert (first.size_bytes == second.size_bytes).all()


def test_a_size_of_zero_is_the_usual_one_and_any_other_is_kept(tmp_path: Path) -> None:
    scenario = small(tmp_path, workload={})
    usual = build(scenario, 1, emissions=Emissions(deposits={"a": deposited(4000)})).chains["a"].offered.size_bytes
    assert abs(float(np.median(usual)) - 600) < 25
    given = build(scenario, 1, emissions=Emissions(deposits={"a": deposited(size_bytes=77)})).chains["a"]
    assert (given.offered.size_bytes == 77).all()


def test_a_record_that_finds_no_room_is_refused_and_one_that_comes_late_has_no_answer(tmp_path: Path) -> None:
    scenario = small(tmp_path, chains={"a": chain(mempool={"capacity": 5})}, workload={})
    records = deposited(3000)
    late = deposited(4, 20 * MILLISECOND, seed=9)
    late.time_ns[:] += 2 * SECOND - 20 * MILLISECOND
    both = {
        name: np.concatenate([getattr(records, name), getattr(late, name)])
        for name in ("key", "time_ns", "province", "size_bytes", "kind")
    }
    alliance = finished(scenario, Emissions(deposits={"a": Deposited(**both, kinds=records.kinds)}))
    measured = measure(alliance)
    delay_ns, answer = told(measured, records.key)
    assert set(answer.tolist()) == {Answer.DONE, Answer.REFUSED}
    assert (delay_ns[answer == Answer.REFUSED] < 100 * MILLISECOND).all()
    delay_ns, answer = told(measured, late.key)
    assert (answer == Answer.NO_ANSWER).all()
    assert (late.time_ns + delay_ns == 2 * SECOND).all()


@pytest.mark.parametrize(
    ("presented", "answer"),
    [(GENUINE, Answer.PASS), (ABSENT, Answer.NOT_FOUND), (ALTERED, Answer.MISMATCH)],
    ids=["genuine", "absent", "altered"],
)
def test_a_check_is_answered_by_what_is_presented(presented: int, answer: Answer, tmp_path: Path) -> None:
    records = deposited(end_ns=SECOND // 2)
    checks = asked(presented)
    emissions = Emissions(deposits={"a": records}, checks={"a": checks})
    delay_ns, answers = told(measure(finished(small(tmp_path), emissions)), checks.key)
    assert (answers == answer).all()
    assert ((delay_ns >= 10 * MILLISECOND) & (delay_ns < 40 * MILLISECOND)).all()


def test_a_check_about_a_kind_of_which_nothing_is_deposited_in_the_run_finds_an_older_record(tmp_path: Path) -> None:
    checks = asked(GENUINE, of="w/old")
    _, answers = told(measure(finished(small(tmp_path), Emissions(checks={"a": checks}))), checks.key)
    assert (answers == Answer.PASS).all()


def test_a_message_over_a_link_counts_to_its_last_packet_and_to_what_its_sender_knows(tmp_path: Path) -> None:
    chains = {"a": chain(), "b": chain()}
    scenario = small(tmp_path, horizon="8s", chains=chains, links={"a-b": link()}, workload={})
    messages = sent(parts=3)
    alliance = finished(scenario, Emissions(packets={("a", "b"): messages}))
    measured = measure(alliance)
    keys = messages.key[::3]
    there_ns, answer = told(measured, keys)
    known_ns, known = told(measured, acknowledged(keys))
    assert len(measured.key) == 2 * len(keys)
    assert (answer == Answer.DONE).all()
    assert (known == Answer.DONE).all()
    assert (known_ns > there_ns).all()
    trips = alliance.links["a-b"].books.trips
    latest = max(trip.at("executed") for trip in trips)
    assert int((messages.time_ns[::3] + there_ns).max()) == latest


def test_a_packet_that_nobody_relays_times_out(tmp_path: Path) -> None:
    late = link(timeout={"measure": "destination_time", "value": "1s"})
    fault = {"at": "0s", "for": "3s", "action": "relayer-crash", "link": "a-b"}
    chains = {"a": chain(), "b": chain()}
    scenario = small(tmp_path, horizon="8s", chains=chains, links={"a-b": late}, workload={}, faults=[fault])
    messages = sent()
    measured = measure(finished(scenario, Emissions(packets={("a", "b"): messages})))
    delay_ns, answer = told(measured, messages.key)
    assert (answer == Answer.TIMED_OUT).all()
    assert (delay_ns > SECOND).all()


def test_sending_where_no_link_leads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="from a to b, where no link leads"):
        build(small(tmp_path), 1, emissions=Emissions(packets={("a", "b"): sent()}))


def test_people_talk_to_nodes_in_their_province_or_in_the_nearest_region(tmp_path: Path) -> None:
    scenario = small(tmp_path, chains={"a": chain(regions=["east"])})
    places = Places.of(scenario, "a", range(4))
    east, west = (provinces(scenario).index(region) for region in ("east", "west"))
    assert places.count[[east, west]].tolist() == [4, 4]
    assert places.way_ns[[east, west]].tolist() == [0, 5 * MILLISECOND]
    both = Places.of(small(tmp_path, chains={"a": chain(regions=["east", "west"])}), "a", range(4))
    assert [both.nodes[p, : both.count[p]].tolist() for p in (east, west)] == [[0, 2], [1, 3]]


def test_the_last_part_and_the_worst_answer_of_a_key_count() -> None:
    key, delay_ns = np.array([5, 3, 5], dtype=np.uint64), np.array([10, 20, 30])
    answer = np.array([Answer.TIMED_OUT, Answer.DONE, Answer.DONE], dtype=np.int8)
    found = merged([Part(key, delay_ns, answer)])
    assert found.key.tolist() == [3, 5]
    assert found.delay_ns.tolist() == [20, 30]
    assert found.answer.tolist() == [Answer.DONE, Answer.TIMED_OUT]
