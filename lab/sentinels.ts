// The healthy fleet of faults that Sentinels see: the usual stage, watched by Sentinels that know each other and each
// replica. Nothing is taken for down before the fault begins, however busy the machine is.

import type { Variant } from './fault.ts'
import type { Random } from './random.ts'
import { NEVER_DOWN_MS, startSentinel, type Server, type StartOptions } from './servers.ts'
import { startStage, type Stage, type StageOptions } from './stage.ts'
import { until } from './until.ts'

export interface WatchedStage extends Stage {
  readonly sentinels: readonly Server[]
  readonly masterName: string
  /** From now on a server that is silent for half a second is down. */
  hurry(): Promise<void>
}

export interface WatchedOptions {
  readonly servers?: StageOptions
  readonly sentinels?: StartOptions
  readonly quorum?: number // 2 when absent
}

const DOWN_AFTER_MS = 500

/** Starts as many Sentinels as the variant's `sentinels` says, 3 when it says nothing. */
export async function startWatchedStage(
  variant: Variant,
  random: Random,
  { servers, sentinels: options, quorum = 2 }: WatchedOptions = {},
): Promise<WatchedStage> {
  const masterName = random.pick(['mymaster', 'orders', 'sessions'])
  const stage = await startStage(variant, random, servers)
  const watches = [{ name: masterName, server: stage.primary }]
  const count = Number(variant.set?.['sentinels'] ?? 3)
  const started = { ...options, watches, quorum, downAfterMs: NEVER_DOWN_MS }
  const sentinels = await Promise.all(Array.from({ length: count }, () => startSentinel(started)))
  await Promise.all(sentinels.map(quicken))
  await introduced(sentinels, masterName, stage.replicas.length)
  for (const sentinel of sentinels) await sentinel.cli('SENTINEL', 'DEBUG', 'publish-period', '2000') // as ever
  return {
    ...stage,
    sentinels,
    masterName,
    url: `redis+sentinel://${sentinels.map(({ id }) => id).join(',')}/${masterName}`,
    hurry: async () => {
      for (const sentinel of sentinels)
        await sentinel.cli('SENTINEL', 'SET', masterName, 'down-after-milliseconds', String(DOWN_AFTER_MS))
    },
    stop: async () => {
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()))
      await stage.stop()
    },
  }
}

/** What Sentinels do every second, ten or two, they do several times a second; before 7.0 they take their time. */
export async function quicken(sentinel: Server): Promise<void> {
  const periods = ['info-period', '500', 'publish-period', '300', 'ping-period', '200', 'ask-period', '300']
  await sentinel.cli('SENTINEL', 'DEBUG', ...periods)
}

/** Waits until each of them knows all the others and so many replicas. */
export async function introduced(sentinels: readonly Server[], masterName: string, replicas: number): Promise<void> {
  await until('the Sentinels know everybody', async () => {
    const views = await Promise.all(sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'MASTER', masterName)))
    const others = new RegExp(`^num-other-sentinels\\n${sentinels.length - 1}$`, 'm')
    const slaves = new RegExp(`^num-slaves\\n${replicas}$`, 'm')
    return views.every((view) => others.test(view) && slaves.test(view))
  })
}
