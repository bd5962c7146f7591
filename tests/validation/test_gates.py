"""What gates: HotStuff's timing (V1), Fabric's batch timeout (V4), PBFT's delays and messages and Little's law (V6)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import studies

if TYPE_CHECKING:
    from collections.abc import Callable

    from rows import Study


MAKERS = {
    "V1": studies.v1,
    "V1-closed": partial(studies.v1_closed, 4),
    "V4": studies.v4,
    "V6": studies.v6,
    "V6-little": studies.v6_little,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_rows_that_gate_hold(make: Callable[[], Study]) -> None:
    gates = [row for row in make().rows if row.gate]
    assert gates
    for row in gates:
        assert abs(row.error) <= row.tolerance, f"{row.setting}, {row.metric}: {row.simulated}, not {row.published}"


def test_a_study_predicts_more_rows_than_it_fits_constants() -> None:
    study = studies.v5()
    assert study.fitted == 4  # of each demonstration a total and its reciprocal: one constant each
    assert len(study.rows) - study.fitted > 2
