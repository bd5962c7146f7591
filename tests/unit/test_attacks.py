"""The table of attacks: every attack does what its file expects, and the table follows what the runs show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sim.crosschain.actors.coordinator import CoordinatorRoute
from sim.crosschain.actors.interchain_route import InterchainRoute
from sim.crosschain.actors.parties import InitiatorRoute, ParticipantRoute
from sim.crosschain.actors.route import ChannelRoute, OneWayRoute
from sim.crosschain.actors.tcc_route import TccRoute
from sim.crosschain.contracts import headers
from sim.crosschain.contracts.messages import HEARTBEAT
from sim.crosschain.points import points_of
from sim.crosschain.ways import EXISTING, STOLEN_FROM
from sim.report.ways import draw, fewest
from sim.scenario import ScenarioError, load
from sim.study.attack_table import as_markdown
from sim.study.attacks import (
    CALM,
    CRASH,
    FORGERY,
    LATE,
    Job,
    attacks_in,
    fewest_keys,
    name_of,
    owners_of,
    row_of,
    scenario_of,
    variants,
    ways,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.route import Route, Task, View
    from sim.crosschain.contracts.messages import Packet

SCENARIOS = Path(__file__).parents[2] / "scenarios"
REFERENCE = SCENARIOS.parent / "results" / "reference"
FORGING = SCENARIOS / "attacks" / f"{FORGERY}.yaml"
TRUSTED, PROVED = ("trusted_gateway", "none", "packet"), ("light_client", "light_client", "packet")
CATALOGUE = ("f01", "f02", "f03", "f04", "f05", "f06", "f08", "f09", "f10", "f11", "f14", "f15", "f20")


def page(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a survey of one attack would have found."""
    keys: dict[str, dict[str, int | None]] = {way: {"source": 3} for way in rows}
    questions = {CALM: "Nobody attacks?", FORGERY: "Whom?"}
    return {"command": "make attacks", "questions": questions, "keys": keys, "attacks": {CALM: rows, FORGERY: rows}}


def test_every_attack_of_the_catalogue_that_touches_links_has_a_file() -> None:
    assert {file.stem[:3] for file in attacks_in(SCENARIOS)} == set(CATALOGUE)
    assert set(ways()) == EXISTING


def test_the_committed_table_has_every_attack_under_every_way_and_is_written_from_its_data() -> None:
    found = json.loads((REFERENCE / "attacks.json").read_text(encoding="utf-8"))
    files = {CALM: SCENARIOS / "base" / "crossing.yaml", **{file.stem: file for file in attacks_in(SCENARIOS)}}
    rows = {name: [job.name for way in ways() for job in variants(file, way)] for name, file in files.items()}
    assert {name: list(there) for name, there in found["attacks"].items()} == rows, "run `make attacks`"
    assert (REFERENCE / "attacks.md").read_text(encoding="utf-8") == as_markdown(found)


def test_the_committed_table_says_what_a_run_says() -> None:
    found = json.loads((REFERENCE / "attacks.json").read_text(encoding="utf-8"))
    job = Job(FORGING, PROVED)
    assert found["attacks"][FORGERY][job.name] == json.loads(json.dumps(row_of(job))), "run `make attacks`"


def test_a_way_brings_its_own_keys_and_leaves_the_rest() -> None:
    data = scenario_of(Job(FORGING, TRUSTED, {"forge": {"stolen_keys": 2}}))
    given = load(FORGING)
    assert data["links"]["exe-bank"]["verify"] == "none"
    assert data["faults"][0]["stolen_keys"] == 2
    assert data["workload"].keys() == given.workload.keys()


