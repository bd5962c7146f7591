"""The story of a case as text: dates, chains, proofs, articles and law, a line or two for each thing that happened."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from sim.report.wording import ENGLISH, law_text, period_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sim.report.words import Words
    from sim.study.follow import Event, Period, Record, Story

_INDENT: Final = " " * 25
_ROOT_DIGITS: Final = 12
_MANY: Final = 4
"""Of more records of one kind only the first and the last are told."""


def text_of(story: Story, say: Words = ENGLISH) -> str:
    """A story as lines of text."""
    events = (line for event in story.events for line in _event(event, say))
    return "\n".join((*_head(story, say), "", *events, *_tail(story, say)))


def dated(at: datetime, say: Words = ENGLISH) -> str:
    """A date and time of China, with the day of the week."""
    return f"{_day(at, say)} {at:%H:%M:%S}"


def _day(at: datetime, say: Words) -> str:
    return f"{at:%Y-%m-%d} {say(f'weekday.{at.weekday()}')}"


def _limit(until: datetime, say: Words) -> str:
    """When a period ends, in words: those in days end with one."""
    if until.time() == time.min:
        return say("story.to-the-end", date=_day(until - timedelta(days=1), say))
    return say("story.until", date=dated(until, say))


def _articles(story: Story, say: Words) -> str:
    """The articles of the Opinions that it runs."""
    numbers = [str(number) for number in story.articles]
    if not numbers:
        return ""
    several = say("and").join(filter(None, (say("comma").join(numbers[:-1]), numbers[-1])))
    return say("story.opinions" if len(numbers) > 1 else "story.opinions-one", articles=several)


def _titled(title: str, zh: str, say: Words) -> dict[str, str]:
    """A title in both languages; in Chinese alone where all is Chinese."""
    return {"title": "" if zh and say.lang == "zh" else title, "zh": zh}


def _head(story: Story, say: Words) -> Iterator[str]:
    yield say("story.head", case=story.case, code=story.code, **_titled(story.title, story.zh, say)).rstrip()
    at_stake = say("story.at-stake", amount=story.amount_cny) if story.amount_cny else ""
    parts = (_articles(story, say), say.name("region", story.province), at_stake)
    yield say("semicolon").join(part for part in parts if part)
    yield say("story.began-before" if story.old else "story.began", date=dated(story.began, say))
    if story.parent is not None:
        yield say("story.parent", workflow=story.parent[0], case=story.parent[1])
    for workflow, case in story.children:
        yield say("story.child", workflow=workflow, case=case)
    if story.facts:
        yield say("story.facts", facts=say("comma").join(story.facts))
    if story.truths:
        yield say("story.truths", truths=say("comma").join(story.truths))


def _event(event: Event, say: Words) -> Iterator[str]:
    titles = _titled(event.title, event.zh, say)
    yield say("story.step", date=dated(event.at, say), source=event.source, target=event.target, **titles).rstrip()
    why = [
        say("story.by", who=say.name("actor", event.by)) if event.by else "",
        say.echo(event.why),
        say("story.day-off") if event.off else "",
        law_text(event.law, say),
    ]
    if any(why):
        yield _INDENT + say("semicolon").join(part for part in why if part)
    for told in event.told:
        yield _INDENT + say.echo(told)
    for record in _few(event.records, say):
        yield _INDENT + (record if isinstance(record, str) else _proof(record, say))
    if event.entered > event.at:
        yield _INDENT + say("story.entered", date=dated(event.entered, say))


def _few(records: tuple[Record, ...], say: Words) -> Iterator[Record | str]:
    """All records, or of many of one kind the first and the last."""
    kinds = dict.fromkeys((record.chain, record.kind) for record in records)
    for chain, kind in kinds:
        same = [record for record in records if (record.chain, record.kind) == (chain, kind)]
        if len(same) <= _MANY:
            yield from same
            continue
        yield same[0]
        yield say("story.more", chain=chain, number=len(same) - 2, kind=kind)
        yield same[-1]


def _proof(record: Record, say: Words) -> str:
    if record.leaf < 0:
        return say("story.in-no-block", chain=record.chain, kind=record.kind)
    return say(
        "story.proof",
        chain=record.chain,
        kind=record.kind,
        height=record.height,
        leaf=record.leaf,
        size=record.size,
        hashes=record.hashes,
        root=record.root[:_ROOT_DIGITS],
        result=say("story.holds" if record.proved else "story.fails"),
    )


def _tail(story: Story, say: Words) -> Iterator[str]:
    if story.periods:
        yield ""
        yield say("story.periods")
        yield from (_period(period, say) for period in story.periods)
    yield ""
    yield say("story.ended" if story.ended else "story.open")


def _period(period: Period, say: Words) -> str:
    until = "" if period.until is None else _limit(period.until, say)
    rule = f" ({law_text(period.law, say)})" if period.law else ""
    status = say.name("status", period.status)
    return say("story.period", name=period_name(period.name, say), law=rule, until=until, status=status)
