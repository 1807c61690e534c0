// A disk that takes nothing for a while: a filesystem of its own, frozen.

import { readFileSync } from 'node:fs'
import { mountFreezableDisk } from '../disk.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { childOf, infoField } from '../saving.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'The disk of the append-only file hangs, and the server with it.',
  needs: ['root'],
  variants: [...USUAL_VARIANTS, { name: 'while a snapshot is written', keys: 5_000, set: { snapshot: 1 } }],

  async build(variant, random) {
    const disk = mountFreezableDisk(32 << 20)
    const isSnapshot = variant.set?.['snapshot'] === 1
    const conf = [`dir ${disk.dir}`, ...(isSnapshot ? [] : ['appendonly yes', 'auto-aof-rewrite-percentage 0'])]
    const stage = await startStage(variant, random, { ofPrimary: { conf } })
    const { primary } = stage
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        disk.freeze()
        if (isSnapshot) return waitingSnapshot(primary)
        void primary.cli('SET', 'order:last', 'paid').catch(() => undefined) // answered when the disk is
        await until('its main thread waits for the disk', () => waitsForDisk(primary.pid))
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

function waitsForDisk(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, '').startsWith(' D ')
}

async function waitingSnapshot(server: Server): Promise<void> {
  await server.cli('BGSAVE')
  const child = await childOf(server)
  await until('the snapshot waits for the disk', () => waitsForDisk(child))
  await until('it has waited for three seconds', async () => {
    return Number(await infoField(server, 'persistence', 'rdb_current_bgsave_time_sec')) >= 3
  })
}
