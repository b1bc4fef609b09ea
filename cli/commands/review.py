"""`medpay review`: the review queue, through the API, each person with a key of their own."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from cli.configuration import CHECK_FAILED, WRONG_USE, CommandError, read_settings
from cli.output import AsJson, echo_json
from cli.stack.components import api_url
from domain.insurance import RefundType
from domain.reviews import ReviewAction
from domain.values.china_time import to_china
from domain.values.fen import Fen, yuan
from domain.values.written import bare, text_of
from security.environment import DOT_ENV, only_in_dot_env

app = typer.Typer(name="review", no_args_is_help=True, help="Payments and refunds that people must decide.")

KEY_VARIABLE = "MEDPAY_REVIEW_KEY"
STDIN = "-"
CALL_S_MAX = 60.0
REPEATS_MAX = 10
REPEAT_AFTER_S = 2.0
PATH = "/api/v1/reviews"
PAYMENTS = "/api/v1/payments"
_NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
Data = dict[str, Any]

KeyFile = Annotated[Path | None, typer.Option(help=f"File with your key; else {KEY_VARIABLE}.")]
Api = Annotated[
    str | None,
    typer.Option(help="The API's address; by default the environment's MEDPAY_API_HOST and _PORT, not .env's."),
]
Number = Annotated[str, typer.Argument(metavar="MEDORGORD", help="The hospital's order number.")]
RefundNo = Annotated[str, typer.Option(help="The refund's number, for a refund's case.")]
Action = Annotated[ReviewAction, typer.Argument(help="What to do; show says what is safe.", case_sensitive=False)]
PayAuthNoFile = Annotated[
    Path | None, typer.Option(help="For REFUND: file with the patient's new payAuthNo, - for standard input.")
]
Reason = Annotated[str, typer.Option(help="Why. Kept permanently: no personal data.")]


class StillProcessing(CommandError):
    """The API answered 202: the outcome is still open."""


@dataclass(frozen=True)
class ReviewClient:
    """The API's review queue as one person. `url`: the API's, without a path. `key`: the person's."""

    url: str
    key: str

    def pages(self) -> list[Data]:
        """Every open case of the key's hospital. Raises `CommandError`."""
        cases: list[Data] = []
        cursor = ""
        while True:
            page = self._call("GET", "", params={"cursor": cursor} if cursor else {})
            cases += page["cases"]
            cursor = page["nextCursor"]
            if not cursor:
                return cases

    def show(self, med_org_ord: str, refund_no: str) -> Data:
        """A case, with what the centre and HIS say now. Raises `CommandError`."""
        return self._call("GET", f"/{med_org_ord}", params={"refundNo": refund_no} if refund_no else {})

    def propose(self, med_org_ord: str, fields: Mapping[str, str]) -> Data:
        """Raises `CommandError`."""
        return self._call("POST", f"/{med_org_ord}/proposals", json=_given(fields))

    def refund(self, med_org_ord: str, fields: Mapping[str, str]) -> Data:
        """Propose a refund of a settled payment. Raises `CommandError`."""
        return self._call("POST", f"/{med_org_ord}/refunds", path=PAYMENTS, json=_given(fields))

    def approve(self, med_org_ord: str, fields: Mapping[str, str]) -> Data:
        """Repeated while it is still processing, which is safe: a repeated approval is only answered again.

        Raises `CommandError`.
        """
        place, body = f"/{med_org_ord}/approvals", _given(fields)
        for _ in range(REPEATS_MAX):
            try:
                return self._call("POST", place, json=body)
            except StillProcessing:
                time.sleep(REPEAT_AFTER_S)
        return self._call("POST", place, json=body)

    def _call(self, method: str, place: str, path: str = PATH, **kwargs: Any) -> Data:
        return asyncio.run(self._request(method, f"{self.url}{path}{place}", **kwargs))

    async def _request(self, method: str, url: str, **kwargs: Any) -> Data:
        timeout = aiohttp.ClientTimeout(total=CALL_S_MAX)
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(method, url, allow_redirects=False, **kwargs) as response,
            ):
                body = await response.json()
                code = response.headers.get("X-Error-Code", "")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise CommandError(f"--api: no answer from medpay's API at {self.url}") from None
        if not isinstance(body, dict) or body.get("CODE") != 0:
            message = body.get("MSG", "") if isinstance(body, dict) else ""
            if response.status == HTTPStatus.ACCEPTED:
                raise StillProcessing(f"{code}: {message}")
            exit_code = WRONG_USE if response.status in _NOT_ALLOWED else CHECK_FAILED
            raise CommandError(f"{code}: {message}", exit_code=exit_code)
        data: Data = body["DATA"]
        return data


