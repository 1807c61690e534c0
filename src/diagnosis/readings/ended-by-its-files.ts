// A server that ended because of its files, and said so: what the faults of that kind have in common. A supervisor may start it again
// and again, and every start fails the same way, so that more starts are no help; what lies in its folder is to be kept.

import type { Fact, Found } from '../check.ts'
import type { FileSeen, ServerEvidence } from '../evidence.ts'
import type { LastWords } from './last-run.ts'
import { OUT_OF_SERVICE_BRINGS } from './out-of-service.ts'
import { logFact, severityOfLoss } from './reading.ts'
import { formatBytes } from '../../lib/units.ts'

export type EndedFor = Pick<Found, 'says' | 'actions'> & {
  readonly evidence?: readonly Fact[]
  readonly ruledOut?: Found['ruledOut']
}

/** The finding of a server that has ended with these words. */
export function endedWith({ entry }: LastWords, server: ServerEvidence, own: EndedFor): Found {
  const { supervised } = server
  const exit: Fact[] =
    supervised?.exitCode === undefined
      ? []
      : [{ source: supervised.supervisor, name: 'exit code', value: String(supervised.exitCode) }]
  return {
    kind: 'fault',
    severity: severityOfLoss({
      ...server,
      role: server.role === 'unknown' ? (server.was?.role ?? 'unknown') : server.role,
    }),
    ...own,
    evidence: [logFact(entry), ...exit, ...(own.evidence ?? [])],
    ruledOut: [
      ...(own.ruledOut ?? []),
      { check: 'kernel-oom-kill', by: 'it ended by itself and said why; who is killed says nothing' },
      { check: 'bind-or-firewall', by: 'it has ended: nobody could listen' },
    ],
    alerts: ['RedisDown', 'RedisServerMissing', 'RedisMissingPrimary', 'RedisDisconnectedSlaves', 'RedisLoadingLong'],
    brings: [
      'process-down',
      'cannot-start',
      'bind-or-firewall',
      'loading',
      'probe-kill-loop',
      ...OUT_OF_SERVICE_BRINGS,
    ],
  }
}

/** A file of `dir` by the end of its name, as a log names it; undefined where it was not seen. */
export function fileNamed({ disk }: ServerEvidence, name: string): FileSeen | undefined {
  return disk?.files.find((file) => file.name === name || file.name.endsWith(`/${name}`))
}

/** A file as a fact; [] where it was not seen. */
export function fileFacts(file: FileSeen | undefined): Fact[] {
  if (file === undefined) return []
  const value = `${formatBytes(file.bytes)}, written ${new Date(file.modifiedMs).toISOString()}`
  return [{ source: 'disk', name: file.name, value }]
}
