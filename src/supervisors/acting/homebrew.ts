// `homebrew:redis`: `brew services` stops and starts it, and takes it out of, or puts it among, what starts with the login.

import { Fault } from '../../lib/fault.ts'
import { STOP_WITHIN_MS, type ActingUnit } from '../act.ts'
import { runProgram } from '../run-program.ts'
import { openLooking } from '../supervisor.ts'
import { waitUntilEnded, waitUntilRuns } from '../wait-for-state.ts'

export default {
  actsOn: 'a service of Homebrew on this machine, by the name of its formula',

  open(name, around) {
    const shown = `homebrew:${name}`
    const brew = async (verb: 'start' | 'stop', withinMs: number): Promise<void> => {
      const { exit, err } = await runProgram('brew', ['services', verb, name], shown, withinMs)
      if (exit === 0) return
      const doing = verb === 'start' ? 'starting' : 'stopping'
      throw new Fault({ doing, target: shown, why: err.trim() || `brew services ${verb} ended with ${exit}` })
    }
    return {
      shown,
      async stop({ withinMs = STOP_WITHIN_MS } = {}) {
        const looking = await openLooking(shown, around)
        if ((await looking.state()).is === 'running') await brew('stop', withinMs)
        await waitUntilEnded(looking, withinMs)
      },
      async start() {
        await brew('start', 60_000)
        await waitUntilRuns(await openLooking(shown, around))
      },
    }
  },
} satisfies ActingUnit
