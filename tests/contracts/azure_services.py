"""What stands in for Azure in the contract tests: Azurite, by connection string or by token."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport

from firstseen.adapters.azure.clients import local_table_client, table_client
from tests.emulators import Azurite, azurite

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableClient


class FakeIdentity:
    """A managed identity whose tokens nobody signed; Azurite looks at their claims only."""

    def __init__(self, audience: str = "https://storage.azure.com") -> None:
        self._audience = audience

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # noqa: ANN401 - the SDK's own
        assert scopes == ("https://storage.azure.com/.default",)
        now = int(time.time())
        claims = {
            "aud": self._audience,
            "iss": "https://sts.windows.net/00000000-0000-4000-8000-000000000000/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
        }
        parts = [{"alg": "RS256", "typ": "JWT"}, claims]
        encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
        return AccessToken(".".join([*encoded, "c2lnbmF0dXJl"]), now + 3600)


class NoIdentity:
    """Where nobody is signed in."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        raise ClientAuthenticationError(message="no identity here")


@dataclass(frozen=True, slots=True)
class Storage:
    """One Azurite and how it is asked."""

    server: Azurite

    def client(
        self, table: str, session: requests.Session | None = None, *, identity: TokenCredential | None = None
    ) -> TableClient:
        """A client of a table; with an identity where the server takes tokens, else by connection string."""
        trusted = self.server.certificate
        if trusted is not None:
            transport = RequestsTransport(connection_verify=str(trusted))
            return table_client(
                self.server.table_url, table, credential=identity or FakeIdentity(), transport=transport
            )
        more = {} if session is None else {"transport": RequestsTransport(session=session, session_owner=False)}
        return local_table_client(self.server.connection_string, table, **more)


@contextmanager
def storage(*, oauth: bool = False) -> Iterator[Storage]:
    """A storage account with nothing in it."""
    with azurite(oauth=oauth) as server:
        yield Storage(server)
