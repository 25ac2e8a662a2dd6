import { EventEmitter } from 'node:events'
import { emit, gateway, library, loaded, serve, settings, until } from './driver.mjs'

const { Aqua } = library('aqualink')
const { host, port, password, user, guild, channel } = settings
let track

const client = Object.assign(new EventEmitter(), { user: { id: user } })
const aqua = new Aqua(client, [{ name: 'node', host, port, auth: password }], {
  send: (packet) => discord(packet),
  defaultSearchPlatform: 'ytsearch',
  // It keeps the node's session; otherwise it would end its players and build new ones.
  autoResume: false,
  failoverOptions: { enabled: false },
  infiniteReconnects: true,
  reconnectTimeout: 500,
})
const discord = gateway((packet) => aqua.updateVoiceState(packet))
const node = () => aqua.nodeMap.get('node')
const player = () => aqua.players.get(guild)

aqua.on('error', (_, error) => emit('error', { error: String(error?.stack ?? error) }))
aqua.on('nodeError', (_, error) => emit('error', { error: String(error) }))
aqua.on('nodeReady', (from, { resumed }) => emit('ready', { session: from.sessionId, resumed }))
// The end of a queue's last track is announced without its reason.
aqua.on('playerCreate', (made) => made.on('event', ({ type, reason }) => type === 'TrackEndEvent' && emit('end', { reason })))
aqua.on('trackStart', () => emit('start'))
aqua.on('trackError', (_, __, event) => emit('error', { error: JSON.stringify(event) }))
aqua.on('playerUpdate', (_, { state }) => emit('update', state))

await serve({
  async connect() {
    await aqua.init(user)
    return { session: await until(() => node()?.sessionId) }
  },
  async load({ identifier }) {
    const result = await aqua.resolve({ query: identifier, requester: client.user })
    track = result.tracks[0]
    return loaded(result.loadType, track && { ...track.info, length: track.duration })
  },
  join: async () => {
    aqua.createConnection({ guildId: guild, voiceChannel: channel, textChannel: channel, deaf: true })
  },
  play: async () => void (await player().play(track)),
  pitch: async ({ pitch }) => void (await player().filters.setTimescale(true, { speed: 1, pitch, rate: 1 }).updateFilters()),
  clear: async () => void (await player().filters.clearFilters()),
  seek: async ({ position }) => void (await player().seek(position)),
  pause: async () => void (await player().pause(true)),
  resume: async () => void (await player().pause(false)),
  volume: async ({ volume }) => void (await player().setVolume(volume)),
  stop: async () => void (await player().stop()),
  destroy: async () => void (await player().destroy()),
  resuming: async ({ timeout }) =>
    void (await node().rest.makeRequest('PATCH', `/v4/sessions/${node().sessionId}`, { resuming: true, timeout })),
  reconnect: async () => {},
})
