// A client sends a command that is larger than the server holds.

import { USUAL_VARIANTS, type LabFault } from '../fault.ts'
import { connectRaw, type RawClient } from '../raw-client.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

export default {
  says: 'A client sends a batch that is larger than the query buffer may be, and is closed in the middle of it.',
  needs: [],
  variants: USUAL_VARIANTS,

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: ['client-query-buffer-limit 1mb'] })
    const { primary } = stage
    let client: RawClient | undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        client = await connectRaw(primary)
        const bytes = random.between(4, 6) << 20
        client.write(`*3\r\n$3\r\nSET\r\n$10\r\nbasket:all\r\n$${bytes}\r\n${'x'.repeat(bytes - 1)}`)
        await until('the server closes it', () => primary.log().includes('max query buffer length'))
      },
      async stop() {
        client?.close()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
