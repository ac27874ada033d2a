"""How events come in and findings go out: is each part of the way there, switched on, and moving?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from firstseen.adapters.aws.asking import Absent, Answer
from firstseen.adapters.aws.deployment import Deployment, Resource
from firstseen.findings.diagnosis import Check, fail, ok, warn

READ_ONLY_TOO = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
"""The state of a rule of EventBridge that is told of calls that only read; the console cannot choose it."""

WAITS_SECONDS = 1_800
"""How long a message may wait: as the template's OldestMessageAlarm has it."""

SILENT_HOURS, LOOK_BACK_HOURS = 1, 24 * 3
"""How long without an event is odd (as NoEventsAlarm), and how far back the last one is looked for."""

_DEPLOY = "deploy the stack again"

Metric = tuple[str, str, str, str]
"""Namespace, name, dimension, the dimension's value."""


def trail(of: Deployment) -> Iterator[Check]:
    """Whether the stack's own trail logs and delivers, or the bucket it was given tells of new objects."""
    path = of.parameters.get("TrailPath", "")
    if path == "create":
        said = of.ask.ask("cloudtrail", "get_trail_status", Name=of.id_of("Trail"))
        if not said.get("IsLogging"):
            yield fail("trail", "it does not log", "aws cloudtrail start-logging; find out who stopped it")
        elif fault := said.get("LatestDeliveryError"):
            yield fail("trail", f"it cannot write its bucket: {fault}", "mend the bucket's policy, or its key's")
        else:
            yield ok("trail", "it logs and delivers")
    elif path == "bucket":
        bucket = of.parameters.get("TrailBucketName", "")
        said = of.ask.ask("s3", "get_bucket_notification_configuration", Bucket=bucket)
        if "EventBridgeConfiguration" in said:
            yield ok("trail", f"{bucket} tells EventBridge of its objects")
        else:
            mend = "switch on 'Send notifications to EventBridge' for the bucket"
            yield fail("trail", f"{bucket} does not tell EventBridge of its objects", mend)
    elif path == "topic":
        said = of.ask.ask("sns", "get_subscription_attributes", SubscriptionArn=of.id_of("TrailSubscription"))
        if said["Attributes"].get("PendingConfirmation") == "true":
            yield fail("trail", "the subscription to the trail's topic is not confirmed", _DEPLOY)
        else:
            yield ok("trail", "the trail's topic is subscribed")


def rules(of: Deployment) -> Iterator[Check]:
    """Whether EventBridge's rules are in the state that the template gave them."""
    found = of.of_kind("AWS::Events::Rule")
    sound = 0
    for one in found:
        bus, _, name = one.id.rpartition("|")  # a rule of a bus other than the default one is BUS|NAME
        state = of.ask.ask("events", "describe_rule", Name=name, **({"EventBusName": bus} if bus else {}))["State"]
        wanted = READ_ONLY_TOO if one.name.startswith("Calls") else "ENABLED"
        if state == wanted:
            sound += 1
        elif state == "DISABLED":
            yield fail("rule state", f"{one.name} is disabled: nothing comes that way", f"enable it, or {_DEPLOY}")
        elif wanted == READ_ONLY_TOO:
            mend = f"aws events put-rule with --state {READ_ONLY_TOO}, or {_DEPLOY}"
            yield fail("rule state", f"{one.name} is {state}: calls that only read do not come that way", mend)
        else:
            sound += 1
    if found and sound == len(found):
        yield ok("rule state", f"{sound} rules of EventBridge are enabled")


