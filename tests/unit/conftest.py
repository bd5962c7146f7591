"""Files and runs that several tests of one room share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scenario_text import BASE, MATRIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put the base and the matrix in place; return a writer of the scenario that extends them."""
    monkeypatch.chdir(tmp_path)
    for folder, name, text in (("networks", "three", MATRIX), ("base", "alliance", BASE)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def write_scenario(text: str) -> Path:
        file = tmp_path / "s.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_scenario
