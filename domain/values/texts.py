"""Texts as other systems and people write them, without what nobody sees.

JSON libraries spell control characters differently, so that a signature over them does not verify; PostgreSQL refuses
NUL, UTF-8 half a character. Whatever a party sends is cleaned once, where its answer is read.
"""

import hashlib
import re
import unicodedata

_SEPARATORS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
"""Ends of lines, tabs and the like, Word's vertical tab among them: a run of them stands between two words."""

_SUSPECT = re.compile(r"[^\x20-\x7e\u3000-\ud7ff\uff01-\uffef]")
"""Everything but what nearly every text is made of: only texts with more are looked at character by character."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Cn"})
"""Control and format characters (BOM, zero-width, direction), halves of a pair, and what is no character at all.

Private-use characters stay: GBK has Chinese characters there.
"""

_DIGEST_CHARS = 16


def clean(text: str) -> str:
    """`text` without characters that nobody sees, and without blanks around it. Everything else stays as it is.

    Separators of lines and columns become one blank; the other invisible characters go.
    """
    if _SUSPECT.search(text):
        text = _SEPARATORS.sub(" ", text)
        text = "".join(char for char in text if unicodedata.category(char) not in _INVISIBLE)
    return text.strip()


def shortened(text: str, chars_max: int) -> str:
    """`text` if it has at most `chars_max` characters; else its beginning and a digest, which keep it apart.

    For a number that is only recorded, and that comes when money has moved: no length may lose the payment.
    """
    if len(text) <= chars_max:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{text[: chars_max - _DIGEST_CHARS - 1]}~{digest}"
