"""The story of a case as text: dates, chains, proofs, articles and law, a line or two for each thing that happened."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sim.study.follow import Event, Period, Record, Story

_INDENT: Final = " " * 25
_ROOT_DIGITS: Final = 12
_MANY: Final = 4
"""Of more records of one kind only the first and the last are told."""


def text_of(story: Story) -> str:
    """A story as lines of text."""
    return "\n".join((*_head(story), "", *(line for event in story.events for line in _event(event)), *_tail(story)))


def dated(at: datetime) -> str:
    """A date and time of China, with the day of the week."""
    return at.strftime("%Y-%m-%d %a %H:%M:%S")


def limit(until: datetime) -> str:
    """When a period ends, in words: those in days end with one."""
    if until.time() == time.min:
        return f"to the end of {until - timedelta(days=1):%Y-%m-%d %a}"
    return f"until {dated(until)}"


def articles(story: Story) -> str:
    """The articles of the Opinions that it runs."""
    numbers = [str(number) for number in story.articles]
    if not numbers:
        return ""
    several = f"{', '.join(numbers[:-1])} and {numbers[-1]}" if len(numbers) > 1 else numbers[0]
    return f"Opinions (法发〔2022〕16号), article{'s' if len(numbers) > 1 else ''} {several}"


def _head(story: Story) -> Iterator[str]:
    yield f"Case {story.case}: {story.code} {story.title} {story.zh}".rstrip()
    at_stake = f"CNY {story.amount_cny:,.2f} at stake" if story.amount_cny else ""
    yield "; ".join(part for part in (articles(story), story.province, at_stake) if part)
    before = ", before the run: what it did until then is left out" if story.old else ""
    yield f"began {dated(story.began)}{before}"
    if story.parent is not None:
        yield f"begun by case {story.parent[1]} of {story.parent[0]}"
    for workflow, case in story.children:
        yield f"began case {case} of {workflow}"
    if story.facts:
        yield f"known of it: {', '.join(story.facts)}"
    if story.truths:
        yield f"true, though nobody could see it: {', '.join(story.truths)}"


def _event(event: Event) -> Iterator[str]:
    title = f"{event.title} {event.zh}".rstrip()
    yield f"{dated(event.at)}  {event.source} → {event.target}: {title}"
    why = [f"by {event.by}" if event.by else "", event.why, "on a day off" if event.off else "", event.law]
    if any(why):
        yield _INDENT + "; ".join(part for part in why if part)
    for told in event.told:
        yield _INDENT + told
    for record in _few(event.records):
        yield _INDENT + (record if isinstance(record, str) else _proof(record))
    if event.entered > event.at:
        yield f"{_INDENT}entered {dated(event.entered)}, when that was answered"


def _few(records: tuple[Record, ...]) -> Iterator[Record | str]:
    """All records, or of many of one kind the first and the last."""
    kinds = dict.fromkeys((record.chain, record.kind) for record in records)
    for chain, kind in kinds:
        same = [record for record in records if (record.chain, record.kind) == (chain, kind)]
        if len(same) <= _MANY:
            yield from same
            continue
        yield same[0]
        yield f"{chain}: {len(same) - 2} more of {kind}"
        yield same[-1]


def _proof(record: Record) -> str:
    if record.leaf < 0:
        return f"{record.chain}: {record.kind}, on the chain in no block by the end of the run"
    result = "holds" if record.proved else "DOES NOT HOLD"
    hashes = "1 hash" if record.hashes == 1 else f"{record.hashes} hashes"
    return (
        f"{record.chain}: {record.kind} in block {record.height:,}, leaf {record.leaf:,} of {record.size:,}; "
        f"proof of {hashes} to root {record.root[:_ROOT_DIGITS]}… {result}"
    )


def _tail(story: Story) -> Iterator[str]:
    if story.periods:
        yield ""
        yield "Periods"
        yield from (_period(period) for period in story.periods)
    yield ""
    yield "This was its end." if story.ended else "It was open when the run ended."


def _period(period: Period) -> str:
    until = "" if period.until is None else f" {limit(period.until)}"
    law = f" ({period.law})" if period.law else ""
    return f"  {period.name}{law}{until}: {period.status}"
