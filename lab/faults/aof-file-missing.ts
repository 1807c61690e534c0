// A file that the manifest names is not there, or the manifest itself says something that it must not.

import { appendFileSync, rmSync } from 'node:fs'
import { appendOnlyFile, failsToStart } from '../damage.ts'
import type { LabFault } from '../fault.ts'
import { write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'The folder of the append-only file is not whole: a copy was made of a part of it.',
  needs: [],
  variants: [
    { name: 'without the increments', keys: 1_000, set: { what: 'incr.aof' } },
    { name: 'without the base', keys: 20_000, password: true, set: { what: 'base.rdb' } },
    { name: 'with a manifest of two copies', keys: 5_000, replicas: 1, set: { what: 'manifest' } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['appendonly yes'] } })
    const { primary } = stage
    await primary.cli('CONFIG', 'SET', 'shutdown-timeout', '0')
    await write(primary, 200)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.kill('SIGTERM')
        const what = variant.set?.['what'] as 'incr.aof' | 'base.rdb' | 'manifest'
        const file = appendOnlyFile(primary, what)
        if (what === 'manifest') appendFileSync(file, 'file appendonly.aof.1.base.rdb seq 1 type b\n')
        else rmSync(file)
        await failsToStart(primary)
      },
    }
  },
} satisfies LabFault
