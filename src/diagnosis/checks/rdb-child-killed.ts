// The child that writes the snapshot was killed: by the kernel for want of memory, by its own crash, or by somebody. The
// server itself lives on. SIGUSR1 is how a child is ended on purpose, and leaves no bad status.

import { formatBytes } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber } from '../readings/reading.ts'
import { ofSaveFailure } from '../readings/save-failure.ts'
import { persists } from '../readings/snapshots.ts'

export default {
  asks: 'Was the child that wrote the last snapshot killed?',

  look(server, evidence) {
    const failed = ofSaveFailure('rdb-child-killed', server, evidence, ({ why }) => ({
      says: `The last snapshot failed because its child was ended by ${why}${meaningOf(why, server)}.`,
      evidence: [infoFact(server, 'persistence', 'rdb_last_cow_size'), ...memoryFacts(server)],
      ruledOut: [
        { check: 'rdb-disk-full', by: 'the child said nothing of room: it was ended from outside its own work' },
        { check: 'rdb-dir-not-writable', by: 'the child was at work when it was ended' },
        { check: 'rdb-fork-failed', by: 'there was a child' },
      ],
      actions: [
        { id: 'back-up-now', why: 'the newest data is in memory alone' },
        { id: 'save-now', why: 'when there is memory for it, a snapshot that succeeds lifts the refusal of writes' },
      ],
    }))
    return failed ?? mayBeKilled(server)
  },
} satisfies ServerCheck

function meaningOf(why: string, { kernel, process }: ServerEvidence): string {
  if (/signal (?:11|7|6|4|8)$/.test(why)) return ', which is a crash: the log has its report'
  if (why !== 'signal 9') return ''
  const byKernel = kernel?.oomKills.some((line) => /rdb-bg/.test(line)) === true
  if (byKernel) return ': the kernel killed it for want of memory'
  if ((process?.oomKills ?? 0) > 0) return ': its control group has run out of memory'
  return ', as the kernel does for want of memory, or somebody by hand'
}

function memoryFacts({ kernel, process }: ServerEvidence): Fact[] {
  const facts: Fact[] = []
  if (kernel?.memoryAvailableBytes !== undefined)
    facts.push({ source: '/proc/meminfo', name: 'MemAvailable', value: formatBytes(kernel.memoryAvailableBytes) })
  if (process?.memoryLimitBytes !== undefined)
    facts.push({
      source: `control group of ${process.pid}`,
      name: 'memory limit',
      value: `${formatBytes(process.memoryLimitBytes)}, ${formatBytes(process.memoryUsedBytes ?? 0)} used, ${process.oomKills ?? 0} killed for want of memory`,
    })
  return facts
}

const MARGIN = 1.2

/** What the last snapshot copied while it was written has to fit again. */
function mayBeKilled(server: ServerEvidence): Answered {
  const { process, kernel } = server
  const copied = infoNumber(server, 'rdb_last_cow_size') ?? 0
  if (persists(server) !== true || copied === 0) return undefined
  // Of a control group without its page cache, which gives way.
  const inGroup = process?.memoryLimitBytes === undefined ? Infinity : process.memoryLimitBytes - process.residentBytes
  const free = Math.min(inGroup, kernel?.memoryAvailableBytes ?? Infinity)
  if (free >= MARGIN * copied) return undefined
  return {
    kind: 'risk',
    severity: 'warning',
    says: `The next snapshot may be killed for want of memory: the last one copied ${formatBytes(copied)}, and ${formatBytes(Math.max(0, free))} are left.`,
    evidence: [infoFact(server, 'persistence', 'rdb_last_cow_size'), ...memoryFacts(server)],
    alerts: ['PersistenceFailure'],
    actions: [{ id: 'back-up-now', why: 'while the server still has memory for it' }],
  }
}
