"""The committed delay matrix is what its header says: every entry follows from the coordinates."""

import math
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import combinations
from pathlib import Path

import pytest
import yaml

FILE = Path(__file__).parents[2] / "scenarios" / "networks" / "china-provinces.yaml"
MATRIX = yaml.safe_load(FILE.read_text(encoding="utf-8"))
PLACES = {region: (entry["latitude"], entry["longitude"]) for region, entry in MATRIX["regions"].items()}

RADIUS_KM = 6371
DETOUR = 1.5
KM_PER_MS = 200
ENDS_MS = 1


def distance_km(a: str, b: str) -> float:
    """By the haversine formula."""
    (lat_a, lon_a), (lat_b, lon_b) = (map(math.radians, PLACES[region]) for region in (a, b))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * RADIUS_KM * math.asin(math.sqrt(h))


def modelled(a: str, b: str) -> str:
    delay_ms = distance_km(a, b) * DETOUR / KM_PER_MS + ENDS_MS
    return f"{Decimal(delay_ms).quantize(Decimal('0.1'), ROUND_HALF_EVEN)}ms"


def test_it_has_every_pair_of_the_31_provinces_of_the_mainland_once() -> None:
    given = [frozenset((a, b)) for a, row in MATRIX["one_way"].items() for b in row]
    assert len(PLACES) == 31
    assert len(given) == len(set(given)) == 31 * 30 // 2
    assert set(given) == {frozenset(pair) for pair in combinations(PLACES, 2)}


@pytest.mark.parametrize("a", MATRIX["one_way"])
def test_every_delay_follows_from_the_distance(a: str) -> None:
    row = MATRIX["one_way"][a]
    assert row == {b: modelled(a, b) for b in row}


def test_the_distances_are_those_of_the_map() -> None:
    assert distance_km("beijing", "shanghai") == pytest.approx(1068, rel=0.005)
    assert distance_km("guangdong", "xinjiang") == pytest.approx(3280, rel=0.01)
