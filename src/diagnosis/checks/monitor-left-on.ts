// MONITOR sends every command of every client to whoever asked for it: it halves the throughput, and where its reader is
// slow it fills the memory. Somebody who looks for a moment is none of ours; one that was forgotten, or that costs, is.

import { formatBytes, formatCount, formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import {
  applicationClients,
  clientFact,
  clientNumber,
  isMonitor,
  showClient,
  unreadBytes,
} from '../readings/client-lines.ts'
import { infoNumber } from '../readings/reading.ts'

const FORGOTTEN_S = 60
const COSTLY_PER_SECOND = 1_000 // commands that are copied
const COSTLY_BYTES = 1 << 20 // that it has not read

export default {
  asks: 'Does a MONITOR run that was forgotten, or that costs?',

  look(server) {
    const monitors = applicationClients(server).filter(isMonitor)
    const [oldest] = monitors.toSorted((a, b) => clientNumber(b, 'age') - clientNumber(a, 'age'))
    if (oldest === undefined) return undefined
    const ageSeconds = clientNumber(oldest, 'age')
    const unread = monitors.reduce((sum, client) => sum + unreadBytes(client), 0)
    const perSecond = infoNumber(server, 'instantaneous_ops_per_sec') ?? 0
    const isFault = ageSeconds >= FORGOTTEN_S || perSecond >= COSTLY_PER_SECOND || unread >= COSTLY_BYTES
    const others = monitors.length === 1 ? '' : ` and ${monitors.length - 1} more`
    const waiting = unread === 0 ? '' : `, and ${formatBytes(unread)} wait for it to read`
    return {
      kind: isFault ? 'fault' : 'advice',
      severity: isFault ? 'warning' : 'info',
      says: `MONITOR runs on ${showClient(oldest)}${others}, ${ageSeconds === 0 ? 'connected just now' : `connected for ${formatDuration(ageSeconds * 1_000)}`}: each of ${formatCount(perSecond)} commands a second is copied to it${waiting}.`,
      evidence: [
        ...monitors.slice(0, 3).map((client) => clientFact(client, 'flags', 'age', 'omem', 'cmd')),
        { source: 'INFO stats', name: 'instantaneous_ops_per_sec', value: String(perSecond) },
      ],
      ruledOut: [
        { check: 'slow-subscriber', by: 'it subscribes to nothing: its flag is O' },
        { check: 'full-resync-loop', by: 'it is no replica: its flag is O' },
      ],
      alerts: isFault ? ['RedisCpuHigh', 'RedisMemoryHigh', 'RedisLatencyHigh'] : [],
      brings: ['client-buffer-bloat', ...(isFault ? ['cpu-saturated'] : [])],
      actions: [{ id: 'kill-monitor', why: 'closes that connection alone; nothing is lost' }],
    }
  },
} satisfies ServerCheck
