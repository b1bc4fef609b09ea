"""Timeouts, budgets and retries that are the same for every hospital; what a hospital sets is in `PaymentTerms`.

A budget is how long a call is tried in all, its attempts and the waits between them.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy

# Temporal's own

TASK_TIMEOUT = timedelta(seconds=5)
"""Of a workflow task: when a worker dies, another one takes the task over after this."""

HEARTBEAT_TIMEOUT = timedelta(seconds=8)
"""When a worker dies, its remote activities are retried after this, not after their start-to-close timeout."""

LOCAL_TIME_MAX = timedelta(seconds=2)
"""Of all local work in one workflow task: while it lasts, the workflow takes no update, signal or query."""

LOCAL_TIME_MIN = timedelta(milliseconds=100)
"""With less left, a step is not begun locally: it would only have to be joined remotely."""

LOCAL_RETRY = RetryPolicy(maximum_attempts=1)
"""A local activity that fails is repeated remotely, where operators see it."""

REMOTE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
"""Product rule 10: 1 s, doubling to 30 s. The budget of each call ends it."""

TRIES_MAX = 10
"""How often a step is taken anew whose activity ended before its time: somebody else has ended it, or a reset did."""

MARGIN_S = 10
"""Added to the timeouts of the remote calls that an activity makes: for our database, the queue, a slow machine."""

RECORD_BUDGET = timedelta(days=7)
"""Of writing to our own database, which may be down for long: an answer that is not recorded is not given."""

# Payment

REQUESTS_MAX = 6
"""Different settle and cancel requests of a payment at a time. Temporal refuses the eleventh update in flight."""

SETTLE_ASK_BUDGET = timedelta(seconds=30)
"""Of 6301 for one settle call; then the caller is told to call again."""

HINT_PAUSE = timedelta(seconds=2)
"""Between two 6301 that hints (6302) make us ask: anybody who reaches Temporal can send one, as often as they like."""

OWN_QUESTIONS = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600))
"""Intervals at which 6301 is asked without being called; the last one repeats (product rule 7)."""

PAYING_EXTENSION = timedelta(minutes=30)
"""How long a patient who is paying when the window closes may still finish (product rule 7)."""

PAYING_POLL = timedelta(minutes=1)
"""Interval of 6301 in that time."""

REVOKE_BUDGET = timedelta(minutes=30)
"""Of 6401; then a review, since the order could still be paid."""

LATE_MONEY_BUDGET = timedelta(days=1)
"""Of 6301 about a payment that ended unpaid, after a hint that it was paid; then a review."""

LATE_MONEY_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)
"""Some 150 attempts in a day."""

# Booking

LOOK_AHEAD_AGE_MAX = timedelta(seconds=1)
"""Maximum age of HIS's answer beside 6301. A 6301 that needs a second attempt takes longer: HIS is asked again."""

BOOKING_QUESTION_BUDGET_MIN = timedelta(seconds=30)
"""Of asking HIS what it has booked, also when a reversal is overdue: what HIS has booked must not be sent back."""

REFUSAL_CHECK_BUDGET = timedelta(seconds=30)
"""Of asking HIS, once it has refused, whether it booked all the same; without an answer the refusal stands."""

# Reversal

REVERSAL_MARGIN = timedelta(minutes=1)
"""Before the reversal deadline: HIS is not asked any longer, so that the reversal is sent in time."""

REVERSAL_LAST_TRY = timedelta(minutes=1)
"""Of a reversal at or past the deadline; then a review."""

CANCEL_VISIT_BUDGET = timedelta(hours=1)
"""Of cancelling, in HIS, a visit that we registered."""

LATE_BOOKING_CHECKS = (
    (timedelta(minutes=1), timedelta(minutes=1)),
    (timedelta(minutes=4), timedelta(minutes=1)),
    (timedelta(minutes=25), timedelta(hours=1)),
)
"""After a reversal HIS is asked at 1, 5 and 30 minutes (product rule 10): for each question the wait before it and its
budget. The last budget is the longest, since without an answer the payment goes to review."""

# Review

REVIEW_LOOK_BUDGET = timedelta(seconds=8)
"""Of asking one side while a person waits: with the local attempt it fits into an HTTP call."""

REVIEW_UPDATES_MAX = 1_000
"""Of looks, proposals and approvals in one run, which then ends and is followed by a new one. Temporal accepts 2,000
updates of a run: the rest is left for approvals, and for calls from before the review."""

REVIEW_REQUESTS_MAX = 5
"""Different proposals and approvals of a case that may wait their turn."""

REVIEW_ACT_BUDGET = timedelta(minutes=2)
"""Of one call that a decision needs, such as 6401; then the case stays open."""

TELL_HIS_BUDGET = timedelta(hours=1)
"""Of telling HIS about a refund that a review decided on; then a review again."""

# Refund

PROPOSED_REFUND_SERVES = timedelta(minutes=10)
"""How long an operator's refund waits for a second person: payAuthNo is valid no longer."""

HOLDER_WAIT = timedelta(minutes=10)
"""How long a refund waits for another one of the same payment."""

HOLDER_POLL = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15))
"""Intervals at which it looks whether the other one has ended; the last one repeats."""

REFUND_SENDS_MAX = 3
"""How often the same appRefdSn is sent; then a review (product rule 16)."""

REFUND_BUDGET = timedelta(minutes=10)
"""Of 6203 and the questions between its attempts: payAuthNo is valid no longer."""

REFUND_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=4.0, maximum_interval=timedelta(minutes=1)
)
"""Attempts at 0, 2, 10 and 42 s: the centre gets time to find out what it did before it is asked for the last time."""

HIS_TOLD_SOON = timedelta(minutes=5)
"""Of telling HIS about a refund at first; then NeedsAttention is set."""

HIS_TOLD_BUDGET = timedelta(days=1)
"""Of telling HIS after that."""

HIS_TOLD_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(minutes=10)
)

# Notification

NOTIFICATION_START_TIMEOUT = timedelta(seconds=10)
"""Of the RPC that starts a notification's workflow."""

DELIVERY_BUDGET = timedelta(hours=24)

DELIVERY_ATTEMPT_TIMEOUT = timedelta(seconds=30)
"""Of one attempt: the webhook's own timeout of 10 s, and our database."""

DELIVERY_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2.0, maximum_interval=timedelta(hours=1)
)
"""Some 33 attempts in a day."""
