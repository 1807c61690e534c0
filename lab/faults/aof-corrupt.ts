// Bytes in the middle of the append-only file are not what was written.

import { readFileSync } from 'node:fs'
import { appendOnlyFile, failsToStart, overwrite } from '../damage.ts'
import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { write } from '../saving.ts'
import { startStage } from '../stage.ts'

export default {
  says: 'In the middle of the append-only file stands something that is no command.',
  needs: [],
  variants: [...USUAL_VARIANTS, { name: 'an unknown command', keys: 1_000, set: { what: 'command' } }],

  async build(variant, random) {
    const stage = await startStage(variant, random, { ofPrimary: { conf: ['appendonly yes'] } })
    const { primary } = stage
    await primary.cli('CONFIG', 'SET', 'shutdown-timeout', '0')
    for (let keys = 0; keys < 30; keys += 1) await primary.cli('SET', `order:${keys}`, 'paid')
    await write(primary, 100)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.kill('SIGTERM')
        const file = appendOnlyFile(primary, 'incr.aof')
        const text = readFileSync(file, 'latin1')
        const isCommand = variant.set?.['what'] === 'command'
        const at = text.indexOf(isCommand ? 'SET\r\n$7' : '*3\r\n$3\r\nSET', random.between(0, 300))
        overwrite(file, at, Buffer.from(isCommand ? 'SAT' : '#'))
        await failsToStart(primary)
      },
    }
  },
} satisfies LabFault
