// A server's clock that is not ours, or that moved while we looked: keys expire too early or too late, certificates are
// "not yet valid", Sentinels go into TILT, and no two logs can be laid side by side.

import { formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'

const APART_MS = 1_000
const FAR_MS = 60_000

export default {
  asks: 'Does the server’s clock differ from ours, or did it jump?',

  look(server) {
    const moved = jumpOf(server)
    const apart = differenceOf(server)
    if (moved === undefined && apart === undefined) return undefined
    const farMs = Math.max(Math.abs(moved ?? 0), Math.abs(apart ?? 0))
    return {
      kind: 'fault',
      severity: farMs >= FAR_MS ? 'critical' : 'warning',
      says:
        moved === undefined
          ? `The clock of ${server.id} is ${formatDuration(Math.abs(apart ?? 0))} ${(apart ?? 0) > 0 ? 'ahead of' : 'behind'} the one of this machine: one of the two is wrong, and times to live are counted by the server’s.`
          : `The clock of ${server.id} was set ${formatDuration(Math.abs(moved))} ${moved > 0 ? 'forward' : 'back'} while it was looked at: keys expire too ${moved > 0 ? 'early' : 'late'}.`,
      first:
        'See what sets the clock of its machine (chronyc tracking, timedatectl) and make it slew instead of step; keys with a time to live end by the clock.',
      evidence: [
        {
          source: 'INFO server',
          name: 'server_time_usec',
          value: `${moved === undefined ? 'compared with our clock' : 'compared with itself a moment before'}: ${formatDuration(farMs)}`,
        },
      ],
      ruledOut: [{ check: 'process-stopped', by: 'it answered both times, and the way there took less' }],
      alerts: ['RedisSentinelTilt'],
      brings: ['expire-storm', 'sentinel-tilt', 'tls-expired'],
    }
  },
} satisfies ServerCheck

function timeOf(fields: Readonly<Record<string, string>>): number | undefined {
  const text = fields['server_time_usec'] // since 7.0
  return text === undefined ? undefined : Number(text) / 1_000
}

/** By how many milliseconds its clock moved more than time did between the two looks; undefined: not worth a word. */
function jumpOf({ info }: ServerEvidence): number | undefined {
  if (info === undefined) return undefined
  const [before, after] = [timeOf(info.before), timeOf(info.fields)]
  if (before === undefined || after === undefined) return undefined
  const moved = after - before - info.apartMs
  return Math.abs(moved) > APART_MS + info.apartMs ? moved : undefined // a server that was busy answers late
}

/** By how many milliseconds it is ahead of us, beyond what the way there and back may account for. */
function differenceOf({ info }: ServerEvidence): number | undefined {
  const theirs = info === undefined ? undefined : timeOf(info.fields)
  if (info?.askedAt === undefined || info.answeredAt === undefined || theirs === undefined) return undefined
  if (theirs > info.answeredAt + APART_MS) return theirs - info.answeredAt
  if (theirs < info.askedAt - APART_MS) return theirs - info.askedAt
  return undefined
}
