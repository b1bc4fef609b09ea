"""Words for operators: the summaries that the Temporal UI shows. They alone are readable there; all else is sealed."""

MARK = "▸ "


def for_operators(words: str) -> str:
    """`words`, marked as written by us for the Temporal UI. Never put a person, an amount or a token into them."""
    return MARK + words
