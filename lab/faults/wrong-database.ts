// An application whose database has another number than that of its keys.

import { connect } from 'node:net'
import { loginBytes } from '../../src/redis/door.ts'
import { encodeCommand } from '../../src/redis/resp.ts'
import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'database 1', keys: 1_000, set: { db: 1 } },
  { name: 'database 15, with a password', keys: 20_000, password: true, set: { db: 15 } },
  { name: 'database 3, with a replica', keys: 5_000, replicas: 1, set: { db: 3 } },
]

export default {
  says: 'An application looks for its keys in a database that is empty.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const db = String(variant.set?.['db'])
    const socket = connect(primary.port, '127.0.0.1').on('error', () => undefined)
    socket.resume()
    return {
      ...stage,
      expects: { server: primary.id, kind: 'risk' },
      async inject() {
        socket.write(loginBytes(stage.access) + encodeCommand(['SELECT', db]) + encodeCommand(['GET', 'session:1']))
        await until('it has asked', async () => (await primary.cli('CLIENT', 'LIST')).includes(`db=${db} `))
      },
      async stop() {
        socket.destroy()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
