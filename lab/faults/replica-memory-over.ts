// A replica whose limit is lower than what its primary holds.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A replica holds more than its own limit, which binds it the moment it is promoted.',
  needs: [],
  variants: [
    { name: 'evicting', keys: 2_000, replicas: 1, set: { policy: 'allkeys-lru' } },
    { name: 'with a password, refusing', keys: 20_000, password: true, replicas: 1, set: { policy: 'noeviction' } },
    { name: 'one of two replicas', keys: 5_000, replicas: 2, set: { policy: 'noeviction' } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: [`maxmemory-policy ${variant.set?.['policy']}`] })
    const { primary, servers } = stage
    const small = stage.replicas.at(-1) ?? primary
    for (const server of servers) await server.cli('CONFIG', 'SET', 'maxmemory', server === small ? '20mb' : '300mb')
    await Promise.all(servers.map((server) => server.cli('SAVE')))
    return {
      ...stage,
      expects: { server: small.id, kind: 'risk', also: ['config-drift'] },
      async inject() {
        await primary.cli('DEBUG', 'POPULATE', '30000', 'article', String(random.between(800, 1_200)))
        await primary.cli('DEBUG', 'CHANGE-REPL-ID')
        await Promise.all(stage.replicas.map((replica) => replica.cli('CLIENT', 'KILL', 'TYPE', 'master')))
        await until('the replicas have it', async () => {
          const used = /used_memory:(\d+)/.exec(await small.cli('INFO', 'memory'))?.[1]
          return Number(used) > 28 << 20 && (await small.cli('INFO', 'replication')).includes('master_link_status:up')
        })
        await Promise.all(servers.map((server) => server.cli('SAVE')))
      },
      heal: async () => void (await small.cli('CONFIG', 'SET', 'maxmemory', '300mb')),
    }
  },
} satisfies LabFault
