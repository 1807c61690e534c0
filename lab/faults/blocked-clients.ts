// Consumers with a wrong setting: they wait where nothing comes.

import type { LabFault } from '../fault.ts'
import { connectRaw, keepSending, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'Consumers wait on a key, or in a database, to which no job comes, while jobs pile up.',
  needs: [],
  variants: [
    { name: 'another key', keys: 1_000, set: { wait: 'jobs:mail', db: 0 } },
    { name: 'with a password, another database', keys: 10_000, password: true, set: { wait: 'jobs:email', db: 1 } },
    { name: 'with a replica, another key', keys: 5_000, replicas: 1, set: { wait: 'queue:email', db: 0 } },
  ],

  async build(variant, random) {
    const { wait = '', db = 0 } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const { primary } = stage
    const clients: RawClient[] = []
    let stopPushing = (): void => undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const consumers = random.between(4, 20)
        for (let at = 0; at < consumers; at += 1) {
          const client = await connectRaw(primary)
          clients.push(client)
          client.send('SELECT', String(db))
          client.send('BLPOP', String(wait), '0')
        }
        stopPushing = keepSending(await connectRaw(primary), 50, () => [['RPUSH', 'jobs:email', 'to: somebody']])
        await until('they wait', async () =>
          (await primary.cli('INFO', 'clients')).includes(`blocked_clients:${consumers}`),
        )
        await until('jobs pile up', async () => Number(await primary.cli('LLEN', 'jobs:email')) > 10)
      },
      async stop() {
        stopPushing()
        for (const client of clients) client.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
