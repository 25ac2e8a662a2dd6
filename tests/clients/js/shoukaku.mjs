import { emit, emitRaw, gateway, library, loaded, serve, settings, until } from './driver.mjs'

const { Connector, Shoukaku } = library('shoukaku')
const { host, port, password, user, guild, channel } = settings
let player, track

class Bot extends Connector {
  sendPacket(_, packet) {
    discord(packet)
  }

  getId() {
    return user
  }

  listen(nodes) {
    this.nodes = nodes
  }
}

const bot = new Bot({})
const shoukaku = new Shoukaku(bot, [{ name: 'node', url: `${host}:${port}`, auth: password }], {
  resume: true,
  resumeTimeout: 60,
  reconnectTries: 20,
  reconnectInterval: 0.5,
})
const discord = gateway((packet) => bot.raw(packet))
const node = () => shoukaku.nodes.get('node')

shoukaku.on('error', (_, error) => emit('error', { error: String(error) }))
shoukaku.on('raw', (_, message) => emitRaw(message))

await serve({
  async connect() {
    bot.ready(bot.nodes)
    return { session: await until(() => node()?.sessionId) }
  },
  async load({ identifier }) {
    const result = await node().rest.resolve(identifier)
    track = result.loadType === 'track' ? result.data : undefined
    return loaded(result.loadType, track?.info)
  },
  async join() {
    player = await shoukaku.joinVoiceChannel({ guildId: guild, channelId: channel, shardId: 0, deaf: true })
    player.on('start', () => emit('start'))
    player.on('end', ({ reason }) => emit('end', { reason }))
    player.on('exception', (event) => emit('error', { error: JSON.stringify(event) }))
  },
  play: async () => void (await player.playTrack({ track: { encoded: track.encoded } })),
  pitch: async ({ pitch }) => void (await player.setTimescale({ speed: 1, pitch, rate: 1 })),
  clear: async () => void (await player.clearFilters()),
  seek: async ({ position }) => void (await player.seekTo(position)),
  pause: async () => void (await player.setPaused(true)),
  resume: async () => void (await player.setPaused(false)),
  volume: async ({ volume }) => void (await player.setGlobalVolume(volume)),
  stop: async () => void (await player.stopTrack()),
  destroy: async () => void (await shoukaku.leaveVoiceChannel(guild)),
  resuming: async ({ timeout }) => void (await node().rest.updateSession(true, timeout)),
  reconnect: async () => {},
})
