// What Sentinels list and nobody can reach: servers that are gone for good, and addresses that lead nowhere.

import type { LabFault } from '../fault.ts'
import { introduced, quicken, startWatchedStage } from '../sentinels.ts'
import { NEVER_DOWN_MS, startReplica, startSentinel } from '../servers.ts'
import { until } from '../until.ts'

const NOWHERE = '10.211.3.7' // as a container has it in a network of its own

export default {
  says: 'Sentinels count on servers that are gone, or that nobody reaches at the address that they know.',
  needs: [],
  variants: [
    { name: 'the address of a container', keys: 1_000, replicas: 1 },
    { name: 'a replica that was taken away', keys: 5_000, replicas: 1, password: true },
    { name: 'a Sentinel that was taken away', keys: 3_000, replicas: 1 },
  ],

  async build(variant, random) {
    const stage = await startWatchedStage(variant, random)
    const { primary, replicas, sentinels, masterName, hurry } = stage
    const extra =
      variant.name === 'the address of a container'
        ? () => announceNowhere()
        : variant.name.includes('Sentinel')
          ? addSentinel
          : addReplica

    async function announceNowhere(): Promise<void> {
      const [replica = primary] = replicas
      await replica.cli('CONFIG', 'SET', 'replica-announce-ip', NOWHERE)
      await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
      await until('its primary lists it there', async () =>
        (await primary.cli('INFO', 'replication')).includes(`ip=${NOWHERE}`),
      )
    }
    async function addReplica(): Promise<void> {
      const added = await startReplica(primary, { name: 'replica' })
      await introduced(sentinels, masterName, replicas.length + 1)
      await added.stop()
    }
    async function addSentinel(): Promise<void> {
      const watches = [{ name: masterName, server: primary }]
      const added = await startSentinel({ watches, quorum: 2, downAfterMs: NEVER_DOWN_MS })
      await quicken(added)
      await introduced([...sentinels, added], masterName, replicas.length)
      await added.stop()
    }

    return {
      ...stage,
      expect: { replicas: replicas.length, sentinels: sentinels.length },
      expects: {},
      async inject() {
        await extra()
        await hurry()
        const kind = variant.name.includes('Sentinel') ? 'SENTINELS' : 'REPLICAS'
        for (const sentinel of sentinels)
          await until('it cannot reach it', async () => /s_down/.test(await sentinel.cli('SENTINEL', kind, masterName)))
      },
    }
  },
} satisfies LabFault
