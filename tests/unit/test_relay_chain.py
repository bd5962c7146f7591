"""Whole runs of links over a relay chain: what becomes of packets, of late and grouped and forged ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import played, relayed

if TYPE_CHECKING:
    from pathlib import Path


def timeout(blocks: int) -> dict[str, Any]:
    return {"timeout": {"measure": "relay_height", "value": blocks}}


def crossed(folder: Path, seed: int = 1, /, **keys: object) -> dict[str, Any]:
    """What a link's summary says; nothing may have gone wrong."""
    _, summary = played(relayed(folder, **keys), seed)
    assert summary["verdict"] == "pass", summary["violation"]
    found: dict[str, Any] = summary["crosschain"]["a-b"]
    ended = ("delivered", "timed_out", "stuck", "unfinished")
    assert sum(found[name] for name in ended) == found["offered"]
    return found


def forging(at: str = "2s", lasts: str = "2s", **keys: object) -> list[dict[str, Any]]:
    return [{"at": at, "for": lasts, "action": "forge", "link": "a-b", "relayers": [1], **keys}]


@pytest.mark.parametrize("order", ["unordered", "ordered"])
def test_every_packet_is_executed_once_and_called_back(tmp_path: Path, order: str) -> None:
    found = crossed(tmp_path, link={"order": order, "relayers": 2, **timeout(200)})
    assert found["delivered"] == found["acknowledged"] == found["offered"] > 50
    assert found["late_success"] == found["torn"] == found["accepted_forged"] == 0
    assert set(found["refused"]) <= {"index-exists", "already-received", "no-commitment", "unexpected-receipt"}
