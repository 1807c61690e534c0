// A few keys: what they are, how large, how long they live. A sample of what SCAN gives first, which is as good as a drawn
// one since its order is that of a hash, and the keys that the slow log names.
//
// What it costs: at most ten SCANs of a hundred keys, and for each of at most 320 keys TYPE, TTL and MEMORY USAGE, which
// looks at five elements of a collection: a few microseconds each, a few milliseconds together. No value is read.

import { askAboutKeys, askInDb, groupByDb } from '../../metrics/queue-keys.ts'
import type { Reply } from '../../redis/connection.ts'
import { parseInfo } from '../../redis/info.ts'
import type { Ask } from '../../redis/ask.ts'
import type { KeySeen, KeyspaceSeen } from '../evidence.ts'
import { namedKey } from '../readings/slow-commands.ts'
import type { Source } from '../source.ts'

const MOST_DATABASES = 3
const MOST_KEYS = 300
const MOST_NAMED = 20
const AT_ONCE = '100'
const MOST_SCANS = 10 // of a table that was emptied, many find nothing

export default {
  looksAt: 'SCAN, TYPE, TTL, MEMORY USAGE and the length of at most 320 keys; INFO keyspace',
  asks: true,
  after: ['slowlog', 'info'], // after the second INFO, so that our questions are not taken for the clients'

  async look(server, { slowlog = [] }) {
    if (server.view.role !== 'primary') return undefined // its replicas hold the same
    const ask = askAboutKeys((...words) => server.ask(...words))
    const databases = databasesOf(String(await ask('INFO', 'keyspace')))
    const largest = databases.toSorted((a, b) => b.keys - a.keys).slice(0, MOST_DATABASES)
    const some = Math.ceil(MOST_KEYS / Math.max(1, largest.length))
    const sample: KeySeen[] = []
    for (const { db } of largest) sample.push(...(await lookAtKeys(ask, db, await scan(ask, db, some))))
    const names = [...new Set(slowlog.flatMap(({ command }) => namedKey(command) ?? []))].slice(0, MOST_NAMED)
    const named: KeySeen[] = []
    for (const { db } of largest) named.push(...(await lookAtKeys(ask, db, names)))
    return { databases, sample, named: await withLengths(ask, named) } satisfies KeyspaceSeen
  },
} satisfies Source<'keyspace'>

function databasesOf(info: string): KeyspaceSeen['databases'] {
  return [...parseInfo(info)].flatMap(([name, text]) => {
    const [, db] = /^db(\d+)$/.exec(name) ?? []
    const [, keys, expiring] = /keys=(\d+),expires=(\d+)/.exec(text) ?? []
    return db === undefined || keys === undefined
      ? []
      : [{ db: Number(db), keys: Number(keys), expiring: Number(expiring) }]
  })
}

async function scan(ask: Ask, db: number, most: number): Promise<string[]> {
  const keys = new Set<string>()
  let cursor = '0'
  for (let scans = 0; scans < MOST_SCANS && keys.size < most; scans += 1) {
    const [reply] = await askInDb(ask, db, [['SCAN', cursor, 'COUNT', AT_ONCE]])
    const [next, found] = Array.isArray(reply) ? reply : ['0', []]
    for (const key of Array.isArray(found) ? found : []) keys.add(String(key))
    cursor = String(next)
    if (cursor === '0') break
  }
  return [...keys].slice(0, most)
}

/** What has gone meanwhile, or has a name that is no text, is left out. */
async function lookAtKeys(ask: Ask, db: number, keys: readonly string[]): Promise<KeySeen[]> {
  const questions = keys.flatMap((key) => [
    ['TYPE', key],
    ['TTL', key],
    ['MEMORY', 'USAGE', key],
  ])
  const answers = await askInDb(ask, db, questions)
  return keys.flatMap((key, at) => {
    const [type, ttl, bytes] = answers.slice(3 * at, 3 * at + 3)
    return typeof bytes === 'number' ? [{ db, key, type: String(type), bytes, ttlSeconds: Number(ttl) }] : []
  })
}

const LENGTHS: Readonly<Record<string, string>> = {
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
}

async function withLengths(ask: Ask, keys: readonly KeySeen[]): Promise<KeySeen[]> {
  const measured: KeySeen[] = []
  for (const [db, group] of groupByDb(keys)) {
    const countable = group.filter(({ type }) => LENGTHS[type] !== undefined)
    const questions = countable.map(({ type, key }) => [LENGTHS[type] ?? '', key])
    const answers = questions.length === 0 ? [] : await askInDb(ask, db, questions)
    const elements = new Map(countable.map(({ key }, at): [string, Reply | undefined] => [key, answers[at]]))
    for (const seen of group) {
      const count = elements.get(seen.key)
      measured.push(typeof count === 'number' ? { ...seen, elements: count } : seen)
    }
  }
  return measured
}
