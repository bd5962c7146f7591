"""What gates: HotStuff's timing (V1), Fabric's batch timeout (V4), PBFT's delays and messages and Little's law (V6)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import studies
from rows import Row, Study

if TYPE_CHECKING:
    from collections.abc import Callable


MAKERS = {
    "V1": studies.v1,
    "V1-closed": partial(studies.v1_closed, 4),
    "V4": studies.v4,
    "V6": studies.v6,
    "V6-little": studies.v6_little,
    "V6-queue": studies.v6_queue,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_rows_that_gate_hold(make: Callable[[], Study]) -> None:
    gates = [row for row in make().rows if row.gate]
    assert gates
    for row in gates:
        assert abs(row.error) <= row.tolerance, f"{row.setting}, {row.metric}: {row.simulated}, not {row.published}"


REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "validation.json"
DESCRIPTIONS = {"V3", "V4"}
"""Studies with as many free constants as predictions: their tables say so, and nobody should trust them for more."""


def test_a_study_predicts_more_rows_than_it_has_free_constants_or_says_that_it_does_not() -> None:
    """On the committed table, which `make validation` makes of all studies."""
    told = [
        Study(study["name"], "", "", study["constants"], tuple(Row(**_fields(row)) for row in study["rows"]))
        for study in json.loads(REFERENCE.read_text(encoding="utf-8"))
    ]
    assert {study.name for study in told} == {"V1", "V2", "V3", "V4", "V5", "V6"}
    assert {study.name for study in told if not study.predicts} == DESCRIPTIONS
    for study in told:
        assert all(row.note or row.fitted or abs(row.error) < 0.05 for row in study.rows), (
            f"{study.name}: a row that is off by 5 % or more says why"
        )


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "error"}
