// Somebody left MONITOR running on a server that is used.

import type { LabFault } from '../fault.ts'
import { connectRaw, keepSending, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A MONITOR runs on a server with traffic; each command is copied to it.',
  needs: [],
  variants: [
    { name: 'alone', keys: 1_000, set: { commands: 60 } },
    { name: 'with a password, and it does not read', keys: 10_000, password: true, set: { commands: 60, deaf: 1 } },
    { name: 'with a replica', keys: 5_000, replicas: 1, set: { commands: 100 } },
  ],

  async build(variant, random) {
    const { commands = 60, deaf = 0 } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const { primary } = stage
    const value = 'x'.repeat(random.between(50, 100))
    const stopTraffic = keepSending(await connectRaw(primary), 20, () =>
      Array.from({ length: Number(commands) }, (_, at) => ['SET', `session:${at}`, value, 'EX', '3600']),
    )
    let monitor: RawClient | undefined
    const opsPerSecond = async (): Promise<number> =>
      Number(/instantaneous_ops_per_sec:(\d+)/.exec(await primary.cli('INFO', 'stats'))?.[1])
    await until('there is traffic', async () => (await opsPerSecond()) > 1_500)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        monitor = await connectRaw(primary)
        monitor.send('MONITOR')
        if (deaf !== 0) monitor.stopReading()
        await until('MONITOR runs', async () => (await primary.cli('CLIENT', 'LIST')).includes('cmd=monitor'))
      },
      heal: () => Promise.resolve(monitor?.close()),
      async stop() {
        stopTraffic()
        monitor?.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
