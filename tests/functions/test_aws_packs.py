"""Rules in force without a deployment: published to S3, taken by containers that run, refused where unsound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from firstseen.adapters.aws.packs import S3Shelf, packs_client
from firstseen.cli import main
from firstseen.errors import InputError, StoreUnavailable
from firstseen.language.published import MAX_PUBLISHED_BYTES, POINTER, moved, pack_name, read_pointer
from firstseen.language.published import Published as One
from firstseen.language.published import write_pointer as bytes_of
from functions.aws import ingest, wiring
from tests.faults.world import MINUTE_US, RULES, event
from tests.functions.aws_cloud import REGION, SESSION, Cloud, Context, bus_event

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PACKS = "firstseen-packs"
TO = f"s3://{PACKS}/team/rules"
NEVER = RULES.replace("eventName: Remove", "eventName: Never")
PURGE = RULES.replace("eventName: Remove", "eventName: Purge")


@pytest.fixture
def s3(account: Cloud) -> S3Client:
    client = SESSION.client("s3")
    client.create_bucket(Bucket=PACKS, CreateBucketConfiguration={"LocationConstraint": cast("Any", REGION)})
    account.environment |= {"FIRSTSEEN_PACKS": TO, "FIRSTSEEN_PACKS_SECONDS": "120"}
    return client


def publish(tmp_path: Path, text: str) -> str:
    """The version in force afterwards."""
    path = tmp_path / "rules.yml"
    path.write_text(text, encoding="utf-8")
    assert main(["rules", "publish", str(path), "--to", TO]) == 0
    found = S3Shelf(PACKS, "team/rules", packs_client).read_pointer()
    assert found is not None
    return read_pointer(found[0]).version


def put(s3: S3Client, name: str, data: bytes) -> None:
    s3.put_object(Bucket=PACKS, Key=f"team/rules/{name}", Body=data)


def found(account: Cloud, handler: ingest.Handler, number: int, call: str) -> list[str]:
    """Versions of the packs that found something in one event of this call."""
    before = set(account.uids())
    account.deliver(handler, account.messages([bus_event(event(number, number, call=call, who=f"w{number}"))]))
    return [row.finding.pack_version for row in account.rows() if row.finding.uid not in before]


@pytest.mark.usefixtures("s3")
def test_a_container_that_runs_takes_published_rules_within_minutes_and_a_roll_back_too(
    account: Cloud, tmp_path: Path
) -> None:
    handler = account.container()
    assert found(account, handler, 1, "Purge") == []
    published = publish(tmp_path, PURGE)
    assert found(account, handler, 2, "Purge") == []
    account.clock.now_us += 2 * MINUTE_US
    assert found(account, handler, 3, "Purge") == [published]
    publish(tmp_path, NEVER)
    account.clock.now_us += 2 * MINUTE_US
    assert found(account, handler, 4, "Purge") == []
    assert main(["rules", "publish", "--rollback", "--to", TO]) == 0
    account.clock.now_us += 2 * MINUTE_US
    assert found(account, handler, 5, "Purge") == [published]


@pytest.mark.usefixtures("s3")
def test_a_fresh_container_begins_with_what_is_published(account: Cloud, tmp_path: Path) -> None:
    published = publish(tmp_path, PURGE)
    assert found(account, account.container(), 1, "Purge") == [published]


def metric(said: str, name: str) -> list[float]:
    """Values of a metric in what a function wrote."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [value for line in lines for value in line.get(name, []) if "_aws" in line]


