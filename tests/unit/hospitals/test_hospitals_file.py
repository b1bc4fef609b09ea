"""The hospitals file: what is accepted, and every error with its line."""

import base64
import re
from pathlib import Path

import pytest

from domain.orders import Registers
from domain.values.identity import Document
from gateways.his.port import HisRepeats
from hospitals import ConfigError, load_hospitals
from security.crypto import sm
from security.tls import TlsFiles
from tests.support.tls.authority import Authority

PUBLIC_KEY = sm.public_key_of(base64.b64encode(bytes(range(32, 64))).decode())
PRIVATE_KEY = base64.b64encode(bytes(range(32))).decode()
OFF_THE_CURVE = base64.b64encode(bytes(64)).decode()
DIGEST = "ab" * 32

CENTRE = f"""\
[centres.sim]
url = "http://127.0.0.1:8101/"
platform_public_key = "{PUBLIC_KEY}"
busy_codes = ["-99"]
[centres.sim.paths]
"6203" = "/refund"
[centres.sim.timeouts_s]
"6301" = 3.5
"""
HOSPITAL = f"""\
[hospitals.main]
centre = "sim"
org_codg = "H14010000001"
app_id = "0123456789ABCDEF0123456789ABCDEF"
app_secret = "a secret"
private_key = "{PRIVATE_KEY}"
his_url = "http://127.0.0.1:8102"
"""
KEY = f"""\
[[hospitals.main.keys]]
name = "wechat-backend"
role = "caller"
sha256 = "{DIGEST}"
"""
WEBHOOK_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
WEBHOOK = f"""\
[hospitals.main.webhook]
url = "https://caller.example.cn/medpay/"
secret = "{WEBHOOK_SECRET}"
"""


def _written(folder: Path, text: str) -> Path:
    path = folder / "hospitals.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _problems(folder: Path, text: str) -> list[str]:
    """Each problem as `line: key: message`."""
    path = _written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_hospitals(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


class TestAccepted:
    def test_a_whole_file(self, tmp_path: Path) -> None:
        hospital = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL + KEY))["main"]
        assert (hospital.id, hospital.registers) == ("main", Registers.MEDPAY)
        assert hospital.app_secret == "a secret"
        assert hospital.private_key == PRIVATE_KEY
        assert [(key.name, key.role, key.sha256) for key in hospital.keys] == [("wechat-backend", "caller", DIGEST)]

    def test_the_centre_takes_what_is_set_and_defaults_the_rest(self, tmp_path: Path) -> None:
        centre = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL))["main"].centre
        assert centre.url + centre.path("6203") == "http://127.0.0.1:8101/refund"
        assert centre.path("6201") == "/org/local/api/hos/uldFeeInfo"
        assert (centre.timeout_s("6301"), centre.timeout_s("6201")) == (3.5, 20.0)
        assert centre.busy_codes == ("-99",)

    def test_repeats_are_asked_about_first_unless_his_takes_them(self, tmp_path: Path) -> None:
        assert load_hospitals(_written(tmp_path, CENTRE + HOSPITAL))["main"].his_repeats is HisRepeats.ASK
        safe = HOSPITAL + 'his_repeats = "safe"\n'
        assert load_hospitals(_written(tmp_path, CENTRE + safe))["main"].his_repeats is HisRepeats.SAFE

    def test_secrets_from_a_file_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "main.key").write_text(PRIVATE_KEY + "\n", encoding="utf-8")
        text = CENTRE + HOSPITAL.replace(PRIVATE_KEY, "file:main.key")
        assert load_hospitals(_written(tmp_path, text))["main"].private_key == PRIVATE_KEY

    def test_secrets_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MEDPAY_MAIN_APP_SECRET", "from the environment")
        text = CENTRE + HOSPITAL.replace("a secret", "env:MEDPAY_MAIN_APP_SECRET")
        assert load_hospitals(_written(tmp_path, text))["main"].app_secret == "from the environment"

    def test_secrets_from_a_dotenv_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text("A_SECRET=from the file\n", encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        text = CENTRE + HOSPITAL.replace("a secret", "env:A_SECRET")
        assert load_hospitals(_written(tmp_path, text))["main"].app_secret == "from the file"

    def test_without_a_webhook_nobody_is_told(self, tmp_path: Path) -> None:
        assert load_hospitals(_written(tmp_path, CENTRE + HOSPITAL))["main"].webhook is None

    def test_a_webhooks_address_is_kept_as_it_is_written(self, tmp_path: Path) -> None:
        webhook = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL + WEBHOOK))["main"].webhook
        assert webhook is not None
        assert (webhook.url, webhook.secret) == ("https://caller.example.cn/medpay/", WEBHOOK_SECRET)

    def test_a_webhooks_secret_from_a_file_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "webhook.secret").write_text(WEBHOOK_SECRET + "\n", encoding="utf-8")
        text = CENTRE + HOSPITAL + WEBHOOK.replace(WEBHOOK_SECRET, "file:webhook.secret")
        webhook = load_hospitals(_written(tmp_path, text))["main"].webhook
        assert webhook is not None
        assert webhook.secret == WEBHOOK_SECRET

    def test_secrets_are_not_shown(self, tmp_path: Path) -> None:
        hospital = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL + WEBHOOK))["main"]
        assert WEBHOOK_SECRET not in repr(hospital)
        assert "a secret" not in repr(hospital)
        assert PRIVATE_KEY not in repr(hospital)


