"""What all benchmarks share: the fixture that measures, the machine they ran on, and the table at the end."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from history import Checkout
from measure import Measure
from table import Row, render

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

_ROWS = pytest.StashKey[list[Row]]()
_LOAD_BEFORE = os.getloadavg()
_CODE_BEFORE = Checkout.now()


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty table."""
    config.stash[_ROWS] = []


@pytest.fixture
def measure(benchmark: BenchmarkFixture, request: pytest.FixtureRequest) -> Measure:
    """Times one piece of work and keeps it for the table."""
    rows = request.config.stash[_ROWS]
    return Measure(benchmark, lambda measured: rows.append(Row.of(request.node.nodeid, measured)))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """What rates depend on beside the processor, for `--benchmark-json`."""
    import llvmlite.binding
    import numba
    import numpy as np

    machine_info.update(
        processor_name=llvmlite.binding.get_host_cpu_name(),
        processors=os.cpu_count(),
        load_before=_LOAD_BEFORE,
        numba=numba.__version__,
        numpy=np.__version__,
        openssl=ssl.OPENSSL_VERSION,
    )


def pytest_benchmark_update_commit_info(commit_info: dict[str, Any]) -> None:
    """Which code was measured: results that were added meanwhile do not change it, another commit does."""
    code = Checkout.now()
    commit_info.update({"id": None} if code is None else code.since(_CODE_BEFORE))


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """How busy the machine was when the last benchmark had run."""
    output_json["machine_info"]["load_after"] = os.getloadavg()


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Print the table."""
    if config.stash[_ROWS]:
        render(config.stash[_ROWS])
