// Touches a server to learn what only touching tells. PING says PONG while every write is refused: it writes and reads one
// key of its own, which expires by itself (opt-in: the write is counted, replicated and saved like any other). It
// publishes on one channel of its own and listens there. And it asks a busy server for what is refused in any case, since
// the refusal says what the script has done. Nothing else is touched.

import { startAlarm } from '../lib/alarm.ts'
import { openConnection, OwnConnection, Refused, type Connection, type ConnectOptions } from './connection.ts'

const CANARY_PREFIX = 'respite:canary'
const CANARY_TTL_MS = 60_000
const MOST_KEYS_TRIED = 512 // a node that owns 1 % of the slots is found within so many with 99 %

/**
 * Writes the key and reads it back. Throws `Refused` with what a client's write would meet, `Lost` when there is no
 * answer, and a plain Error when another value came back.
 */
export async function writeAndRead(connection: Connection, key: string, value: string): Promise<void> {
  await connection.send('SET', key, value, 'PX', String(CANARY_TTL_MS))
  const read = await connection.send('GET', key)
  if (read !== value) throw new Error(`wrote ${value} to ${key} and read ${String(read)}`)
}

/** A key that this server may be asked for: any, or on a Cluster node one whose slot it owns. */
export async function ownKey(
  connection: Connection,
  ownsSlot?: (slot: number) => boolean,
): Promise<string | undefined> {
  if (ownsSlot === undefined) return CANARY_PREFIX
  for (let at = 0; at < MOST_KEYS_TRIED; at += 1) {
    const key = `${CANARY_PREFIX}:${at}`
    if (ownsSlot(Number(await connection.send('CLUSTER', 'KEYSLOT', key)))) return key
  }
  return undefined
}

const PROBE_CHANNEL = 'respite:probe'

/**
 * Subscribes to our own channel and publishes there. `ok`: it was heard; `lost`: everything was permitted and it was not
 * heard, within the time. Throws `Refused` or `Lost` where we could not so much as try.
 */
export async function publishAndHear(options: ConnectOptions): Promise<'ok' | 'lost'> {
  const speaker = await openConnection(options)
  const message = String(Math.random()) // ours, and not that of another Respite
  const { promise: heard, resolve } = Promise.withResolvers<'ok' | 'lost'>()
  const listener = new OwnConnection(options, (text) => {
    if (text === message) resolve('ok')
  })
  listener.onClose(() => resolve('lost'))
  try {
    await listener.logIn()
    await listener.send('SUBSCRIBE', PROBE_CHANNEL)
    await speaker.send('PUBLISH', PROBE_CHANNEL, message)
    const alarm = startAlarm(options.timeoutMs, () => resolve('lost'))
    return await heard.finally(() => alarm.stop())
  } finally {
    speaker.close()
    listener.close()
  }
}

/** What a busy server says of the script that keeps it busy. */
export interface BusyScript {
  readonly kind: 'script' | 'function' // EVAL, or FCALL
  readonly hasWritten: boolean | undefined // undefined: it does not say
  readonly fromPrimary: boolean
  readonly command: readonly string[] // of a function, as it was called
  readonly runsForMs: number | undefined // of a function
}

/**
 * Asks a server that answers BUSY; undefined when it is no longer busy. FUNCTION KILL never ends an EVAL, nor SCRIPT KILL
 * an FCALL: the server refuses, and says UNKILLABLE before it says that, when the script has written (`scriptKill` of Redis
 * src/script.c, 7.0 and later, and of Valkey). So the wrong one of the two is sent, and what is refused in any case tells
 * whether the right one would be. Were the script to end and one of the other kind to begin, and run into its limit of
 * seconds, all between two of our commands, that one would be ended in its place.
 */
export async function askBusyScript(options: ConnectOptions): Promise<BusyScript | undefined> {
  const connection = await openConnection({ ...options, name: '' })
  const said = (...words: string[]): Promise<string> =>
    connection.send(...words).then(
      () => '',
      (error: unknown) => {
        if (error instanceof Refused) return error.message
        throw error
      },
    )
  try {
    const busy = await said('PING')
    const kind = /SCRIPT KILL/.test(busy) ? 'script' : /FUNCTION KILL/.test(busy) ? 'function' : undefined
    if (kind === undefined) return undefined
    const running = kind === 'function' ? await runningFunction(connection) : undefined
    const refusal = await said(kind === 'script' ? 'FUNCTION' : 'SCRIPT', 'KILL')
    return {
      kind,
      hasWritten: refusal.startsWith('UNKILLABLE') ? true : refusal.startsWith('BUSY') ? false : undefined,
      fromPrimary: /sent by a (?:master|primary)/.test(refusal),
      command: running?.command ?? [],
      runsForMs: running?.runsForMs,
    }
  } finally {
    connection.close()
  }
}

/** FUNCTION STATS is answered while a function runs. Its reply is a flat list of names and values, twice. */
async function runningFunction(connection: Connection): Promise<{ command: string[]; runsForMs: number } | undefined> {
  const reply = await connection.send('FUNCTION', 'STATS').catch(() => undefined)
  const running = valueIn(reply, 'running_script')
  const command = valueIn(running, 'command')
  if (!Array.isArray(command)) return undefined
  return { command: command.map(String), runsForMs: Number(valueIn(running, 'duration_ms')) }
}

function valueIn(reply: unknown, name: string): unknown {
  return Array.isArray(reply) ? reply[reply.indexOf(name) + 1] : undefined
}
