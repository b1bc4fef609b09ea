import dataclasses
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from security.access_log import EMPTY, GENESIS, Break, ChainCheck, Head, Link, digest_of, json_text

Record = tuple[Link, str]
CLERK: dict[str, Any] = {"event": "api:payment:read", "hospital": "main", "actor": "zhang", "role": "operator"}


def chain(length: int) -> list[Record]:
    records: list[Record] = []
    head = EMPTY
    for number in range(1, length + 1):
        link = Link(
            sequence=number,
            at=f"2026-01-01T00:00:{number % 60:02}.000000+00:00",
            subject=f"main/M{number}",
            details=json_text({"answer": "OK", "n": number}),
            previous=head.digest,
            **CLERK,
        )
        head = Head(number, digest_of(link))
        records.append((link, head.digest))
    return records


def first_break(records: Sequence[Record]) -> Break | None:
    check = ChainCheck()
    return next((broken for record in records if (broken := check.broken_by(*record))), None)


def rebuilt(records: Sequence[Record]) -> list[Record]:
    """The same contents, each digested anew: what a forger does who knows the rule."""
    head, made = EMPTY, []
    for number, (old, _) in enumerate(records, start=1):
        link = dataclasses.replace(old, sequence=number, previous=head.digest)
        head = Head(number, digest_of(link))
        made.append((link, head.digest))
    return made


class TestDigest:
    def test_it_is_sm3_over_the_record_as_sorted_json(self) -> None:
        """As `openssl dgst -sm3` says of the same bytes."""
        link = chain(1)[0][0]
        assert json_text(dataclasses.asdict(link)) == (
            '{"actor":"zhang","at":"2026-01-01T00:00:01.000000+00:00","details":"{\\"answer\\":\\"OK\\",\\"n\\":1}",'
            f'"event":"api:payment:read","hospital":"main","previous":"{GENESIS}","role":"operator","sequence":1,'
            '"subject":"main/M1"}'
        )
        assert digest_of(link) == "938687b159622e32d59026cbad37ccfbfc4487eac4e7f05a1801986c46d93ad6"


class TestCheck:
    def test_a_chain_as_it_was_written_is_whole(self) -> None:
        check = ChainCheck()
        assert [check.broken_by(*record) for record in chain(5)] == [None] * 5
        assert check.head == Head(5, chain(5)[-1][1])

    def test_an_empty_log_is_whole(self) -> None:
        assert first_break([]) is None
        assert ChainCheck().head == EMPTY

    def test_what_is_no_text_is_a_difference_not_a_failure(self) -> None:
        records: list[Any] = chain(3)
        records[1] = (dataclasses.replace(records[1][0], subject=b"\xff"), records[1][1])
        broken = first_break(records)
        assert broken is not None
        assert broken.sequence == 2

    @given(data=st.data(), length=st.integers(2, 12))
    def test_any_changed_field_is_found_at_its_record(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        at = data.draw(st.integers(0, length - 1))
        name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(Link)]))
        link, digest = records[at]
        old = getattr(link, name)
        new = data.draw((st.integers(1, 99) if name == "sequence" else st.text(max_size=70)).filter(lambda v: v != old))
        records[at] = (Link(**(dataclasses.asdict(link) | {name: new})), digest)
        broken = first_break(records)
        assert broken is not None
        assert broken.sequence == (new if name == "sequence" else at + 1)

    @given(data=st.data(), length=st.integers(2, 12))
    def test_a_changed_record_with_a_new_digest_is_found_at_the_next(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        at = data.draw(st.integers(0, length - 2))
        changed = dataclasses.replace(records[at][0], actor="somebody else")
        records[at] = (changed, digest_of(changed))
        broken = first_break(records)
        assert broken is not None
        assert broken.sequence == at + 2

    @given(data=st.data(), length=st.integers(2, 12))
    def test_a_removed_record_is_found(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        del records[data.draw(st.integers(0, length - 2))]
        assert first_break(records) is not None

    @given(data=st.data(), length=st.integers(2, 12))
    def test_a_removed_record_is_found_where_the_others_close_up(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        at = data.draw(st.integers(0, length - 2))
        del records[at]
        moved = [(dataclasses.replace(link, sequence=n), digest) for n, (link, digest) in enumerate(records, start=1)]
        broken = first_break(moved)
        assert broken is not None
        assert broken.sequence == at + 1

    @given(data=st.data(), length=st.integers(1, 12))
    def test_an_inserted_record_is_found(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        at = data.draw(st.integers(0, length - 1))
        before = records[at - 1][1] if at else GENESIS
        forged = dataclasses.replace(records[at][0], actor="forger", previous=before)
        following = [(dataclasses.replace(link, sequence=link.sequence + 1), digest) for link, digest in records[at:]]
        assert first_break([*records[:at], (forged, digest_of(forged)), *following]) is not None

    @given(data=st.data(), length=st.integers(2, 12))
    def test_records_that_changed_places_are_found(self, data: st.DataObject, length: int) -> None:
        records = chain(length)
        one, other = sorted(data.draw(st.sets(st.integers(0, length - 1), min_size=2, max_size=2)))
        records[one], records[other] = records[other], records[one]
        assert first_break(records) is not None

    def test_a_chain_that_is_written_anew_is_whole_and_has_another_head(self) -> None:
        """What no chain can see by itself: the head that was kept elsewhere tells."""
        records = chain(5)
        forged = rebuilt([*records[:2], *records[3:]])
        assert first_break(forged) is None
        assert records[-1][1] not in {digest for _, digest in forged}
