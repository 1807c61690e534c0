// Keys of each database. Databases that are empty count as 0 keys, so that a rule about a database that was emptied has
// something to look at.

import { ownText } from '../../lib/own-text.ts'
import type { Ask } from '../../redis/ask.ts'
import { Lost } from '../../redis/connection.ts'
import type { Info } from '../../redis/info.ts'
import type { Collector, Look } from '../collector.ts'
import { meaningfulFields } from '../field-series.ts'
import { pairNumber } from '../pairs.ts'
import { remember } from '../series-cache.ts'
import { gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const keys = gauge('redis_db_keys', 'Keys of the database.')
const expiring = gauge('redis_db_keys_expiring', 'Keys of the database that have an expiry.')
const averageTtl = gauge('redis_db_avg_ttl_seconds', 'Average time to live of those, as the server estimates.')
const cached = gauge('redis_db_keys_cached', 'Keys of the database held in memory (KeyDB).')
const fields = gauge('redis_db_keys_with_expiring_fields', 'Hashes of the database with fields that have an expiry.')

const seriesOfDb = remember((db) => {
  const labels = labelText({ db })
  return {
    keys: seriesOf(keys, labels),
    expiring: seriesOf(expiring, labels),
    averageTtl: seriesOf(averageTtl, labels),
    cached: seriesOf(cached, labels),
    fields: seriesOf(fields, labels),
  }
}, 65_536)
const fieldsOf = meaningfulFields((field) => (/^db\d+$/.test(field) ? seriesOfDb(field) : undefined))

const DEFAULT_DATABASES = 16

export default {
  asks: 'Keys, expiring keys and average time to live of each database.',
  on: 'server',
  start() {
    let databases: number | undefined // cannot change while a server runs, but a new process may answer one day
    let runId: string | undefined
    let names: readonly string[] = []
    let empty: ReturnType<typeof seriesOfDb>[] = [] // INFO lists the others
    const count = (info: Info, out: Snapshot): void => {
      if (names !== info.names) {
        names = info.names
        const all = Array.from({ length: databases ?? 0 }, (_none, db) => `db${db}`)
        empty = all.filter((name) => !info.has(name)).map(seriesOfDb)
      }
      for (const series of empty) {
        out.add(series.keys, 0)
        out.add(series.expiring, 0)
      }
      for (const { at, means: series } of fieldsOf(info)) {
        const text = info.textAt(at)
        out.add(series.keys, pairNumber(text, 'keys=') ?? 0)
        out.add(series.expiring, pairNumber(text, 'expires=') ?? 0)
        const ttlMs = pairNumber(text, 'avg_ttl=')
        if (ttlMs !== undefined) out.add(series.averageTtl, ttlMs / 1_000)
        const inMemory = pairNumber(text, 'cached_keys=')
        if (inMemory !== undefined) out.add(series.cached, inMemory)
        const withFields = pairNumber(text, 'subexpiry=')
        if (withFields !== undefined) out.add(series.fields, withFields)
      }
    }
    const askAgain = async ({ info, cluster, ask }: Look, out: Snapshot): Promise<void> => {
      runId = ownText(info.get('run_id'))
      databases = cluster ? 1 : await askDatabases(ask)
      names = []
      count(info, out)
    }
    return (look, out) => {
      if (databases === undefined || !look.info.says('run_id', runId)) return askAgain(look, out)
      count(look.info, out)
    }
  },
} satisfies Collector

/** 16 where CONFIG is refused: the config collector says that it is, once is enough. */
async function askDatabases(ask: Ask): Promise<number> {
  const reply = await ask('CONFIG', 'GET', 'databases').catch((error: unknown) => {
    if (error instanceof Lost) throw error
    return null
  })
  return (Array.isArray(reply) && Number(reply[1])) || DEFAULT_DATABASES
}
