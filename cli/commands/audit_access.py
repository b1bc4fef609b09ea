"""`medpay audit verify` and `medpay audit access`: the log of access, checked and read."""

import asyncio
import json
from collections import deque
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from cli.access_log import access_log
from cli.configuration import read_settings
from cli.failures import CHECK_FAILED, WRONG_USE, CommandError
from domain.china_time import to_china
from domain.ids import is_about
from security.audit_chain import GENESIS, HEAD_PATTERN, Break, ChainCheck, Head, Link

LINES_MAX = 10_000
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def verify(
    expect_head: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="A head noted earlier: fails if the chain no longer holds it."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check the log of access: PASS and its head, or the first record that breaks the chain and exit 1."""
    wanted = None if expect_head is None else _digest(expect_head)
    broken, head, held = asyncio.run(_check(read_settings().database, wanted))
    why = _complaint(broken, wanted, held=held)
    if as_json:
        first_bad = None if broken is None else asdict(broken)
        verdict = {"pass": why is None, "records": head.sequence, "head": head.digest, "first_bad": first_bad}
        typer.echo(json.dumps(verdict | {"why": why}))
    elif why is None:
        typer.echo(f"PASS {head.sequence} records, head {head.digest}")
    else:
        typer.echo(f"FAIL {why}")
    raise typer.Exit(0 if why is None else CHECK_FAILED)


def access(
    payment: Annotated[str | None, typer.Option(metavar="MEDORGORD", help="Only about this payment.")] = None,
    last: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="The longest list: the last ones.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show who looked at what, the last ones last. Times in UTC+8."""
    links = asyncio.run(_last(read_settings().database, payment, last))
    if as_json:
        typer.echo(json.dumps([_fields(link) for link in links], ensure_ascii=False))
        return
    for link in links:
        when = to_china(datetime.fromisoformat(link.at))
        who = f"{link.actor} ({link.role})" if link.role else link.actor
        words = (str(link.sequence), when, link.event, link.hospital, who, link.subject, link.details)
        typer.echo("  ".join(filter(None, words)))


async def _check(url: str, wanted: str | None) -> tuple[Break | None, Head, bool]:
    """What breaks the chain, how far it is whole, and whether `wanted` is one of its digests."""
    check, held = ChainCheck(), wanted == GENESIS
    async with access_log(url) as log:
        async for link, digest in log.records():
            if broken := check.broken_by(link, digest):
                return broken, check.head, held
            held = held or digest == wanted
    return None, check.head, held


async def _last(url: str, payment: str | None, count: int) -> list[Link]:
    async with access_log(url) as log:
        links: deque[Link] = deque(maxlen=count)
        async for link, _ in log.records():
            if payment is None or _concerns(link, payment):
                links.append(link)
        return list(links)


def _complaint(broken: Break | None, wanted: str | None, *, held: bool) -> str | None:
    if broken is not None:
        return f"record {broken.sequence}: {broken.why}"
    if wanted is not None and not held:
        return "no record has the expected head: the log was cut at its end, or written anew"
    return None


def _digest(text: str) -> str:
    """Raises `CommandError`."""
    digest = text.strip().lower()
    if not HEAD_PATTERN.fullmatch(digest):
        raise CommandError("--expect-head: must be the 64 hex digits of a head", exit_code=WRONG_USE)
    return digest


def _concerns(link: Link, payment: str) -> bool:
    """Also where a decode was of several workflows."""
    ids = [link.subject, *json.loads(link.details).get("workflows", [])]
    return any(is_about(workflow_id, payment) for workflow_id in ids)


def _fields(link: Link) -> dict[str, Any]:
    return asdict(link) | {"details": json.loads(link.details)}