def subscriptions(of: Deployment) -> Iterator[Check]:
    """Whether somebody gets the findings."""
    found = list(of.ask.each("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=of.id_of("Findings")))
    waiting = [one for one in found if not one["SubscriptionArn"].startswith("arn:")]
    for one in waiting:
        mend = "confirm it by the message that AWS sent, or subscribe again: it expires after days"
        yield warn("subscriptions", f"{one['Protocol']} {one['Endpoint']} is not confirmed", mend)
    if len(found) > len(waiting):
        yield ok("subscriptions", f"{len(found) - len(waiting)} confirmed")
    else:
        mend = "subscribe somebody (docs/notify.md), then 'firstseen notify-test'"
        yield fail("subscriptions", "nobody is told of findings and alarms", mend)


def queues(of: Deployment) -> Iterator[Check]:
    """What waits, and for how long."""
    for name, health, mend in (
        ("Queue", ok, ""),
        ("Rejects", warn, "'firstseen deadletters list' says why each could not be read"),
        ("DeadLetters", fail, "'firstseen deadletters list', mend the reason, then redrive"),
    ):
        try:
            number = _depth(of, name)
        except Absent as exc:  # the others are looked at all the same
            yield fail("queues", f"{name}: {exc}", _DEPLOY)
            continue
        if not number or health is ok:
            yield ok("queues", f"{name}: {number:,} wait")
        else:
            yield (warn if health is warn else fail)("queues", f"{name}: {number:,} wait", mend)
    queue = of.id_of("Queue").rpartition("/")[2]
    ages = _points(of, ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue), "Maximum", hours=1)
    age = ages[max(ages)] if ages else 0.0
    if age > WAITS_SECONDS:
        mend = "is the topic refusing, the table throttled, the function failing? The runbook: OldestMessageAlarm"
        yield fail("queues", f"the oldest message has waited for {age:,.0f} s", mend)


def _depth(of: Deployment, name: str) -> int:
    said = of.ask.ask(
        "sqs", "get_queue_attributes", QueueUrl=of.id_of(name),
        AttributeNames=["ApproximateNumberOfMessages"],
    )  # fmt: skip
    return int(said["Attributes"]["ApproximateNumberOfMessages"])


def last_event(of: Deployment) -> Iterator[Check]:
    """When the functions last counted an event."""
    points = _points(of, ("firstseen", "events", "service", of.name), "Sum", hours=LOOK_BACK_HOURS)
    seen = [at for at, number in points.items() if number > 0]
    mend = (
        "is the trail logging, the bucket's EventBridge switched on, the function running? The runbook: NoEventsAlarm"
    )
    if not seen:
        yield fail("last event", f"none in {LOOK_BACK_HOURS} hours", mend)
        return
    hours = (datetime.fromtimestamp(of.ask.clock(), UTC) - max(seen)).total_seconds() / 3600
    said = f"in the five minutes after {max(seen):%Y-%m-%dT%H:%MZ}"
    quiet = hours > SILENT_HOURS and of.parameters.get("TrailPath") != "none"
    yield warn("last event", said, mend) if quiet else ok("last event", said)


def _points(of: Deployment, metric: Metric, statistic: str, *, hours: int) -> dict[datetime, float]:
    """A metric's values; at most 1,440 come in one answer, and three days have 864."""
    namespace, name, dimension, value = metric
    now = datetime.fromtimestamp(of.ask.clock(), UTC)
    said = of.ask.ask(
        "cloudwatch",
        "get_metric_statistics",
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": value}],
        StartTime=now - timedelta(hours=hours),
        EndTime=now,
        Period=300,
        Statistics=[statistic],
    )
    return {one["Timestamp"]: float(one[statistic]) for one in said.get("Datapoints", ())}


def functions(of: Deployment) -> Iterator[Check]:
    """Whether the functions can run, and whether the queue's is fed."""
    found = of.of_kind("AWS::Lambda::Function")
    sound = 0
    for one in found:
        faults = list(_faults(of, one))
        yield from faults
        sound += not faults
    if found and sound == len(found):
        yield ok("functions", f"{sound} are active")


def _faults(of: Deployment, one: Resource) -> Iterator[Check]:
    said = of.ask.ask("lambda", "get_function_configuration", FunctionName=one.id)
    if said.get("State", "Active") != "Active" or said.get("LastUpdateStatus") == "Failed":
        why = said.get("StateReason") or said.get("LastUpdateStatusReason") or said.get("State")
        yield fail("functions", f"{one.name} does not run: {why}", _DEPLOY)
    most = of.ask.ask("lambda", "get_function_concurrency", FunctionName=one.id).get("ReservedConcurrentExecutions")
    if most == 0:
        yield fail("functions", f"{one.name} is throttled to nothing", "remove its reserved concurrency of 0")
    if one.name == "Ingest":
        fed = list(of.ask.each("lambda", "list_event_source_mappings", "EventSourceMappings", FunctionName=one.id))
        if not any(_feeds(each) for each in fed):
            mend = f"enable its event source mapping, or {_DEPLOY}"
            yield fail("functions", "Ingest is not fed by the queue", mend)


def _feeds(mapping: Answer) -> bool:
    return mapping.get("State") in {"Enabled", "Enabling", "Creating", "Updating"}
