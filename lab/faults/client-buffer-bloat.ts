// A client asks for much and does not read it.

import type { LabFault } from '../fault.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A client pipelines requests and does not read the replies, which pile up in the server.',
  needs: [],
  variants: [
    { name: 'alone', keys: 1_000, set: { megabytes: 30 } },
    {
      name: 'with a password, memory full by it',
      keys: 20_000,
      password: true,
      conf: ['maxmemory 60mb'],
      set: { megabytes: 70 },
    },
    { name: 'with a replica, two of them', keys: 5_000, replicas: 1, set: { megabytes: 25, clients: 2 } },
  ],

  async build(variant, random) {
    const { megabytes = 30, clients = 1 } = variant.set ?? {}
    const stage = await startStage(variant, random)
    const { primary } = stage
    const open: RawClient[] = []
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const value = 'x'.repeat(random.between(80_000, 100_000))
        await primary.cli('SET', 'report:daily', value)
        for (let at = 0; at < Number(clients); at += 1) {
          const client = await connectRaw(primary)
          open.push(client)
          client.send('CLIENT', 'SETNAME', `export-${at}`)
          client.stopReading()
          for (let sent = 0; sent < Number(megabytes) << 20; sent += value.length) client.send('GET', 'report:daily')
        }
        await until('replies wait in the server', async () => {
          const held = /mem_clients_normal:(\d+)/.exec(await primary.cli('INFO', 'memory'))?.[1]
          return Number(held) > (Number(megabytes) << 20) * 0.6
        })
      },
      heal: () => Promise.resolve(open.forEach((client) => client.close())),
      async stop() {
        for (const client of open) client.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
