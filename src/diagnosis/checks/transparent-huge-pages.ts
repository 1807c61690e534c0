// Memory in pages of two megabytes: after a fork each write of a few bytes copies two megabytes, so that a snapshot costs as
// much memory as there is data, and every write waits for the copy. What counts is that the server has such pages; the kernel's
// setting alone means little, since Redis takes itself out of it from 6.2 on.

import { formatBytes } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { percent } from '../readings/processor-load.ts'
import { infoNumber, setting, settingFact } from '../readings/reading.ts'

const MUCH_BYTES = 8 << 20
const MUCH = 0.1 // of what is resident

export default {
  asks: 'Is the memory of the server in huge pages, which make snapshots expensive?',

  look(server) {
    const { process, kernel } = server
    const huge = process?.hugePageBytes
    if (process === undefined || huge === undefined) return undefined
    if (huge < MUCH_BYTES || huge < MUCH * process.residentBytes) return undefined
    const copied = infoNumber(server, 'rdb_last_cow_size') ?? 0
    const cost = copied === 0 ? '' : ` The last snapshot copied ${formatBytes(copied)} for what was written meanwhile.`
    const own = setting(server, 'disable-thp')
    return {
      kind: 'risk',
      severity: 'warning',
      says: `${formatBytes(huge)} of the server's memory (${percent(huge / process.residentBytes)}) are in huge pages: while a snapshot is written, each small write copies two megabytes.${cost}`,
      first:
        'On its machine: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, then restart the server; disable-thp yes does it for one server.',
      evidence: [
        { source: `/proc/${process.pid}/smaps_rollup`, name: 'AnonHugePages', value: formatBytes(huge) },
        ...(kernel?.hugePages === undefined
          ? []
          : [{ source: '/sys/kernel/mm', name: 'transparent_hugepage/enabled', value: kernel.hugePages }]),
        ...(own === undefined ? [] : [settingFact(server, 'disable-thp')]),
      ],
      ruledOut: [{ check: 'os-tuning', by: 'it is no setting alone: the server has such pages now' }],
      alerts: ['RedisLatencyHigh'],
      brings: ['rdb-child-killed'],
      actions: [],
    }
  },
} satisfies ServerCheck
