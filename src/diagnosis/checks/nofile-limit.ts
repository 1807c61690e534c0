// The operating system allows fewer open files than the server wants clients, so that it lowered its own limit at start,
// quietly: the configuration says ten thousand, and thirty are let in.

import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoNumber, lastLogged, logFact, setting, settingFact, settingNumber } from '../readings/reading.ts'

const REDUCED = /Current maximum open files is (\d+)\. maxclients has been reduced to (\d+)/
const NO_MORE = /Error accepting a client connection: .*Too many open files/
const DEFAULT_MAXCLIENTS = 10_000 // Source: redis.conf of every version
const OWN_FILES = 32 // Source: CONFIG_MIN_RESERVED_FDS of Redis src/server.h
const RECENT_MS = 60_000
const NEAR = 0.5

export default {
  asks: 'Does the limit of open files allow fewer clients than are configured?',

  look(server, evidence) {
    const reduced = reducedTo(server, evidence)
    const noMore = lastLogged(server, evidence, NO_MORE, { withinMs: RECENT_MS, sinceStart: true })
    if (reduced === undefined && noMore === undefined) return undefined
    const isFull = server.answer.id === 'maxclients' || noMore !== undefined
    const clients = infoNumber(server, 'connected_clients') ?? 0
    const isNear = reduced !== undefined && clients >= NEAR * reduced.clients
    const allowed = reduced === undefined ? '' : ` It lets in ${reduced.clients} clients, whatever maxclients says.`
    const { openFilesLimit } = server.process ?? {}
    return {
      kind: isFull ? 'fault' : isNear ? 'risk' : 'advice',
      severity: isFull ? 'critical' : 'warning',
      says: `The operating system allows ${server.id} only ${openFilesLimit ?? reduced?.files ?? 'few'} open files.${allowed}${isFull ? ' It is full, and new clients are turned away.' : ''}`,
      first:
        'Raise LimitNOFILE of its unit (or ulimit -n, or nofile of the container) to maxclients and 32 more, and restart it: replicas first, then fail over.',
      evidence: facts(server, reduced, noMore === undefined ? [] : [logFact(noMore)]),
      ruledOut: isFull
        ? [{ check: 'maxclients-reached', by: 'the limit that was reached is not the one of the configuration' }]
        : [],
      alerts: ['RedisDown', 'RedisRejectedConnections', 'RedisConnectionsHigh'],
      brings: ['maxclients-reached', 'config-drift', 'os-tuning'],
    } satisfies Answered
  },
} satisfies ServerCheck

interface Reduced {
  readonly clients: number
  readonly files?: number | undefined
  readonly fact: Fact
}

function reducedTo(server: ServerEvidence, evidence: Evidence): Reduced | undefined {
  const logged = lastLogged(server, evidence, REDUCED, { sinceStart: true })
  const limit = settingNumber(server, 'maxclients')
  if (logged !== undefined && server.process !== undefined) {
    const [, files, clients] = REDUCED.exec(logged.text) ?? []
    const isStill = limit === undefined || limit <= Number(clients)
    return isStill ? { clients: Number(clients), files: Number(files), fact: logFact(logged) } : undefined
  }
  const { openFilesLimit } = server.process ?? {}
  if (server.conf === undefined || limit === undefined || openFilesLimit === undefined) return undefined
  const wanted = Number(server.conf.directives['maxclients'] ?? DEFAULT_MAXCLIENTS)
  if (limit >= wanted || openFilesLimit - OWN_FILES !== limit) return undefined
  return { clients: limit, files: openFilesLimit, fact: settingFact(server, 'maxclients') }
}

function facts(server: ServerEvidence, reduced: Reduced | undefined, others: readonly Fact[]): Fact[] {
  const { process } = server
  return [
    ...(reduced === undefined ? [] : [reduced.fact]),
    ...others,
    ...(process?.openFilesLimit === undefined
      ? []
      : [
          {
            source: `/proc/${process.pid}/limits`,
            name: 'Max open files',
            value: `${process.openFilesLimit}, ${process.openFiles ?? '?'} open`,
          },
        ]),
    ...(setting(server, 'maxclients') === undefined ? [] : [settingFact(server, 'maxclients')]),
  ]
}
