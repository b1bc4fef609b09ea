"""What a campaign found: as text for people, and as JSON."""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.states import PaymentState
from storage.records import TimelineEntry
from tests.chaos.books import Case
from tests.chaos.harm import Done
from tests.chaos.plan import Harm
from tests.chaos.rules import Broken
from tests.chaos.told import Answer, Promise, Told

NO_ROW = "no row"
ANSWERS_SHOWN_MAX = 60


@dataclass(frozen=True)
class Recovery:
    """How long after a component was struck the next payment went on, in seconds. `none`: after how many none did."""

    component: str
    harm: str
    strikes: int
    median_s: float | None
    max_s: float | None
    none: int


@dataclass
class Violation:
    """`story`: everything known of the payment, a line each."""

    number: str
    rule: str
    what: str
    story: list[str]


@dataclass
class Result:
    seed: int
    database: str
    plant: str
    payments: int
    took_s: float
    calls: int
    endings: dict[str, int]
    reviews: dict[str, int]
    answers: dict[str, int]
    strikes: dict[str, int]
    struck: list[str]
    """Each strike, when it was made and when the component was restored."""
    strikes_left_out: int
    ended_by_themselves: dict[str, int]
    webhooks: int
    recovery: list[Recovery]
    violations: list[Violation] = field(default_factory=list)

    @property
    def payments_broken(self) -> int:
        return len({violation.number for violation in self.violations})

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self, default=vars, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    def lines(self) -> Iterator[str]:
        """For people: violations first, since the end of an output is what is read."""
        for violation in self.violations:
            yield f"\n{violation.number}: {violation.rule}: {violation.what}"
            yield from (f"    {line}" for line in violation.story)
        yield ""
        kept = "" if not self.plant else f", planted {self.plant}"
        yield f"seed {self.seed}, {self.database}{kept}: {self.payments} payments in {self.took_s:.0f} s"
        yield f"endings     {_counts(self.endings)}"
        yield f"reviews     {_counts(self.reviews)}"
        yield f"answers     {self.calls}: {_counts(self.answers)}"
        yield f"webhooks    {self.webhooks}"
        yield f"strikes     {sum(self.strikes.values())}: {_counts(self.strikes)}; {self.strikes_left_out} left out"
        yield f"restarts    {_counts(self.ended_by_themselves)} (ended by themselves)"
        yield "recovery    seconds from the strike to the next answered payment"
        yield f"            {'component':20} {'signal':8} {'strikes':>7} {'median':>7} {'max':>7} {'none':>5}"
        for line in self.recovery:
            seconds = "".join(f"{'-' if each is None else f'{each:.1f}':>8}" for each in (line.median_s, line.max_s))
            yield f"            {line.component:20} {line.harm:8} {line.strikes:>7}{seconds} {line.none:>5}"
        rules = Counter(violation.rule for violation in self.violations)
        yield f"violations  {len(self.violations)} in {self.payments_broken} payments: {_counts(rules)}"


def _counts(counted: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in Counter(counted).most_common()) or "none"


def endings(cases: list[Case]) -> dict[str, int]:
    """By state, and by code where that says more."""
    return dict(Counter(_ending(case) for case in cases))


def _ending(case: Case) -> str:
    if case.row is None:
        return NO_ROW
    state, code = case.row.state.value, case.row.error_code
    return f"{state} {code.value}" if case.row.state is PaymentState.REJECTED and code else state


def reviews(cases: list[Case]) -> dict[str, int]:
    """By reason, the payments that wait for people."""
    rows = [case.row for case in cases if case.row is not None and case.row.state is PaymentState.IN_REVIEW]
    return dict(Counter(row.note for row in rows))


def answers(told: Told) -> dict[str, int]:
    """By status, how often callers were answered."""
    statuses = [answer.status for each in told.answers.values() for answer in each]
    return {str(status) if status else "none": times for status, times in Counter(statuses).items()}


def strikes(done: list[Done]) -> dict[str, int]:
    return dict(Counter(f"{each.component.value} {each.harm.value}" for each in done))


def struck(done: list[Done]) -> list[str]:
    return [f"{_clock(each.at)} to {_clock(each.over)} {each.component.value} {each.harm.value}" for each in done]


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]


def recovery(done: list[Done], told: Told) -> list[Recovery]:
    """By component and signal: until a payment went on, told so by a call that began after the strike."""
    successes = sorted(step for each in told.answers.values() for step in _steps(each))
    took: dict[tuple[str, Harm], list[float | None]] = defaultdict(list)
    for strike in done:
        after = (at - strike.at for at, began in successes if began >= strike.at)
        took[strike.component.value, strike.harm].append(next(after, None))
    return [_recovery(component, harm, seconds) for (component, harm), seconds in sorted(took.items())]


def _steps(answers_: list[Answer]) -> Iterator[tuple[float, float]]:
    """When a payment was quoted and when it was settled, each for the first time: at which moment, asked when."""
    for promise in (Promise.PAYABLE, Promise.SETTLED):
        first = next((each for each in answers_ if each.promise is promise), None)
        if first is not None:
            yield first.at, first.began


def _recovery(component: str, harm: Harm, seconds: list[float | None]) -> Recovery:
    known = [each for each in seconds if each is not None]
    return Recovery(
        component=component,
        harm=harm.value,
        strikes=len(seconds),
        median_s=statistics.median(known) if known else None,
        max_s=max(known) if known else None,
        none=len(seconds) - len(known),
    )


def violation(case: Case, broken: Broken) -> Violation:
    return Violation(case.wish.number, broken.rule, broken.what, list(_story(case)))


def _story(case: Case) -> Iterator[str]:
    wish = case.wish
    yield f"{wish.story.value}, {wish.category.name}, hospital {wish.hospital}, bill {wish.bill}, notice {wish.notice}"
    yield "told:"
    yield from (f"  {answer}" for answer in case.answers[-ANSWERS_SHOWN_MAX:])
    yield f"row: {_row(case)}; workflow {case.workflow_status}"
    yield "our log:"
    yield from (f"  {_entry(entry)}" for entry in case.timeline)
    at_centre = [(row["pay_ord_id"], row["ord_stas"]) for row in case.centre_rows]
    yield f"centre: {at_centre}; calls {_calls(case.centre_calls)}"
    if case.found is not None:
        yield f"refunds at the centre: {[(each.app_refd_sn, each.total_fen) for each in case.found.at_centre]}"
        yield f"visits: {[(each['VISIT_ID'], each['cancelled']) for each in case.found.visits]}"
    yield f"HIS: {[(row['settlementNo'], row['feeSumamt']) for row in case.his_rows]}; calls {_calls(case.his_calls)}"
    if case.paid_at is not None:
        yield f"the patient had paid at {case.paid_at:.3f}"


def _row(case: Case) -> str:
    row = case.row
    if row is None:
        return "none"
    return f"{row.state.value}, revision {row.revision}, {row.error_code or ''} {row.note}, payOrdId {row.pay_ord_id}"


def _entry(entry: TimelineEntry) -> str:
    outcome = "" if entry.outcome is None else f" {entry.outcome.value} after {entry.duration_ms} ms"
    return f"{entry.at.astimezone():%H:%M:%S.%f} {entry.kind.value} {entry.name}{outcome} {entry.message}".rstrip()


def _calls(rows: list[dict[str, Any]]) -> str:
    words = (f"{row['txn']}:{row['verdict']}{'/' + row['fault'] if row['fault'] else ''}" for row in rows)
    return " ".join(words)
