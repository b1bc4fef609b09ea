"""What is no HTTP at all is answered in our envelope too: by the server, since the application never sees it."""

import uuid
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.envelope import NOT_HTTP, REQUEST_ID_HEADER, failure

_MESSAGE = "不是有效的HTTP请求"


class EnvelopeProtocol(HttpToolsProtocol):
    """uvicorn's, which would answer in plain text that it is what it is."""

    def _unsupported_upgrade_warning(self) -> None:
        """Asked for on every such request, it would fill the log with advice to install something."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's own words stay here
        """Answer, and close: where the next request would begin nobody can say."""
        status = HTTPStatus.BAD_REQUEST
        headers = {"Connection": "close", REQUEST_ID_HEADER: uuid.uuid4().hex}
        reply = failure(NOT_HTTP, _MESSAGE, status, headers)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b": ".join(pair) for pair in reply.raw_headers)]
        if not self.transport.is_closing():
            self.transport.write(b"\r\n".join([*lines, b"", bytes(reply.body)]))
            self.transport.close()
