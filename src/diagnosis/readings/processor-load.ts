// How busy the one thread is that executes commands, how long it waits for a processor, and which commands take its time.

import type { Fact } from '../check.ts'
import type { ServerEvidence } from '../evidence.ts'
import { infoRate } from './reading.ts'

/** Of the main thread in shares of a core while we looked; undefined where INFO does not tell it from other threads. */
export function mainThreadShare(server: ServerEvidence): number | undefined {
  const ofThread = ['user', 'sys'].map((kind) => infoRate(server, `used_cpu_${kind}_main_thread`)) // since 7.0
  const rates = ofThread.includes(undefined)
    ? ['user', 'sys'].map((kind) => infoRate(server, `used_cpu_${kind}`))
    : ofThread
  const [user, system] = rates
  return user === undefined || system === undefined ? undefined : user + system
}

/** How it was kept from running; each only where it was seen. */
export interface Kept {
  readonly throttledPeriods: number // of its control group, in 0.3 s
  readonly delayShare: number // of the time it was ready to run and had no processor
  readonly stealShare: number // of all processors of this machine, taken by its host
}

export function keptFromRunning({ process, kernel }: ServerEvidence): Kept | undefined {
  if (process === undefined) return undefined
  return {
    throttledPeriods: process.throttledPeriods ?? 0,
    delayShare: process.runDelayShare ?? 0,
    stealShare: kernel?.stealShare ?? 0,
  }
}

export interface CommandLoad {
  readonly name: string
  readonly perSecond: number
  readonly share: number // of a core
}

/** What took the time of the main thread while we looked, the most first. */
export function commandLoads(server: ServerEvidence): CommandLoad[] {
  return Object.keys(server.info?.fields ?? {})
    .filter((field) => field.startsWith('cmdstat_'))
    .map((field) => ({
      name: field.slice('cmdstat_'.length).replace('|', ' ').toUpperCase(),
      perSecond: infoRate(server, field, 'calls') ?? 0,
      share: (infoRate(server, field, 'usec') ?? 0) / 1e6,
    }))
    .filter(({ perSecond }) => perSecond > 0)
    .toSorted((a, b) => b.share - a.share)
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

export function loadFact({ name, perSecond, share }: CommandLoad): Fact {
  return {
    source: 'INFO commandstats',
    name,
    value: `${Math.round(perSecond)} a second take ${percent(share)} of a core`,
  }
}
