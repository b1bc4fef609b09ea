"""TLS to Temporal, as its SDK wants it."""

from temporalio.service import TLSConfig

from security.tls import TlsFiles


def temporal_tls(files: TlsFiles | None) -> TLSConfig | bool:
    """For `Client.connect`; False: in clear. Raises OSError."""
    if files is None:
        return False
    return TLSConfig(
        server_root_ca_cert=files.ca.read_bytes() if files.ca else None,
        domain=files.server_name,
        client_cert=files.cert.read_bytes() if files.cert else None,
        client_private_key=files.key.read_bytes() if files.key else None,
    )
