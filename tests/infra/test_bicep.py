"""The Bicep files say what the code needs, and grant no more; and host.json is one that the host understands."""

from __future__ import annotations

import json
import re

from firstseen.adapters.azure import kept
from firstseen.language.published import POINTER
from firstseen.settings.azure import (
    AZURE_VARIABLES,
    BASELINE_DAYS,
    BASELINE_SUBSCRIPTIONS,
    HOST_VARIABLES,
    LOCAL_VARIABLES,
    PACKS,
    TABLE,
)
from functions.azure import notices
from infra.azure.pinned import PLATFORM_SETTINGS, ROLES, TYPES
from tests.emulators import ROOT
from tests.infra.bicep_files import FOLDER, Tree, files, resources
from tests.infra.templates import needs_infra, run

pytestmark = needs_infra

APP = ROOT / "functions" / "azure"
NEW = ("newBlobs", "auditLogs")
"""What blobs arrive by."""
NOTICED = "Microsoft.Storage.BlobCreated"


def test_checkov_fails_nothing_could_read_everything_and_each_skip_has_its_reason_and_its_use() -> None:
    """It exits with 0 on what it cannot parse, so the report is what counts."""
    done = run("checkov", "--framework", "bicep", "--skip-download", "-d", str(FOLDER), "-o", "json")
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["failed"] == 0, [one["check_id"] for one in report["results"]["failed_checks"]]
    assert report["summary"]["passed"] > 20
    skipped = {(one["file_path"], one["check_id"]) for one in report["results"]["skipped_checks"]}
    assert all(len(one["check_result"]["suppress_comment"]) > 20 for one in report["results"]["skipped_checks"])
    written = {
        (f"/{path.relative_to(FOLDER)}", check)
        for path in FOLDER.rglob("*.bicep")
        for check in re.findall(r"checkov:skip=(\w+):", path.read_text(encoding="utf-8"))
    }
    assert written == skipped, "a skip that skips nothing says something that is not so"


def test_the_table_of_types_and_roles_holds_nothing_that_is_not_used() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.bicep"))
    assert [one for one in sorted(TYPES) if f"'{one}'" not in texts] == []
    assert [one for one in ROLES if one not in texts] == []


def given(module: str, name: str) -> object:
    """What main.bicep passes to a module."""
    return files()["main.bicep"]["modules"][module]["config"]["params"][name]


def test_queues_containers_and_the_table_have_the_names_that_the_code_uses() -> None:
    assert given("stateStorage", "queues") == [kept.NEW_BLOBS, kept.PUT_ASIDE, kept.DEAD_LETTERS, kept.REJECTS]
    assert given("stateStorage", "containers") == [kept.AUDIT_LOGS, kept.LARGE, "packs", "undelivered"]
    assert (given("arrivals", "logsContainer"), given("arrivals", "noticesQueue")) == (kept.AUDIT_LOGS, kept.NEW_BLOBS)
    assert given("arrivals", "undeliveredContainer") == "undelivered"
    assert given("stateStorage", "tables") == [given("app", "table")] == [TABLE.default]
    assert given("app", "packsContainer") == "packs"
    assert given("findings", "undeliveredContainer") == "undelivered"
    assert given("hostStorage", "containers") == [given("app", "packageContainer")]


def app_settings() -> list[Tree]:
    """Name and value of each."""
    (site,) = resources("modules/app.bicep", "Microsoft.Web/sites").values()
    found: list[Tree] = site["properties"]["siteConfig"]["appSettings"]
    return found


def test_the_app_is_given_what_it_reads_and_no_key() -> None:
    """What is for emulators only holds keys."""
    names = {one["name"] for one in app_settings()}
    assert names == {one.name for one in (*AZURE_VARIABLES, *HOST_VARIABLES)} | PLATFORM_SETTINGS
    assert not names & {one.name for one in LOCAL_VARIABLES}
    texts = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.bicep"))
    assert not re.findall(r"\blist\w*Keys\b|AccountKey|SharedAccessKey", texts)


