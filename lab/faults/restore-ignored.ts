// A snapshot is put into the folder of a server that is set to load an append-only file, of which there is none yet.

import { appendFileSync } from 'node:fs'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'A restored dump.rdb is passed over, since the server is set to load an append-only file.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['shutdown-timeout 0'] } })
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await write(primary, 100)
        await snapshotEnds(primary, 'ok')
        await primary.kill('SIGTERM')
        appendFileSync(primary.confFile, 'appendonly yes\n')
        await primary.restart()
      },
    }
  },
} satisfies LabFault
