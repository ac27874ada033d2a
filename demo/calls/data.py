"""Calls about data: buckets, logs, metrics, tables, queries, queues, cost."""

from __future__ import annotations

from random import Random

from demo.calls.faults import DENIED, LOG_GROUP_EXISTS, NO_POLICY, THROTTLED
from demo.cloudtrail import Call, Exchange, Json, read, uuid, write
from demo.company import FUNCTIONS, SERVICES, TABLES, Account


def _bucket(rng: Random, account: Account) -> Json:
    bucket = rng.choice(account.buckets)
    return {"bucketName": bucket, "Host": f"{bucket}.s3.eu-west-1.amazonaws.com"}


def _log_stream(rng: Random, _account: Account) -> Exchange:
    name = f"2026/10/{rng.randrange(1, 29):02d}/[$LATEST]{rng.getrandbits(128):032x}"
    return Exchange({"logGroupName": f"/aws/lambda/{rng.choice(FUNCTIONS)}", "logStreamName": name})


def _table(rng: Random, account: Account) -> Exchange:
    name = rng.choice(TABLES)
    resources = [
        {
            "accountId": account.id,
            "type": "AWS::DynamoDB::Table",
            "ARN": account.arn("dynamodb", f"table/{name}"),
        }
    ]
    return Exchange({"tableName": name}, None, {"resources": resources})


def _metrics(rng: Random, _account: Account) -> Json:
    metric: Json = {"namespace": "AWS/ApplicationELB", "metricName": "TargetResponseTime", "dimensions": []}
    query: Json = {
        "id": f"m{rng.randrange(100)}",
        "metricStat": {"metric": metric, "period": 60, "stat": "p99"},
    }
    return {"metricDataQueries": [query], "scanBy": "TimestampDescending"}


def _query(rng: Random, account: Account) -> Exchange:
    request: Json = {
        "queryString": "***OMITTED***",
        "clientRequestToken": uuid(rng),
        "queryExecutionContext": {"database": "sales", "catalog": "AwsDataCatalog"},
        "resultConfiguration": {"outputLocation": f"s3://{account.buckets[1]}/athena/"},
        "workGroup": "reporting",
    }
    return Exchange(request, {"queryExecutionId": uuid(rng)})


def _cost(_rng: Random, _account: Account) -> Json:
    return {
        "timePeriod": {"start": "2026-09-01", "end": "2026-10-01"},
        "granularity": "DAILY",
        "metrics": ["UnblendedCost"],
        "groupBy": [{"type": "DIMENSION", "key": "SERVICE"}],
    }


CALLS = (
    read("s3", "ListBuckets", lambda _r, _a: {"Host": "s3.eu-west-1.amazonaws.com"}),
    read("s3", "GetBucketPolicy", _bucket, NO_POLICY, 0.2),
    read("s3", "GetBucketEncryption", _bucket),
    read("s3", "GetBucketAcl", _bucket, DENIED),
    write("logs", "CreateLogStream", _log_stream),
    write(
        "logs",
        "CreateLogGroup",
        lambda r, _a: Exchange({"logGroupName": f"/aws/lambda/{r.choice(FUNCTIONS)}"}),
        LOG_GROUP_EXISTS,
        0.6,
    ),
    read("logs", "DescribeLogGroups", lambda _r, _a: {"limit": 50, "logGroupNamePrefix": "/aws/lambda/"}),
    write(
        "logs",
        "StartQuery",
        lambda r, _a: Exchange({"logGroupName": f"/ecs/{r.choice(SERVICES)}"}, {"queryId": uuid(r)}),
    ),
    read("monitoring", "GetMetricData", _metrics, THROTTLED),
    read("monitoring", "ListMetrics", lambda _r, _a: {"namespace": "AWS/ECS", "recentlyActive": "PT3H"}),
    read("monitoring", "DescribeAlarms", lambda _r, _a: {"maxRecords": 100, "stateValue": "ALARM"}),
    Call("dynamodb", "DescribeTable", read_only=True, detail=_table),
    read("dynamodb", "ListTables", lambda _r, _a: {"limit": 100}),
    read("rds", "DescribeDBInstances", lambda _r, _a: {"dBInstanceIdentifier": "catalogue-1"}),
    write("athena", "StartQueryExecution", _query),
    read("athena", "GetQueryExecution", lambda r, _a: {"queryExecutionId": uuid(r)}),
    read("glue", "GetTable", lambda r, _a: {"databaseName": "sales", "name": r.choice(TABLES)}),
    read("glue", "GetPartitions", lambda r, _a: {"databaseName": "sales", "tableName": r.choice(TABLES)}),
    read("ce", "GetCostAndUsage", _cost),
    read(
        "sqs",
        "GetQueueAttributes",
        lambda r, a: {"queueUrl": f"https://sqs.eu-west-1.amazonaws.com/{a.id}/{r.choice(FUNCTIONS)}"},
    ),
    read("sns", "GetTopicAttributes", lambda r, a: {"topicArn": a.arn("sns", r.choice(SERVICES))}),
)
