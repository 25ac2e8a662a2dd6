// What the programs share: commands in, answers and events out, and the part of Discord's main gateway a library sees.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const env = process.env

/** An installed package; they lie apart from the sources. */
export const library = createRequire(`${env.PACKAGES}/package.json`)

export const settings = {
  host: env.NODE_HOST,
  port: Number(env.NODE_PORT),
  password: env.NODE_PASSWORD,
  user: env.USER_ID,
  guild: env.GUILD_ID,
  channel: env.CHANNEL_ID,
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

export const emit = (event, facts = {}) => say({ event, ...facts })

/** Reports a message of the node's WebSocket the library hands out as it is. */
export function emitRaw(message) {
  if (message.op === 'ready') emit('ready', { session: message.sessionId, resumed: message.resumed })
  if (message.op === 'playerUpdate') emit('update', message.state)
}

/** Answers a library's op 4 as Discord would; `feed` hands a dispatch to the library. */
export function gateway(feed) {
  let joins = 0
  let inside = null
  return ({ op, d }) => {
    if (op !== 4 || d.guild_id !== settings.guild) return
    const isJoin = d.channel_id !== null && d.channel_id !== inside
    joins += isJoin ? 1 : 0
    inside = d.channel_id
    const state = { guild_id: d.guild_id, user_id: settings.user, session_id: 'voice-session', channel_id: inside, self_deaf: true, self_mute: false, deaf: false, mute: false }
    const server = { guild_id: d.guild_id, token: `voice-token-${joins}`, endpoint: env.VOICE_ENDPOINT }
    // Never before the library has returned from sending.
    setTimeout(() => feed({ op: 0, t: 'VOICE_STATE_UPDATE', d: state }), 5)
    // Who is in the channel already is told no server.
    if (isJoin) setTimeout(() => feed({ op: 0, t: 'VOICE_SERVER_UPDATE', d: server }), 10)
  }
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** The first value of `get` that is not empty. */
export async function until(get) {
  for (;;) {
    const value = get()
    if (value) return value
    await sleep(10)
  }
}

/** Facts about the first of the loaded tracks. */
export const loaded = (type, info) => ({ type, title: info?.title, length: info?.length, source: info?.sourceName })

/** Carries out commands, one after the other, until standard input ends. */
export async function serve(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...parameters } = JSON.parse(line)
    try {
      say({ done: name, ...(await commands[name](parameters)) })
    } catch (error) {
      say({ failed: name, error: String(error?.stack ?? error) })
    }
  }
  process.exit(0)
}

process.on('unhandledRejection', (error) => emit('error', { error: String(error?.stack ?? error) }))
