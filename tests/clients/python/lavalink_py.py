"""Drives lavalink.py."""

import asyncio

import lavalink
from lavalink.filters import Timescale

from driver import CHANNEL, GUILD, HOST, PASSWORD, PORT, USER, Gateway, emit, loaded, serve, until


class Commands:
    def __init__(self):
        self.client = lavalink.Client(USER)
        update = self.client.voice_update_handler
        self.gateway = Gateway(
            lambda state: update({"t": "VOICE_STATE_UPDATE", "d": state}),
            lambda server: update({"t": "VOICE_SERVER_UPDATE", "d": server}),
        )
        self.client.add_event_hook(self.on_event)

    async def on_event(self, event):
        match event:
            case lavalink.IncomingWebSocketMessage(data={"op": "ready"} as data):
                emit("ready", session=data["sessionId"], resumed=data["resumed"])
            case lavalink.IncomingWebSocketMessage(data={"op": "playerUpdate"} as data):
                emit("update", **data["state"])
            case lavalink.TrackStartEvent():
                emit("start")
            case lavalink.TrackEndEvent(reason=lavalink.EndReason.FINISHED):
                # Not yet: it will still ask the node to stop.
                pass
            case lavalink.TrackEndEvent():
                emit("end", reason=event.reason.value)
            case lavalink.QueueEndEvent():
                emit("end", reason="finished")
            case lavalink.TrackExceptionEvent():
                emit("error", error=event.message)

    async def connect(self):
        self.node = self.client.add_node(host=HOST, port=PORT, password=PASSWORD, region="eu", name="node")
        return {"session": await until(lambda: self.node.session_id)}

    async def load(self, identifier):
        result = await self.node.get_tracks(identifier)
        if not result.tracks:
            return loaded(result.load_type.value)
        self.track = result.tracks[0]
        return loaded(result.load_type.value, self.track.title, self.track.duration, self.track.source_name)

    async def join(self):
        self.player = self.client.player_manager.create(GUILD)
        self.gateway.voice_state(GUILD, CHANNEL)

    async def play(self):
        await self.player.play(self.track)

    async def pitch(self, pitch):
        timescale = Timescale()
        timescale.update(pitch=pitch)
        await self.player.set_filter(timescale)

    async def clear(self):
        await self.player.clear_filters()

    async def seek(self, position):
        await self.player.seek(position)

    async def pause(self):
        await self.player.set_pause(True)

    async def resume(self):
        await self.player.set_pause(False)

    async def volume(self, volume):
        await self.player.set_volume(volume)

    async def stop(self):
        await self.player.stop()

    async def destroy(self):
        self.gateway.voice_state(GUILD, None)
        await self.client.player_manager.destroy(GUILD)

    async def resuming(self, timeout):
        await self.node.update_session(resuming=True, timeout=timeout)

    async def reconnect(self):
        # Its own reconnect loop repeats the headers of the first handshake, which has no session to resume. The loop is ended
        # first: otherwise it sometimes comes back before the connection asked for.
        loop = self.node._transport._connection_task
        loop.cancel()
        await asyncio.wait([loop])
        # It would take its players for lost with the connection, and build them anew; the session it resumes has them still.
        await asyncio.sleep(0.1)
        self.node.manager._player_queue.clear()
        await self.node.connect(force=True)


async def main():
    await serve(Commands())


asyncio.run(main())
