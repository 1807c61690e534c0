// Somebody turns protected mode on again on a server without a password that is used over the network.

import { execFileSync } from 'node:child_process'
import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const ADDRESS = '192.0.2.10' // for documentation: nobody has it

const variants: readonly Variant[] = [
  { name: 'alone', keys: 1_000, conf: [`bind 127.0.0.1 ${ADDRESS}`] },
  { name: 'on every address', keys: 20_000, conf: ['bind 0.0.0.0'] },
  { name: 'with a replica', keys: 5_000, replicas: 1, conf: ['bind 0.0.0.0', 'save 3600 1'] },
]

export default {
  says: 'A server without a password is in protected mode, and turns away who comes over the network.',
  needs: ['root'],
  variants,

  async build(variant, random) {
    execFileSync('ip', ['address', 'add', `${ADDRESS}/32`, 'dev', 'lo'])
    const stage = await startStage(variant, random, { conf: ['protected-mode no'] })
    const { primary } = stage
    const id = `${ADDRESS}:${primary.port}`
    return {
      ...stage,
      url: `redis://${id}`,
      expects: { server: id },
      async inject() {
        await primary.cli('CONFIG', 'SET', 'protected-mode', 'yes')
        await untilMet('denied', { address: { host: ADDRESS, port: primary.port }, access: {} })
      },
      heal: async () => void (await primary.cli('CONFIG', 'SET', 'protected-mode', 'no')),
    }
  },
} satisfies LabFault