def test_a_bad_pack_is_refused_with_a_metric_at_each_look_and_one_line_of_log_and_the_last_good_one_goes_on(
    account: Cloud, s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = publish(tmp_path, PURGE)
    handler = account.container()
    publish(tmp_path, NEVER)
    pointer = read_pointer(S3Shelf(PACKS, "team/rules", packs_client).read_pointer()[0])  # type: ignore[index]
    put(s3, pack_name(pointer.hash), b"changed afterwards")
    capsys.readouterr()
    for number in (1, 2, 3):
        account.clock.now_us += 2 * MINUTE_US
        assert found(account, handler, number, "Purge") == [good]
    said = capsys.readouterr().out
    assert metric(said, "pack_refused") == [1, 1, 1], "three looks; its start found nothing to say"
    assert said.count("rules are not taken") == 1
    assert found(account, account.container(), 4, "Purge") == [good], "a fresh container runs what the others run"


@pytest.mark.usefixtures("s3")
def test_while_the_bucket_does_not_answer_a_fresh_container_acknowledges_nothing(
    account: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came with the package may lack the rule that an event is for."""
    published = publish(tmp_path, PURGE)
    read = S3Shelf.read_pointer

    def silent(_self: object) -> None:
        msg = "no answer"
        raise InputError(msg)

    monkeypatch.setattr(S3Shelf, "read_pointer", silent)
    handler, sweep = account.container(), account.sweeper()
    with pytest.raises(AssertionError, match="never finished"):
        account.deliver(handler, account.messages([bus_event(event(1, 0, call="Purge"))]), rounds=2)
    with pytest.raises(StoreUnavailable, match="no answer"):
        sweep({}, Context())
    monkeypatch.setattr(S3Shelf, "read_pointer", read)
    assert found(account, handler, 1, "Purge") == [published]


def test_a_bucket_that_stops_answering_disturbs_no_container_that_runs(
    account: Cloud, s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published = publish(tmp_path, PURGE)
    handler = account.container()
    for one in s3.list_objects_v2(Bucket=PACKS)["Contents"]:
        s3.delete_object(Bucket=PACKS, Key=one["Key"])
    s3.delete_bucket(Bucket=PACKS)
    account.clock.now_us += 2 * MINUTE_US
    assert found(account, handler, 1, "Purge") == [published]
    assert 1 in metric(capsys.readouterr().out, "pack_refused")


def test_an_object_of_any_size_is_read_up_to_the_limit_only(s3: S3Client) -> None:
    shelf = S3Shelf(PACKS, "team/rules", packs_client)
    put(s3, pack_name("a" * 64), b" " * (MAX_PUBLISHED_BYTES + 1000))
    data = shelf.read_pack("a" * 64)
    assert data is not None
    assert len(data) == MAX_PUBLISHED_BYTES + 1


def test_of_two_publishers_that_saw_the_same_pointer_one_is_told(s3: S3Client) -> None:
    shelf = S3Shelf(PACKS, "team/rules", packs_client)
    one, other = (bytes_of(moved(None, One(name * 64))) for name in "ab")
    assert shelf.read_pointer() is None
    assert shelf.write_pointer(one, None)
    assert not shelf.write_pointer(other, None)
    seen = shelf.read_pointer()
    assert seen is not None
    assert seen[0] == one
    assert shelf.write_pointer(other, seen[1])
    assert not shelf.write_pointer(one, seen[1])
    s3.delete_object(Bucket=PACKS, Key=f"team/rules/{POINTER}")
    assert not shelf.write_pointer(one, seen[1]), "a pointer that has gone is not the one that was seen"


def test_a_pack_is_never_written_twice(s3: S3Client) -> None:
    shelf = S3Shelf(PACKS, "", packs_client)
    shelf.write_pack("a" * 64, b"first")
    shelf.write_pack("a" * 64, b"second")
    assert shelf.read_pack("a" * 64) == b"first"
    assert s3.get_object(Bucket=PACKS, Key=pack_name("a" * 64))["Body"].read() == b"first"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDenied", "access is denied: allow s3:"),
        ("NoSuchBucket", "no such bucket"),
        ("SlowDown", "not do it now"),
    ],
)
def test_what_s3_refuses_is_said_with_the_mend(code: str, said: str) -> None:
    class Refusing:
        def refuse(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": code}}, "operation")

        get_object = put_object = refuse

    shelf = S3Shelf(PACKS, "", lambda: cast("S3Client", Refusing()))
    for call in (shelf.read_pointer, lambda: shelf.write_pointer(b"", None), lambda: shelf.write_pack("a", b"")):
        with pytest.raises(InputError, match=said):
            call()


def test_without_an_address_nothing_is_asked(account: Cloud) -> None:
    assert wiring.build(account.environment, clock=account.clock, session=SESSION).published is None
