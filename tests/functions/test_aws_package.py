"""The built package: the same each time, small, and at work in Lambda's own runtime client."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from boto3.session import Session

from firstseen.adapters.aws.schema import create_table
from tests.emulators import environment, moto_server
from tests.faults.world import RULES, event
from tests.functions.aws_cloud import REGION, Sent, bus_event, queue_event
from tests.functions.aws_package import HANDLERS, build, container, once, runtime_client, runtime_interpreter, unpack

PYTHON = "3.13"
MAX_BYTES = 15_000_000
NEVER = ("sigma", "yaml", "rich", "lark", "aws_xray_sdk", "firstseen.cli", "firstseen.language.frontends")

interpreter = runtime_interpreter(PYTHON)
needs_interpreter = pytest.mark.skipif(
    interpreter is None, reason=f"no Python {PYTHON} on the PATH or in pyenv: the package was not run"
)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the zip, ``hash``, and the package unpacked in ``task``."""

    def make(folder: Path) -> None:
        rules = folder / "rules.yml"
        rules.write_text(RULES, encoding="utf-8")
        package, digest = build(folder, python=PYTHON, rules=rules)
        (folder / "hash").write_text(digest, encoding="utf-8")
        package.rename(folder / "package.zip")
        unpack(folder / "package.zip", folder / "task")
        runtime_client(folder / "runtime", PYTHON)

    return once(tmp_path_factory, "aws-package", make)


@needs_interpreter
def test_two_builds_in_different_folders_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    package, digest = build(tmp_path / "elsewhere", python=PYTHON, rules=built / "rules.yml")
    with zipfile.ZipFile(package) as one, zipfile.ZipFile(built / "package.zip") as other:
        assert [(entry.filename, entry.CRC) for entry in one.infolist()] == [
            (entry.filename, entry.CRC) for entry in other.infolist()
        ]
    assert digest == (built / "hash").read_text(encoding="utf-8")
    assert package.read_bytes() == (built / "package.zip").read_bytes()


@needs_interpreter
def test_the_package_is_small_and_holds_compiled_code_and_nothing_that_only_the_command_line_needs(built: Path) -> None:
    assert (built / "package.zip").stat().st_size < MAX_BYTES
    names = zipfile.ZipFile(built / "package.zip").namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"functions", "firstseen", "rules.pack", "boto3", "maxminddb", "orjson"} <= tops
    assert not tops & {"sigma", "yaml", "rich", "lark", "azure", "tests"}
    assert not [name for name in names if name.startswith(("firstseen/cli", "firstseen/adapters/azure"))]
    local = {Path(name).name for name in names if name.startswith("firstseen/adapters/local/") and name.endswith(".py")}
    assert local == {"__init__.py", "addresses.py"}
    sources = {name for name in names if name.endswith(".py") and name.startswith(("firstseen/", "functions/"))}
    compiled = {name.replace("__pycache__/", "").replace(".cpython-313.pyc", ".py") for name in names}
    assert sources <= compiled, "the package is read-only where it runs: what is not compiled is compiled at each start"


@needs_interpreter
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_neither_a_rule_parser_nor_a_terminal(built: Path, handler: str) -> None:
    """And finds its imports in the package alone: the interpreter's own libraries are left out."""
    module = handler.rpartition(".")[0]
    code = f"import sys; sys.path.insert(0, '.'); import {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [str(interpreter), "-S", "-E", "-c", code],
        cwd=built / "task",
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.splitlines()
    assert module in loaded
    assert not [name for name in loaded if name.startswith(NEVER)]


@needs_interpreter
def test_it_works_under_lambdas_runtime_client(built: Path) -> None:
    """A finding, a reject, an answer; then the sweep."""
    with moto_server() as url:
        session = Session("testing", "testing", "testing", REGION)
        create_table(session.client("dynamodb", endpoint_url=url), "state")
        topic = session.client("sns", endpoint_url=url).create_topic(Name="findings")["TopicArn"]
        rejects = session.client("sqs", endpoint_url=url).create_queue(QueueName="rejects")["QueueUrl"]
        more = {
            "AWS_ENDPOINT_URL": url,
            "FIRSTSEEN_TABLE": "state",
            "FIRSTSEEN_TOPIC_ARN": topic,
            "FIRSTSEEN_REJECTS_URL": rejects,
        }
        messages = [Sent("a", bus_event(event(1, 0, call="Remove")), 1_800_000_000_000_000), Sent("b", "broken", 1_000)]
        with container(str(interpreter), built / "task", built / "runtime", HANDLERS[0], more) as (api, _):
            call = api.call(queue_event(messages))
            assert call.error is None
            assert call.answer == {"batchItemFailures": []}
        with container(str(interpreter), built / "task", built / "runtime", HANDLERS[1], more) as (api, _):
            assert api.call({}).error is None
        kept = session.client("sqs", endpoint_url=url).receive_message(QueueUrl=rejects)["Messages"]
        assert [json.loads(one["Body"])["raw"] for one in kept] == ["broken"]
        items = session.client("dynamodb", endpoint_url=url).scan(TableName="state")["Items"]
        assert [one["status"]["S"] for one in items if "status" in one] == ["sent"]


@needs_interpreter
def test_under_the_runtime_client_a_start_that_fails_answers_every_call_with_its_reason(built: Path) -> None:
    with container(str(interpreter), built / "task", built / "runtime", HANDLERS[0], {}) as (api, _):
        for _ in range(2):
            call = api.call(queue_event([]))
            assert call.error["errorType"] == "SettingsError"
            assert "FIRSTSEEN_TABLE is not set" in call.error["errorMessage"]


def test_a_build_without_its_python_says_what_is_missing_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        build(tmp_path, python="3.99")
    assert str(caught.value).strip().count("\n") == 0
    assert "Python 3.99 is missing" in str(caught.value)
    assert sys.executable not in str(caught.value)
