"""An Event Grid topic as the command line names it: by its endpoint alone."""

from __future__ import annotations

from collections.abc import Mapping

from azure.core.credentials import AzureKeyCredential

from firstseen.adapters.azure.clients import credential
from firstseen.adapters.azure.event_grid import EventGridSink

KEY_VARIABLE = "AZURE_EVENTGRID_KEY"
"""The topic's key, where somebody has put it, as for a stand-in. Otherwise whoever is signed in publishes."""


def topic_sink(endpoint: str, environment: Mapping[str, str]) -> EventGridSink:
    """The sink; no token is asked for yet. Raises SettingsError for what is no endpoint."""
    key = environment.get(KEY_VARIABLE, "")
    return EventGridSink(endpoint, AzureKeyCredential(key) if key else credential(dict(environment)))
