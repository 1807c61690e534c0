// A replica obeys no limit of its own: it holds what its primary sends, however much more that is than its maxmemory. Nothing
// happens until it is promoted; then it evicts or refuses writes at once. And its machine may be too small before that.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { infoFact, infoNumber, isPrimary, setting, settingFact } from '../readings/reading.ts'

const OVER = 1.05 // a little over is what buffers make
const OVER_BYTES = 4 << 20

export default {
  asks: 'Does a replica hold more than its own limit?',

  look(server, evidence) {
    const used = infoNumber(server, 'used_memory')
    const limit = infoNumber(server, 'maxmemory')
    if (used === undefined || limit === undefined || limit === 0 || isPrimary(server)) return undefined
    if (setting(server, 'replica-ignore-maxmemory') === 'no') return undefined // it evicts by itself: another matter
    if (used < OVER * limit || used - limit < OVER_BYTES) return undefined
    const primary = evidence.servers.find(({ id }) => id === server.primary)
    const ofPrimary = primary === undefined ? undefined : infoNumber(primary, 'maxmemory')
    const compared =
      ofPrimary === undefined
        ? ''
        : ofPrimary === 0
          ? '; its primary has no limit'
          : `; its primary may hold ${formatBytes(ofPrimary)}`
    const policy = server.info?.fields['maxmemory_policy'] ?? 'its policy'
    const then = policy === 'noeviction' ? 'refuses writes' : `evicts ${formatBytes(used - limit)} of keys`
    return {
      kind: 'risk',
      severity: 'warning',
      says: `The replica holds ${formatBytes(used)}, more than its own maxmemory of ${formatBytes(limit)}${compared}. Once it is promoted it ${then} at once (${policy}).`,
      evidence: [
        { source: 'INFO memory', name: 'used_memory', value: formatBytes(used) },
        { source: 'INFO memory', name: 'maxmemory', value: formatBytes(limit) },
        infoFact(server, 'memory', 'maxmemory_policy'),
        ...(server.config === undefined ? [] : [settingFact(server, 'replica-ignore-maxmemory')]),
        ...(primary === undefined
          ? []
          : [
              {
                source: `INFO memory of ${primary.id}`,
                name: 'used_memory, maxmemory',
                value: `${formatBytes(infoNumber(primary, 'used_memory') ?? 0)}, ${formatBytes(ofPrimary ?? 0)}`,
              },
            ]),
      ],
      ruledOut: [{ check: 'maxmemory-reached', by: 'a replica refuses nothing for want of memory' }],
      alerts: ['MemoryFull', 'RedisMemoryHigh'],
      actions: [{ id: 'set-maxmemory', why: 'to what its primary may hold, where its machine has room' }],
    }
  },
} satisfies ServerCheck
