// `systemd:UNIT`: systemctl stops and starts it. It never kills before the unit's own TimeoutStopSec, which is the unit's
// author's to choose; a server that saves for longer than that is killed by systemd, and the plan of an action should say so.

import { Fault } from '../../lib/fault.ts'
import { STOP_WITHIN_MS, type ActingUnit } from '../act.ts'
import { runProgram } from '../run-program.ts'
import { openLooking } from '../supervisor.ts'
import { showUnit, unitName } from '../systemd-unit.ts'
import { waitUntilEnded, waitUntilRuns } from '../wait-for-state.ts'

export default {
  actsOn: 'a service of systemd on this machine, by the name of its unit',

  open(name, around) {
    const shown = `systemd:${name}`
    return {
      shown,
      async stop({ withinMs = STOP_WITHIN_MS } = {}) {
        await systemctl(name, 'stop', 'stopping')
        await waitUntilEnded(await openLooking(shown, around), withinMs)
      },
      async start() {
        await systemctl(name, 'reset-failed', 'starting') // one that failed too often is refused without
        await systemctl(name, 'start', 'starting')
        await waitUntilRuns(await openLooking(shown, around))
      },
    }
  },
} satisfies ActingUnit

async function systemctl(name: string, verb: 'start' | 'stop' | 'reset-failed', doing: string): Promise<void> {
  const target = `systemd:${name}`
  const wait = verb === 'reset-failed' ? [] : ['--no-block'] // we look ourselves, with a limit of our own
  await showUnit(name) // says why where systemd cannot be asked
  const { exit, err } = await runProgram('systemctl', [verb, '--no-ask-password', ...wait, unitName(name)], target)
  if (exit === 0) return
  const hint = 'Whoever runs Respite must be allowed to manage units (root, or a rule of polkit).'
  throw new Fault({ doing, target, why: err.trim() || `systemctl ${verb} ended with ${exit}`, hint })
}
