"""A Functions host as small as it gets: it has one worker index an app, and calls its functions.

Run in ``.venv-azure-runtime``. Reads one JSON object a line from standard input, and answers each with one:
``{"app": FOLDER}`` with what was indexed, ``{"function", "inputs", "metadata"}`` with what became of the call. Bytes
are in Base64. See tests/functions/azure_runtime.py for who asks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped] # not in the tests' own environment

from tests import protos  # type: ignore[attr-defined] # the worker library's, not ours

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PUMP = Path(__file__).with_name("azure_pump.py")


class Host:
    """One worker's stream. What the worker logs is kept until the next answer."""

    def __init__(self) -> None:
        self.out: asyncio.Queue[Any] = asyncio.Queue()
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.started = asyncio.Event()
        self.logs: list[dict[str, Any]] = []
        self.ids: dict[str, str] = {}

    async def EventStream(self, messages: AsyncIterator[Any], _: object) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's name
        reading = asyncio.create_task(self.read(messages))
        while True:
            yield await self.out.get()
            reading.done()

    async def read(self, messages: AsyncIterator[Any]) -> None:
        async for message in messages:
            match message.WhichOneof("content"):
                case "start_stream":
                    self.started.set()
                case "rpc_log":
                    line = message.rpc_log
                    self.logs.append({"message": line.message, "level": line.level, "category": line.category})
                case kind:
                    self.waiting.pop(message.request_id).set_result(getattr(message, kind))

    async def ask(self, **content: Any) -> Any:  # noqa: ANN401 - protobuf
        request_id = str(uuid.uuid4())
        self.waiting[request_id] = asyncio.get_running_loop().create_future()
        await self.out.put(protos.StreamingMessage(request_id=request_id, **content))
        return await self.waiting[request_id]

    async def index(self, app: str) -> dict[str, Any]:
        found = await self.ask(worker_init_request=protos.WorkerInitRequest(function_app_directory=app))
        listed = await self.ask(functions_metadata_request=protos.FunctionsMetadataRequest(function_app_directory=app))
        functions = []
        for one in listed.function_metadata_results:
            self.ids[one.name] = one.function_id
            request = protos.FunctionLoadRequest(function_id=one.function_id, metadata=one)
            loaded = await self.ask(function_load_request=request)
            retry = one.retry_options
            functions.append(
                {
                    "name": one.name,
                    "loaded": loaded.result.status == protos.StatusResult.Success,
                    "bindings": [json.loads(binding) for binding in one.raw_bindings],
                    "retry": {
                        "strategy": int(retry.retry_strategy),
                        "count": retry.max_retry_count,
                        "delay_seconds": retry.delay_interval.seconds,
                    },
                }
            )
        return {"fault": found.result.exception.message, "functions": functions}

    async def call(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = protos.InvocationRequest(
            invocation_id=str(uuid.uuid4()),
            function_id=self.ids[asked["function"]],
            input_data=[protos.ParameterBinding(name=name, data=data(one)) for name, one in asked["inputs"].items()],
            trigger_metadata={name: data(one) for name, one in asked["metadata"].items()},
        )
        found = (await self.ask(invocation_request=request)).result
        done = found.status == protos.StatusResult.Success
        return {"done": done, "fault": found.exception.message, "trace": found.exception.stack_trace}


def data(value: dict[str, Any]) -> Any:  # noqa: ANN401 - protobuf
    """``{"many": [BASE64…]}``, ``{"bytes": BASE64}``, ``{"string": …}`` or ``{"json": …}`` as the worker takes it."""
    made = protos.TypedData()
    if "many" in value:
        made.collection_bytes.bytes.extend(base64.b64decode(one) for one in value["many"])
    elif "bytes" in value:
        made.bytes = base64.b64decode(value["bytes"])
    elif "string" in value:
        made.string = value["string"]
    else:
        made.json = json.dumps(value["json"])
    return made


async def main() -> None:
    host, server = Host(), grpc.aio.server()
    protos.add_FunctionRpcServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    worker = None
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            if worker is None:
                worker = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", str(PUMP), str(port), asked["app"], stdin=asyncio.subprocess.DEVNULL
                )
                await host.started.wait()
            answer = await (host.index(asked["app"]) if "app" in asked else host.call(asked))
            logs, host.logs = host.logs, []
            sys.stdout.write(json.dumps({**answer, "logs": logs}) + "\n")
            sys.stdout.flush()
    finally:
        if worker is not None:
            worker.kill()
            await worker.wait()
        await server.stop(None)


if __name__ == "__main__":
    asyncio.run(main())
