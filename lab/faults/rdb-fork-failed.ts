// No more processes for the server's user: what TasksMax, pids.max or ulimit -u do. The limit is laid on the running
// server by its own user, who may, and counts what it has already.

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { LabFault } from '../fault.ts'
import { ownUser } from '../own-user.ts'
import { snapshotEnds, write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The kernel refuses to make a process for the snapshot: the limit of processes is reached.',
  needs: ['root'],
  variants: [
    { name: 'alone', keys: 1_000 },
    { name: 'with a password', keys: 20_000, password: true },
    { name: 'with an append-only file', keys: 5_000, conf: ['appendonly yes'] },
  ],

  async build(variant, random) {
    const uid = ownUser()
    const stage = await startStage(variant, random, { uid })
    const { primary } = stage
    const limit = (processes: number): void =>
      void execFileSync('prlimit', ['--pid', String(primary.pid), `--nproc=${processes}:`], { uid, gid: uid, cwd: '/' })
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        if (random.between(0, 1) === 1) await snapshotEnds(primary, 'ok') // it once worked, or it never did
        await write(primary, 100)
        limit(readdirSync(`/proc/${primary.pid}/task`).length)
        await snapshotEnds(primary, 'err')
      },
      async heal() {
        limit(1_000)
        await snapshotEnds(primary, 'ok')
      },
    }
  },
} satisfies LabFault
