// A network that loses packets between a primary and its replica, so that less gets through than is written.

import { apart, loseTo } from '../firewall.ts'
import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

const OUTGOING = '127.0.0.2'

export default {
  says: 'The network between a primary and its replica is too slow for what is written.',
  needs: ['root', 'iptables'],
  variants: [
    { name: 'few packets get through', keys: 1_000, replicas: 1, set: { rate: 4_000_000 } },
    { name: 'with a password', keys: 10_000, replicas: 1, password: true, set: { rate: 8_000_000 } },
    { name: 'two replicas', keys: 3_000, replicas: 2, set: { rate: 4_000_000 } },
  ],

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: apart(OUTGOING) })
    const { primary } = stage
    let writer: Writer | undefined
    let mend = (): void => undefined
    return {
      ...stage,
      expects: { also: ['backlog-too-small'] },
      async inject() {
        mend = loseTo(OUTGOING, 0.6)
        writer = startWriter(primary, { bytesPerSecond: Number(variant.set?.['rate']) })
        await until('the replica is four seconds of writes behind', async () => {
          const info = await primary.cli('INFO', 'replication')
          const written = Number(/master_repl_offset:(\d+)/.exec(info)?.[1])
          const acknowledged = [...info.matchAll(/slave\d+:.*offset=(\d+)/g)].map(([, offset]) => Number(offset))
          return acknowledged.every((offset) => written - offset > 4 * Number(variant.set?.['rate']))
        })
      },
      heal: async () => mend(),
      async stop() {
        writer?.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
