// A script or a function that reads for ever.

import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const LIBRARY = `#!lua name=reports
redis.register_function('report', function(keys) while true do redis.call('get', keys[1]) end end)`
const SCRIPT = "while true do redis.call('get', KEYS[1]) end"

const variants: readonly Variant[] = [
  { name: 'a script', keys: 1_000, set: { kind: 'script' } },
  { name: 'a function, with a password', keys: 20_000, password: true, set: { kind: 'function' } },
  { name: 'a script, with a replica', keys: 5_000, replicas: 1, set: { kind: 'script' } },
]

export default {
  says: 'A script that only reads never ends, and everybody else is told that the server is busy.',
  needs: [],
  variants,

  async build(variant, random) {
    const stage = await startStage(variant, random, { conf: ['busy-reply-threshold 200'] })
    const { primary } = stage
    const isFunction = variant.set?.['kind'] === 'function'
    if (isFunction) await primary.cli('FUNCTION', 'LOAD', LIBRARY)
    return {
      ...stage,
      expects: { server: primary.id },
      async inject() {
        const words = isFunction ? ['FCALL', 'report'] : ['EVAL', SCRIPT]
        primary.cli(...words, '1', 'order:1').catch(() => '') // its answer comes when it is ended
        await untilMet('busy', primary)
      },
      heal: async () => void (await primary.cli(isFunction ? 'FUNCTION' : 'SCRIPT', 'KILL')),
      async stop() {
        await primary.kill('SIGKILL')
        await stage.stop()
      },
    }
  },
} satisfies LabFault
