"""A connection to Temporal for a command, or the line that says why not."""

from temporalio.client import Client
from temporalio.converter import DataConverter

from cli.failures import CommandError
from security.tls import temporal_tls
from settings import Settings

NO_CONNECTION = "client connect"
"""In the text of the SDK's RuntimeError where nothing answers."""


async def connect(settings: Settings, data_converter: DataConverter = DataConverter.default) -> Client:
    """Raises `CommandError` if nothing answers there."""
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter,
            tls=temporal_tls(settings.temporal_tls_files),
        )
    except RuntimeError:
        raise CommandError(f"MEDPAY_TEMPORAL_ADDRESS: no Temporal answers at {settings.temporal_address}") from None
