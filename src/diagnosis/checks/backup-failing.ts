// Respite keeps an archive of this deployment, and that fails: the store takes nothing, nobody can be followed, a base does
// not read back. The servers are well, and the copy that was to save them falls behind.

import { formatDuration } from '../../lib/units.ts'
import type { DeploymentCheck } from '../check.ts'
import type { BackupsSeen } from '../evidence.ts'
import { dataServers, isPrimary } from '../readings/reading.ts'

export default {
  asks: 'Do the backups fail that Respite itself is to take?',

  lookAtAll(evidence) {
    const { backups, deployment, takenAt } = evidence
    const servers = dataServers(evidence)
    const isServed = servers.every(({ answer }) => answer.id === 'ok') // who is down cannot be followed, either
    const lost = isServed ? backups?.notFollowed : undefined
    const trouble = [
      ...(backups?.trouble ?? []),
      ...(lost === undefined ? [] : [`its stream is not followed: ${lost}`]),
    ]
    const [worst] = trouble
    const server = servers.find(isPrimary) ?? servers[0]
    if (backups === undefined || worst === undefined || server === undefined) return []
    return [
      {
        kind: 'fault',
        severity: 'warning',
        server: server.id,
        says: `The backup of ${deployment.name} by Respite fails: ${worst}. ${standOf(backups, takenAt)}`,
        evidence: trouble.map((value) => ({ source: 'Respite', name: 'archive', value })),
        ruledOut: isServed
          ? [{ check: 'process-down', by: 'every server answers; it is the copy that stands still' }]
          : [],
        alerts: [
          'RedisMissingBackup',
          'RedisArchiveLagging',
          'RedisArchiveBaseOverdue',
          'RedisArchiveVerificationFailed',
          'RedisArchiveSpoolFilling',
          'RedisArchiveStoreUnreachable',
        ],
        brings: ['save-overdue', 'never-saved'].map((check) => ({ check, on: 'every server' as const })),
        actions: [{ id: 'back-up-now', why: 'once it is mended: a base that is read back at once' }],
      },
    ]
  },
} satisfies DeploymentCheck

function standOf({ lagSeconds, lastBaseAt }: BackupsSeen, takenAt: number): string {
  if (lastBaseAt === undefined) return 'No base of it is in the store.'
  const base = `Its newest base is ${formatDuration(takenAt - lastBaseAt)} old`
  return lagSeconds === undefined
    ? `${base}.`
    : `${base}, and the stream behind it ends ${formatDuration(lagSeconds * 1_000)} ago.`
}