class TestDocuments:
    """`[centres.NAME.id_types]`."""

    def test_only_the_identity_card_s_code_is_known(self, tmp_path: Path) -> None:
        centre = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL))["main"].centre
        assert centre.id_types == {Document.RESIDENT_IDENTITY_CARD: "01"}

    def test_the_table_adds_others(self, tmp_path: Path) -> None:
        table = '[centres.sim.id_types]\nresidence_permit_taiwan = "17"\nforeign_permanent_residence = "07"\n'
        centre = load_hospitals(_written(tmp_path, CENTRE + table + HOSPITAL))["main"].centre
        assert centre.id_types == {
            Document.RESIDENT_IDENTITY_CARD: "01",
            Document.RESIDENCE_PERMIT_TAIWAN: "17",
            Document.FOREIGN_PERMANENT_RESIDENCE: "07",
        }

    def test_and_may_change_the_identity_card_s(self, tmp_path: Path) -> None:
        table = '[centres.sim.id_types]\nresident_identity_card = "1"\n'
        centre = load_hospitals(_written(tmp_path, CENTRE + table + HOSPITAL))["main"].centre
        assert centre.id_types == {Document.RESIDENT_IDENTITY_CARD: "1"}

    @pytest.mark.parametrize(
        ("table", "problem"),
        [
            ('passport = "08"', "unknown document passport; known: resident_identity_card, residence_permit_hong_kong"),
            ('residence_permit_macao = ""', "the idType of residence_permit_macao must have 1 to 8 ASCII letters or"),
            ('residence_permit_macao = "十七"', "the idType of residence_permit_macao must have 1 to 8 ASCII letters"),
            ('residence_permit_macao = "123456789"', "the idType of residence_permit_macao must have 1 to 8 ASCII"),
            ("residence_permit_macao = 17", "Input should be a valid string"),
        ],
    )
    def test_what_is_wrong_with_it(self, tmp_path: Path, table: str, problem: str) -> None:
        (told,) = _problems(tmp_path, f"{CENTRE}[centres.sim.id_types]\n{table}\n{HOSPITAL}")
        where, _, said = told.partition(": ")
        assert int(where) in {9, 10}
        assert said.startswith("centres.sim.id_types")
        assert problem in said

    def test_a_constant_for_all_is_refused(self, tmp_path: Path) -> None:
        text = f'{CENTRE}[centres.sim.upload_fields]\nidType = "17"\n{HOSPITAL}'
        assert _problems(tmp_path, text) == ["9: centres.sim.upload_fields: idType belongs in id_types, by document"]


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ('centre = "sim"', 'centre = "simm"', r"10: hospitals\.main\.centre: there is no \[centres\.simm\]"),
            (PRIVATE_KEY, "c2hvcnQ=", r"14: hospitals\.main\.private_key: an SM2 private key is base64 of 32 bytes .*"),
            (PRIVATE_KEY, "not base64!", r"14: hospitals\.main\.private_key: .*private key.*base64.*"),
            (PRIVATE_KEY, "file:gone.key", r"14: hospitals\.main\.private_key: can't read .*gone\.key: No such file.*"),
            (
                '"a secret"',
                '"env:NOT_SET_AT_ALL"',
                r"13: hospitals\.main\.app_secret: the environment .*NOT_SET_AT_ALL .*",
            ),
            ('"a secret"', '""', r"13: hospitals\.main\.app_secret: is empty"),
            (
                PUBLIC_KEY,
                PRIVATE_KEY,
                r"3: centres\.sim\.platform_public_key: an SM2 public key is base64 of 64 .*",
            ),
            (PUBLIC_KEY, OFF_THE_CURVE, r"3: centres\.sim\.platform_public_key: the SM2 public key is not a point .*"),
            ('"http://127.0.0.1:8101/"', '"ftp://x"', r"2: centres\.sim\.url: must be an http:// or https:// address"),
            ("http://127.0.0.1:8102", "127.0.0.1:8102", r"15: hospitals\.main\.his_url: must be an http://.*"),
            ('"6203" = "/refund"', '"6302" = "/x"', r"5: centres\.sim\.paths: unknown transaction 6302; known: 6201.*"),
            ("3.5", "0", r"7: centres\.sim\.timeouts_s: the timeout of 6301 must be above 0 and at most 120 s"),
            ("busy_codes", "busy_kodes", r"4: centres\.sim\.busy_kodes: is unknown"),
            ('org_codg = "H14010000001"\n', "", r"9: hospitals\.main\.org_codg: Field required"),
            ("0123456789ABCDEF0123456789ABCDEF", "short", r"12: hospitals\.main\.app_id: must have at least 16 .*"),
            ("[hospitals.main]", "[hospitals.Main]", r"9: hospitals\.Main: a hospital's name has 1 to 32 of .*"),
            (
                'name = "wechat-backend"\nrole = "caller"',
                'name = "x"\nrole = "boss"',
                r"18: hospitals\.main\.keys\[0\]\.role: .*",
            ),
            (DIGEST, DIGEST.upper(), r"19: hospitals\.main\.keys\[0\]\.sha256: .*"),
        ],
    )
    def test_with_line_and_key(self, tmp_path: Path, old: str, new: str, problem: str) -> None:
        key = KEY.replace("hospitals.main", "hospitals.Main") if "Main" in new else KEY
        assert old in CENTRE + HOSPITAL + KEY
        problems = _problems(tmp_path, (CENTRE + HOSPITAL + key).replace(old, new))
        assert [line for line in problems if re.fullmatch(problem, line)] == problems

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("https:", "ftp:", "17: hospitals.main.webhook.url: must be an http:// or https:// address"),
            (
                WEBHOOK_SECRET,
                "whsec_c2hvcnQ=",
                "18: hospitals.main.webhook.secret: must be whsec_ and base64 of 24 to 64 bytes",
            ),
            (WEBHOOK_SECRET, "", "18: hospitals.main.webhook.secret: is empty"),
            ("secret =", "sekret =", "16: hospitals.main.webhook.secret: Field required"),
            (
                WEBHOOK_SECRET,
                "env:NOT_SET_AT_ALL",
                "18: hospitals.main.webhook.secret: the environment variable NOT_SET_AT_ALL is not set",
            ),
        ],
    )
    def test_a_webhook_with_line_and_key(self, tmp_path: Path, old: str, new: str, problem: str) -> None:
        problems = _problems(tmp_path, CENTRE + HOSPITAL + WEBHOOK.replace(old, new))
        assert problem in problems
        assert WEBHOOK_SECRET not in "".join(problems)

    def test_every_problem_at_once_in_the_order_of_the_lines(self, tmp_path: Path) -> None:
        text = "colour = 1\n" + CENTRE.replace("http:", "gopher:") + HOSPITAL.replace("sim", "other")
        assert [line.split(":")[0] for line in _problems(tmp_path, text)] == ["1", "3", "11"]

    def test_a_key_name_twice(self, tmp_path: Path) -> None:
        second = KEY.replace(DIGEST, "cd" * 32)
        problems = _problems(tmp_path, CENTRE + HOSPITAL + KEY + second)
        assert problems == ["21: hospitals.main.keys[1].name: the name wechat-backend stands twice in this hospital"]

    def test_a_key_that_would_open_two_hospitals(self, tmp_path: Path) -> None:
        second = (HOSPITAL + KEY).replace("hospitals.main", "hospitals.west")
        problems = _problems(tmp_path, CENTRE + HOSPITAL + KEY + second)
        assert problems == ["30: hospitals.west.keys[0].sha256: is the same key as main/wechat-backend"]

    def test_no_hospital(self, tmp_path: Path) -> None:
        assert _problems(tmp_path, CENTRE)[0].endswith("has no [hospitals.NAME]")

    def test_no_toml(self, tmp_path: Path) -> None:
        assert _problems(tmp_path, CENTRE + "url = \n")[0].startswith("9: is not TOML: ")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="can't be read: No such file or directory"):
            load_hospitals(tmp_path / "gone.toml")

    def test_a_secret_is_never_in_the_message(self, tmp_path: Path) -> None:
        secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
        problems = _problems(tmp_path, CENTRE + HOSPITAL.replace(PRIVATE_KEY, secret))
        assert secret not in "".join(problems)


