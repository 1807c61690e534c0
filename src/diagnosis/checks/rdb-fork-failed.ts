// The kernel refuses the fork: too many processes of the server's user, or memory that it does not want to promise twice.
// The server goes on without snapshots, and refuses writes where it has save points.

import { formatBytes } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber } from '../readings/reading.ts'
import { ofSaveFailure } from '../readings/save-failure.ts'
import { persists } from '../readings/snapshots.ts'

export default {
  asks: 'Did the last snapshot fail because the kernel refused to fork?',

  look(server, evidence) {
    const failed = ofSaveFailure('rdb-fork-failed', server, evidence, ({ why }) => ({
      says: `The last snapshot could not begin: the kernel refused to make a process for it${why === '' ? '' : ` (${why})`}.${reasonOf(server, why)}`,
      evidence: [infoFact(server, 'stats', 'total_forks'), ...limits(server, why)],
      ruledOut: [
        { check: 'rdb-disk-full', by: 'nothing was written: there was no child' },
        { check: 'rdb-dir-not-writable', by: 'no file was opened: there was no child' },
        { check: 'rdb-child-killed', by: 'there was no child' },
      ],
      actions: [
        { id: 'back-up-now', why: 'the newest data is in memory alone; a backup by SCAN needs no fork' },
        { id: 'save-now', why: 'once the limit is raised, a snapshot that succeeds lifts the refusal of writes' },
      ],
    }))
    return failed ?? willBeRefused(server)
  },
} satisfies ServerCheck

const TOO_MANY = /temporarily unavailable/ // EAGAIN
const NO_MEMORY = /allocate memory/ // ENOMEM

function reasonOf({ process, kernel }: ServerEvidence, why: string): string {
  if (TOO_MANY.test(why))
    return process?.processesLimit === undefined
      ? ' A limit of processes is reached: of its user (ulimit -u), its unit (TasksMax) or its container.'
      : ` Its user (uid ${process.uid}) may have ${process.processesLimit} processes and threads, or its unit or container fewer.`
  if (NO_MEMORY.test(why))
    return kernel?.overcommitMemory === undefined || kernel.overcommitMemory === 1
      ? ''
      : ` vm.overcommit_memory is ${kernel.overcommitMemory}: the kernel does not promise memory that a fork only might need.`
  return ''
}

function limits(server: ServerEvidence, why: string): Fact[] {
  const { process, kernel } = server
  const facts: Fact[] = []
  if (process?.processesLimit !== undefined && !NO_MEMORY.test(why))
    facts.push({
      source: `/proc/${process.pid}/limits`,
      name: 'Max processes',
      value: `${process.processesLimit}; it has ${process.threads} threads itself`,
    })
  if (kernel?.overcommitMemory !== undefined && !TOO_MANY.test(why))
    facts.push({ source: '/proc/sys/vm', name: 'overcommit_memory', value: String(kernel.overcommitMemory) })
  return facts
}

/** Where the kernel promises memory only when it has it, a fork may need as much again as the server holds. */
function willBeRefused(server: ServerEvidence): Answered {
  const { kernel } = server
  const resident = infoNumber(server, 'used_memory_rss')
  const available = kernel?.memoryAvailableBytes
  if (persists(server) !== true || resident === undefined || available === undefined) return undefined
  const swap = kernel?.swapFreeBytes ?? 0
  if (kernel?.overcommitMemory === undefined || kernel.overcommitMemory === 1 || available + swap >= resident)
    return undefined
  return {
    kind: 'risk',
    severity: 'warning',
    says: `The next snapshot may not begin: a fork may need ${formatBytes(resident)} more, ${formatBytes(available + swap)} are available, and vm.overcommit_memory is ${kernel.overcommitMemory}.`,
    evidence: [
      infoFact(server, 'memory', 'used_memory_rss'),
      { source: '/proc/meminfo', name: 'MemAvailable', value: formatBytes(available) },
      { source: '/proc/sys/vm', name: 'overcommit_memory', value: String(kernel.overcommitMemory) },
    ],
    alerts: ['PersistenceFailure'],
    actions: [{ id: 'back-up-now', why: 'a backup by SCAN needs no fork' }],
  }
}
