"""The docket: all cases of the country, stepped through a bucketed calendar.

A *pass* goes from the start of a run to its horizon. In each bucket, cases do by themselves what is due
(`sim.casework.compiled.stepping`). Whatever leaves a case is settled at the bucket's end, in the order of its exact
time, ties by uid, and takes effect a bucket's width after it was said: contracts answer, cases are told something,
cases begin; desks hand out work at the bucket's end. So nothing that happens to several cases depends on the order in
which a loop comes to them, and nothing comes in bursts at the end of buckets.

What the chains take is known beforehand (`Known`): nothing in the first pass, which goes by what an idle chain takes;
what they did with the very same records in the next one. `sim.study.casework` goes to and fro between the two.

Cases that began before the run are stepped through a calm past first: no desk is busy, every signal that is
`expected` comes when it usually does, and nothing is deposited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.casework.invariants import CaseViolation
from sim.casework.past import Living
from sim.casework.running import Running

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.casework.country import Country
    from sim.casework.known import Known
    from sim.casework.past import Past
    from sim.casework.running import Pass

_BUCKETS_A_NOTE = 64


class Docket:
    """All cases of a run."""

    def __init__(self, country: Country) -> None:
        self.country = country
        self._past: Past | None = None

    @property
    def past(self) -> Past:
        """Cases that are open when the run begins."""
        if self._past is None:
            self._past = Living(self.country).live()
        return self._past

    def go(self, known: Known, progress: Callable[[float], None] | None = None) -> Pass:
        """One pass.

        Args:
            known: what the chains did with what was asked of them before.
            progress: called with the share of buckets done.
        """
        past = self.past
        running = Running(self.country, known, past)
        buckets = self.country.terms.buckets
        try:
            for bucket in range(buckets):
                running.step(bucket)
                if progress is not None and bucket % _BUCKETS_A_NOTE == 0:
                    progress(bucket / buckets)
            running.check()
        except CaseViolation as violation:
            return running.finish(violation)
        return running.finish(None)