@pytest.mark.parametrize(
    ("way", "whose", "there", "keys"),
    [
        (TRUSTED, "source", 4, 0),
        (PROVED, "source", 4, 3),
        (PROVED, "source", 2, None),
        (("notary", "committee", "packet"), "notaries", 4, 3),
        pytest.param(("trusted_gateway", "spv", "packet"), "source", 4, 0, marks=pytest.mark.full),
        pytest.param(("trusted_gateway", "none", "2pc"), "source", 4, 0, marks=pytest.mark.full),
        pytest.param(("relay_chain", "light_client", "packet"), "source", 4, 3, marks=pytest.mark.full),
        pytest.param(("relay_chain", "light_client", "packet"), "relay", 4, 3, marks=pytest.mark.full),
    ],
    ids=str,
)
def test_the_search_finds_the_fewest_keys_that_deceive(
    way: tuple[str, str, str], whose: str, there: int, keys: int | None
) -> None:
    assert fewest_keys(FORGING, way, whose, there) == keys


@pytest.mark.parametrize("way", ways(), ids=name_of)
def test_keys_that_a_liar_has_no_use_for_cannot_be_stolen(tmp_path: Path, way: tuple[str, str, str]) -> None:
    for whose in STOLEN_FROM:
        data = scenario_of(Job(FORGING, way, {"forge": {"stolen_keys": 1, "stolen_from": whose}}))
        path = tmp_path / f"{whose}.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        if whose in owners_of(way) and (whose != "source" or way[1] == "light_client"):
            assert load(path).faults[0].stolen_keys == 1
        else:
            with pytest.raises(ScenarioError, match=r"stolen_(keys|from)"):
                load(path)


def test_of_swaps_no_key_is_counted() -> None:
    assert [way for way in ways() if not owners_of(way)] == [("trusted_gateway", "none", "htlc")]
    swap = {**page({"way": {"impossible": "not here"}}), "keys": {"way": {}}}
    assert "no key opens a swap" in as_markdown(swap)


def test_a_weakened_verifier_changes_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = {name_of(PROVED): row_of(Job(FORGING, PROVED))}
    monkeypatch.setattr(headers, "verify_state", lambda _suite, **_claim: None)
    weak = {name_of(PROVED): row_of(Job(FORGING, PROVED))}
    assert sound[name_of(PROVED)]["accepted_forged"] == 0
    assert weak[name_of(PROVED)]["accepted_forged"] == weak[name_of(PROVED)]["forgeries"] > 0
    before, after = as_markdown(page(sound)), as_markdown(page(weak))
    assert "none of 10 made-up packets was executed, which bounds the share at 3/10" in before
    assert "10 of 10 made-up packets were executed" in after


@pytest.mark.parametrize("protocol", ["relay_chain", "trusted_gateway"])
def test_who_denies_is_believed_wherever_headers_need_no_votes(protocol: str) -> None:
    # The true headers are there before the liar's, so it has to tell its lie above them.
    denied = row_of(Job(SCENARIOS / "attacks" / "f02-deny-receipt.yaml", (protocol, "spv", "packet")))
    assert denied["torn"] > 0
    assert "another-header" not in denied["refused"]
    assert "root-mismatch" not in denied["refused"]
    # Who denies makes nothing up.
    assert denied["forgeries"] == denied["accepted_forged"] == 0
    assert denied["other_lies"] >= denied["torn"]


def test_who_guesses_preimages_makes_no_packets_up() -> None:
    swap = ("trusted_gateway", "none", "htlc")
    row = row_of(Job(FORGING, swap))
    assert row["forgeries"] == row["accepted_forged"] == 0
    assert row["other_lies"] > 0
    told = f"no packet was made up; {row['other_lies']} other lies, refusals: "
    assert told in as_markdown(page({name_of(swap): row}))


def test_a_crash_is_made_at_every_point_of_a_protocol() -> None:
    crashing = SCENARIOS / "attacks" / "f14-coordinator-crash.yaml"
    coordinated = ("trusted_gateway", "none", "2pc")
    plain, first, logged, *_ = [job.name for job in variants(crashing, coordinated)]
    assert plain == name_of(coordinated)
    assert logged == f"{first}, with a log"
    lost, kept = (row_of(job) for job in list(variants(crashing, coordinated))[5:7])
    assert lost["locked"] > kept["locked"] == 0
    assert [job.name for job in variants(SCENARIOS / "base" / "crossing.yaml", coordinated)] == [plain]


