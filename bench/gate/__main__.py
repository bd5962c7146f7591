"""The gate's command: `python -m bench.gate check|update|record|show|proof`.

- check: count opcodes and measure ratios; exit code 0 if both are as written down, 1 if not.
- update: write down what is true now, and print old and new: counts of all courses, ratios that have left their bands.
- record: record ratios on this kind of machine, of all probes or those named, whatever their bands say.
- show: bands, what they catch, and the rate of false alarms.
- proof: plant a slowdown of 30 % in one hot path after the other; each must be caught, and nothing where there is none.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bench.gate.bands import MEASUREMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.gate.findings import Finding

BAD_INPUT, INTERRUPTED = 2, 130
FEWEST, EACH = 120, 20
"""Measurements in a recording; with fewer, little is left of them when those of one run are set aside."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    from bench.gate.recordings import Unreadable
    from bench.gate.worker import WorkerFailed

    try:
        return _COMMANDS[asked.command](asked)
    except (Unreadable, WorkerFailed, _BadInput) as error:
        print(f"gate: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("gate: interrupted; a recording goes on from here when it is asked for again", file=sys.stderr)
        return INTERRUPTED


class _BadInput(Exception):
    """One line for whoever typed it."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("check", "is anything slower?"), ("update", "write down what is true now")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--only", choices=["opcodes", "ratios"], help="one half of it")
        command.add_argument("names", nargs="*", metavar="NAME", help="courses or probes; all by default")
    command = commands.add_parser("record", help="record ratios on this kind of machine")
    command.add_argument("--measurements", type=int, default=MEASUREMENTS, help=f"of each ({MEASUREMENTS})")
    command.add_argument("names", nargs="*", metavar="PROBE", help="all by default")
    commands.add_parser("show", help="bands and their rate of false alarms")
    commands.add_parser("proof", help="plant slowdowns and see them caught")
    return parser


def _names(given: Sequence[str], known: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Those of the given names that are known, all if none is given."""
    for name in given:
        if name not in known and name not in others:
            raise _BadInput(f"there is no {name}; there are {', '.join([*known, *others])}")
    return [name for name in known if name in given or not given]


def _check(asked: argparse.Namespace) -> int:
    from bench.gate import check, machine
    from bench.gate.counts import Counts
    from bench.gate.courses import courses
    from bench.gate.probes import probes
    from bench.gate.recordings import Recordings

    found: list[Finding] = []
    course_names = _names(asked.names, list(courses()), list(probes()))
    probe_names = _names(asked.names, list(probes()), list(courses()))
    if asked.only != "ratios" and course_names:
        counts = Counts.committed()
        if counts is None:
            print(check.uncounted())
        else:
            found += check.opcodes(course_names, counts)
    if asked.only != "opcodes" and probe_names:
        recordings = Recordings.of(machine.kind())
        for line in filter(None, (check.unrecorded(recordings), check.unmeasured())):
            print(line)
        found += check.ratios(probe_names, recordings)
    for finding in found:
        print(finding)
    if all(finding.holds for finding in found):
        return 0
    print("If that is meant, `make gate-update` writes it down; commit what it writes together with the change.")
    return 1


def _update(asked: argparse.Namespace) -> int:
    from bench.gate import machine, update
    from bench.gate.courses import courses
    from bench.gate.probes import probes
    from bench.gate.recordings import Recordings

    if asked.only != "ratios":
        update.opcodes(list(courses()))
    if asked.only != "opcodes":
        update.ratios(Recordings.of(machine.kind()), _names(asked.names, list(probes()), list(courses())))
    return 0


def _record(asked: argparse.Namespace) -> int:
    from bench.gate import machine, update
    from bench.gate.probes import probes
    from bench.gate.recordings import Recordings

    if asked.measurements < FEWEST or asked.measurements % EACH:
        raise _BadInput(f"--measurements {asked.measurements}: a multiple of {EACH} from {FEWEST} on is needed")
    recordings = Recordings.of(machine.kind())
    update.again(recordings, _names(asked.names, list(probes())), asked.measurements)
    return 0


def _show(_: argparse.Namespace) -> int:
    from bench.gate import check, machine, update
    from bench.gate.recordings import Recordings

    recordings = Recordings.of(machine.kind())
    if line := check.unrecorded(recordings):
        print(line)
    update.show(recordings)
    return 0


def _proof(_: argparse.Namespace) -> int:
    from bench.gate import proof

    return proof.prove()


_COMMANDS = {"check": _check, "update": _update, "record": _record, "show": _show, "proof": _proof}

if __name__ == "__main__":
    sys.exit(main())
