// What a sample of keys says of all of them: which prefix takes how much, and how many of its keys never expire. A sample
// of three hundred is off by a few in a hundred, so that only what is plain in it is said.

import { percent } from './processor-load.ts'
import type { KeySeen, KeyspaceSeen, ServerEvidence } from '../evidence.ts'

export interface PrefixShare {
  readonly prefix: string // "session:*"
  readonly ofBytes: number // share of the sample
  readonly forEver: number // share of its keys that never expire
  readonly keys: number // in the sample
}

const SEPARATOR = ':'
const ENOUGH = 30 // keys, of which a share says anything

/** By bytes, the largest first; [] where too few keys were seen. */
export function prefixShares({ keyspace }: ServerEvidence): PrefixShare[] {
  const sample = fairSample(keyspace)
  if (sample.length < ENOUGH) return []
  const all = sum(sample)
  return [...Map.groupBy(sample, ({ key }) => prefixOf(key))]
    .map(([prefix, keys]) => ({
      prefix,
      ofBytes: sum(keys) / all,
      forEver: keys.filter(({ ttlSeconds }) => ttlSeconds === -1).length / keys.length,
      keys: keys.length,
    }))
    .toSorted((a, b) => b.ofBytes - a.ofBytes)
}

/** Of the largest database alone: of each the sample holds about as many, whatever it holds. */
function fairSample(keyspace: KeyspaceSeen | undefined): readonly KeySeen[] {
  const [largest] = (keyspace?.databases ?? []).toSorted((a, b) => b.keys - a.keys)
  return (keyspace?.sample ?? []).filter(({ db }) => db === largest?.db)
}

/** "; of a sample of 300 keys, basket:* takes 82 %, all of it without expiry". */
export function prefixText(server: ServerEvidence): string {
  const [first] = prefixShares(server)
  if (first === undefined || first.ofBytes < 0.3) return ''
  const life = first.forEver === 1 ? ', and none of it expires' : ''
  return `; of a sample of keys, ${first.prefix} takes ${percent(first.ofBytes)}${life}`
}

function prefixOf(key: string): string {
  const at = key.indexOf(SEPARATOR)
  return at === -1 ? 'keys without a prefix' : `${key.slice(0, at + 1)}*`
}

function sum(keys: readonly KeySeen[]): number {
  return keys.reduce((total, { bytes }) => total + bytes, 0)
}
