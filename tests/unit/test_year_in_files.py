"""Years by tables in scenario files: defaults, and what is said of those that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import year_kit

from sim.scenario import ScenarioError
from sim.scenario.units import NANOSECONDS

LINK = {"from": "jc", "to": "exe", "protocol": "light_client", "verify": "light_client", "atomicity": "packet"}
CLIENTS = {"chain": "jc", "clients": "3", "size": "1kB"}


def test_an_empty_map_has_all_defaults() -> None:
    scenario = year_kit.by_tables()
    assert scenario.year is not None
    assert scenario.year.one_in == 5
    assert scenario.year.margin == 10 * NANOSECONDS["min"]
    assert scenario.year.growth.years == 10
    assert year_kit.ordinary().year is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"proofs": "real"}, "proofs: by tables not every record is hashed; needs sampled"),
        ({"horizon": "36h"}, "horizon: a run by tables goes by whole days; needs 2d or more of them"),
        ({"start": "2022-09-26T09:00+08:00"}, "start: a run by tables goes by whole days; needs a midnight"),
        ({"year.length": "31min"}, "year.length: an hour's load fills so much of an hour; needs 30min or less"),
        ({"year.beyond": "0.5"}, "year.beyond: is below the busiest hour; needs 1 or more"),
        ({"year.one_in": "0"}, "year.one_in: is '0': must be ≥ 1"),
        ({"casework.windows.count": "3", "casework.windows.length": "1min"}, "chains run at levels of load instead"),
        ({"casework.platform": {}}, "casework.platform: is not known to tables; needs none"),
        ({"links.jc-exe": LINK}, "links.jc-exe.fidelity: contracts are not known to tables; needs record"),
        ({"workload": {"s": CLIENTS}}, "workload.s: tables know streams of records with a rate; needs these"),
    ],
)
def test_what_cannot_be_run_by_tables_is_refused_in_one_line(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        year_kit.by_tables(**keys)
    assert told in str(error.value)


def test_sampled_proofs_need_tables() -> None:
    with pytest.raises(ScenarioError, match=r"proofs: is for runs by tables; needs real, or a year"):
        year_kit.ordinary(proofs="sampled")
