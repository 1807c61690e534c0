// Something ends the server again and again: a liveness probe that takes "not yet" for "dead". While it loads, each restart
// begins from zero and it never gets done; when it refuses to write, a restart loses what it has in memory.

import { formatDuration } from '../../lib/units.ts'
import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { Evidence, LogSeen, ServerEvidence } from '../evidence.ts'
import { logFact, wholeText } from '../readings/reading.ts'

const WINDOW_MS = 15 * 60_000
const LEAST_KILLED = 3
const STARTS = /(?:Redis|Valkey) is starting/
const SERVES = /Ready to accept connections/
const TOLD = /Received (?:SIGTERM|SIGINT|shutdown signal)|User requested shutdown/
const EVENLY = 1.5 // the longest run by the shortest: a probe is as regular as a clock, a person is not

export default {
  asks: 'Does something end the server again and again?',

  look(server, evidence) {
    const runs = runsOf(server.log, evidence)
    const ended = runs.slice(0, -1)
    const whileLoading = ended.filter(({ served, told }) => !served && told)
    if (whileLoading.length >= LEAST_KILLED) return found(server, evidence, whileLoading, 'while it loaded its data')
    const whileServing = ended.filter(({ served, told }) => served && told)
    const lengths = whileServing.slice(1).map(({ lengthMs }) => lengthMs) // the first began before we looked
    const isEven = lengths.length >= LEAST_KILLED && Math.max(...lengths) <= EVENLY * Math.min(...lengths)
    if (isEven) return found(server, evidence, whileServing, 'while it served')
    return undecided(server, ended)
  },
} satisfies ServerCheck

interface Run {
  readonly start: LogSeen['entries'][number]
  readonly lengthMs: number
  readonly served: boolean
  readonly told: boolean // to end, by a signal or a command
  readonly explained: boolean // it says itself why it ended
}

/** Each start of the last quarter of an hour, and how the process ended that it began. */
function runsOf(log: LogSeen | undefined, { takenAt }: Evidence): Run[] {
  const entries = (log?.entries ?? []).filter(({ at = takenAt }) => at >= takenAt - WINDOW_MS)
  const starts = entries.flatMap(({ text }, at) => (STARTS.test(text) ? [at] : []))
  return starts.map((from, at) => {
    const own = entries.slice(from, starts[at + 1])
    const texts = own.map(wholeText)
    const [start] = own
    if (start === undefined) throw new Error('a run begins with its start')
    return {
      start,
      lengthMs: (own.at(-1)?.at ?? 0) - (start.at ?? 0),
      served: texts.some((text) => SERVES.test(text)),
      told: texts.some((text) => TOLD.test(text)),
      explained: texts.some((text) => /Fatal|FATAL|aborting|crashed by|exiting\b/i.test(text)),
    }
  })
}

function found(server: ServerEvidence, { takenAt }: Evidence, ended: readonly Run[], when: string): Answered {
  const [first] = ended
  const sinceMs = takenAt - (first?.start.at ?? takenAt)
  const { supervised } = server
  const counted: Fact[] =
    supervised?.restarts === undefined
      ? []
      : [{ source: supervised.supervisor, name: 'started again', value: `${supervised.restarts} times` }]
  return {
    kind: 'fault',
    severity: server.role === 'replica' ? 'warning' : 'critical',
    says: `${server.id} was told to end ${ended.length} times in ${formatDuration(sinceMs)} ${when}, and started again each time, as a liveness probe does that takes a server which is not ready for a dead one. ${when === 'while it served' ? 'Each time its clients are cut off.' : 'Each start begins to load from zero: let it finish.'}`,
    first:
      'Give the liveness probe a longer time or any reply as an answer (LOADING is one), and ask for readiness apart; each kill begins the loading anew.',
    evidence: [...ended.slice(-LEAST_KILLED).map(({ start }) => logFact(start)), ...counted],
    ruledOut: [
      { check: 'kernel-oom-kill', by: 'it was told to end and did so in order; the kernel does not ask' },
      { check: 'cannot-start', by: 'it had started, and ended because it was told to' },
    ],
    alerts: ['RedisDown', 'RedisLoadingLong'],
    brings: ['loading', 'process-down', { check: 'replication-link-down', on: 'every server' }],
  }
}

/** Killed without a word, again and again: by a probe whose patience ended, or by the kernel for want of memory. */
function undecided({ id }: ServerEvidence, ended: readonly Run[]): Answered {
  const wordless = ended.filter(({ served, told, explained }) => !served && !told && !explained)
  if (wordless.length < LEAST_KILLED) return undefined
  return {
    between: ['probe-kill-loop', 'kernel-oom-kill'],
    server: id,
    says: `${id} was started ${ended.length + 1} times in the last quarter of an hour and ended each time without a word while it loaded: killed by whoever watches it, or by the kernel for want of memory.`,
    wouldTell:
      'what ended it: kubectl describe pod (Liveness probe failed, or OOMKilled); dmesg | grep -i "killed process"',
  }
}
