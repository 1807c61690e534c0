// What the others notice when one server no longer serves, whatever the reason: their links to it, and how far they are.

import type { Consequence } from '../check.ts'

const NOTICED = ['replication-link-down', 'replica-stale-refused', 'replica-lag', 'not-enough-replicas'] as const

export const OUT_OF_SERVICE_BRINGS: readonly Consequence[] = NOTICED.map((check) => ({ check, on: 'every server' }))
