// More clients than maxclients allows; the last ones are turned away.

import { crowdAt, type Crowd } from '../crowd.ts'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'alone', keys: 1_000, conf: ['maxclients 30'] },
  { name: 'with a password', keys: 20_000, password: true, conf: ['maxclients 100'] },
  { name: 'with a replica', keys: 5_000, replicas: 1, conf: ['maxclients 50'] },
]

export default {
  says: 'As many clients are connected as are allowed, and new ones are turned away.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    let crowd: Crowd | undefined
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        crowd = crowdAt(primary, 110)
        await untilMet('maxclients', primary)
      },
      async heal() {
        crowd?.leave()
        await untilMet('ok', primary)
      },
      async stop() {
        crowd?.leave()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
