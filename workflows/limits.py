"""Limits of the workflows' own work. What a hospital sets is in `PaymentTerms`; these are Temporal's."""

from datetime import timedelta

from temporalio.common import RetryPolicy

TASK_TIMEOUT = timedelta(seconds=5)
"""Of a workflow task: a dead worker's task goes to another one after this."""

LOCAL_READ_TIMEOUT = timedelta(seconds=2)
"""A running local activity blocks the workflow's updates; a slower read goes on as a remote one."""

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
"""A dead worker's remote activity is tried again after this, not after its whole start-to-close time."""

MARGIN_S = 10
"""Over the calls' own timeouts: our database, the queue, a slow machine."""

LOCAL_RETRY = RetryPolicy(maximum_attempts=1)
"""A failed local read becomes a remote one, so that an operator sees it."""

REMOTE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
"""Product rule 10: 1 s, doubling to 30 s. Bounded by each step's schedule-to-close."""

SETTLE_ASK_BUDGET = timedelta(seconds=30)
"""How long one settle call's 6301 may be tried before the caller is told to come again."""

REVOKE_BUDGET = timedelta(minutes=30)
"""How long 6401 is tried before a person must look: until then the order could still be paid."""

OWN_QUESTIONS = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600))
"""Product rule 7: after how long 6301 is asked unasked, and again; the last one repeats until the window ends."""

LATE_MONEY_BUDGET = timedelta(days=1)
"""How long 6301 is tried for a payment that ended unpaid and is said to have been paid; then it is a person's."""

LATE_MONEY_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)
"""Of that day: some 150 questions."""

PAYING_EXTENSION = timedelta(minutes=30)
"""Product rule 7: how long a patient who is paying when the window closes may still finish."""

PAYING_POLL = timedelta(minutes=1)
"""How often 6301 is asked in that time."""

REVERSAL_MARGIN = timedelta(minutes=1)
"""Before the reversal deadline: questions stop here and the reversal is sent while it still can be."""

REVERSAL_LAST_TRY = timedelta(minutes=1)
"""Past the deadline a reversal is tried for this long, then it is a person's."""

CANCEL_VISIT_BUDGET = timedelta(hours=1)
"""How long HIS is asked to take back a visit that we made."""

LATE_BOOKING_CHECKS = (
    (timedelta(minutes=1), timedelta(minutes=1)),
    (timedelta(minutes=4), timedelta(minutes=1)),
    (timedelta(minutes=25), timedelta(hours=1)),
)
"""After a reversal HIS is asked at 1, 5 and 30 minutes (product rule 10): the waits in between, and for how long each
question is tried. The last one is tried longest: without its answer the payment is a person's."""


REVIEW_LOOK_BUDGET = timedelta(seconds=8)
"""How long a side is asked for a person who waits: with the local attempt before, within an HTTP call's time."""

REVIEW_ACT_BUDGET = timedelta(minutes=2)
"""How long one decided call (6401) is tried before the case stays as it is, for the person to decide again."""

TELL_HIS_BUDGET = timedelta(hours=1)
"""How long HIS is told of a refund that was decided; then a person is told that it could not be."""


GLANCE_HOLDS = timedelta(seconds=1)
"""How long what HIS said beside 6301 is believed: 6301 at its first attempt is faster, and a second one comes later."""

HOLDER_WAIT = timedelta(minutes=10)
"""How long another refund of the same payment is waited for."""

HOLDER_POLL = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15))
"""How often it is looked at; the last pause repeats."""

REFUND_SENDS_MAX = 3
"""Product rule 16: the same appRefdSn at most this often, then it is a person's."""

REFUND_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=4.0, maximum_interval=timedelta(minutes=1)
)
"""0, 2, 10 and 42 s: the centre gets time to know what it did before it is asked a last time."""

REFUND_BUDGET = timedelta(minutes=10)
"""How long 6203 and its questions are tried in all: payAuthNo serves no longer."""


RECORD_BUDGET = timedelta(days=7)
"""Our own database may be away for long; an answer that is not recorded is not given."""

HIS_TOLD_SOON = timedelta(minutes=5)
"""After this without HIS having taken the word, somebody's attention is asked for."""

HIS_TOLD_BUDGET = timedelta(days=1)
"""How long HIS is told again."""

HIS_TOLD_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)
"""Of that day."""

REVIEW_LOOKS_MAX = 1_000
"""Temporal takes 2,000 updates of one workflow: looking leaves enough of them for deciding."""

NOTIFICATION_START_TIMEOUT = timedelta(seconds=10)
"""Of the call that starts a notification."""

DELIVERY_BUDGET = timedelta(hours=24)
"""How long a notification is tried."""

DELIVERY_ATTEMPT_TIMEOUT = timedelta(seconds=30)
"""The call's own 10 s, and our database."""

DELIVERY_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(hours=1)
)
"""Some 33 attempts in a day."""
