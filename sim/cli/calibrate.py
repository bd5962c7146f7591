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
    suites: Annotated[
        list[str] | None,
        typer.Option("--hash", metavar="HASH", help="Hash that the costs are of: sm3 (the default) or sha256."),
    ] = None,
    schemes: Annotated[
        list[str] | None,
        typer.Option("--signature", metavar="NAME", help="Signature: sm2 (the default) or ed25519."),
    ] = None,
    samples: Annotated[int, typer.Option(help="How often each operation is timed, 5..10000.")] = 51,
    force: Annotated[bool, typer.Option("--force", help="Replace a calibration of this name.")] = False,
) -> None:
    """Measure what proofs cost on this machine and write DIR/NAME.yaml, which scenarios take as `costs:`.

    With --hash or --signature given more than once all are measured in turns, so that a slow spell of the machine meets
    them all, and each pair has a file of its own, DIR/NAME-SIGNATURE-HASH.yaml.
    """
    hashes, signatures = suites or ["sm3"], schemes or ["sm2"]
    for option, value, read in (
        ("NAME", name, ID.read),
        *(("--hash", suite, one_of("sm3", "sha256").read) for suite in hashes),
        *(("--signature", scheme, one_of("sm2", "ed25519").read) for scheme in signatures),
        ("--samples", str(samples), whole(5, 10_000).read),
    ):
        try:
            read(value)
        except ValueError as error:
            raise typer.BadParameter(f"{option} {error}") from error
    pairs = list(dict.fromkeys((scheme, suite) for scheme in signatures for suite in hashes))
    names = [name] if len(pairs) == 1 else [f"{name}-{scheme}-{suite}" for scheme, suite in pairs]
    paths = [out / f"{each}.yaml" for each in names]
    for path in paths:
        if path.exists() and not force:
            raise FileExistsError(f"{path} exists; give --force to replace it, or another NAME")
    out.mkdir(parents=True, exist_ok=True)

    from sim.proof.errors import StoreError
    from sim.study import calibrate as calibration

    print("measuring, leave the machine alone for a while ...", file=sys.stderr)
    try:
        measurements = calibration.calibrate(out, suites=list(dict.fromkeys(hashes)), samples=samples)
    except StoreError as error:
        raise OSError(str(error)) from error
    for measurement in measurements:
        print(_line(measurement))
    for path, each, (scheme, suite) in zip(paths, names, pairs, strict=True):
        calibration.write(path, calibration.document(each, measurements, suite=suite, scheme=scheme))
        print(f"wrote {path}")


def _line(measurement: Measurement) -> str:
    spread = f"{measurement.lower_quartile_ns:,.0f} .. {measurement.upper_quartile_ns:,.0f}"
    return f"{measurement.name:20} {measurement.median_ns:14,.0f} ns  ({spread})  {measurement.about}"
