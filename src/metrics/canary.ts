// The canary of one primary: once a second it writes and reads its own key as an application would, and tells the fleet
// what the write met: OOM, READONLY, NOREPLICAS, CLUSTERDOWN, MISCONF, or no answer at all.

import type { WatchedServer } from '../fleet/server.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import type { Answer } from '../redis/answers.ts'
import { Lost, openConnection, Refused, type Connection } from '../redis/connection.ts'
import { ownKey, writeAndRead } from '../redis/probe.ts'
import { parseClusterNodes } from '../redis/topology.ts'

const EVERY_MS = 1_000
const TIMEOUT_MS = 500

export interface Canary {
  stop(): void
}

/** Runs while the server is a primary; on any other it rests. */
export function startCanary(server: WatchedServer, clock: Clock): Canary {
  let connection: Connection | undefined
  let key: string | undefined
  let timer: Timer | undefined
  let stopped = false
  let round = 0

  const close = (): void => {
    connection?.close()
    connection = undefined
    key = undefined
  }

  const fly = async (): Promise<Answer | undefined> => {
    const { view } = server
    if (view.role !== 'primary' || view.answer.id === 'unasked') return undefined
    const started = clock.monotonic()
    try {
      connection ??= await openConnection({
        address: view.address,
        access: server.access,
        timeoutMs: TIMEOUT_MS,
        name: 'respite-canary',
      })
      key ??= await ownKey(connection, view.shard === undefined ? undefined : await ownedSlots(connection))
      if (key === undefined) return undefined // a node without slots takes no writes
      round += 1
      await writeAndRead(connection, key, String(round))
      return { id: 'ok', at: clock.now(), replyMs: clock.monotonic() - started }
    } catch (error) {
      const wrote = key !== undefined
      if (!(error instanceof Refused)) close()
      if (error instanceof Refused && /^(MOVED|ASK)\b/.test(error.message)) close() // the slot moved: choose another key
      if (error instanceof Lost && !wrote) return undefined // the door says why there is no connection
      return answerOf(error, clock.now())
    }
  }

  const next = async (): Promise<void> => {
    const answer = await fly()
    if (stopped) return close()
    server.noteWrite(answer)
    timer = clock.after(EVERY_MS, () => void next())
  }

  timer = clock.after(EVERY_MS / 2, () => void next())
  return {
    stop() {
      stopped = true
      timer?.stop()
      close()
    },
  }
}

function answerOf(error: unknown, at: number): Answer | undefined {
  const text = reasonOf(error)
  if (error instanceof Refused) {
    // What keeps the canary's own user from writing says nothing about the applications' writes.
    return error.answer === 'noperm' || /^(MOVED|ASK)\b/.test(text)
      ? undefined
      : { id: error.answer, at, text: `a write met: ${text}` }
  }
  if (error instanceof Lost)
    return error.answer === 'silent' ? { id: 'writes-hang', at, text: `a write met ${text}` } : undefined
  return { id: 'error', at, text }
}

async function ownedSlots(connection: Connection): Promise<(slot: number) => boolean> {
  const nodes = parseClusterNodes(String(await connection.send('CLUSTER', 'NODES')))
  const ranges = (nodes.find((node) => node.flags.includes('myself'))?.slots ?? [])
    .filter((range) => !range.startsWith('['))
    .map((range) => range.split('-').map(Number))
  return (slot) => ranges.some(([from = -1, to = from]) => slot >= from && slot <= to)
}
