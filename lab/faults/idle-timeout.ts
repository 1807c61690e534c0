// The server cuts connections that are idle, and an application keeps some for later.

import { crowdAt, type Crowd } from '../crowd.ts'
import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'
import { until } from '../until.ts'

const variants: readonly Variant[] = [
  { name: 'seen in the log', keys: 1_000, conf: ['loglevel verbose'], set: { seconds: 1 } },
  {
    name: 'seen in the log, with a password',
    keys: 20_000,
    password: true,
    conf: ['loglevel debug'],
    set: { seconds: 1 },
  },
  { name: 'set, and not seen', keys: 5_000, replicas: 1, set: { seconds: 120 } },
]

export default {
  says: 'The server closes connections that are idle, and clients find them reset.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const isSeen = variant.conf !== undefined
    let crowd: Crowd | undefined
    return {
      ...stage,
      expects: { server: primary.id, kind: isSeen ? 'fault' : 'advice', also: ['config-drift', 'end-of-life'] },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'timeout', String(variant.set?.['seconds']))
        if (!isSeen) return
        crowd = crowdAt(primary, 5)
        await until('idle connections are closed', () => primary.log().includes('Closing idle client'))
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'timeout', '0')),
      async stop() {
        crowd?.leave()
        await stage.stop()
      },
    }
  },
} satisfies LabFault
