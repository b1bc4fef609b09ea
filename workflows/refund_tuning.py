"""Limits of a refund's own work."""

from datetime import timedelta

from temporalio.common import RetryPolicy

HOLDER_WAIT = timedelta(minutes=10)
"""How long another refund of the same payment is waited for."""

HOLDER_POLL = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15))
"""How often it is looked at; the last pause repeats."""

SENDS_MAX = 3
"""Product rule 16: the same appRefdSn at most this often, then it is a person's."""

REFUND_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=4.0, maximum_interval=timedelta(minutes=1)
)
"""0, 2, 10 and 42 s: the centre gets time to know what it did before it is asked a last time."""

REFUND_BUDGET = timedelta(minutes=10)
"""How long 6203 and its questions are tried in all: payAuthNo serves no longer."""

REVIEW_LOOK_BUDGET = timedelta(seconds=30)
"""How long a person in the review queue waits for each side."""

RECORD_BUDGET = timedelta(days=7)
"""Our own database may be away for long; an answer that is not recorded is not given."""

HIS_TOLD_SOON = timedelta(minutes=5)
"""After this without HIS having taken the word, somebody's attention is asked for."""

HIS_TOLD_BUDGET = timedelta(days=1)
"""How long HIS is told again."""

HIS_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)
"""Of that day."""
