// A full copy that never ends: the replica hears nothing for longer than repl-timeout, gives up, and begins again.

import type { ServerCheck } from '../check.ts'
import { infoFact, infoText, logFact, setting } from '../readings/reading.ts'
import { LOST_REPLICA_BRINGS, linkOf } from '../readings/replication-links.ts'

const WINDOW_MS = 10 * 60_000
const GAVE_UP = /Timeout receiving bulk data from (?:MASTER|PRIMARY)/
const BEGAN = /(?:MASTER|PRIMARY) <-> REPLICA sync started/

export default {
  asks: 'Does this replica give up its full copy because it takes too long?',

  look(server, evidence) {
    if (infoText(server, 'master_link_status') !== 'down' || server.log === undefined) return undefined
    const recent = server.log.entries.filter(({ at }) => at !== undefined && at >= evidence.takenAt - WINDOW_MS)
    const given = recent.filter(({ text }) => GAVE_UP.test(text))
    const last = given.at(-1)
    if (last === undefined) return undefined
    // What came after it, other than the next attempt, would be the reason now.
    const since = recent.slice(recent.indexOf(last) + 1)
    if (
      since.some(({ text }) =>
        /Finished with success|Unable to AUTH|Error condition on socket|Timeout connecting/.test(text),
      )
    )
      return undefined
    const timeout = setting(server, 'repl-timeout')
    const primary = linkOf(server, evidence)?.primaryId ?? infoText(server, 'master_host')
    const attempts = recent.filter(({ text }) => BEGAN.test(text)).length
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${server.id} cannot take its copy of ${primary}: nothing came for longer than repl-timeout${timeout === undefined ? '' : ` (${timeout} s)`}, so it gave up ${given.length === 1 ? 'once' : `${given.length} times`} and begins again each time.`,
      evidence: [
        logFact(last),
        infoFact(server, 'replication', 'master_link_status'),
        infoFact(server, 'replication', 'master_sync_in_progress'),
        ...(timeout === undefined ? [] : [{ source: 'CONFIG GET', name: 'repl-timeout', value: `${timeout} s` }]),
        { source: 'log', name: 'copies begun in ten minutes', value: String(attempts) },
      ],
      ruledOut: [
        { check: 'replication-link-down', by: 'the two reach each other: the copy began' },
        { check: 'full-resync-loop', by: 'the replica gave up, and not the primary' },
        { check: 'replica-auth-failed', by: 'the primary let it in' },
      ],
      alerts: ['RedisDisconnectedSlaves', 'RedisFullResyncLoop', 'ReplicationLag'],
      brings: [
        ...LOST_REPLICA_BRINGS,
        { check: 'rdb-save-stuck', on: 'every server' },
        { check: 'wrong-password', on: 'every server' }, // a replica's PING comes before its login, and is counted as NOAUTH
      ],
      actions: [{ id: 'set-repl-timeout', why: 'on both sides, longer than the longest silence during a copy' }],
    }
  },
} satisfies ServerCheck
