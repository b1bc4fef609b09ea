"""People and tokens that nobody else has, so that finding one of them anywhere tells whose it was."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from simulator.his import catalogue
from tests.support.stack.running import Call, outpatient_call

NAME: Final = "欧阳标记丁"
NAME_IN_HIS: Final = "欧阳　标记丁"
"""As HIS spells it, in its answers and in its messages."""

NAME_SPOKEN: Final = "欧阳 标记 丁"
"""As the centre spells it in its messages."""

ID_NO: Final = "110101198807154734"
ID_NO_WRITTEN: Final = ("110101-19880715-4734", "１１０１０１１９８８０７１５４７３４", "1101 0119 8807 1547 34")
"""As people and other systems write it into their words."""

PSN_NO: Final = "PSNMARKER00000700001"
PLACE: Final = "121.4737021,31.2304161"
AUTH: Final = "PAYAUTHMARK"
"""How every payAuthNo here begins: who finds any of them finds this."""

OTHERS_NAME: Final = "诸葛标记戊"
WRONG_ID_NO: Final = "110101198807154730"
PATIENT_ID, VISIT_ID = "700001", "V700001"
_SERIALS = itertools.count(70_000)


def admit(people: dict[str, catalogue.Person], visits: dict[str, str]) -> None:
    """Have HIS know the person."""
    people[PATIENT_ID] = catalogue.Person(PATIENT_ID, NAME_IN_HIS, ID_NO, PSN_NO)
    visits[VISIT_ID] = PATIENT_ID


def auth(number: str) -> str:
    """A payAuthNo for this order only."""
    return f"{AUTH}{number}"


def marked_call(number: str, **changes: object) -> Call:
    """Interface 1 for the marked person's bill, which nobody has paid yet."""
    serial = next(_SERIALS)
    person: Call = {"PATIENT_ID": PATIENT_ID, "ID_NO": ID_NO, "PATIENT_NAME": NAME, "VISIT_ID": VISIT_ID}
    bill: Call = {"ORDER_ID": f"9{serial:05d}", "TOTAL": f"{(serial + 1) / 100:.2f}"}
    return outpatient_call(number, **({"payAuthNo": auth(number), "uldLatlnt": PLACE} | person | bill | changes))


def known_to_the_centre(folder: Path) -> set[str]:
    """Every token and person in the simulated centre's own database, in clear text."""
    with closing(sqlite3.connect(f"file:{folder / 'simulator-insurance.db'}?mode=ro", uri=True)) as centre:
        rows = centre.execute("SELECT pay_token, id_no, user_name, coalesce(revs_token, '') FROM pay_order").fetchall()
        used = centre.execute("SELECT pay_auth_no FROM authorisation").fetchall()
    return {AUTH if value.startswith(AUTH) else value for row in [*rows, *used] for value in row if value}


def keys_of_the_house(folder: Path) -> set[str]:
    """What opens our own doors: no log and no record needs it."""
    names = ("api-key", "operator-key", "approver-key", "main.key", "main.app-secret")
    return {(folder / name).read_text(encoding="utf-8").strip() for name in names if (folder / name).exists()}
