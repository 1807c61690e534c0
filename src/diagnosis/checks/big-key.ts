// One key that is so large that reading it whole holds up everybody: the same command on another key is harmless.

import { formatBytes, formatCount, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import type { KeySeen } from '../evidence.ts'
import { insteadOf, slowCommands, slowFact, slowMs, slowText } from '../readings/slow-commands.ts'

const BIG_BYTES = 1 << 20 // with a slow command on it
const HUGE_BYTES = 64 << 20 // by itself: to copy, to expire, to migrate it takes a noticeable while

export default {
  asks: 'Is a single key so large that commands on it hold up all clients?',

  look(server, evidence) {
    const { named = [], sample = [] } = server.keyspace ?? {}
    const big = new Map(named.filter(({ bytes }) => bytes >= BIG_BYTES).map((seen) => [seen.key, seen]))
    const slow = slowCommands(server, evidence, 'whole key').filter(({ key }) => key !== undefined && big.has(key))
    const [worst] = slow
    const key = big.get(worst?.key ?? '')
    if (worst === undefined || key === undefined) {
      const [huge] = [...sample, ...named].toSorted((a, b) => b.bytes - a.bytes)
      if (huge === undefined || huge.bytes < HUGE_BYTES) return undefined
      return {
        kind: 'advice',
        severity: 'info',
        says: `The key ${huge.key} alone takes ${sizeText(huge)}: deleting, expiring or reading it whole would hold up all clients.`,
        evidence: [factOf(huge)],
        actions: [],
      }
    }
    const times = slow.length === 1 ? '' : ` (${slow.length} times in five minutes)`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `The key ${key.key} is ${sizeText(key)}: ${slowText(worst)}${times}, and meanwhile no other client was served.`,
      first: `${insteadOf(worst)} In the long run: several smaller keys.`,
      evidence: [factOf(key), ...slow.slice(0, 2).map(slowFact)],
      ruledOut: [
        { check: 'slow-command', by: `${worst.name.toUpperCase()} takes long because of this key` },
        { check: 'cpu-starved', by: `${formatDuration(slowMs(worst))} are what so much data takes` },
        { check: 'disk-stall', by: 'the slow log counts only the time in which the command itself ran' },
        { check: 'blocking-free', by: `${worst.name.toUpperCase()} frees nothing` },
      ],
      alerts: ['SlowCommands', 'RedisLatencyHigh', 'RedisCpuHigh'],
      brings: ['cpu-saturated'],
      actions: [],
    }
  },
} satisfies ServerCheck

function sizeText({ type, bytes, elements }: KeySeen): string {
  return `a ${type} of ${formatBytes(bytes)}${elements === undefined ? '' : ` with ${formatCount(elements)} elements`}`
}

function factOf(seen: KeySeen): { source: string; name: string; value: string } {
  return { source: 'MEMORY USAGE', name: seen.key, value: sizeText(seen) }
}