class TestKeysThatExpireOrSign:
    def test_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "signing").write_text("s" * 40, encoding="utf-8")
        more = 'expires = 2027-01-01\nhmac_secret = "file:signing"\n'
        (key,) = load_hospitals(_written(tmp_path, CENTRE + HOSPITAL + KEY + more))["main"].keys
        assert key.expires_at is not None
        assert key.expires_at.isoformat() == "2027-01-01T00:00:00+08:00"
        assert key.hmac_secret == "s" * 40
        assert "sss" not in repr(key)

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            ('expires = "soon"', "expires"),
            ("expires = 2027", "expires"),
            ('hmac_secret = "short"', "hmac_secret: must have at least 32 characters"),
            ('hmac_secret = "file:nowhere"', "hmac_secret: can't read"),
            ('role = "caller"', "is not TOML"),
        ],
    )
    def test_that_can_not_be_used_are_told_with_their_line(self, tmp_path: Path, line: str, problem: str) -> None:
        (told,) = _problems(tmp_path, CENTRE + HOSPITAL + KEY + line + "\n")
        assert problem in told
        assert told.startswith(f"{(CENTRE + HOSPITAL + KEY).count(chr(10)) + 1}:")


class TestTls:
    SECURE = CENTRE.replace("http://", "https://")

    def test_is_the_centre_s_and_his_s_own_with_files_beside_it(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        ours = authority.issue("ours")
        text = (
            f'{self.SECURE}[centres.sim.tls]\nca = "authority.pem"\ncert = "ours.pem"\nkey = "ours.key"\n'
            f'{HOSPITAL.replace("http://", "https://")}[hospitals.main.his_tls]\nca = "authority.pem"\n'
            'server_name = "his.example"\n'
        )
        hospital = load_hospitals(_written(tmp_path, text))["main"]
        assert hospital.centre.tls == TlsFiles(ca=authority.ca, cert=ours.cert, key=ours.key)
        assert hospital.his_tls == TlsFiles(ca=authority.ca, server_name="his.example")

    @pytest.mark.parametrize(
        ("centre", "tls", "problem"),
        [
            (SECURE, 'ca = "nowhere.pem"', "centres.sim.tls.ca: can't read"),
            (SECURE, 'cert = "nowhere.pem"', "centres.sim.tls.cert: needs the key beside it"),
            (SECURE, 'verify = "no"', "centres.sim.tls.verify: is unknown"),
            (CENTRE, 'server_name = "x"', "centres.sim.tls: is of no use, since the address is not https://"),
        ],
    )
    def test_that_is_unsafe_is_told_with_its_line(self, tmp_path: Path, centre: str, tls: str, problem: str) -> None:
        (told,) = _problems(tmp_path, f"{centre}[centres.sim.tls]\n{tls}\n{HOSPITAL}")
        assert problem in told
        assert told.startswith(tuple(f"{centre.count(chr(10)) + line}: " for line in (1, 2)))


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        ({}, True),
        ({"H14010000001": "H14010000002"}, False),
        ({"0123456789ABCDEF0123456789ABCDEF": "0123456789ABCDEF0123456789ABCDE0"}, False),
    ],
    ids=["another secret and HIS", "another orgCodg", "another appId"],
)
def test_hospitals_share_an_account_by_app_id_and_org_codg(
    tmp_path: Path, other: dict[str, str], *, shared: bool
) -> None:
    annex = (
        HOSPITAL.replace("hospitals.main", "hospitals.annex").replace("a secret", "another").replace(":8102", ":8103")
    )
    for ours, theirs in other.items():
        annex = annex.replace(ours, theirs)
    hospitals = load_hospitals(_written(tmp_path, f"{CENTRE}{HOSPITAL}{annex}"))
    assert (hospitals["main"].account == hospitals["annex"].account) is shared
