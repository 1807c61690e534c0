// The move of a slot that nobody finished.

import { startClusterStage } from '../cluster-stage.ts'
import type { LabFault } from '../fault.ts'

const SLOT = '3300' // it has keys

export default {
  says: 'The move of a slot from one node to another stopped half way.',
  needs: [],
  variants: [
    { name: 'before the first key', keys: 0 },
    { name: 'after some keys, with a password', keys: 0, password: true },
    { name: 'only one of them knows', keys: 0, replicas: 1 },
  ],

  async build(variant) {
    const stage = await startClusterStage(variant)
    const [source, target] = stage.primaries
    if (source === undefined || target === undefined) throw new Error('a Cluster has primaries')
    const { password } = source.access
    return {
      ...stage,
      expects: { server: source.id },
      async inject() {
        const [from, to] = [await source.cli('CLUSTER', 'MYID'), await target.cli('CLUSTER', 'MYID')]
        if (variant.name !== 'only one of them knows') await target.cli('CLUSTER', 'SETSLOT', SLOT, 'IMPORTING', from)
        await source.cli('CLUSTER', 'SETSLOT', SLOT, 'MIGRATING', to)
        if (!variant.name.startsWith('after some')) return
        const keys = (await source.cli('CLUSTER', 'GETKEYSINSLOT', SLOT, '5')).split('\n')
        const login = password === undefined ? [] : ['AUTH', password]
        const words = ['MIGRATE', '127.0.0.1', String(target.port), '', '0', '5000', ...login, 'KEYS', ...keys]
        await source.cli(...words)
      },
      async heal() {
        for (const node of [source, target]) await node.cli('CLUSTER', 'SETSLOT', SLOT, 'STABLE')
      },
    }
  },
} satisfies LabFault
