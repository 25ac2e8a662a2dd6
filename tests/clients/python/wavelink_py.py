"""Drives wavelink, which lives inside a discord.py client; that one never logs in."""

import asyncio

import discord
import wavelink

from driver import CHANNEL, GUILD, HOST, PASSWORD, PORT, USER, Gateway, emit, loaded, serve, until

BOT = {"id": str(USER), "username": "bot", "discriminator": "0", "avatar": None, "bot": True}

# What Discord sends of a guild with one voice channel; most of it only because discord.py reads it.
GUILD_DATA = {
    "id": str(GUILD), "name": "guild", "owner_id": str(USER), "emojis": [], "features": [], "voice_states": [],
    "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
    "nsfw_level": 0, "premium_tier": 0, "system_channel_flags": 0, "preferred_locale": "en-US", "afk_timeout": 0,
    "members": [{"user": BOT, "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0}],
    "roles": [{
        "id": str(GUILD), "name": "@everyone", "permissions": str(2**40 - 1), "position": 0, "color": 0, "colors": {
            "primary_color": 0}, "hoist": False, "managed": False, "mentionable": False,
    }],
    "channels": [{
        "id": str(CHANNEL), "type": 2, "name": "voice", "position": 0, "permission_overwrites": [], "bitrate": 64000,
        "user_limit": 0, "rtc_region": None, "nsfw": False, "parent_id": None,
    }],
}


class Socket:
    """The one thing wavelink sends over Discord's main gateway."""

    def __init__(self, gateway):
        self.gateway = gateway

    async def voice_state(self, guild_id, channel_id, self_mute=False, self_deaf=False):
        self.gateway.voice_state(guild_id, channel_id)


class Bot(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents.default())
        state = self._connection
        state.user = discord.ClientUser(state=state, data=BOT)
        gateway = Gateway(state.parse_voice_state_update, state.parse_voice_server_update)
        state._get_websocket = lambda *_, **__: Socket(gateway)
        self.guild = discord.Guild(state=state, data=GUILD_DATA)
        state._guilds[GUILD] = self.guild
        self._ready = asyncio.Event()
        self._ready.set()

    def dispatch(self, event, /, *arguments, **keywords):
        payload = arguments[0] if arguments else None
        match event:
            case "wavelink_node_ready":
                emit("ready", session=payload.session_id, resumed=payload.resumed)
            case "wavelink_player_update":
                emit("update", position=payload.position, connected=payload.connected)
            case "wavelink_track_start":
                emit("start")
            case "wavelink_track_end":
                emit("end", reason=payload.reason)
            case "wavelink_track_exception":
                emit("error", error=str(payload.exception))
        super().dispatch(event, *arguments, **keywords)


class Commands:
    async def connect(self):
        self.bot = Bot()
        # What logging in would do.
        self.bot.loop = asyncio.get_running_loop()
        self.node = wavelink.Node(
            uri=f"http://{HOST}:{PORT}", password=PASSWORD, identifier="node", resume_timeout=60,
            inactive_player_timeout=None,
        )
        await wavelink.Pool.connect(nodes=[self.node], client=self.bot)
        return {"session": await until(lambda: self.node.session_id)}

    async def load(self, identifier):
        found = await wavelink.Pool.fetch_tracks(identifier)
        if not found:
            return loaded("empty")
        self.track = found[0]
        return loaded("track", self.track.title, self.track.length, self.track.source)

    async def join(self):
        self.player = await self.bot.guild.get_channel(CHANNEL).connect(cls=wavelink.Player)
        self.player.autoplay = wavelink.AutoPlayMode.disabled

    async def play(self):
        await self.player.play(self.track)

    async def pitch(self, pitch):
        filters = self.player.filters
        filters.timescale.set(speed=1, pitch=pitch, rate=1)
        await self.player.set_filters(filters)

    async def clear(self):
        filters = self.player.filters
        filters.reset()
        await self.player.set_filters(filters)

    async def seek(self, position):
        await self.player.seek(position)

    async def pause(self):
        await self.player.pause(True)

    async def resume(self):
        await self.player.pause(False)

    async def volume(self, volume):
        await self.player.set_volume(volume)

    async def stop(self):
        await self.player.stop()

    async def destroy(self):
        await self.player.disconnect()

    async def resuming(self, timeout):
        """`resume_timeout` has asked for it when the session began."""

    async def reconnect(self):
        """It resumes by itself."""


async def main():
    await serve(Commands())


asyncio.run(main())
