"""The Function app: its triggers. What they do is imported when one of them is called, so that indexing is quick."""

import typing

import azure.functions as func

app = func.FunctionApp()


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%FIRSTSEEN_EVENTS_HUB%",
    connection="FIRSTSEEN_EVENTS",
    consumer_group="$Default",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
@app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:00:30")
def ingest(events: typing.List[func.EventHubEvent]) -> None:  # noqa: UP006 - with list[…] the app is not indexed
    """A batch of what Azure's logs sent to the event hub."""
    from functions.azure.ingest import ingest as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    work(STARTED.parts(), events)


@app.function_name("again")
@app.queue_trigger(
    arg_name="message", queue_name="put-aside", connection="FIRSTSEEN_STORAGE", data_type=func.DataType.BINARY
)
def again(message: func.QueueMessage) -> None:
    """A delivery that was put aside."""
    from functions.azure.again import again as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    work(STARTED.parts(), message)


@app.function_name("collect")
@app.queue_trigger(
    arg_name="message", queue_name="new-blobs", connection="FIRSTSEEN_STORAGE", data_type=func.DataType.BINARY
)
def collect(message: func.QueueMessage) -> None:
    """A blob that somebody put in, of which Event Grid told."""
    from functions.azure.collect import collect as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    work(STARTED.parts(), message)


@app.function_name("sweep")
@app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True)
def sweep(timer: func.TimerRequest) -> None:
    """What is left over: pending findings, digests, summaries, what has expired."""
    del timer
    from functions.azure.sweep import sweep as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    work(STARTED.parts())


@app.function_name("canary")
@app.event_hub_output(arg_name="hub", event_hub_name="%FIRSTSEEN_EVENTS_HUB%", connection="FIRSTSEEN_EVENTS")
@app.timer_trigger(arg_name="timer", schedule="0 7 * * * *", run_on_startup=False, use_monitor=True)
def canary(timer: func.TimerRequest, hub: func.Out[typing.List[str]]) -> None:  # noqa: UP006 - see ingest
    """Examples of the rules, through the hub to findings that nobody is told; and whether the last came through."""
    del timer
    from functions.azure.canary import canary as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    messages = work(STARTED.parts())
    if messages:
        hub.set(messages)


@app.function_name("baseline")
@app.timer_trigger(arg_name="timer", schedule="0 2-59/5 * * * *", run_on_startup=False, use_monitor=True)
def baseline(timer: func.TimerRequest) -> None:
    """Baselines from the Activity Log of the past, a slice a call: on the first day, and when rules change."""
    del timer
    from functions.azure.baseline import baseline as work  # noqa: PLC0415 - see above
    from functions.azure.wiring import STARTED  # noqa: PLC0415

    work(STARTED.parts())