@app.callback()
def group() -> None:
    """Payments and refunds that people must decide."""


@app.command("list")
def list_cases(*, key_file: KeyFile = None, api: Api = None, as_json: AsJson = False) -> None:
    """List the open cases of your hospital, the oldest first."""
    cases = _client(key_file, api).pages()
    if as_json:
        echo_json(cases)
        return
    for case in cases:
        typer.echo("  ".join(filter(None, _line(case))))
    typer.echo(f"{len(cases)} open")


@app.command()
def show(
    med_org_ord: Number,
    refund_no: RefundNo = "",
    *,
    key_file: KeyFile = None,
    api: Api = None,
    as_json: AsJson = False,
) -> None:
    """Show a case: what the centre and HIS say now, what is safe, what is not and why, who did what."""
    case = _client(key_file, api).show(med_org_ord, refund_no)
    if as_json:
        echo_json(case)
        return
    for name, value in _summary(case).items():
        typer.echo(f"{name:<16} {value}")
    for action, why in case["refused"].items():
        typer.echo(f"{'not safe':<16} {action}: {why}")
    for event in case["events"]:
        typer.echo(
            f"{_time(event['at'])}  {event['event']}  {event['action']}  {event['by']}  {event['reason']}"
            f"  {event['proposal']}".rstrip()
        )


@app.command()
def propose(
    med_org_ord: Number,
    action: Action,
    *,
    reason: Reason = "",
    pay_auth_no_file: PayAuthNoFile = None,
    refund_no: RefundNo = "",
    key_file: KeyFile = None,
    api: Api = None,
    as_json: AsJson = False,
) -> None:
    """Ask the centre and HIS again (ASK_AGAIN), or propose an action to a second person, who needs its id."""
    fields = {
        "action": action.value,
        "reason": reason,
        "payAuthNo": _authorisation(pay_auth_no_file),
        "refundNo": refund_no,
    }
    _say(_client(key_file, api).propose(med_org_ord, fields), as_json=as_json)


@app.command()
def refund(  # noqa: PLR0913 - a command's options
    med_org_ord: Number,
    refund_no: Annotated[str, typer.Argument(metavar="REFUNDNO", help="A number for the refund, never used before.")],
    *,
    refund_type: Annotated[RefundType, typer.Option("--type", help="What goes back.")] = RefundType.ALL,
    amount: Annotated[str, typer.Option(help="For CASH: how much, in yuan; all that is left by default.")] = "",
    reason: Annotated[str, typer.Option(help="Why; sent to the centre.")] = "",
    pay_auth_no_file: PayAuthNoFile = None,
    key_file: KeyFile = None,
    api: Api = None,
    as_json: AsJson = False,
) -> None:
    """Propose a refund of a settled payment to a second person, who has ten minutes to approve it."""
    fields = {
        "refundNo": refund_no,
        "type": refund_type.value,
        "amount": amount,
        "payAuthNo": _authorisation(pay_auth_no_file),
        "reason": reason,
    }
    _say(_client(key_file, api).refund(med_org_ord, fields), as_json=as_json)


