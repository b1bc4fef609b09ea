from api.access.refusals import OTHERS, SOURCES_MAX, WINDOW_S, Refusals
from security.access_log import Access, AccessEvent


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def refusal(actor: str = "10.0.0.1", hospital: str = "") -> Access:
    return Access(AccessEvent.API_KEY_REFUSED, hospital, actor, "", details={"answer": "UNAUTHORIZED"})


def told(accesses: list[Access]) -> list[tuple[str, int]]:
    return [(access.actor, access.details.get("more", 0)) for access in accesses]


class TestRefusals:
    def test_the_first_is_told_at_once_with_what_was_refused(self) -> None:
        (access,) = Refusals(Clock()).seen(refusal())
        assert access.details == {"answer": "UNAUTHORIZED"}

    def test_those_of_the_same_minute_are_told_together_after_it(self) -> None:
        clock = Clock()
        refusals = Refusals(clock)
        assert told(refusals.seen(refusal())) == [("10.0.0.1", 0)]
        assert [told(refusals.seen(refusal())) for _ in range(1_000)] == [[]] * 1_000
        assert refusals.due() == []
        clock.now += WINDOW_S
        assert told(refusals.due()) == [("10.0.0.1", 1_000)]
        assert refusals.due() == []

    def test_a_new_minute_begins_with_the_next_one(self) -> None:
        clock = Clock()
        refusals = Refusals(clock)
        for _ in range(3):
            refusals.seen(refusal())
        clock.now += WINDOW_S
        assert told(refusals.seen(refusal())) == [("10.0.0.1", 2), ("10.0.0.1", 0)]

    def test_a_single_one_is_told_once(self) -> None:
        clock = Clock()
        refusals = Refusals(clock)
        refusals.seen(refusal())
        clock.now += WINDOW_S
        assert refusals.due() == []
        assert refusals.rest() == []

    def test_keys_and_addresses_have_minutes_of_their_own(self) -> None:
        refusals = Refusals(Clock())
        sources = [refusal(), refusal("10.0.0.2"), refusal("wang", "main"), refusal("wang", "west")]
        assert [len(refusals.seen(source)) for source in sources] == [1, 1, 1, 1]

    def test_a_flood_from_many_addresses_stays_bounded(self) -> None:
        refusals = Refusals(Clock())
        recorded = [access for n in range(5_000) for access in refusals.seen(refusal(f"10.1.{n >> 8}.{n & 255}"))]
        recorded += refusals.rest()
        assert len(recorded) == SOURCES_MAX + 2
        assert told(recorded)[-2:] == [(OTHERS, 0), (OTHERS, 5_000 - SOURCES_MAX - 1)]

    def test_what_is_left_at_the_end_is_told(self) -> None:
        refusals = Refusals(Clock())
        for _ in range(4):
            refusals.seen(refusal())
        assert told(refusals.rest()) == [("10.0.0.1", 3)]
