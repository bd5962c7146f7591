"""`alliance calibrate`: what hashing, signing, proving and storing cost here, as a file for scenarios."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.scenario.quantities import ID, one_of, whole

if TYPE_CHECKING:
    from sim.study.calibrate import Measurement


def calibrate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the calibration.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where it goes, and which disk is measured.")] = Path(
        "results/calibration"
    ),
    suite: Annotated[str, typer.Option("--hash", help="Hash that the costs are of: sm3 or sha256.")] = "sm3",
    signature: Annotated[str, typer.Option(help="Signature that the costs are of: sm2 or ed25519.")] = "sm2",
    samples: Annotated[int, typer.Option(help="How often each operation is timed, 5..10000.")] = 51,
    force: Annotated[bool, typer.Option("--force", help="Replace a calibration of this name.")] = False,
) -> None:
    """Measure what proofs cost on this machine and write DIR/NAME.yaml, which scenarios take as `costs:`."""
    for option, value, reader in (
        ("NAME", name, ID),
        ("--hash", suite, one_of("sm3", "sha256")),
        ("--signature", signature, one_of("sm2", "ed25519")),
        ("--samples", str(samples), whole(5, 10_000)),
    ):
        try:
            reader.read(value)
        except ValueError as error:
            raise typer.BadParameter(f"{option} {error}") from error
    path = out / f"{name}.yaml"
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists; give --force to replace it, or another NAME")
    out.mkdir(parents=True, exist_ok=True)

    from sim.proof.errors import StoreError
    from sim.study import calibrate as calibration

    print("measuring, leave the machine alone for a while ...", file=sys.stderr)
    try:
        measurements = calibration.calibrate(out, suite=suite, samples=samples)
    except StoreError as error:
        raise OSError(str(error)) from error
    calibration.write(path, calibration.document(name, measurements, suite=suite, scheme=signature))
    for measurement in measurements:
        print(_line(measurement))
    print(f"wrote {path}")


def _line(measurement: Measurement) -> str:
    spread = f"{measurement.lower_quartile_ns:,.0f} .. {measurement.upper_quartile_ns:,.0f}"
    return f"{measurement.name:20} {measurement.median_ns:14,.0f} ns  ({spread})  {measurement.about}"
