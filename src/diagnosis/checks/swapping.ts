// Memory of the server lies on a disk. Every command that touches it waits for the disk, a thousand times longer than
// it takes otherwise, and no command is to blame.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { percent } from '../readings/processor-load.ts'
import { infoNumber } from '../readings/reading.ts'

const SOME_BYTES = 4 << 20 // what was never used again since the start does no harm
const SOME = 0.01 // of all of it
const MUCH = 0.1

export default {
  asks: 'Is memory of the server swapped out?',

  look(server) {
    const { process, kernel } = server
    if (process === undefined) return undefined
    const { swapBytes, residentBytes, pid } = process
    const share = swapBytes / (swapBytes + residentBytes)
    if (swapBytes < SOME_BYTES || share < SOME) return undefined
    const ratio = infoNumber(server, 'mem_fragmentation_ratio')
    const left = kernel?.memoryAvailableBytes
    return {
      kind: 'fault',
      severity: share >= MUCH ? 'critical' : 'warning',
      says: `${formatBytes(swapBytes)} of the server (${percent(share)}) are swapped out to disk: commands that need them wait for it.${left === undefined ? '' : ` The machine has ${formatBytes(left)} of memory left.`}`,
      evidence: [
        { source: `/proc/${pid}/status`, name: 'VmSwap', value: formatBytes(swapBytes) },
        { source: `/proc/${pid}/status`, name: 'VmRSS', value: formatBytes(residentBytes) },
        ...(ratio === undefined
          ? []
          : [{ source: 'INFO memory', name: 'mem_fragmentation_ratio', value: String(ratio) }]),
        ...(kernel?.swappiness === undefined
          ? []
          : [{ source: '/proc/sys/vm', name: 'swappiness', value: String(kernel.swappiness) }]),
      ],
      ruledOut: [
        { check: 'fragmentation', by: 'part of it is not resident at all' },
        { check: 'disk-stall', by: 'what waits for the disk is memory, not a file of its own' },
        { check: 'slow-command', by: 'the same command is slow or not by what it touches' },
      ],
      alerts: ['RedisLatencyHigh', 'SlowCommands', 'RedisMemoryHigh'],
      brings: ['slow-command', 'big-key', 'blocking-free', 'slow-fork', 'expire-storm'],
      actions: [{ id: 'fail-over', why: 'to a replica whose machine has memory; then this one can be given more' }],
    }
  },
} satisfies ServerCheck
