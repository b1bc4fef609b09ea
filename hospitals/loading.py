"""Reads the hospitals file and collects every problem in it."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.values.written import text_of
from hospitals.model import ApiKey, Hospital, WebhookTarget
from hospitals.problems import ConfigError, KeyLines, KeyPath, Problem, key_text
from hospitals.secret_values import exposed_file, read_secret
from hospitals.tables import CentreTable, HospitalTable, WebhookTable
from security.crypto.sm_keys import private_key_text
from security.keys.own_files import ForeignFileError, check_own
from security.keys.practice import is_practice_text
from security.keys.provider import HARDWARE
from security.keys.signing import check_signing_secret, check_webhook_secret
from security.tls import TlsFileError, TlsFiles

APP_SECRET_CHARS_MIN = 16
FILE_BYTES_MAX = 4 * 1024 * 1024
_ID = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_Table = TypeVar("_Table", bound=BaseModel)


def unguarded(*_urls: str) -> bool:
    """Any keys will do: no other machine is involved."""
    return False


def load_hospitals(path: Path, guarded: Callable[..., bool] = unguarded) -> Mapping[str, Hospital]:
    """Every hospital by its id. Raises `ConfigError` with every problem of the file.

    `guarded`: given the addresses of a hospital's centre and HIS, whether its keys must be safe.
    """
    text = _read(path)
    return _Reader(path, text, guarded).hospitals(_parse(path, text))


def _read(path: Path) -> str:
    try:
        check_own(path)
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except ForeignFileError as problem:
        raise ConfigError(path, [Problem(0, "", str(problem))]) from None
    except OSError as error:
        raise ConfigError(path, [Problem(0, "", f"can't be read: {error.strerror}")]) from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(path, [Problem(0, "", f"is larger than {FILE_BYTES_MAX} bytes")])
    try:
        return text_of(content)
    except ValueError as problem:
        raise ConfigError(path, [Problem(_line_not_utf8(content), "", str(problem))]) from None


def _line_not_utf8(content: bytes) -> int:
    """0 for the file as a whole, such as one in UTF-16."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 0


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_LINE.search(str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ConfigError(path, [Problem(line, "", f"is not TOML: {error}")]) from None


class _Reader:
    """One pass over one file, collecting `_problems` on the way."""

    def __init__(self, path: Path, text: str, guarded: Callable[..., bool]) -> None:
        self._path = path
        self._guarded = guarded
        self._lines = KeyLines(text)
        self._problems: list[Problem] = []

    def hospitals(self, document: dict[str, Any]) -> Mapping[str, Hospital]:
        for key in document.keys() - {"centres", "hospitals"}:
            self._wrong((key,), "is unknown; the file has [centres.NAME] and [hospitals.NAME]")
        centres = {
            name: self._centre(("centres", name), table) for name, table in self._tables(document, "centres").items()
        }
        hospitals = [
            self._hospital(name, table, centres) for name, table in self._tables(document, "hospitals").items()
        ]
        self._no_key_twice([hospital for hospital in hospitals if hospital])
        if not hospitals and not self._problems:
            self._wrong((), "has no [hospitals.NAME]")
        if self._problems:
            raise ConfigError(self._path, self._problems)
        return {hospital.id: hospital for hospital in hospitals if hospital}

    def _centre(self, at: KeyPath, table: object) -> CentreTable | None:
        row = self._validated(CentreTable, at, table)
        return row and row.model_copy(update={"tls": self._tls((*at, "tls"), row.tls, row.url)})

    def _hospital(self, name: str, table: object, centres: Mapping[str, CentreTable | None]) -> Hospital | None:
        at: KeyPath = ("hospitals", name)
        if not _ID.fullmatch(name):
            self._wrong(at, "a hospital's name has 1 to 32 of a-z, 0-9 and _")
        row = self._validated(HospitalTable, at, table)
        if row is None:
            return None
        if row.centre not in centres:
            self._wrong((*at, "centre"), f"there is no [centres.{row.centre}]")
        app_secret = self._secret((*at, "app_secret"), row.app_secret)
        private_key = self._secret((*at, "private_key"), row.private_key)
        private_key = self._own_key((*at, "private_key"), private_key)
        webhook = self._webhook((*at, "webhook"), row.webhook)
        his_tls = self._tls((*at, "his_tls"), row.his_tls, row.his_url)
        keys = tuple(self._key((*at, "keys", number), key) for number, key in enumerate(row.keys))
        centre = centres.get(row.centre)
        reached = [] if centre is None else [centre.url, row.his_url, *([row.webhook.url] if row.webhook else [])]
        if centre is not None and self._guarded(*reached):
            self._safe(at, row, app_secret, private_key)
        if centre is None or not _ID.fullmatch(name):
            return None
        return Hospital(
            id=name,
            centre=centre,
            org_codg=row.org_codg,
            app_id=row.app_id,
            app_secret=app_secret,
            private_key=private_key,
            registers=row.registers,
            his_url=row.his_url,
            his_tls=his_tls,
            his_repeats=row.his_repeats,
            webhook=webhook,
            keys=keys,
        )

    def _tables(self, document: dict[str, Any], section: str) -> dict[str, Any]:
        tables = document.get(section, {})
        if isinstance(tables, dict):
            return tables
        self._wrong((section,), f"must be written as [{section}.NAME]")
        return {}

    def _validated(self, model: type[_Table], at: KeyPath, table: object) -> _Table | None:
        try:
            return model.model_validate(table)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False, include_context=False):
                key = (*at, *error["loc"])
                message = "is unknown" if error["type"] == "extra_forbidden" else error["msg"]
                self._wrong(key, message.removeprefix("Value error, "))
            return None

    def _secret(self, key: KeyPath, reference: str) -> str:
        try:
            return read_secret(reference, self._path.parent)
        except ValueError as problem:
            self._wrong(key, str(problem))
            return ""

    def _safe(self, at: KeyPath, row: HospitalTable, app_secret: str, private_key: str) -> None:
        """Check keys used beyond this machine: private, long enough, and not made for practice."""
        references: dict[KeyPath, str] = {("app_secret",): row.app_secret, ("private_key",): row.private_key}
        if row.webhook is not None:
            references["webhook", "secret"] = row.webhook.secret
        for number, one in enumerate(row.keys):
            if one.hmac_secret is not None:
                references["keys", number, "hmac_secret"] = one.hmac_secret
        for key, reference in references.items():
            if file := exposed_file(reference, self._path):
                self._wrong((*at, *key), f"others may read or change {file}: chmod o-rwx,g-w")
        if 0 < len(app_secret) < APP_SECRET_CHARS_MIN:
            self._wrong((*at, "app_secret"), f"has less than {APP_SECRET_CHARS_MIN} characters")
        for name, secret in (("app_secret", app_secret), ("private_key", private_key)):
            if is_practice_text(secret):
                self._wrong((*at, name), "is a key for practice, which medpay up or config new made")

    def _webhook(self, at: KeyPath, table: WebhookTable | None) -> WebhookTarget | None:
        if table is None:
            return None
        secret = self._secret((*at, "secret"), table.secret)
        self._check((*at, "secret"), secret, check_webhook_secret)
        return WebhookTarget(url=table.url, secret=secret)

    def _tls(self, at: KeyPath, files: TlsFiles | None, url: str) -> TlsFiles | None:
        """Relative paths are resolved from the hospitals file's folder."""
        if files is None:
            return None
        if not url.startswith("https://"):
            self._wrong(at, "is of no use, since the address is not https://")
        found = files.below(self._path.parent)
        try:
            return found.checked()
        except TlsFileError as problem:
            self._wrong((*at, problem.part), str(problem))
            return None

    def _own_key(self, at: KeyPath, secret: str) -> str:
        """A private key in the one form that is compared, shown to be for practice and used; a label as it is."""
        try:
            return secret if secret.startswith(HARDWARE) or not secret else private_key_text(secret)
        except ValueError as problem:
            self._wrong(at, str(problem))
            return ""

    def _key(self, at: KeyPath, key: ApiKey) -> ApiKey:
        if key.hmac_secret is None:
            return key
        secret = self._secret((*at, "hmac_secret"), key.hmac_secret)
        self._check((*at, "hmac_secret"), secret, check_signing_secret)
        return key.model_copy(update={"hmac_secret": secret})

    def _check(self, key: KeyPath, secret: str, check: Callable[[str], object]) -> None:
        """An empty secret has been reported already."""
        try:
            if secret:
                check(secret)
        except ValueError as problem:
            self._wrong(key, str(problem))

    def _no_key_twice(self, hospitals: list[Hospital]) -> None:
        """A key identifies its hospital and holder, so keys must be unique, and names within a hospital."""
        owners: dict[str, str] = {}
        for hospital in hospitals:
            names: set[str] = set()
            for number, key in enumerate(hospital.keys):
                at: KeyPath = ("hospitals", hospital.id, "keys", number)
                if key.name in names:
                    self._wrong((*at, "name"), f"the name {key.name} stands twice in this hospital")
                if owner := owners.get(key.sha256):
                    self._wrong((*at, "sha256"), f"is the same key as {owner}")
                names.add(key.name)
                owners[key.sha256] = f"{hospital.id}/{key.name}"

    def _wrong(self, key: KeyPath, message: str) -> None:
        self._problems.append(Problem(self._lines.of(key), key_text(key), message))
