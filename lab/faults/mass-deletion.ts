// Somebody empties the server, or deletes most of what is in it.

import type { LabFault, Variant } from '../fault.ts'
import { startStage } from '../stage.ts'

const variants: readonly Variant[] = [
  { name: 'FLUSHALL', keys: 5_000, set: { how: 'FLUSHALL' } },
  { name: 'FLUSHDB, with a password', keys: 20_000, password: true, set: { how: 'FLUSHDB' } },
  { name: 'many deletions, with a replica', keys: 8_000, replicas: 1, set: { how: 'UNLINK' } },
]

const DELETE = "for _, key in ipairs(redis.call('keys', ARGV[1])) do redis.call('unlink', key) end"

export default {
  says: 'Somebody removes most of the keys, by mistake.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random)
    const { primary } = stage
    const how = String(variant.set?.['how'])
    return {
      ...stage,
      watchMs: 5_000,
      expects: { server: primary.id },
      async inject() {
        const prefixes = how === 'UNLINK' ? ['user:*', 'session:*', 'order:*'] : []
        for (const pattern of prefixes) await primary.cli('EVAL', DELETE, '0', pattern)
        if (how !== 'UNLINK') await primary.cli(how)
      },
    }
  },
} satisfies LabFault
