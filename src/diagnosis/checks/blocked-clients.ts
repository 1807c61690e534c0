// Consumers that wait for jobs while jobs pile up: they wait on another key, or in another database. Consumers that wait on
// an empty queue are what a healthy queue looks like, and nothing is said of them.

import { formatCount, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { applicationClients, clientFact, clientNumber, isBlocked, showClient } from '../readings/client-lines.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoFact, infoPart, infoRate } from '../readings/reading.ts'

/** What adds to a queue of some type, and what takes from it; a list that is trimmed is no queue. */
const QUEUES = [
  {
    waits: /^(blpop|brpop|blmove|brpoplpush|blmpop)$/,
    adds: ['lpush', 'rpush', 'lpushx', 'rpushx'],
    takes: 'lpop rpop blpop brpop lmove blmove rpoplpush brpoplpush lmpop blmpop lrem ltrim'.split(' '),
  },
  {
    waits: /^(bzpopmin|bzpopmax|bzmpop)$/,
    adds: ['zadd'],
    takes: 'zpopmin zpopmax bzpopmin bzpopmax zmpop bzmpop zrem zremrangebyrank zremrangebyscore'.split(' '),
  },
  { waits: /^(xread|xreadgroup)$/, adds: ['xadd'], takes: ['xread', 'xreadgroup', 'xautoclaim'] },
]

export default {
  asks: 'Do consumers wait where no job comes, while jobs pile up elsewhere?',

  look(server) {
    const blocked = applicationClients(server).filter(isBlocked)
    const queue = QUEUES.find(({ waits }) => blocked.some(({ cmd = '' }) => waits.test(cmd)))
    if (queue === undefined) return undefined
    const waiting = blocked.filter(({ cmd = '' }) => queue.waits.test(cmd))
    const [longest] = waiting.toSorted((a, b) => clientNumber(b, 'idle') - clientNumber(a, 'idle'))
    if (longest === undefined) return undefined
    const pushed = sum(server, queue.adds)
    const popped = sum(server, queue.takes)
    if (pushed === 0 || popped > 0) return undefined
    const databases = [...new Set(waiting.map(({ db = '0' }) => db))]
    const emptyOnes = databases.filter((db) => infoPart(server, `db${db}`, 'keys') === undefined)
    const elsewhere = emptyOnes.length === databases.length
    const where = elsewhere
      ? `in database ${databases.join(', ')}, where there is no key at all`
      : `in database ${databases.join(', ')}, on keys to which nothing is added`
    const queues = (server.keyspace?.sample ?? []).filter(({ type }) => type === 'list' || type === 'stream')
    const likely = queues.toSorted((a, b) => b.bytes - a.bytes)[0]
    const found =
      likely === undefined ? '' : `; ${likely.key} in database ${likely.db} is a ${likely.type} that nobody empties`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${formatCount(waiting.length)} consumers wait ${where}, the longest for ${formatDuration(clientNumber(longest, 'idle') * 1_000)}, while ${formatCount(pushed)} jobs a second are added and none is taken${found}.`,
      evidence: [
        infoFact(server, 'clients', 'blocked_clients'),
        ...waiting.slice(0, 2).map((client) => clientFact(client, 'cmd', 'db', 'idle', 'flags')),
        { source: 'INFO commandstats', name: 'added', value: `${formatCount(pushed)} a second` },
        { source: 'INFO commandstats', name: 'taken', value: 'none while we looked' },
      ],
      ruledOut: [
        {
          check: 'client-pause',
          by: `${showClient(longest)} waits by its own ${longest['cmd'] ?? 'command'}, and others are served`,
        },
        ...(elsewhere ? [] : [{ check: 'wrong-database', by: `database ${databases.join(', ')} holds keys` }]),
      ],
      brings: elsewhere ? ['wrong-database'] : [],
      actions: [{ id: 'unblock-client', why: 'lets one consumer go on, so that it reads its settings again' }],
    }
  },
} satisfies ServerCheck

/** How often a second while we looked. */
function sum(server: ServerEvidence, commands: readonly string[]): number {
  return commands.reduce((total, command) => total + (infoRate(server, `cmdstat_${command}`, 'calls') ?? 0), 0)
}
