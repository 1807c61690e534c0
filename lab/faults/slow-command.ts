// Somebody walks over everything.

import type { LabFault } from '../fault.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const LOOP = "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + #redis.call('KEYS', 'session:1*') end return n"

export default {
  says: 'A command walks over the whole keyspace, or a script loops; everybody waits for it.',
  needs: [],
  variants: [
    { name: 'KEYS', keys: 400_000, set: { command: 'KEYS *' } },
    { name: 'with a password, a script', keys: 40_000, password: true, set: { command: 'script' } },
    { name: 'on a replica', keys: 300_000, replicas: 1, set: { command: 'KEYS *:7*' } },
  ],

  async build(variant, random) {
    const { command = 'KEYS *' } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const server = stage.replicas[0] ?? stage.primary
    const words =
      command === 'script' ? ['EVAL', LOOP, '0', String(random.between(40, 50))] : String(command).split(' ')
    let client: RawClient | undefined
    return {
      ...stage,
      expects: { server: server.id },
      async inject() {
        const from = await connectRaw(server)
        client = from
        from.send('CLIENT', 'SETNAME', 'nightly-report')
        await until('it was slow, and again', async () => {
          from.send(...words)
          const entries = await server.cli('--no-raw', 'SLOWLOG', 'GET', '20')
          const durations = [...entries.matchAll(/(?<=integer\) )\d{5,}(?=\n *4\))/g)].map(Number)
          return durations.filter((us) => us > 40_000).length >= 3
        })
      },
      async stop() {
        client?.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
