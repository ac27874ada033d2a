"""Calls on an Event Grid topic: one POST each, as Event Grid documents it for CloudEvents.

Not by ``EventGridPublisherClient``: it drops the transport and every option that its constructor gets, logs a warning
for each event and option that ``send`` gets, hides the status of a 404 and writes the events anew. What it would send
is the same (a test compares them), and what is measured here is what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from azure.core import PipelineClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import (
    AzureKeyCredentialPolicy,
    BearerTokenCredentialPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse

import firstseen

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport

API_VERSION = "2018-01-01"
CONTENT_TYPE = "application/cloudevents-batch+json; charset=utf-8"
SCOPE = "https://eventgrid.azure.net/.default"
ACCEPTED = 200

BATCH_BYTES = 2
"""Of a call beside its events; BETWEEN_BYTES for each event on top."""

BETWEEN_BYTES = 1


class Publisher:
    """One topic. Makes no repeats of its own and follows no redirect."""

    def __init__(
        self,
        endpoint: str,
        credential: TokenCredential | AzureKeyCredential,
        *,
        transport: HttpTransport[HttpRequest, HttpResponse] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            endpoint,
            policies=[
                RequestIdPolicy(),
                UserAgentPolicy(f"firstseen/{firstseen.__version__}"),
                ProxyPolicy(),
                _authentication(credential),
            ],
            transport=transport or RequestsTransport(),
        )

    def send(self, events: Sequence[bytes], *, connect_seconds: float, read_seconds: float) -> None:
        """Publish CloudEvents, each as JSON. Raises AzureError: HttpResponseError for an answer that is not 200."""
        request = HttpRequest(
            "POST",
            self._endpoint,
            params={"api-version": API_VERSION},
            headers={"Content-Type": CONTENT_TYPE},
            content=b"[" + b",".join(events) + b"]",
        )
        response = self._client.send_request(request, connection_timeout=connect_seconds, read_timeout=read_seconds)
        if response.status_code != ACCEPTED:
            raise HttpResponseError(response=response)

    def close(self) -> None:
        """End its connections."""
        self._client.close()


def _authentication(
    credential: TokenCredential | AzureKeyCredential,
) -> AzureKeyCredentialPolicy[HttpRequest, HttpResponse] | BearerTokenCredentialPolicy[HttpRequest, HttpResponse]:
    if isinstance(credential, AzureKeyCredential):
        return AzureKeyCredentialPolicy(credential, "aeg-sas-key")
    return BearerTokenCredentialPolicy(credential, SCOPE)
