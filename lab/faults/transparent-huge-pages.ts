// Huge pages for one server alone, whatever the machine is set to: its allocator asks for them (jemalloc, as Debian links
// it), and it does not take itself out.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { readFileSync } from 'node:fs'

export default {
  says: 'The memory of the server is in huge pages, and each snapshot makes writes copy them.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const env = { MALLOC_CONF: 'thp:always' }
    const stage = await startStage(variant, random, { conf: ['disable-thp no'], env })
    const { primary } = stage
    await primary.cli('SAVE')
    return {
      ...stage,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '60000', 'article', String(random.between(800, 1_200)))
        await primary.cli('SAVE')
        await until('it has huge pages', () => {
          const kB = /AnonHugePages:\s+(\d+)/.exec(readFileSync(`/proc/${primary.pid}/smaps_rollup`, 'utf8'))?.[1]
          return Number(kB) > 16 << 10
        })
      },
    }
  },
} satisfies LabFault