def test_the_app_runs_where_its_package_is_built_for() -> None:
    (site,) = resources("modules/app.bicep", "Microsoft.Web/sites").values()
    assert site["properties"]["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}
    build = (FOLDER / "build.py").read_text(encoding="utf-8")
    assert "3.13" in build
    assert "firstseen.zip" in build


def test_roles_are_on_what_the_app_needs_and_on_nothing_larger_than_that() -> None:
    """Only the host's own account is granted as a whole: the host makes containers there, holding nothing of ours."""
    assigned = resources("modules/roles.bicep", "Microsoft.Authorization/roleAssignments")
    scopes = {one["scope"] for one in assigned.values()}
    whole = {"hostAccount", "topic", "insights"}
    assert scopes == whole | {"table", "putAside", "deadLetters", "rejects", "large", "packs", "eventHub", *NEW}
    everything = files()["modules/roles.bicep"]["resources"]
    kinds = {scope: everything[scope]["type"].rpartition("/")[2] for scope in scopes - whole}
    assert set(kinds.values()) == {"tables", "queues", "containers", "eventhubs"}
    assigned |= resources("subscription.bicep", "Microsoft.Authorization/roleAssignments")
    for one in assigned.values():
        assert one["properties"]["principalType"] == "ServicePrincipal"  # else a fresh identity is often not found


def test_the_roles_that_are_made_here_allow_what_is_said_and_hold_where_they_are_assigned() -> None:
    """Of a subscription its Activity Log is read, and no resource; of the packs the pointer is written, and no pack."""
    (read,) = resources("subscription.bicep", "Microsoft.Authorization/roleDefinitions").values()
    assert read["properties"]["permissions"] == [{"actions": ["Microsoft.Insights/eventtypes/values/read"]}]
    (switch,) = resources("modules/roles.bicep", "Microsoft.Authorization/roleDefinitions").values()
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    assert switch["properties"]["permissions"] == [{"actions": [], "dataActions": [f"{blobs}/write"]}]
    assigned = resources("modules/roles.bicep", "Microsoft.Authorization/roleAssignments")["appSwitchesPacks"]
    assert assigned["scope"] == "packs"
    condition = assigned["properties"]["condition"].replace("\\'", "'")
    only = f"@Resource[{blobs}:path] StringEquals 'rules/{POINTER}'"
    assert condition == f"((!(ActionMatches{{'{blobs}/write'}})) OR ({only}))"
    assert assigned["properties"]["conditionVersion"] == "2.0"
    (packs,) = (one["value"] for one in app_settings() if one["name"] == PACKS.name)
    assert packs.endswith("/rules"), "the condition names this folder"


def test_the_app_reads_the_past_of_the_subscriptions_that_it_is_told_of() -> None:
    """Its own unless another is named; and nothing at all when no baseline is wanted."""
    given_to = files()["main.bicep"]["modules"]["activityLog"]["config"]["params"]["principalId"]
    assert "baselineDays" in str(given_to)
    assert "principalId" in str(given_to)
    values = {one["name"]: str(one["value"]) for one in app_settings()}
    assert "baselineDays" in values[BASELINE_DAYS.name]
    assert "baselineSubscriptions" in values[BASELINE_SUBSCRIPTIONS.name]
    days = files()["main.bicep"]["parameters"]["baselineDays"]
    assert days["default"] == 30
    assert "activityLog" in files()["main.bicep"]["modules"]


def test_nobody_has_a_key_but_diagnostic_settings_which_know_no_identity() -> None:
    (account,) = resources("modules/storage.bicep", "Microsoft.Storage/storageAccounts").values()
    assert account["properties"]["allowSharedKeyAccess"] is False
    (topic,) = resources("modules/findings.bicep", "Microsoft.EventGrid/topics").values()
    assert topic["properties"]["disableLocalAuth"] is True
    assert topic["properties"]["inputSchema"] == "CloudEventSchemaV1_0"
    (insights,) = resources("modules/monitoring.bicep", "Microsoft.Insights/components").values()
    assert insights["properties"]["DisableLocalAuth"] is True
    (hub,) = resources("modules/hub.bicep", "Microsoft.EventHub/namespaces").values()
    assert hub["properties"]["disableLocalAuth"] is False
    (rule,) = resources("modules/hub.bicep", "Microsoft.EventHub/namespaces/authorizationRules").values()
    assert set(rule["properties"]["rights"]) == {"Listen", "Manage", "Send"}  # Azure Monitor refuses fewer


def test_files_of_the_other_scopes_say_where_they_go() -> None:
    scopes = {name: one["globals"]["scope"]["value"] for name, one in files().items() if "/" not in name}
    assert scopes == {"main.bicep": "subscription", "subscription.bicep": "subscription", "entra.bicep": "tenant"}


def test_event_grid_tells_of_new_blobs_where_others_put_them_and_of_nothing_else() -> None:
    """As its own identity; what the queue would not take for a day is kept, as findings are that nobody took."""
    (found,) = resources("modules/arrivals.bicep", "Microsoft.EventGrid/systemTopics/eventSubscriptions").values()
    told = found["properties"]
    assert told["filter"]["includedEventTypes"] == [NOTICED]
    assert told["filter"]["subjectBeginsWith"] == "/blobServices/default/containers/${logsContainer}/blobs/"
    destination = told["deliveryWithResourceIdentity"]["destination"]
    assert destination["endpointType"] == "StorageQueue"
    assert told["deadLetterWithResourceIdentity"]["deadLetterDestination"]["endpointType"] == "StorageBlob"
    subject = told["filter"]["subjectBeginsWith"].replace("${logsContainer}", kept.AUDIT_LOGS)
    notice = {"type": told["filter"]["includedEventTypes"][0], "subject": f"{subject}okta/a.json"}
    assert notices.read(json.dumps(notice).encode()) == "okta/a.json"


def test_blobs_that_were_put_in_go_after_the_stated_days_and_nothing_else_does() -> None:
    """State, packs and what was put aside lie in the same account."""
    (found,) = resources("modules/arrivals.bicep", "Microsoft.Storage/storageAccounts/managementPolicies").values()
    (rule,) = found["properties"]["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["${logsContainer}/"]
    assert "retentionDays" in str(rule["definition"]["actions"]["baseBlob"]["delete"])
    assert "logsRetentionDays" in str(given("arrivals", "retentionDays"))


# ---- the host's settings ---------------------------------------------------------------------------------------------

HOST_KEYS = {
    "": {"version", "functionTimeout", "extensionBundle", "extensions", "logging"},
    "extensionBundle": {"id", "version"},
    "extensions": {"eventHubs", "queues"},
    "extensions.eventHubs": {"maxEventBatchSize", "minEventBatchSize", "maxWaitTime", "batchCheckpointFrequency",
                             "prefetchCount", "targetUnprocessedEventThreshold", "initialOffsetOptions"},
    "extensions.eventHubs.initialOffsetOptions": {"type", "enqueuedTimeUtc"},
    "extensions.queues": {"maxPollingInterval", "visibilityTimeout", "batchSize", "maxDequeueCount",
                          "newBatchThreshold", "messageEncoding"},
    "logging": {"applicationInsights", "logLevel"},
    "logging.applicationInsights": {"samplingSettings"},
    "logging.applicationInsights.samplingSettings": {"isEnabled", "excludedTypes", "maxTelemetryItemsPerSecond"},
}  # fmt: skip
"""What host.json may hold, as far as this app needs it: the host ignores a name that it does not know."""


def names_below(value: object, path: str = "") -> dict[str, set[str]]:
    if not isinstance(value, dict) or path == "logging.logLevel":
        return {}
    found = {path: set(value)}
    for name, one in value.items():
        found |= names_below(one, f"{path}.{name}".strip("."))
    return found


def test_the_hosts_settings_are_ones_that_it_knows() -> None:
    host = json.loads((APP / "host.json").read_text(encoding="utf-8"))
    for path, names in names_below(host).items():
        assert names <= HOST_KEYS[path], f"{path}: {names - HOST_KEYS[path]}"
    assert host["version"] == "2.0"
    assert host["extensionBundle"]["id"] == "Microsoft.Azure.Functions.ExtensionBundle"
    assert re.fullmatch(r"\[\d+\.\*, \d+\.0\.0\)", host["extensionBundle"]["version"])
    for name in ("maxPollingInterval", "visibilityTimeout"):
        assert re.fullmatch(r"\d\d:\d\d:\d\d", host["extensions"]["queues"][name])


def test_no_line_that_an_alarm_reads_is_sampled_away() -> None:
    """And lines of level INFO, which the alarms read, reach the log."""
    logging = json.loads((APP / "host.json").read_text(encoding="utf-8"))["logging"]
    assert {"Trace", "Request"} <= set(logging["applicationInsights"]["samplingSettings"]["excludedTypes"].split(";"))
    assert logging["logLevel"]["default"] == "Information"
