// Queues: how many jobs wait, how fast that grows, and how many consumers wait for one. Only a primary is asked, its
// replicas hold the same. Which key a blocked client waits on cannot be seen from outside, so consumers count by database.

import type { Ask } from '../../redis/ask.ts'
import type { Reply } from '../../redis/connection.ts'
import { parseClientList } from '../../redis/client-list.ts'
import { infoNumber, type Info } from '../../redis/info.ts'
import type { Collector, Look, QueueSetting } from '../collector.ts'
import { askAboutKeys, askInDb, groupByDb, startQueueKeys, type QueueKey, type QueueKeys } from '../queue-keys.ts'
import { LENGTH_COMMAND, queueName } from '../queue-layout.ts'
import { remember } from '../series-cache.ts'
import { gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const depth = gauge('respite_queue_depth', 'Jobs in the key of the queue.')
const growth = gauge('respite_queue_growth_per_second', 'Jobs by which it grew a second since the last sample.')
const consumers = gauge('respite_queue_consumers_waiting', 'Clients of the database that wait for a job.')

const seriesOfKey = remember((id) => {
  const space = id.indexOf(' ')
  const key = id.slice(space + 1)
  const labels = labelText({ db: `db${id.slice(0, space)}`, key, queue: queueName(key) })
  return { depth: seriesOf(depth, labels), growth: seriesOf(growth, labels) }
})

const BLOCKING = new Set('blpop brpop brpoplpush blmove blmpop bzpopmin bzpopmax bzmpop xread xreadgroup'.split(' '))
const MANY_CLIENTS = 1_000 // above this, CLIENT LIST is asked once a minute
const ASK_AGAIN_MS = 60_000

export default {
  asks: 'Queues: depth, growth, consumers that wait.',
  on: 'server',
  start() {
    let queues: QueueKeys | undefined
    let configured: readonly QueueSetting[] = []
    let before: { at: number; depths: Map<string, number> } = { at: 0, depths: new Map() }
    let waiting: { at: number; byDb: Map<string, number> } = { at: -Infinity, byDb: new Map() }
    const count = async (look: Look, wanted: readonly QueueSetting[], out: Snapshot): Promise<void> => {
      const { info, now } = look
      const ask = askAboutKeys(look.ask)
      if (queues === undefined || configured !== wanted) {
        configured = wanted
        queues = startQueueKeys(configured)
      }
      const following = queues
      const looked = following.look(ask, now).catch((error: unknown) => error) // what is known is counted all the same
      const isStale = now < waiting.at || now - waiting.at >= ASK_AGAIN_MS
      if (isStale || (infoNumber(info, 'connected_clients') ?? 0) <= MANY_CLIENTS)
        waiting = { at: now, byDb: await countWaiting(ask, info) }
      const problem = await looked
      const depths = await countDepths(ask, now, following)
      addDepths(depths, now, before, out)
      for (const { db = 0 } of wanted) if (!waiting.byDb.has(String(db))) waiting.byDb.set(String(db), 0)
      for (const [db, count] of waiting.byDb) out.add(seriesOf(consumers, labelText({ db: `db${db}` })), count)
      before = { at: now, depths }
      if (problem !== undefined) throw problem
    }
    return (look, out) => {
      const { queues: wanted = [] } = look.settings
      if (wanted.length > 0 && look.info.says('role', 'master')) return count(look, wanted, out)
    }
  },
} satisfies Collector

async function countDepths(ask: Ask, now: number, { keys }: QueueKeys): Promise<Map<string, number>> {
  const depths = new Map<string, number>()
  const known = [...keys.values()]
  for (const key of known) if (key.type === undefined && key.always && key.isHere) depths.set(`${key.db} ${key.key}`, 0)
  for (const [db, group] of groupByDb(known.filter((key) => key.type !== undefined))) {
    const questions = group.map(({ type, key }) => [LENGTH_COMMAND[type ?? 'list'], key])
    const answers = await askInDb(ask, db, questions)
    group.forEach((key, at) => takeDepth(key, answers[at], now, depths))
  }
  return depths
}

function takeDepth(key: QueueKey, answer: Reply | undefined, now: number, depths: Map<string, number>): void {
  if (typeof answer !== 'number') {
    key.type = undefined
    return
  }
  key.emptySince = answer > 0 ? undefined : (key.emptySince ?? now)
  depths.set(`${key.db} ${key.key}`, answer)
}

function addDepths(
  depths: ReadonlyMap<string, number>,
  now: number,
  before: { at: number; depths: ReadonlyMap<string, number> },
  out: Snapshot,
): void {
  const seconds = (now - before.at) / 1_000
  for (const [id, count] of depths) {
    const series = seriesOfKey(id)
    out.add(series.depth, count)
    const earlier = before.depths.get(id)
    if (earlier !== undefined && seconds > 0) out.add(series.growth, (count - earlier) / seconds)
  }
}

/** Clients in a blocking command by their database. Nobody is blocked: nothing is asked. */
async function countWaiting(ask: Ask, info: Info): Promise<Map<string, number>> {
  const byDb = new Map<string, number>()
  if (infoNumber(info, 'blocked_clients') === 0) return byDb
  for (const client of parseClientList(String(await ask('CLIENT', 'LIST')))) {
    const isWaiting = client['flags']?.includes('b') === true && BLOCKING.has(client['cmd'] ?? '')
    const db = client['db'] ?? '0'
    if (isWaiting) byDb.set(db, (byDb.get(db) ?? 0) + 1)
  }
  return byDb
}
