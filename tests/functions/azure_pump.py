"""The process that the app runs in: Microsoft's worker library between the app and the host's stream of messages.

Run by azure_host.py in ``.venv-azure-runtime`` (Python 3.13), with the port of the host and the app's folder.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass
from typing import Any

LIBRARIES = ".python_packages/lib/site-packages"
KINDS = ("worker_init_request", "functions_metadata_request", "function_load_request", "invocation_request")
ANSWERS = {"functions_metadata_request": "function_metadata_response"}


@dataclass
class Request:
    """What the library is called with."""

    request: Any
    properties: dict[str, Any]


async def pump(port: str) -> None:
    """Answer every message until the host ends the stream."""
    import azure_functions_runtime as runtime  # type: ignore[import-not-found] # noqa: PLC0415 - after the path is set
    import grpc  # type: ignore[import-untyped] # noqa: PLC0415

    from tests import protos  # type: ignore[attr-defined] # noqa: PLC0415 - the library's, not ours

    loop, turn = asyncio.get_running_loop(), asyncio.Lock()
    stream = protos.FunctionRpcStub(grpc.aio.insecure_channel(f"127.0.0.1:{port}")).EventStream()

    async def write(**parts: Any) -> None:  # noqa: ANN401 - protobuf
        async with turn:
            await stream.write(protos.StreamingMessage(**parts))

    class ToHost(logging.Handler):
        """Sends the log to the host, as a worker does; the levels of RpcLog stand in the same order."""

        def emit(self, record: logging.LogRecord) -> None:
            line = protos.RpcLog(message=record.getMessage(), level=record.levelno // 10, category=record.name)
            asyncio.run_coroutine_threadsafe(write(rpc_log=line), loop)

    async def answer(message: Any, kind: str) -> None:  # noqa: ANN401 - protobuf
        request = Request(message, {"host": "127.0.0.1", "protos": protos})
        found = await getattr(runtime, kind)(request)
        name = ANSWERS.get(kind, kind.replace("_request", "_response"))
        await write(request_id=message.request_id, **{name: found})

    logging.basicConfig(level=logging.INFO, handlers=[ToHost()])
    runtime.start_threadpool_executor()
    await write(start_stream=protos.StartStream(worker_id="worker"))
    tasks = set()
    async for message in stream:
        kind = message.WhichOneof("content")
        if kind in KINDS:
            task = loop.create_task(answer(message, kind))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    sys.path[:0] = [sys.argv[2], f"{sys.argv[2]}/{LIBRARIES}"]  # an app's libraries come before the worker's
    asyncio.run(pump(sys.argv[1]))
