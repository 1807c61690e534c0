// A restart by somebody whose limit of open files is low: the server lowers maxclients by itself.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../children.ts'
import { crowdAt, type Crowd } from '../crowd.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { serverBinary } from '../servers.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'full', keys: 1_000, set: { files: 64, clients: 40 } },
  { name: 'full, with a password', keys: 20_000, password: true, set: { files: 128, clients: 110 } },
  { name: 'not full yet', keys: 5_000, replicas: 1, conf: ['maxclients 5000'], set: { files: 1_024, clients: 0 } },
]

export default {
  says: 'The limit of open files is low when the server starts, and it lets fewer clients in than configured.',
  needs: [],
  variants,

  async build(variant, random) {
    const folder = makeFolder('bin')
    const binary = join(folder, 'redis-server')
    const limit = join(folder, 'limit')
    writeFileSync(
      binary,
      `#!/bin/bash\n[ -f "${limit}" ] && ulimit -n "$(cat "${limit}")"\nexec ${serverBinary()} "$@"\n`,
    )
    chmodSync(binary, 0o755)
    const stage = await startStage(variant, random, { binary })
    const { primary } = stage
    const { files, clients } = variant.set ?? {}
    let crowd: Crowd | undefined
    return {
      ...stage,
      expects: clients === 0 ? { server: primary.id, kind: 'advice' } : { server: primary.id },
      async inject() {
        writeFileSync(limit, String(files))
        await primary.cli('SAVE')
        await primary.kill('SIGTERM')
        await primary.restart()
        if (clients === 0) return
        crowd = crowdAt(primary, Number(clients))
        await untilMet('maxclients', primary)
      },
      async stop() {
        crowd?.leave()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
