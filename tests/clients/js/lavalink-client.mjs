import { emit, emitRaw, gateway, library, loaded, serve, settings, until } from './driver.mjs'

const { LavalinkManager } = library('lavalink-client')
const { host, port, password, user, guild, channel } = settings
const bot = { id: user, username: 'bot' }
let player, track

const manager = new LavalinkManager({
  nodes: [{ id: 'node', host, port, authorization: password, retryAmount: 20, retryDelay: 500 }],
  sendToShard: (_, packet) => discord(packet),
  client: bot,
  autoSkip: false,
  // Only searches would use it, but the library insists on a source the node has.
  playerOptions: { defaultSearchPlatform: 'http' },
})
const discord = gateway((packet) => manager.sendRawData(packet))
const node = () => manager.nodeManager.nodes.get('node')

manager.nodeManager.on('error', (_, error) => emit('error', { error: String(error) }))
manager.nodeManager.on('raw', (from, message) => {
  // Where a bot that wants to resume keeps the session.
  if (message.op === 'ready') from.options.sessionId = message.sessionId
  emitRaw(message)
})
manager.on('trackStart', () => emit('start'))
manager.on('trackEnd', (_, __, event) => emit('end', { reason: event.reason }))
// The last track of a queue ends with this event instead.
manager.on('queueEnd', (_, __, event) => emit('end', { reason: event.reason }))
manager.on('trackError', (_, __, event) => emit('error', { error: JSON.stringify(event) }))

await serve({
  async connect() {
    await manager.init(bot)
    await until(() => node()?.info)
    return { session: node().sessionId }
  },
  async load({ identifier }) {
    const result = await node().search({ query: identifier }, bot)
    track = result.tracks[0]
    return loaded(result.loadType, track && { ...track.info, length: track.info.duration })
  },
  async join() {
    player = manager.createPlayer({ guildId: guild, voiceChannelId: channel, selfDeaf: true, volume: 100 })
    await player.connect()
  },
  play: async () => void (await player.play({ clientTrack: track })),
  pitch: async ({ pitch }) => void (await player.filterManager.setPitch(pitch)),
  clear: async () => void (await player.filterManager.resetFilters()),
  seek: async ({ position }) => void (await player.seek(position)),
  pause: async () => void (await player.pause()),
  resume: async () => void (await player.resume()),
  volume: async ({ volume }) => void (await player.setVolume(volume)),
  stop: async () => void (await player.stopPlaying(false, false)),
  destroy: async () => void (await player.destroy()),
  resuming: async ({ timeout }) => void (await node().updateSession(true, timeout)),
  reconnect: async () => {},
})
