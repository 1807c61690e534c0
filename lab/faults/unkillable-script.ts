// A script that writes once and never ends.

import type { LabFault, Variant } from '../fault.ts'
import { untilMet } from '../meets.ts'
import { startStage } from '../stage.ts'

const LIBRARY = `#!lua name=bookings
redis.register_function('book', function(keys) redis.call('set', keys[1], 'booked') while true do end end)`
const SCRIPT = "redis.call('set', KEYS[1], 'booked') while true do end"

const variants: readonly Variant[] = [
  { name: 'a script', keys: 1_000, set: { kind: 'script' } },
  { name: 'a function, with a password', keys: 20_000, password: true, set: { kind: 'function' } },
  { name: 'a script, with a replica', keys: 5_000, replicas: 1, set: { kind: 'script' } },
]

export default {
  says: 'A script that has written never ends, and the server refuses to end it.',
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
        const words = isFunction ? ['FCALL', 'book'] : ['EVAL', SCRIPT]
        primary.cli(...words, '1', 'order:1').catch(() => '') // there is no answer to that any more
        await untilMet('busy', primary)
      },
      async stop() {
        await primary.kill('SIGKILL')
        await stage.stop()
      },
    }
  },
} satisfies LabFault
