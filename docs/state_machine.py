"""Draws docs/images/states.svg from `domain/states.py`: `python -m docs.state_machine`. A test compares the two.

The successful payment runs along the top, followed by refunds; every other state is a lane below the states that lead
to it. A transition starts at a dot and ends at an arrow. The states that a person's decision can lead to are written
into the lane of IN_REVIEW.
"""  # noqa: INP001 - a script beside the pages that it draws for, no package

from pathlib import Path
from typing import NamedTuple

from domain.states import STORY, TERMINAL, TRANSITIONS, PaymentState

PICTURE = Path(__file__).parent / "images" / "states.svg"
COLUMN, WIDTH, HEIGHT, TOP, GAP = 150, 130, 38, 64, 70
"""Pixels: column spacing, a box's width and height, the top edge of the first row, row spacing."""

_S = PaymentState
_NARROW = ' font-size="11"'
"""For a name that would be wider than its box in some of the fonts."""
_NARROW_FROM_CHARS = 15
_FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
_GOOD, _UNPAID, _BACK, _PERSON = "#1a7f37", "#57606a", "#9a6700", "#cf222e"


class Lane(NamedTuple):
    row: int
    first: int
    last: int
    colour: str
    leaves_at: float = 0.0
    """The column from which the transition to IN_REVIEW starts."""


LANES = {
    **{state: Lane(0, column, column, _GOOD) for column, state in enumerate(STORY)},
    _S.REJECTED: Lane(1, 0, 3, _UNPAID, 0.0),
    _S.CANCELLED: Lane(2, 1, 3, _UNPAID, 1.0),
    _S.EXPIRED: Lane(3, 3, 3, _UNPAID, 3.0),
    _S.PARTIALLY_REFUNDED: Lane(0, 7, 7, _BACK),
    _S.REFUNDED: Lane(1, 7, 7, _BACK),
    _S.REVERSING: Lane(1, 4, 5, _BACK, 5.0),
    _S.REVERSED: Lane(2, 4, 4, _BACK, 4.0),
    _S.IN_REVIEW: Lane(4, 0, 6, _PERSON),
}
SLOTS = {_S.REJECTED: -0.26, _S.REVERSING: -0.26, _S.CANCELLED: -0.09, _S.EXPIRED: 0.09, _S.IN_REVIEW: 0.3}
"""Where in its column a transition leaves the first row downwards, by its target."""


def picture() -> str:
    """The state machine as SVG. Raises KeyError for a state that has no place here yet."""
    height = _bottom(LANES[_S.IN_REVIEW]) + 24
    width = max(lane.last for lane in LANES.values()) * COLUMN + WIDTH + 48
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
            "<title>The payment as a state machine</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *(_box(state, LANES[state]) for state in PaymentState),
            _decisions(LANES[_S.IN_REVIEW]),
            *(_move(current, following) for current in PaymentState for following in _drawn(current)),
            "</svg>\n",
        ]
    )


def _following(current: PaymentState) -> list[PaymentState]:
    """The states that may follow, in a fixed order."""
    return [state for state in PaymentState if state in TRANSITIONS[current]]


def _drawn(current: PaymentState) -> list[PaymentState]:
    """The targets of transitions drawn as lines. Those of a person's decision are listed by name instead."""
    return [] if current is _S.IN_REVIEW else _following(current)


def _decisions(lane: Lane) -> str:
    names = ", ".join(state.value for state in _following(_S.IN_REVIEW))
    x, y = _centre(lane.last) + WIDTH / 2 - 12, _top(lane) + HEIGHT / 2 + 4.5
    return f'<text x="{x:g}" y="{y:g}" text-anchor="end" fill="{lane.colour}">a person decides: {names}</text>'


def _box(state: PaymentState, lane: Lane) -> str:
    left, right = _centre(lane.first) - WIDTH / 2, _centre(lane.last) + WIDTH / 2
    text_x, anchor = (left + 12, "start") if lane.last > lane.first else ((left + right) / 2, "middle")
    stroke = 3 if state in TERMINAL else 1.2
    text_y = _top(lane) + HEIGHT / 2 + 4.5
    size = _NARROW if len(state.value) >= _NARROW_FROM_CHARS else ""
    return (
        f'<rect x="{left:g}" y="{_top(lane)}" width="{right - left:g}" height="{HEIGHT}" rx="8" fill="#ffffff"'
        f' stroke="{lane.colour}" stroke-width="{stroke}"/>'
        f'<text x="{text_x:g}" y="{text_y:g}" text-anchor="{anchor}" fill="{lane.colour}"{size}>{state.value}</text>'
    )


def _move(current: PaymentState, following: PaymentState) -> str:
    here, there = LANES[current], LANES[following]
    colour = there.colour
    if here.row == there.row and there.first - here.last == 1:
        y = _top(here) + HEIGHT / 2
        return _arrow([(_centre(here.first) + WIDTH / 2, y), (_centre(there.first) - WIDTH / 2, y)], colour)
    if here.row == there.row:
        above = _top(here) - 26
        points = [(_centre(here.first), _top(here)), (_centre(here.first), above)]
        return _arrow([*points, (_centre(there.first), above), (_centre(there.first), _top(there))], colour)
    if current in STORY and following is _S.REFUNDED:
        x, y = _centre(here.first), _top(there) + HEIGHT / 2
        return _arrow([(x, _bottom(here)), (x, y), (_centre(there.first) - WIDTH / 2, y)], colour)
    if current in STORY:
        x = _centre(here.first + SLOTS[following])
    else:
        x = _centre(here.leaves_at if following is _S.IN_REVIEW else there.first)
    return _arrow([(x, _bottom(here)), (x, _top(there))], colour)


def _arrow(points: list[tuple[float, float]], colour: str) -> str:
    """A line from a dot along `points` to an arrow head."""
    (start_x, start_y), (before_x, before_y), (x, y) = points[0], points[-2], points[-1]
    across, down = (x > before_x) - (x < before_x), (y > before_y) - (y < before_y)
    back_x, back_y = x - 8 * across, y - 8 * down
    head = f"{x:g},{y:g} {back_x + 4 * down:g},{back_y + 4 * across:g} {back_x - 4 * down:g},{back_y - 4 * across:g}"
    line = " ".join(f"{at_x:g},{at_y:g}" for at_x, at_y in [*points[:-1], (back_x, back_y)])
    return (
        f'<circle cx="{start_x:g}" cy="{start_y:g}" r="3" fill="{colour}"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        f'<polygon points="{head}" fill="{colour}"/>'
    )


def _centre(column: float) -> float:
    return 24 + WIDTH / 2 + column * COLUMN


def _top(lane: Lane) -> int:
    return TOP + lane.row * GAP


def _bottom(lane: Lane) -> int:
    return _top(lane) + HEIGHT


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
