// The folder of the snapshots cannot be written any more: given to root after a restore by hand, mounted read-only, or
// taken away.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { mountSmallDisk } from '../disk.ts'
import type { LabFault } from '../fault.ts'
import { ownUser } from '../own-user.ts'
import { snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The server may not write its snapshots: the folder belongs to root, is read-only, or is gone.',
  needs: ['root'],
  variants: [
    { name: 'owned by root', keys: 1_000, set: { how: 'owner' } },
    { name: 'mounted read-only', keys: 20_000, password: true, set: { how: 'mount' } },
    { name: 'gone', keys: 5_000, replicas: 1, set: { how: 'gone' } },
    { name: 'read-only, with a replica', keys: 5_000, replicas: 1, set: { how: 'mount' } },
  ],

  async build(variant, random) {
    const uid = ownUser()
    const disk = mountSmallDisk(64 << 20)
    const dir = `${disk.dir}/data`
    mkdirSync(dir)
    chownSync(dir, uid, uid)
    const ofPrimary = { uid, conf: [`dir ${dir}`] }
    const stage = await startStage(variant, random, { ofPrimary })
    const { primary } = stage
    await snapshotEnds(primary, 'ok')
    const remount = (how: 'ro' | 'rw'): void =>
      void execFileSync('mount', ['-o', `remount,${how},size=${64 << 20}`, disk.dir])
    const break_ = {
      owner: () => {
        chownSync(dir, 0, 0)
        chmodSync(dir, 0o755)
      },
      mount: () => remount('ro'),
      gone: () => rmSync(dir, { recursive: true }),
    }
    const mend = { owner: () => chownSync(dir, uid, uid), mount: () => remount('rw') }
    const how = variant.set?.['how'] as keyof typeof break_
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await write(primary, 100)
        break_[how]()
        await snapshotEnds(primary, 'err')
      },
      ...(how === 'gone'
        ? {}
        : {
            async heal() {
              mend[how]()
              await snapshotEnds(primary, 'ok')
            },
          }),
      async stop() {
        await stage.stop()
        disk.release()
      },
    }
  },
} satisfies LabFault
