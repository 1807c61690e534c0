// EVAL with a text that differs each time: the server keeps every script that it has ever seen, for ever. Parameters belong
// into KEYS and ARGV, so that there is one script and not one for each value.

import { formatBytes, formatCount } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import { memoryUse } from '../readings/memory-use.ts'
import { infoFact, infoNumber, infoRate } from '../readings/reading.ts'

const MANY = 1_000 // as MEMORY DOCTOR of Redis 7.0 says it

export default {
  asks: 'Does the cache of scripts grow without end?',

  look(server) {
    const scripts = infoNumber(server, 'number_of_cached_scripts')
    if (scripts === undefined || scripts <= MANY) return undefined
    const cached = infoNumber(server, 'used_memory_scripts_eval') ?? 0
    const machine = infoNumber(server, 'used_memory_vm_eval') ?? infoNumber(server, 'used_memory_lua') ?? 0
    const use = memoryUse(server)
    const fills = use?.isFull === true && use.usedBytes - cached <= use.limitBytes
    const perSecond = infoRate(server, 'number_of_cached_scripts') ?? 0
    const grows = perSecond === 0 ? '' : `; ${formatCount(perSecond)} more each second`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${formatCount(scripts)} scripts are cached and never forgotten; they take ${formatBytes(cached + machine)}${grows}. Somebody writes values into the text of EVAL in place of its arguments.`,
      evidence: [
        infoFact(server, 'memory', 'number_of_cached_scripts'),
        { source: 'INFO memory', name: 'used_memory_scripts_eval', value: formatBytes(cached) },
        { source: 'INFO memory', name: 'used_memory_vm_eval', value: formatBytes(machine) },
      ],
      ruledOut: [{ check: 'busy-script', by: 'no script is running: the server answers' }],
      alerts: ['RedisMemoryHigh', 'MemoryFull'],
      brings: fills ? ['maxmemory-reached', 'eviction-storm', 'volatile-policy-no-ttl'] : [],
      actions: [
        {
          id: 'flush-script-cache',
          why: 'frees them; applications that send EVALSHA must be able to send the text again',
        },
      ],
    }
  },
} satisfies ServerCheck
