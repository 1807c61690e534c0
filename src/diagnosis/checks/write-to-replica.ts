// A client that writes to a replica and is refused each time. After a failover it still speaks to the old primary, or it
// was given the address that is meant for reading.

import type { ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoPart, infoRate, infoText } from '../readings/reading.ts'

// What the last command of a client is called when it writes; enough to find who does it.
const WRITES =
  /^(?:set|setex|setnx|psetex|mset|getset|append|incr|incrby|decr|decrby|del|unlink|expire|pexpire|hset|hmset|hdel|hincrby|[lr]push|[lr]pop|lmove|brpop|blpop|sadd|srem|spop|zadd|zrem|zincrby|xadd|xack|setbit|pfadd|geoadd|restore|flushall|flushdb|exec|eval|evalsha)\b/

export default {
  asks: 'Does a client write to this replica and is refused?',

  look(server) {
    if (infoText(server, 'role') !== 'slave') return undefined
    const refused = infoPart(server, 'errorstat_READONLY', 'count') ?? 0
    if (refused === 0) return undefined
    const rate = infoRate(server, 'errorstat_READONLY', 'count') ?? 0
    const writers = writersOf(server)
    if (rate === 0 && server.answer.id !== 'readonly' && writers.length === 0) return undefined
    const primary = `${infoText(server, 'master_host')}:${infoText(server, 'master_port')}`
    const who = writers.slice(0, 3).map(({ addr, cmd, name }) => `${addr}${name ? ` (${name})` : ''}: ${cmd}`)
    return {
      kind: 'fault',
      severity: 'warning',
      says: `Clients write to ${server.id}, which is a replica, and are refused (READONLY)${rate === 0 ? '' : `, ${Math.round(rate)} times a second`}. Its primary is ${primary}.`,
      evidence: [
        {
          source: 'INFO errorstats',
          name: 'errorstat_READONLY',
          value: `${refused} since the start, ${rate.toFixed(1)} a second now`,
        },
        { source: 'INFO replication', name: 'role', value: `slave of ${primary}` },
        ...(who.length === 0 ? [] : [{ source: 'CLIENT LIST', name: 'last commands', value: who.join('; ') }]),
      ],
      ruledOut: [
        { check: 'not-enough-replicas', by: 'that is refused by a primary, with NOREPLICAS' },
        { check: 'missing-permission', by: 'the refusal is READONLY and not NOPERM' },
      ],
      alerts: ['WritesRefused'],
      actions: [
        { id: 'close-clients', why: 'a client that connects anew asks again who the primary is, if it asks at all' },
      ],
    }
  },
} satisfies ServerCheck

const RECENT_SECONDS = 10

function writersOf({ clients = [], ownAddress }: ServerEvidence): readonly Readonly<Record<string, string>>[] {
  return clients.filter(
    ({ addr, cmd = '', idle, flags = '' }) =>
      WRITES.test(cmd) && Number(idle) <= RECENT_SECONDS && addr !== ownAddress && !/[MS]/.test(flags),
  )
}
