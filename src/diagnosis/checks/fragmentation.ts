// Memory that is resident and not in use. Which kind it is decides the cure: pages that are half empty (defragment), pages
// that are empty and not given back (purge), what is outside the allocator (a restart). Constants and their order: getMemoryDoctorReport
// of Redis src/object.c (7.0).

import { formatBytes } from '../../lib/units.ts'
import type { Found, ServerCheck } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoFact, infoNumber, settingFact } from '../readings/reading.ts'

const SMALL_BYTES = 5 << 20 // in use: below it every ratio is large
const WASTED_BYTES = 10 << 20
const MUCH_BYTES = 256 << 20 // as the shipped rule RedisFragmentationHigh
const MUCH_OF_LIMIT = 0.25

export default {
  asks: 'Is much more memory resident than is in use?',

  look(server) {
    const used = infoNumber(server, 'used_memory')
    const resident = infoNumber(server, 'used_memory_rss')
    const ratio = infoNumber(server, 'mem_fragmentation_ratio')
    if (used === undefined || resident === undefined || ratio === undefined || used < SMALL_BYTES) return undefined
    const kind = kindOf(server)
    const wasted = resident - used
    if (kind === undefined || ratio <= 1.4 || wasted < WASTED_BYTES) return undefined
    const limit = Math.min(infoNumber(server, 'maxmemory') || Infinity, server.process?.memoryLimitBytes ?? Infinity)
    const isMuch = wasted >= MUCH_BYTES || wasted >= MUCH_OF_LIMIT * limit
    return {
      kind: 'risk',
      severity: isMuch ? 'warning' : 'info',
      says: `${formatBytes(resident)} are resident and ${formatBytes(used)} in use, ${ratio} times as much: ${kind.says}.`,
      evidence: [
        { source: 'INFO memory', name: 'used_memory_rss', value: formatBytes(resident) },
        { source: 'INFO memory', name: 'used_memory', value: formatBytes(used) },
        infoFact(server, 'memory', 'mem_fragmentation_ratio'),
        infoFact(server, 'memory', 'allocator_frag_ratio'),
        infoFact(server, 'memory', 'allocator_rss_ratio'),
        ...(server.config === undefined ? [] : [settingFact(server, 'activedefrag')]),
      ],
      ruledOut: [
        { check: 'swapping', by: 'more is resident than in use, not less' },
        { check: 'client-buffer-bloat', by: 'what clients hold is in use, and this is not' },
      ],
      alerts: ['RedisFragmentationHigh'],
      actions: kind.actions,
    }
  },
} satisfies ServerCheck

/** The kind that wastes the most, of those that are large by themselves. */
function kindOf(server: ServerEvidence): Required<Pick<Found, 'says' | 'actions'>> | undefined {
  const kinds = [
    {
      field: 'allocator_frag',
      says: 'pages are half empty, after keys of other sizes were deleted',
      actions: [{ id: 'defragment', why: 'moves what is in use together, while the server goes on' }],
    },
    {
      field: 'allocator_rss',
      says: 'the allocator keeps pages that are empty',
      actions: [{ id: 'purge-memory', why: 'gives empty pages back to the system' }],
    },
    {
      field: 'rss_overhead',
      says: 'it lies outside the allocator, in scripts, modules or libraries',
      actions: [{ id: 'restart-server', why: 'only a new process gives it back; after a failover' }],
    },
  ] as const
  const large = kinds
    .map((kind) => ({ ...kind, bytes: infoNumber(server, `${kind.field}_bytes`) ?? 0 }))
    .filter(({ field, bytes }) => (infoNumber(server, `${field}_ratio`) ?? 0) > 1.1 && bytes > WASTED_BYTES)
    .toSorted((a, b) => b.bytes - a.bytes)
  return large[0]
}
