// A server that was started and ended at once, because its port is taken, its configuration cannot be read, or its log or
// directory cannot be opened. The reason often stands on standard error alone. Data files that cannot be loaded are faults
// of their own.

import type { Fact, ServerCheck } from '../check.ts'
import { endingOf } from '../readings/ending.ts'
import type { ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { logFact, severityOfLoss, type LogEntrySeen } from '../readings/reading.ts'

export default {
  asks: 'Did the last start fail before the data was loaded?',

  look(server) {
    if (server.process !== undefined || server.answer.id === 'ok') return undefined
    const ending = endingOf(server)
    if (ending?.how !== 'start' || ending.entry === undefined) return undefined
    const { id } = server
    const role = server.role === 'unknown' ? (server.was?.role ?? 'unknown') : server.role
    return {
      kind: 'fault',
      severity: severityOfLoss({ ...server, role }),
      says: `${id} was started and ended at once: ${reasonOf(server, ending.entry)}.`,
      evidence: facts(server, ending.entry),
      ruledOut: [
        { check: 'kernel-oom-kill', by: 'it ended by itself and said why' },
        { check: 'rdb-corrupt', by: 'it ended before it read its data' },
        { check: 'aof-corrupt', by: 'it ended before it read its data' },
      ],
      alerts: ['RedisDown', 'RedisServerMissing', 'RedisDisconnectedSlaves', 'RedisMissingPrimary'],
      brings: ['process-down', 'bind-or-firewall', ...OUT_OF_SERVICE_BRINGS],
      actions: [{ id: 'start-server', why: 'once the reason is mended; its data files are untouched' }],
    }
  },
} satisfies ServerCheck

function reasonOf({ listening, address }: ServerEvidence, { text, more = '' }: LogEntrySeen): string {
  const all = `${text}\n${more}`
  if (/Address already in use/.test(all)) {
    const owner = listening?.owner === undefined ? 'another program' : listening.owner
    return `its port is taken, and ${owner} listens on ${listening?.meets ?? address}`
  }
  const line = />>> '(.*)'/.exec(all)?.[1]
  const at = /at line (\d+)/.exec(all)?.[1]
  const why = all.trim().split('\n').at(-1) ?? ''
  if (/FATAL CONFIG/.test(all)) {
    const where = line === undefined ? '' : ` ${at === undefined ? '' : `${at} `}"${line}"`
    return `line${where} of its configuration cannot be read: ${why}`
  }
  return `it said "${text}"`
}

function facts({ listening, address }: ServerEvidence, entry: LogEntrySeen): Fact[] {
  const said: Fact = logFact(entry)
  const more = entry.more === undefined ? '' : ` ${entry.more.replaceAll('\n', ' ')}`
  return [
    { ...said, value: `${said.value}${more}` },
    ...(listening === undefined
      ? []
      : [
          {
            source: 'ss -ltnp',
            name: address,
            value: listening.meets === undefined ? 'nobody listens' : `${listening.owner ?? 'somebody'} listens`,
          },
        ]),
  ]
}
