// Commands are executed one after the other: one that walks the whole keyspace, or a script that loops, makes everybody
// wait. While one runs the server says nothing at all, and from outside nobody can tell which it is.

import { formatDuration } from '../../lib/units.ts'
import type { ServerCheck, Undecided } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { settingNumber } from '../readings/reading.ts'
import { insteadOf, slowCommands, slowFact, slowMs, slowText, type SlowCommand } from '../readings/slow-commands.ts'

const LONG_MS = 1_000 // one of them is enough, for a minute
const MINUTE_MS = 60_000
const TOGETHER_MS = 100 // of two and more: it goes on

const ONE_VALUE = /^m?get(range)?$/ // slow only where the value is known to be large

export default {
  asks: 'Do commands or scripts that walk over everything hold up all clients?',

  look(server, evidence) {
    if (server.answer.id === 'computing') return undecided(server)
    const walking = slowCommands(server, evidence, 'walks')
    const others = slowCommands(server, evidence, 'whole key').filter(
      (slow) => !ONE_VALUE.test(slow.name) && sizeOfKey(server, slow) === undefined,
    )
    const slow = [...walking, ...others].toSorted((a, b) => slowMs(b) - slowMs(a))
    const [worst] = slow
    if (worst === undefined) return undefined
    const togetherMs = slow.reduce((sum, each) => sum + slowMs(each), 0)
    const isNew = evidence.takenAt - worst.entry.at <= MINUTE_MS
    const goesOn = (slowMs(worst) >= LONG_MS && isNew) || (slow.length > 1 && togetherMs >= TOGETHER_MS)
    const often = slow.length === 1 ? '' : `; ${slow.length} such commands in five minutes`
    return {
      kind: goesOn ? 'fault' : 'advice',
      severity: goesOn ? 'warning' : 'info',
      says: `${slowText(worst)}, and meanwhile no other client was served${often}.`,
      first: insteadOf(worst),
      evidence: slow.slice(0, 3).map(slowFact),
      ruledOut: [
        { check: 'disk-stall', by: 'the slow log counts only the time in which the command itself ran' },
        { check: 'cpu-starved', by: `${worst.name.toUpperCase()} is slow by what it does: it walks over all of it` },
        { check: 'big-key', by: walking.includes(worst) ? 'it works on no single key' : 'its key is there no more' },
        { check: 'blocking-free', by: `${worst.name.toUpperCase()} frees nothing` },
      ],
      alerts: ['SlowCommands', 'RedisLatencyHigh', 'RedisCpuHigh'],
      brings: ['cpu-saturated'],
      actions: [],
    }
  },
} satisfies ServerCheck

/** Of a key that can be measured another check speaks when it is big, and one that is small makes no command slow. */
function sizeOfKey({ keyspace }: ServerEvidence, { key }: SlowCommand): number | undefined {
  return keyspace?.named.find((seen) => seen.key === key)?.bytes
}

/** It computes now and cannot be asked. A script would have been told by BUSY after its time. */
function undecided(server: ServerEvidence): Undecided {
  const threshold = settingNumber(server, 'busy-reply-threshold') ?? 5_000
  const mayBeScript = server.answer.forMs < threshold + 1_000
  return {
    between: ['slow-command', 'blocking-free', ...(mayBeScript ? ['busy-script'] : [])],
    says: `The process of ${server.id} computes (state ${server.process?.state ?? 'R'}) and has answered nobody for ${formatDuration(server.answer.forMs)}: one command takes all of its time, and only its end will say which.`,
    wouldTell: `SLOWLOG GET 1 as soon as it answers again; on its machine now: perf top -p ${server.process?.pid ?? 'PID'}`,
  }
}
