"""The laws that gate: HotStuff's timing (V1), Fabric's batch timeout (V4), PBFT's delays and messages (V6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import studies

if TYPE_CHECKING:
    from collections.abc import Callable

    from rows import Study


@pytest.mark.parametrize("make", [studies.v1, studies.v4, studies.v6], ids=["V1", "V4", "V6"])
def test_the_rows_that_gate_hold(make: Callable[[], Study]) -> None:
    gates = [row for row in make().rows if row.gate]
    assert gates
    for row in gates:
        assert abs(row.error) <= row.tolerance, f"{row.setting}, {row.metric}: {row.simulated}, not {row.published}"


def test_a_study_predicts_more_rows_than_it_fits_constants() -> None:
    study = studies.v5()
    assert study.fitted == 2  # two figures of one row: a total and its reciprocal, one constant
    assert len(study.rows) > 1
