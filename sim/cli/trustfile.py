"""The trust file of `alliance verify`: what a court takes for granted about a foreign chain.

YAML or JSON; it comes from whoever runs the chain, by a way that the court trusts, and not with the bundle:

    chain: bank
    protocol: pbft                        # whose votes count, see sim.proof.finality
    hash: sm3
    epoch: 2022-12-26T09:00+08:00         # the instant that the times in the chain's headers count from
    trusting_period: 14d
    clock_drift: 10s
    height: 100                           # of the trusted header, for people; it must agree
    header: 4a41424802...                 # its bytes (sim.proof.header)
    validators:                           # the set that it names, by id
      court: {algorithm: sm2, public_key: 04...}

Every key is required. Errors are told like those of scenarios, by line and column, all at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.proof import BlockHeader, ProofError, suite_by_name
from sim.proof.finality import FINALITY
from sim.proof.lightclient import LightClient, TrustPolicy
from sim.proof.validators import ALGORITHMS, Validator, ValidatorSet
from sim.scenario.files import read_map
from sim.scenario.problems import Problem, ScenarioError, hint
from sim.scenario.quantities import DURATION, INSTANT, TEXT, one_of, scalar_text, whole
from sim.scenario.yamltree import Map, locate, show_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trust:
    """What a trust file says: the light client that it starts, and the instant that its times count from."""

    client: LightClient
    epoch: datetime


def read_trust(path: Path) -> Trust:
    """Return what a trust file says.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    root, problems = read_map(path)
    trust = _read(root, (), _KEYS, problems)
    members = trust.get("validators", {})
    keys = {name: _read(root, ("validators", name), _VALIDATOR_KEYS, problems) for name in members}
    if problems:
        raise ScenarioError(problems)
    header: BlockHeader = trust["header"]
    if header.height != trust["height"]:
        raise _wrong(root, "height", f"is {trust['height']}; the header has height {header.height}")
    try:
        validators = ValidatorSet(tuple(Validator(name, **keys[name]) for name in sorted(keys)))
    except ProofError as error:
        raise _wrong(root, "validators", str(error)) from error
    try:
        policy = TrustPolicy(
            chain=trust["chain"],
            suite=suite_by_name(trust["hash"]),
            protocol=trust["protocol"],
            trusting_period_ns=trust["trusting_period"],
            clock_drift_ns=trust["clock_drift"],
        )
        return Trust(LightClient(policy, header, validators), trust["epoch"])
    except ProofError as error:
        raise ScenarioError([root.position.problem("", str(error))]) from error


def _read(
    root: Map, where: tuple[str, ...], keys: Mapping[str, Callable[[object], Any]], problems: list[Problem]
) -> dict[str, Any]:
    """Read the keys of the map at a location; note what is missing, unknown or wrong, and return the rest."""
    value: object = root
    for part in where:
        value = value[part] if isinstance(value, Map) else None
    found: dict[str, Any] = {}
    if not isinstance(value, Map):
        problems.append(_problem(root, where, f"needs a map with the keys {', '.join(keys)}"))
        return found
    for key in value:
        if key not in keys:
            message = f"no such key{hint(key, keys, 'keys here')}"
            problems.append(value.keys_at[key].problem(show_path((*where, key)), message))
    for key, read in keys.items():
        if key not in value:
            problems.append(_problem(root, (*where, key), "is missing"))
            continue
        try:
            found[key] = read(value[key])
        except ValueError as error:
            problems.append(_problem(root, (*where, key), str(error)))
    return found


def _problem(root: Map, where: tuple[str, ...], message: str) -> Problem:
    _, place = locate(root, where)
    return place.problem(show_path(where), message)


def _wrong(root: Map, key: str, message: str) -> ScenarioError:
    return ScenarioError([_problem(root, (key,), message)])


def _octets(value: object) -> bytes:
    needs = "bytes as lower-case hexadecimal digits"
    text = scalar_text(value, needs)
    # Not bytes.fromhex alone, which skips blanks.
    if not re.fullmatch("(?:[0-9a-f]{2})+", text):
        raise ValueError(f"is '{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}'; needs {needs}")
    return bytes.fromhex(text)


def _header(value: object) -> BlockHeader:
    try:
        return BlockHeader.from_bytes(_octets(value))
    except ProofError as error:
        raise ValueError(str(error)) from error


def _by_id(value: object) -> Map:
    if not isinstance(value, Map):
        raise ValueError("needs a map of validators by id")  # noqa: TRY004 - told like every other wrong value
    return value


_SHOWN: Final = 20
_KEYS: Final[Mapping[str, Callable[[object], Any]]] = {
    "chain": TEXT.read,
    "protocol": one_of(*FINALITY).read,
    "hash": one_of("sm3", "sha256").read,
    "epoch": INSTANT.read,
    "trusting_period": DURATION.read,
    "clock_drift": DURATION.read,
    "height": whole(0).read,
    "header": _header,
    "validators": _by_id,
}
_VALIDATOR_KEYS: Final[Mapping[str, Callable[[object], Any]]] = {
    "algorithm": one_of(*ALGORITHMS).read,
    "public_key": _octets,
}
