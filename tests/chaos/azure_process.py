"""The process of the built Function app, run in ``.venv-azure-runtime``: Microsoft's worker library without a host.

It reads and answers the same lines as tests/functions/azure_host.py, but calls the library itself, in one process, so
that a test that kills it by its id kills the app. The folder of azure_host.py and of the clock are on its PYTHONPATH.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.functions import azure_host, azure_pump
else:
    import azure_host
    import azure_pump

from tests import protos  # type: ignore[attr-defined,unused-ignore] # the worker library's, not ours


class Direct(azure_host.Host):
    """Asks the library, not a stream."""

    async def ask(self, **content: Any) -> Any:  # noqa: ANN401 - protobuf
        import azure_functions_runtime as runtime  # type: ignore[import-not-found] # noqa: PLC0415 - after the path is set

        (kind,) = content
        message = protos.StreamingMessage(request_id=str(uuid.uuid4()), **content)
        return await getattr(runtime, kind)(azure_pump.Request(message, {"host": "127.0.0.1", "protos": protos}))


class Kept(logging.Handler):
    """Keeps what the app logs for the next answer."""

    def __init__(self, host: Direct) -> None:
        super().__init__()
        self.host = host

    def emit(self, record: logging.LogRecord) -> None:
        line = {"message": record.getMessage(), "level": record.levelno // 10, "category": record.name}
        self.host.logs.append(line)


async def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may write among the answers
    host = Direct()
    logging.basicConfig(level=logging.INFO, handlers=[Kept(host)])
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        if "app" in asked:
            sys.path[:0] = [asked["app"], f"{asked['app']}/{azure_pump.LIBRARIES}"]
            import azure_functions_runtime as runtime  # noqa: PLC0415 - an app's libraries come before the worker's

            runtime.start_threadpool_executor()
        answer = await (host.index(asked["app"]) if "app" in asked else host.call(asked))
        logs, host.logs = host.logs, []
        answers.write(json.dumps({**answer, "logs": logs}) + "\n")
        answers.flush()


if __name__ == "__main__":
    asyncio.run(main())
