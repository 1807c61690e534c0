// DEL gives back the memory of a key at once, in the only thread that serves clients: of a key with many elements that takes
// as long as walking over them. UNLINK, or the lazyfree settings, leave it to another thread.

import { formatDuration } from '../../lib/units.ts'
import type { ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { infoFact, setting, settingFact } from '../readings/reading.ts'
import { slowCommands, slowFact, slowMs, slowText } from '../readings/slow-commands.ts'

const LONG_MS = 20

/** The setting that would move it to another thread. */
const LAZY: Readonly<Record<string, string>> = {
  del: 'lazyfree-lazy-user-del',
  getdel: 'lazyfree-lazy-user-del',
  flushall: 'lazyfree-lazy-user-flush',
  flushdb: 'lazyfree-lazy-user-flush',
  rename: 'lazyfree-lazy-server-del',
  expire: 'lazyfree-lazy-expire',
  pexpire: 'lazyfree-lazy-expire',
}

export default {
  asks: 'Does freeing the memory of large keys hold up all clients?',

  look(server, evidence) {
    const slow = slowCommands(server, evidence, 'frees')
    const [worst] = slow
    if (worst === undefined || slowMs(worst) < LONG_MS) return undefined
    const lazy = LAZY[worst.name] ?? 'lazyfree-lazy-user-del'
    const times = slow.length === 1 ? '' : ` (${slow.length} times in five minutes)`
    const now =
      setting(server, lazy) === undefined ? '' : `, which ${lazy} ${setting(server, lazy)} leaves to the main thread`
    return {
      kind: 'fault',
      severity: 'warning',
      says: `${slowText(worst)}${times} to free its memory${now}, and meanwhile no other client was served.`,
      first: `UNLINK (for FLUSHALL: ASYNC) frees in the background; for applications that keep their commands: CONFIG SET ${lazy} yes.`,
      evidence: [
        ...slow.slice(0, 3).map(slowFact),
        ...(server.config === undefined ? [] : [settingFact(server, lazy)]),
        ...(server.info === undefined ? [] : [infoFact(server, 'memory', 'lazyfree_pending_objects')]),
      ],
      ruledOut: [
        { check: 'big-key', by: 'what was large is gone: freeing it is what took the time' },
        { check: 'slow-command', by: `${worst.name.toUpperCase()} reads nothing; its time is that of freeing` },
        { check: 'cpu-starved', by: `${formatDuration(slowMs(worst))} are what freeing so much takes` },
      ],
      alerts: ['SlowCommands', 'RedisLatencyHigh'],
      brings: [{ check: 'blocking-free', on: followersOf(server, evidence) }],
      actions: [],
    }
  },
} satisfies ServerCheck

/** They free what their primary frees, by the same command. */
function followersOf({ id }: ServerEvidence, { servers }: Evidence): string[] {
  return servers.filter(({ primary }) => primary === id).map((replica) => replica.id)
}
