// How a server stands against its own memory limit, and what takes the memory. What Redis compares with `maxmemory` is
// what it has allocated without the buffers that replicas and the append-only file need for a moment; a replica compares
// nothing, since it does what its primary does. Source: getMaxmemoryState of Redis src/evict.c (7.0).

import { formatBytes } from '../../lib/units.ts'
import type { Fact } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, infoPart, infoRate, infoText, isPrimary, keyCount, setting } from './reading.ts'

/** Of the limit: from there on it is nearly reached. The shipped rule RedisMemoryHigh has the same. */
export const NEAR_LIMIT = 0.8

export interface MemoryUse {
  readonly limitBytes: number // maxmemory
  readonly usedBytes: number // what is compared with it
  readonly policy: string // maxmemory_policy
  readonly isFull: boolean // the next write is refused, or evicts
  readonly refusedPerSecond: number // writes answered with OOM while we looked
}

/** Undefined: INFO was not seen, there is no limit, or it does not bind this server. */
export function memoryUse(server: ServerEvidence): MemoryUse | undefined {
  const limitBytes = infoNumber(server, 'maxmemory')
  const allocated = infoNumber(server, 'used_memory')
  const policy = infoText(server, 'maxmemory_policy')
  if (limitBytes === undefined || limitBytes === 0 || allocated === undefined || policy === undefined) return undefined
  if (!isPrimary(server) && setting(server, 'replica-ignore-maxmemory') !== 'no') return undefined
  const usedBytes = allocated - (infoNumber(server, 'mem_not_counted_for_evict') ?? 0)
  const refusedPerSecond = infoRate(server, 'errorstat_OOM', 'count') ?? 0
  const isFull = usedBytes > limitBytes || refusedPerSecond > 0 || server.answer.id === 'oom'
  return { limitBytes, usedBytes, policy, isFull, refusedPerSecond }
}

/** "38 MiB of maxmemory 40 MiB". */
export function shareText({ usedBytes, limitBytes }: MemoryUse): string {
  return `${formatBytes(usedBytes)} of maxmemory ${formatBytes(limitBytes)}`
}

/** What takes the memory, the largest first, without what takes less than a hundredth. */
function memoryParts(server: ServerEvidence): { readonly what: string; readonly bytes: number }[] {
  const read = (field: string): number => infoNumber(server, field) ?? 0
  const replication =
    infoNumber(server, 'mem_total_replication_buffers') ?? read('mem_replication_backlog') + read('mem_clients_slaves')
  const parts = [
    { what: 'the values of keys', bytes: read('used_memory_dataset') },
    { what: 'buffers of clients', bytes: read('mem_clients_normal') },
    { what: 'buffers of replication', bytes: replication },
    { what: 'cached scripts', bytes: infoNumber(server, 'used_memory_scripts') ?? read('used_memory_scripts_eval') },
    { what: 'the append-only buffer', bytes: read('mem_aof_buffer') },
  ]
  const named = parts.slice(1).reduce((sum, { bytes }) => sum + bytes, 0)
  const tables = read('used_memory_overhead') - read('used_memory_startup') - named
  return [...parts, { what: 'the tables of keys', bytes: Math.max(0, tables) }]
    .filter(({ bytes }) => bytes > read('used_memory') / 100)
    .toSorted((a, b) => b.bytes - a.bytes)
}

/** Of the largest parts, as words: "the values of keys take 5 MiB, buffers of clients 2 MiB". */
export function memoryPartsText(server: ServerEvidence): string {
  const [first, ...others] = memoryParts(server).slice(0, 3)
  if (first === undefined) return ''
  return [
    `${first.what} take ${formatBytes(first.bytes)}`,
    ...others.map(({ what, bytes }) => `${what} ${formatBytes(bytes)}`),
  ].join(', ')
}

/** How many keys there are, and how many of them will expire. */
export function expiringKeys(server: ServerEvidence): { readonly keys: number; readonly expiring: number } | undefined {
  const keys = keyCount(server)
  if (keys === undefined) return undefined
  const expiring = Object.keys(server.info?.fields ?? {})
    .filter((field) => /^db\d+$/.test(field))
    .reduce((sum, field) => sum + (infoPart(server, field, 'expires') ?? 0), 0)
  return { keys, expiring }
}

const FEW = 0.01 // of all keys: they are evicted within moments, and then there are none

/** Is the policy one that evicts only keys that expire, while next to none does? */
export function findsNothingToEvict(server: ServerEvidence, { policy }: MemoryUse): boolean {
  const { keys, expiring } = expiringKeys(server) ?? { keys: 0, expiring: 0 }
  return policy.startsWith('volatile') && keys > 0 && expiring <= FEW * keys
}

/** The facts that prove how full it is. */
export function memoryFacts(server: ServerEvidence): Fact[] {
  return [
    { source: 'INFO memory', name: 'used_memory', value: formatBytes(infoNumber(server, 'used_memory') ?? 0) },
    { source: 'INFO memory', name: 'maxmemory', value: formatBytes(infoNumber(server, 'maxmemory') ?? 0) },
    infoFact(server, 'memory', 'maxmemory_policy'),
    ...memoryParts(server)
      .slice(0, 3)
      .map(({ what, bytes }) => ({ source: 'INFO memory', name: what, value: formatBytes(bytes) })),
  ]
}

/** What the machine or the control group could still give, for whoever wants to raise the limit. */
export function headroomBytes({ process, kernel }: ServerEvidence): number | undefined {
  const ofGroup =
    process?.memoryLimitBytes === undefined || process.memoryUsedBytes === undefined
      ? undefined
      : process.memoryLimitBytes - process.memoryUsedBytes
  const ofHost = kernel?.memoryAvailableBytes
  if (ofGroup === undefined) return ofHost
  return Math.max(0, Math.min(ofGroup, ofHost ?? ofGroup))
}
