// Waiting until a supervisor says that a server has ended, or that it runs and goes on running.

import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import type { Looking, SupervisedState } from './supervisor.ts'

const EVERY_MS = 50
const START_WITHIN_MS = 30_000
const PROVES_ITSELF_MS = 1_000 // a configuration that cannot be read is told within milliseconds

/** Does it run no more, for as long as nobody starts it? `restarting` is not over: its supervisor will. */
export function hasEnded({ is }: SupervisedState): boolean {
  return is === 'stopped' || is === 'absent'
}

export async function waitUntilEnded(looking: Looking, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const state = await looking.state()
    if (hasEnded(state)) return
    if (performance.now() >= deadline) throw stillRuns(looking.shown, state, withinMs)
    await sleep(EVERY_MS)
  }
}

export function stillRuns(shown: string, { says }: SupervisedState, withinMs: number): Fault {
  return new Fault({
    doing: 'stopping',
    target: shown,
    why: `it was asked to end and still runs after ${formatDuration(withinMs)} (${says})`,
    hint: 'It may be saving: its log says so. Nothing kills it, since that would lose what is not saved.',
  })
}

/** Resolves when it has run for a second; a Fault when it ends meanwhile. */
export async function waitUntilRuns(looking: Looking): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS
  let runsSince: number | undefined
  for (;;) {
    const state = await looking.state()
    if (state.is === 'running') {
      runsSince ??= performance.now()
      if (performance.now() - runsSince >= PROVES_ITSELF_MS) return
    } else if (runsSince !== undefined || hasEnded(state) || performance.now() >= deadline)
      throw doesNotRun(looking, state)
    await sleep(EVERY_MS)
  }
}

function doesNotRun({ shown }: Looking, { says, exitCode }: SupervisedState): Fault {
  const code = exitCode === undefined ? '' : `, exit ${exitCode}`
  const hint = `What it said: respite logs URL --supervisor ${shown} --level warning`
  return new Fault({ doing: 'starting', target: shown, why: `it does not run: ${says}${code}`, hint })
}
