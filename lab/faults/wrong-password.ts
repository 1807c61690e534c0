// The password is changed and not everybody is told: Respite itself, or an application that goes on trying.

import { knock } from '../../src/redis/door.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import type { Server } from '../servers.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'a first password', keys: 1_000, set: { who: 'respite', meets: 'noauth' } },
  { name: 'another password', keys: 20_000, password: true, set: { who: 'respite', meets: 'wrongpass' } },
  { name: 'of an application', keys: 5_000, password: true, replicas: 1, set: { who: 'application' } },
]

export default {
  says: 'A password is changed, and somebody who was not told is refused.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const { who, meets } = variant.set ?? {}
    let trying: NodeJS.Timeout | undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        if (who === 'application') {
          trying = setInterval(() => void tryOldPassword(primary), 100)
          return untilMet('wrongpass', { address: primary.address, access: OLD })
        }
        await primary.cli('CONFIG', 'SET', 'requirepass', 'changed today')
        return untilMet(meets === 'noauth' ? 'noauth' : 'wrongpass', primary)
      },
      async stop() {
        clearInterval(trying)
        await stage.stop()
      },
    }
  },
} satisfies LabFault

const OLD = { user: 'orders', password: 'of last year' }

function tryOldPassword({ address }: Server): Promise<unknown> {
  return knock({ address, access: OLD, connectTimeoutMs: 500, replyTimeoutMs: 500 })
}
