// CLIENT PAUSE, of everybody or of those who write, for longer than anybody wants to wait.

import { connect } from 'node:net'
import { encodeCommand } from '../../src/redis/resp.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'everybody', keys: 1_000, set: { who: 'ALL' } },
  { name: 'everybody, with a password', keys: 20_000, password: true, set: { who: 'ALL' } },
  { name: 'everybody, with a replica', keys: 5_000, replicas: 1, set: { who: 'ALL' } },
  { name: 'those who write', keys: 1_000, set: { who: 'WRITE' } },
]

export default {
  says: 'Somebody pauses the clients and leaves it at that.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const who = String(variant.set?.['who'])
    const writer = connect(primary.port, '127.0.0.1').on('error', () => undefined)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        await primary.cli('CLIENT', 'PAUSE', '120000', who)
        if (who === 'ALL') return untilMet('silent', primary)
        writer.write(encodeCommand(['SET', 'order:1', 'paid']))
        await until('the writer waits', async () => /flags=\S*b/.test(await primary.cli('CLIENT', 'LIST')))
      },
      heal: async () => void (await primary.cli('CLIENT', 'UNPAUSE')), // only while it is those who write
      async stop() {
        writer.destroy()
        await primary.kill('SIGKILL')
        await stage.stop()
      },
    }
  },
} satisfies LabFault
