"""What the programs share: commands in, answers and events out, and the part of Discord's main gateway a library sees."""

import asyncio
import inspect
import json
import os
import sys
import traceback

HOST = os.environ["NODE_HOST"]
PORT = int(os.environ["NODE_PORT"])
PASSWORD = os.environ["NODE_PASSWORD"]
USER = int(os.environ["USER_ID"])
GUILD = int(os.environ["GUILD_ID"])
CHANNEL = int(os.environ["CHANNEL_ID"])
VOICE_ENDPOINT = os.environ["VOICE_ENDPOINT"]


def say(**message):
    print(json.dumps(message), flush=True)


def emit(event, **facts):
    say(event=event, **facts)


def loaded(kind, title=None, length=None, source=None):
    """Facts about the first of the loaded tracks."""
    return {"type": kind, "title": title, "length": length, "source": source}


class Gateway:
    """Answers a library's op 4 as Discord would."""

    def __init__(self, feed_state, feed_server):
        self._feed_state = feed_state
        self._feed_server = feed_server
        self._joins = 0
        self._inside = None
        self._answer = None

    def voice_state(self, guild, channel):
        is_join = channel is not None and channel != self._inside
        self._joins += is_join
        self._inside = channel
        # Never before the library has returned from sending.
        self._answer = asyncio.ensure_future(self._dispatch(guild, channel, is_join))

    async def _dispatch(self, guild, channel, is_join):
        await asyncio.sleep(0.005)
        await _finish(self._feed_state({
            "guild_id": str(guild), "user_id": str(USER), "session_id": "voice-session",
            "channel_id": None if channel is None else str(channel),
            "self_deaf": True, "self_mute": False, "deaf": False, "mute": False, "suppress": False,
        }))
        if is_join:  # Who is in the channel already is told no server.
            await asyncio.sleep(0.005)
            token = f"voice-token-{self._joins}"
            await _finish(self._feed_server({"guild_id": str(guild), "token": token, "endpoint": VOICE_ENDPOINT}))


async def _finish(outcome):
    """Libraries take dispatches by plain or by async functions."""
    if inspect.isawaitable(outcome):
        await outcome


async def until(get):
    """The first value of `get` that is not empty."""
    while not (value := get()):
        await asyncio.sleep(0.01)
    return value


async def serve(commands):
    """Carries out commands, one after the other, until standard input ends."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: emit("error", error=str(context.get("exception") or context["message"])))
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        parameters = json.loads(line)
        name = parameters.pop("do")
        try:
            say(done=name, **(await getattr(commands, name)(**parameters) or {}))
        except Exception:  # whatever the library raises is the test's to judge
            say(failed=name, error=traceback.format_exc())
    # Libraries leave tasks behind that would keep the loop alive.
    os._exit(0)
