// The kernel ends the process that takes the most memory when there is none left, in the machine or in the control group.
// The server's own log says nothing: its last line is of whatever it was doing. And before that happens: a server whose
// limit lies above what it may have.

import { formatBytes, formatDuration } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import { isGone } from '../readings/ending.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { OUT_OF_SERVICE_BRINGS } from '../readings/out-of-service.ts'
import { infoNumber, logFact, severityOfLoss } from '../readings/reading.ts'

const NEAR = 0.8 // of what the control group may have: a snapshot needs the rest
const LATELY_S = 3_600

export default {
  asks: 'Did the kernel end the process for want of memory, or is it about to?',

  look(server, evidence) {
    const killed = killOf(server)
    if (killed !== undefined && !server.asked && isGone(server) !== false) return gone(server, killed)
    const uptime = infoNumber(server, 'uptime_in_seconds')
    if (killed !== undefined && uptime !== undefined && uptime < LATELY_S) return restarted(server, evidence, killed)
    return near(server)
  },
} satisfies ServerCheck

interface Kill {
  readonly line: string // of the kernel, or of whoever supervises it
  readonly pid?: number | undefined
  readonly residentBytes?: number | undefined
  readonly inGroup: boolean
}

const KILLED = /Killed process (\d+) \(([^)]*)\)/
const SERVER = /redis-server|valkey-server|keydb-server/

/** The process before the one that runs now, or the last one: who was killed before that is old news. */
function lastPid({ log, was, process }: ServerEvidence): number | undefined {
  if (was?.pid !== undefined && was.pid !== process?.pid) return was.pid
  return log?.entries.findLast(({ pid, role }) => role !== 'child' && pid !== undefined && pid !== process?.pid)?.pid
}

/** That the kernel killed it, in its own words; or what its supervisor says of its end. */
function killOf(server: ServerEvidence): Kill | undefined {
  const { kernel, supervised } = server
  const ended = lastPid(server)
  const line = (kernel?.oomKills ?? []).findLast((each) => {
    const [, pid, command = ''] = KILLED.exec(each) ?? []
    return SERVER.test(command) && Number(pid) === ended
  })
  if (line !== undefined) {
    const kB = /anon-rss:(\d+)kB/.exec(line)?.[1]
    return {
      line: line.trim(),
      pid: Number(KILLED.exec(line)?.[1]),
      residentBytes: kB === undefined ? undefined : Number(kB) * 1_024,
      inGroup: /cgroup/i.test(line),
    }
  }
  if (supervised?.outOfMemory !== true) return undefined
  return { line: supervised.says, inGroup: true }
}

function wordsOf({ pid, residentBytes, inGroup }: Kill): string {
  const held = residentBytes === undefined ? '' : `, which held ${formatBytes(residentBytes)},`
  const limit = inGroup ? 'its control group was at its memory limit' : 'the machine had no memory left'
  return `the kernel killed the server${pid === undefined ? '' : ` (pid ${pid})`}${held} because ${limit}`
}

function factsOf(server: ServerEvidence, { line }: Kill): Fact[] {
  const { log, supervised, process } = server
  const last = log?.entries.at(-1)
  return [
    { source: supervised?.outOfMemory === true ? supervised.supervisor : 'dmesg', name: 'killed', value: line },
    ...(last === undefined || process !== undefined ? [] : [{ ...logFact(last), name: 'its last words' }]),
    ...limitFacts(server),
  ]
}

function limitFacts(server: ServerEvidence): Fact[] {
  const { process, conf } = server
  const maxmemory = infoNumber(server, 'maxmemory') ?? conf?.directives['maxmemory']
  return [
    ...(process?.memoryLimitBytes === undefined
      ? []
      : [{ source: 'control group', name: 'memory limit', value: formatBytes(process.memoryLimitBytes) }]),
    ...(maxmemory === undefined
      ? []
      : [
          {
            source: typeof maxmemory === 'number' ? 'INFO memory' : 'configuration file',
            name: 'maxmemory',
            value: maxmemory === 0 ? 'no limit' : typeof maxmemory === 'number' ? formatBytes(maxmemory) : maxmemory,
          },
        ]),
  ]
}

const RULED_OUT = [
  { check: 'maxmemory-reached', by: 'at maxmemory a server refuses writes and lives on' },
  { check: 'cannot-start', by: 'it ran, and was killed at work' },
]

function gone(server: ServerEvidence, kill: Kill): Answered {
  const role = server.role === 'unknown' ? (server.was?.role ?? 'unknown') : server.role
  const words = wordsOf(kill)
  return {
    kind: 'fault',
    severity: severityOfLoss({ ...server, role }),
    says: `${words[0]?.toUpperCase()}${words.slice(1)}; what was not saved is lost.`,
    evidence: factsOf(server, kill),
    ruledOut: [
      ...RULED_OUT,
      { check: 'process-down', by: 'nobody asked it to end and it did not crash: the kernel says so' },
    ],
    alerts: ['RedisDown', 'RedisServerMissing', 'RedisDisconnectedSlaves', 'RedisMissingPrimary', 'MemoryFull'],
    brings: ['process-down', 'primary-restarted-empty', 'probe-kill-loop', ...OUT_OF_SERVICE_BRINGS],
    actions: [
      { id: 'start-server', why: 'after a look at what it would load; with the same limit it will be killed again' },
      { id: 'promote-replica', why: 'where a replica holds the data and the files are old' },
    ],
  }
}

function restarted(server: ServerEvidence, { takenAt }: Evidence, kill: Kill): Answered {
  const started = server.process?.startedMs
  const since = started === undefined ? '' : ` ${formatDuration(takenAt - started)} ago`
  return {
    kind: 'risk',
    severity: 'warning',
    says: `Before it was started${since}, ${wordsOf(kill)}; nothing has changed since, so that it will happen again.`,
    evidence: factsOf(server, kill),
    ruledOut: RULED_OUT,
    alerts: ['MemoryFull', 'RedisMemoryHigh', 'RedisNoMemoryLimit'],
    brings: ['primary-restarted-empty'],
    actions: [{ id: 'set-maxmemory', why: 'below the limit of its control group, with a third left for snapshots' }],
  }
}

function near(server: ServerEvidence): Answered {
  const { process, kernel } = server
  const limit = process?.memoryLimitBytes
  if (process === undefined || limit === undefined || process.residentBytes < NEAR * limit) return undefined
  const maxmemory = infoNumber(server, 'maxmemory') ?? 0
  if (maxmemory > 0 && maxmemory < NEAR * limit) return undefined // it holds itself back in time
  const own = maxmemory === 0 ? 'it has no maxmemory of its own' : `its maxmemory is ${formatBytes(maxmemory)}`
  return {
    kind: 'risk',
    severity: 'warning',
    says: `The server holds ${formatBytes(process.residentBytes)} of the ${formatBytes(limit)} that its control group may have, and ${own}: at the limit the kernel kills it.`,
    evidence: [
      { source: `/proc/${process.pid}/status`, name: 'VmRSS', value: formatBytes(process.residentBytes) },
      ...limitFacts(server),
      ...(kernel?.memoryAvailableBytes === undefined
        ? []
        : [{ source: '/proc/meminfo', name: 'MemAvailable', value: formatBytes(kernel.memoryAvailableBytes) }]),
    ],
    alerts: ['MemoryFull', 'RedisMemoryHigh'],
    actions: [{ id: 'set-maxmemory', why: 'below the limit of its control group, with a third left for snapshots' }],
  }
}