@pytest.mark.parametrize(
    ("attack", "way"),
    [
        (CRASH, ("trusted_gateway", "none", "2pc")),
        (LATE, ("relay_chain", "light_client", "packet")),
        (LATE, ("relay_chain", "light_client", "tcc")),
    ],
    ids=str,
)
def test_what_must_be_undone_and_cannot_be_is_left_to_people(attack: str, way: tuple[str, str, str]) -> None:
    jobs = list(variants(SCENARIOS / "attacks" / f"{attack}.yaml", way))
    (some,) = [job for job in jobs if job.told.endswith("irreversible")]
    (same,) = [job for job in jobs if job.told == some.told.removesuffix("a fifth irreversible").removesuffix(", ")]
    left, undone = row_of(some), row_of(same)
    assert left["repairs"] > undone["repairs"] == 0
    assert left["offered"] == undone["offered"]


@pytest.mark.parametrize(
    ("way", "routes"),
    [
        (("trusted_gateway", "none", "none"), [OneWayRoute]),
        (("trusted_gateway", "none", "packet"), [ChannelRoute]),
        (("trusted_gateway", "none", "2pc"), [CoordinatorRoute]),
        (("trusted_gateway", "none", "htlc"), [InitiatorRoute, ParticipantRoute]),
        (("relay_chain", "light_client", "packet"), [InterchainRoute]),
        (("relay_chain", "light_client", "tcc"), [TccRoute]),
    ],
    ids=str,
)
def test_the_points_are_what_relayers_send_and_every_one_is_reached(
    monkeypatch: pytest.MonkeyPatch, way: tuple[str, str, str], routes: list[type[Route]]
) -> None:
    sent: set[tuple[str, str]] = set()

    def listen(route: type[Route]) -> None:
        due = route.due

        def told(self: Route, packet: Packet, view: View) -> Sequence[Task] | None:
            tasks = due(self, packet, view)
            sent.update((task.role, task.method) for task in tasks or () if task.method != HEARTBEAT)
            return tasks

        monkeypatch.setattr(route, "due", told)

    for route in routes:
        listen(route)
    crashing = SCENARIOS / "attacks" / f"{CRASH}.yaml"
    jobs = [job for job in variants(crashing, way) if job.told.startswith("after ")]
    assert {job.told.split()[1].rstrip(",") for job in jobs} == set(points_of(way[0], way[2]))
    assert all(row_of(job)["crashes"] for job in jobs)
    assert sent == set(points_of(way[0], way[2]).values())


def test_a_chain_that_stands_crashes_only_is_believed_on_its_orderers_word_or_not_at_all() -> None:
    plain, ordered = variants(FORGING, TRUSTED)
    assert row_of(plain)["trust"] == "relayers"
    assert row_of(ordered)["trust"] == "orderer"
    _, unshown = variants(FORGING, PROVED)
    with pytest.raises(ScenarioError, match="raft stands crashes only and has no certificate"):
        row_of(unshown)


def test_what_cannot_be_attacked_is_said_with_the_reason() -> None:
    told = as_markdown(page({"way": {"impossible": "faults.0: not here"}}))
    assert "cannot be: faults.0: not here" in told


def test_the_figure_has_a_mark_for_every_way() -> None:
    span = {"p50": 1.0, "p99": 2.0}
    rows = {name_of(way): {"one_way_s": span, "round_trip_s": None} for way in ways()}
    found = {"keys": {way: {"a": None, "b": 3} if "htlc" not in way else {} for way in rows}, "attacks": {CALM: rows}}
    assert draw(json.loads(json.dumps(found))).startswith(b"\x89PNG")
    assert fewest({"a": None, "b": 3}) == 3
    assert fewest({"a": None}) is None
