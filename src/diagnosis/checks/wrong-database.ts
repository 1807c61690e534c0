// A client that works in another database than its data is in: "the keys have vanished". Nothing has; its number is wrong.

import type { ServerCheck } from '../check.ts'
import type { ClientLine } from '../../redis/client-list.ts'
import { infoPart } from '../readings/reading.ts'

// Commands that ask for keys; one that writes would have made its database its own.
const READS =
  /^(?:get|mget|hget|hgetall|hmget|exists|ttl|lrange|llen|smembers|sismember|zrange|zscore|scan|dbsize|keys|type)$/

export default {
  asks: 'Does a client look for its keys in an empty database?',

  look({ id, clients, info, ...server }) {
    if (clients === undefined || info === undefined || info.fields['cluster_enabled'] === '1') return undefined
    const keysIn = (db: string): number => infoPart({ id, info, ...server }, `db${db}`, 'keys') ?? 0
    const full = Object.keys(info.fields).filter((field) => /^db\d+$/.test(field) && keysIn(field.slice(2)) > 0)
    if (full.length === 0) return undefined
    const lost = clients.filter((client) => readsNothing(client, keysIn))
    const [first] = lost
    if (first === undefined) return undefined
    const where = full.map((field) => `${field} (${keysIn(field.slice(2))} keys)`).join(', ')
    return {
      kind: 'risk',
      severity: 'warning',
      says: `${lost.length === 1 ? 'A client looks' : `${lost.length} clients look`} for keys in database ${first['db']} of ${id}, which is empty; the keys are in ${where}.`,
      first: 'Compare SELECT or the /N at the end of the URL of these clients with those that write.',
      evidence: [
        {
          source: 'CLIENT LIST',
          name: `${first['addr']}${first['name'] === '' ? '' : ` (${first['name']})`}`,
          value: `db=${first['db']} cmd=${first['cmd']}`,
        },
        ...full.map((field) => ({ source: 'INFO keyspace', name: field, value: info.fields[field] ?? '' })),
      ],
      ruledOut: [
        { check: 'mass-deletion', by: `the keys are there, in ${full.join(', ')}` },
        { check: 'primary-restarted-empty', by: `the keys are there, in ${full.join(', ')}` },
      ],
    }
  },
} satisfies ServerCheck

function readsNothing({ db = '0', cmd = '', name }: ClientLine, keysIn: (db: string) => number): boolean {
  return name !== 'respite' && READS.test(cmd) && keysIn(db) === 0
}
