"""Whatever loads can be written in canonical units and loads again to an equal scenario."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import load, units
from sim.scenario.units import Hours

DURATIONS_NS = st.integers(0, units.MAX_DURATION_NS) | st.integers(0, 10**7).map(lambda ns: ns * 1000)
SIZES = st.integers(0, units.MAX_INT64)
RATES = st.floats(0, 1e15, allow_subnormal=False).filter(lambda rate: rate == 0 or rate > units.MIN_RATE_PER_S)
FRACTIONS = st.floats(0, 1, allow_subnormal=False).filter(lambda share: share == 0 or share > 1e-30)


@given(DURATIONS_NS)
def test_a_shown_duration_reads_back(duration_ns: int) -> None:
    assert units.parse_duration(units.show_duration(duration_ns)) == duration_ns


@given(SIZES)
def test_a_shown_size_reads_back(size_bytes: int) -> None:
    assert units.parse_size(units.show_size(size_bytes)) == size_bytes


@given(st.integers(1, units.MAX_INT64))
def test_a_shown_bandwidth_reads_back(bits_per_s: int) -> None:
    assert units.parse_bandwidth(units.show_bandwidth(bits_per_s)) == bits_per_s


@given(RATES)
def test_a_shown_rate_reads_back(rate_per_s: float) -> None:
    assert units.parse_rate(units.show_rate(rate_per_s)) == rate_per_s


@given(FRACTIONS)
def test_a_shown_share_reads_back(fraction: float) -> None:
    assert units.parse_share(units.show_share(fraction)) == fraction


@given(st.integers(0, 1439).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, 1440))))
def test_shown_hours_read_back(span: tuple[int, int]) -> None:
    assert units.parse_hours(units.show_hours(Hours(*span))) == Hours(*span)


@given(st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001 - zone added
def test_a_shown_instant_reads_back(wall_clock: datetime, offset_min: int) -> None:
    instant = wall_clock.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    back = units.parse_instant(units.show_instant(instant))
    assert (back, back.utcoffset()) == (instant, instant.utcoffset())


IDS = st.from_regex(r"[a-z][a-z0-9-]{0,7}", fullmatch=True)
TEXTS = st.one_of(
    st.sampled_from(["no", "12:30", "017", "~", "null", "1e3", "{a: b}", "- x", "'", '"', "# not a comment", " x "]),
    st.text(
        st.characters(exclude_categories=("Cc", "Cs", "Cn"), include_characters="\n\t\u2028\ufeff"), min_size=1
    ).filter(str.strip),
)
DURATIONS = DURATIONS_NS.map(units.show_duration)
POSITIVE_DURATIONS = st.integers(1, 10**15).map(units.show_duration)
LONGER_DURATIONS = st.integers(10**15 + 1, 10**16).map(units.show_duration)
POSITIVE_SIZES = st.integers(1, 10**9).map(units.show_size)
WEIGHTS = st.floats(1e-6, 1e6)


def _distributions(positive: st.SearchStrategy[str], shown: Any) -> st.SearchStrategy[object]:  # noqa: ANN401 - int to text
    quantiles = st.integers(1, 10**8).flatmap(lambda low: st.tuples(st.just(low), st.integers(low + 1, 10**9)))
    plain = st.one_of(
        positive,
        st.builds(lambda mean: {"exponential": {"mean": mean}}, positive),
        st.builds(lambda pair: {"lognormal": {"median": shown(pair[0]), "p99": shown(pair[1])}}, quantiles),
        st.builds(lambda mean, shape: {"gamma": {"mean": mean, "shape": shape}}, positive, WEIGHTS),
        st.builds(lambda mean, alpha: {"pareto": {"mean": mean, "alpha": alpha}}, positive, st.floats(1.01, 9)),
        st.builds(lambda values: {"empirical": {"values": values}}, st.lists(positive, min_size=1, max_size=3)),
        st.builds(lambda value, weight: {"empirical": {"values": [value], "weights": [weight]}}, positive, WEIGHTS),
    )
    truncated = st.builds(
        lambda pair: {
            "truncated": {
                "of": {"empirical": {"values": [shown(pair[1])]}},
                "low": shown(pair[0]),
                "high": shown(10**9),
            }
        },
        quantiles,
    )
    return plain | truncated


JITTERS = _distributions(POSITIVE_DURATIONS, units.show_duration)
RECORD_SIZES = _distributions(POSITIVE_SIZES, units.show_size)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, object]:
    """Draw the content of a complete scenario file."""
    regions = draw(st.lists(IDS, min_size=2, max_size=4, unique=True))
    chains = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    chain = st.sampled_from(chains)
    named = st.fixed_dictionaries({"name": TEXTS, "zh": TEXTS})
    members = draw(st.dictionaries(IDS, named, min_size=1, max_size=2))
    regional = {"name": "r", "zh": "区", "latitude": draw(st.integers(-9000, 9000)) / 100, "longitude": 0}
    block = {"max_transactions": 10, "max_bytes": draw(POSITIVE_SIZES), "interval": draw(POSITIVE_DURATIONS)}
    deposit = {"chain": draw(chain), "rate": units.show_rate(draw(RATES)), "size": draw(RECORD_SIZES)}
    verify = {**deposit, "action": "verify", "of": "deposits", "absent": units.show_share(draw(FRACTIONS))}
    del verify["size"]
    latency = {"metric": f"chains.{chains[0]}.commit_latency_s.p99", "at_most": draw(DURATIONS)}
    storage = {"metric": f"chains.{chains[0]}.storage_bytes", "at_least": units.show_size(draw(SIZES))}
    count = {"metric": "proofs.mismatch", "equals": draw(st.integers(0, 10**9))}
    fault = {"at": "1ns", "for": draw(POSITIVE_DURATIONS), "action": "crash", "chain": chains[0], "nodes": [0, 3]}
    return {
        "name": draw(IDS),
        "question": draw(TEXTS),
        "start": draw(st.sampled_from(["2022-12-26T09:00+08:00", "2024-02-29 23:59:59.5-05:30", "2022-12-26T09:00Z"])),
        "horizon": draw(DURATIONS_NS.filter(lambda ns: ns > 1).map(units.show_duration)),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "network": {
            "delays": {
                "name": draw(TEXTS),
                "source": draw(TEXTS),
                "regions": dict.fromkeys(regions, regional),
                "within": draw(DURATIONS),
                "one_way": {a: {b: draw(DURATIONS) for b in regions if b > a} for a in regions},
            },
            "bandwidth": units.show_bandwidth(draw(st.integers(1, 10**12))),
            "jitter": draw(JITTERS),
            "links": [{"between": regions[:2], "loss": units.show_share(draw(FRACTIONS)), "jitter": draw(JITTERS)}],
        },
        "members": members,
        "zones": {"z": draw(named)},
        "chains": {
            chain_id: {
                "member": draw(st.sampled_from(list(members))),
                "zone": "z",
                "consensus": {"protocol": "pbft", "timeout": draw(LONGER_DURATIONS)},
                "validators": draw(st.integers(4, 100)),
                "hash": draw(st.sampled_from(["sm3", "sha256"])),
                "block": block,
                "regions": draw(st.lists(st.sampled_from(regions), min_size=1, unique=True)),
            }
            for chain_id in chains
        },
        "costs": dict.fromkeys(("hash", "hash_per_kilobyte", "sign", "verify", "execute", "proof"), draw(DURATIONS)),
        "workload": {"deposits": deposit, "checks": verify},
        "faults": draw(st.sampled_from([[], [fault]])),
        "slo": [latency, storage, count],
        "assumptions": draw(st.dictionaries(IDS, TEXTS, max_size=2)),
    }


@given(scenarios())
@settings(max_examples=60, deadline=None)
def test_a_resolved_scenario_loads_to_an_equal_one(content: dict[str, object]) -> None:
    with TemporaryDirectory() as folder:
        written, resolved = Path(folder, "written.yaml"), Path(folder, "resolved.yaml")
        written.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        scenario = load(written)
        resolved.write_text(scenario.to_yaml(), encoding="utf-8")
        again = load(resolved)
    assert again == scenario
    assert hash(again) == hash(scenario)
    assert again.to_yaml() == scenario.to_yaml()
    assert again.source == resolved
    assert (again.name, again.question, again.assumptions) == (
        content["name"],
        content["question"],
        content["assumptions"],
    )
