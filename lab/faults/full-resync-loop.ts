// More is written during one copy of the dataset than the primary keeps for a replica.

import type { LabFault } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'
import { startWriter, type Writer } from '../writer.ts'

export default {
  says: 'A primary cuts its replica off during each full copy, because of what is written meanwhile.',
  needs: [],
  variants: [
    { name: 'one replica', keys: 300, replicas: 1 },
    { name: 'with a password', keys: 500, replicas: 1, password: true },
    { name: 'two replicas', keys: 300, replicas: 2 },
  ],

  async build(variant, random) {
    const conf = ['repl-diskless-sync no', 'client-output-buffer-limit replica 1mb 1mb 1']
    const stage = await startStage(variant, random, { conf })
    const { primary, replicas } = stage
    let writer: Writer | undefined
    return {
      ...stage,
      url: replicas[0]?.url ?? primary.url, // a primary that has lost its replica does not always name it
      expects: { server: primary.id, also: ['backlog-too-small'] },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '2000')
        writer = startWriter(primary, { bytesPerSecond: 12 << 20 })
        await primary.cli('DEBUG', 'CHANGE-REPL-ID') // so that the next synchronisation is a full one
        await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
        await until('a replica is cut off for the third time', () => {
          return [...primary.log().matchAll(/overcoming of output buffer limits/g)].length >= 3 * replicas.length
        })
      },
      async heal() {
        await primary.cli('CONFIG', 'SET', 'client-output-buffer-limit', 'replica 0 0 0')
        await primary.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0')
      },
      async stop() {
        writer?.stop()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
