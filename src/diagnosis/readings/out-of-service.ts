// What the others notice when one server no longer serves, whatever the reason: its replicas lose it, and a primary misses
// a replica. What a replica of somebody else lacks is another fault.

import type { Consequence } from '../check.ts'

const LINKS = ['replication-link-down', 'replica-stale-refused', 'replica-lag'] as const

export const OUT_OF_SERVICE_BRINGS: readonly Consequence[] = [
  ...LINKS.map((check) => ({ check, on: 'its followers' }) as const),
  { check: 'not-enough-replicas', on: 'every server' },
]
