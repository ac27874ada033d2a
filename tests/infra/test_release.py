"""What a release says of itself: what is in it, what is known of that, and the same bytes each time."""

from __future__ import annotations

import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.release import audit, release, sbom
from tests.emulators import ROOT


@pytest.mark.parametrize("name", sbom.SHIPPED)
def test_the_list_holds_every_library_of_the_lock_and_says_who_needs_it(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pinned = [line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    written = sbom.sbom(name, "1", sbom.read_lock(lock))
    assert written == sbom.sbom(name, "1", sbom.read_lock(lock))
    read: Any = json.loads(written)
    assert (read["bomFormat"], read["specVersion"]) == ("CycloneDX", "1.6")
    assert [one["name"] for one in read["components"]] == pinned
    assert len(pinned) > 5
    refs = {one["bom-ref"] for one in read["components"]} | {read["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in read["dependencies"]} == refs
    needed = {on for one in read["dependencies"] for on in one["dependsOn"]}
    assert needed == refs - {read["metadata"]["component"]["bom-ref"]}, "everything is there for somebody"
    assert all(one["properties"] for one in read["components"])


def test_a_library_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="six==1 has no hash"):
        sbom.read_lock("six==1\n")


@contextmanager
def service(answer: Callable[[list[str]], tuple[int, object]]) -> Iterator[str]:
    """Somebody who speaks OSV's interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer([one["package"]["purl"] for one in asked["queries"]])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/querybatch"
        server.shutdown()


def test_what_is_known_is_said_with_the_locks_that_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def answer(purls: list[str]) -> tuple[int, object]:
        asked.extend(purls)
        return 200, {"results": [{"vulns": [{"id": "X-1"}]} if "/boto3@" in one else {} for one in purls]}

    with service(answer) as url:
        assert audit.main(["--service", url]) == audit.KNOWN
    said = capsys.readouterr().out
    assert "pkg:pypi/boto3@" in said
    assert "aws.txt" in said
    assert "X-1" in said
    assert any(one.startswith("pkg:npm/azurite@") for one in asked)
    assert any(one.startswith("pkg:npm/%40azure") for one in asked)
    assert len(asked) == len(set(asked))


def test_nothing_known_is_said_with_how_much_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with service(lambda purls: (200, {"results": [{} for _ in purls]})) as url:
        assert audit.main(["--service", url]) == audit.CLEAN
    assert ", 0 with known weaknesses" in capsys.readouterr().out


@pytest.mark.parametrize("body", [{"results": []}, [], {"results": None}, "no"])
@pytest.mark.parametrize("status", [200, 503])
def test_an_answer_that_is_none_is_never_taken_for_nothing_known(
    status: int, body: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(lambda _: (status, body)) as url:
        assert audit.main(["--service", url]) == audit.NOT_AUDITED
    said = capsys.readouterr().out
    assert said.startswith("not audited: ")
    assert said.count("\n") == 1


def test_where_nobody_answers_one_line_says_not_audited(capsys: pytest.CaptureFixture[str]) -> None:
    with service(lambda _: (200, {})) as url:
        pass
    assert audit.main(["--service", url]) == audit.NOT_AUDITED
    assert capsys.readouterr().out.startswith("not audited: no advisories can be reached")


def test_wheel_and_sources_have_the_same_bytes_each_time_and_what_they_need(tmp_path: Path) -> None:
    """Also where files are nobody else's to read by default."""
    first = release.python_distribution(tmp_path / "first")
    before = os.umask(0o077)
    try:
        again = release.python_distribution(tmp_path / "again")
    finally:
        os.umask(before)
    assert release.sums(first) == release.sums(again)
    sources, wheel = sorted(first, key=lambda one: one.suffix)
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"firstseen/cli/main.py", "firstseen/language/frontends/kql.lark", "firstseen/py.typed"} <= inside
    assert not [name for name in inside if "__pycache__" in name]
    with tarfile.open(sources) as packed:
        assert {one.mtime for one in packed.getmembers()} == {release.EPOCH}
        assert any(one.name.endswith("/LICENSE") for one in packed.getmembers())
