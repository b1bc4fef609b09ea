"""`medpay search-attributes`: register the attributes that operators find payments by in Temporal."""

import asyncio
from typing import Any

import typer
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client

from cli.configuration import CommandError, read_settings
from cli.connections import connect, temporal_trouble_in_one_line
from settings import Settings
from workflows import search_attributes

app = typer.Typer(name="search-attributes", no_args_is_help=True, help="What operators find payments by in Temporal.")


@app.callback()
def group() -> None:
    """What operators find payments by in Temporal."""


@app.command()
def register() -> None:
    """Register every search attribute in MEDPAY_TEMPORAL_NAMESPACE; those that are there already are left alone."""
    settings = read_settings()
    with temporal_trouble_in_one_line(settings):
        added = asyncio.run(_register(settings))
    typer.echo(f"{len(added)} registered, {len(search_attributes.ALL) - len(added)} were there already")


async def _register(settings: Settings) -> list[str]:
    client = await connect(settings)
    there = await _there(client)
    wanted = {key.name: int(key.indexed_value_type) for key in search_attributes.ALL}
    if wrong := [name for name, kind in wanted.items() if there.get(name, kind) != kind]:
        kind = IndexedValueType.Name(there[wrong[0]])  # type: ignore[arg-type] # protobuf's enums are plain numbers
        raise CommandError(f"search attribute {wrong[0]} exists with another type: {kind}")
    missing: dict[str, Any] = {name: kind for name, kind in wanted.items() if name not in there}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(search_attributes=missing, namespace=client.namespace)
        )
    return list(missing)


async def _there(client: Client) -> dict[str, int]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return {name: int(kind) for name, kind in listed.custom_attributes.items()}