@app.command()
def approve(
    med_org_ord: Number,
    *,
    proposal: Annotated[str, typer.Option(help="The id of the proposal, as propose and show print it.")],
    refund_no: RefundNo = "",
    key_file: KeyFile = None,
    api: Api = None,
    as_json: AsJson = False,
) -> None:
    """Approve what another person proposed: the centre and HIS are asked again, and if still safe it is done."""
    fields = {"proposal": proposal, "refundNo": refund_no}
    _say(_client(key_file, api).approve(med_org_ord, fields), as_json=as_json)


def _client(key_file: Path | None, api: str | None) -> ReviewClient:
    key = _secret(key_file, "--key-file") if key_file is not None else bare(os.environ.get(KEY_VARIABLE, ""))
    if not key:
        raise CommandError(f"{KEY_VARIABLE}: set it to your key, or name its file with --key-file", exit_code=WRONG_USE)
    url = (api or _own_api()).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"--api: {url} is not an http:// or https:// address", exit_code=WRONG_USE)
    return ReviewClient(url, key)


def _own_api() -> str:
    """The API's address, which the key will be sent to: never one that only the `.env` of this folder names."""
    address = api_url(read_settings())
    if named := only_in_dot_env(["MEDPAY_API_HOST", "MEDPAY_API_PORT", "MEDPAY_API_TLS_CERT"]):
        raise CommandError(
            f"--api: {', '.join(named)} stands in {DOT_ENV.absolute()} only; if your key may go there: --api {address}",
            exit_code=WRONG_USE,
        )
    return address


def _secret(file: Path, option: str) -> str:
    """The secret in `file`: on the command line it would show in every process list."""
    try:
        return bare(text_of(sys.stdin.buffer.read() if str(file) == STDIN else file.read_bytes()))
    except OSError:
        raise CommandError(f"{option}: can't read {file}", exit_code=WRONG_USE) from None
    except ValueError as problem:
        raise CommandError(f"{option}: {file} {problem}", exit_code=WRONG_USE) from None


def _authorisation(file: Path | None) -> str:
    return "" if file is None else _secret(file, "--pay-auth-no-file")


def _say(decision: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json(decision)
        return
    typer.echo(f"{decision['state']}  {decision.get('message', '')}".rstrip())
    for name in ("proposal", "payAuthNoOf"):
        if decision.get(name):
            typer.echo(f"{name:<16} {decision[name]}")


def _line(case: dict[str, Any]) -> list[str]:
    deadline = case["deadline"] and f"until {_time(case['deadline'])}"
    return [
        case["medOrgOrd"],
        case["refundNo"],
        case["reason"],
        yuan(Fen(int(case["atRiskFen"]))),
        f"since {_time(case['openedAt'])}",
        deadline,
        case["message"],
    ]


def _summary(case: dict[str, Any]) -> dict[str, str]:
    """The case for people: times in UTC+8, amounts in yuan, empty values left out."""
    lines = {
        "medOrgOrd": case["medOrgOrd"],
        "refundNo": case["refundNo"],
        "reason": f"{case['reason']}  {case['message']}",
        "at risk": yuan(Fen(int(case["atRiskFen"]))),
        "since": _time(case["openedAt"]),
        "deadline": _time(case["deadline"]),
        "closed": case["closedAt"] and f"{_time(case['closedAt'])}  {case['outcome']}",
        "state": case["state"],
        "patient": f"{case['patient']['name']}  PATIENT_ID={case['patient']['PATIENT_ID']}",
        "centre": _pairs({name: value for name, value in case["centre"].items() if name != "settled"}),
        "settled": _pairs(case["centre"].get("settled", {})),
        "HIS": _pairs(case["his"]),
        "reversible until": _time(case["reversibleUntil"]),
        "not asked": case["unasked"],
        "proposed": _pairs(case["proposed"] and case["proposed"] | {"at": _time(case["proposed"]["at"])}),
        "safe": ", ".join(case["safe"]),
    }
    return {name: value for name, value in lines.items() if value}


def _pairs(values: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value or '-'}" for name, value in values.items())


def _time(moment: str) -> str:
    return to_china(datetime.fromisoformat(moment)) if moment else ""


def _given(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
