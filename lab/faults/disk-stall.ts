// A disk that takes nothing for a while: a filesystem of its own, frozen.

import { mountFreezableDisk } from '../disk.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { readFileSync } from 'node:fs'

export default {
  says: 'The disk of the append-only file hangs, and the server with it.',
  needs: ['root'],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const disk = mountFreezableDisk(32 << 20)
    const conf = [`dir ${disk.dir}`, 'appendonly yes', 'auto-aof-rewrite-percentage 0']
    const stage = await startStage(variant, random, { ofPrimary: { conf } })
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        disk.freeze()
        void primary.cli('SET', 'order:last', 'paid').catch(() => undefined) // answered when the disk is
        await until('its main thread waits for the disk', () =>
          / D /.test(readFileSync(`/proc/${primary.pid}/stat`, 'utf8').replace(/^.*\)/, '')),
        )
      },
      heal: async () => disk.thaw(),
      async stop() {
        disk.thaw()
        await stage.stop()
        disk.release()
      },
    }
  },
} satisfies LabFault
