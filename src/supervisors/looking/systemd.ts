// `systemd:UNIT`: a service of this machine's systemd. systemctl knows how it ended and how often it was started again; the
// journal keeps what it wrote on standard output and error, and what systemd says of it (killed, out of memory).

import { placeHere, placesOf } from '../places.ts'
import { procLink, procResources } from '../proc.ts'
import { linesOfProgram } from '../run-program.ts'
import type { LookingUnit, Resources } from '../supervisor.ts'
import {
  commandOfUnit,
  limitsOfUnit,
  lineOfJournal,
  showUnit,
  stateOfUnit,
  unitName,
  type UnitProperties,
} from '../systemd-unit.ts'

export default {
  looksAt: 'a service of systemd on this machine, by the name of its unit',
  example: 'systemd:redis-server',

  open(name) {
    return {
      shown: `systemd:${name}`,
      state: async () => stateOfUnit(await showUnit(name), bootMs()),
      async places(known = {}) {
        const unit = await showUnit(name)
        const workingDir = unit.get('WorkingDirectory')?.replace(/^[!-]/, '') || '/'
        const pid = Number(unit.get('MainPID'))
        const dataDir = pid > 0 ? procLink(pid, 'cwd') : undefined
        return placesOf({ command: commandOfUnit(unit), workingDir, dataDir }, known, placeHere)
      },
      place: async (inside) => placeHere(inside),
      resources: async () => resourcesOf(await showUnit(name)),
      async *log(sinceMs) {
        await showUnit(name) // an empty journal of a systemd that does not run would read as "nothing was said"
        const since = sinceMs === undefined ? [] : [`--since=@${Math.floor(sinceMs / 1_000)}`]
        const words = [`--unit=${unitName(name)}`, '--output=json', '--all', '--no-pager', '--quiet', ...since]
        for await (const json of linesOfProgram('journalctl', words, `systemd:${name}`)) {
          const line = lineOfJournal(json)
          if (line === undefined) continue
          for (const text of line.text.split('\n')) yield { ...line, text }
        }
      },
    }
  },
} satisfies LookingUnit

/** When the monotonic clock of Linux, on which systemd counts, stood at zero. */
function bootMs(): number {
  return Date.now() - Number(process.hrtime.bigint() / 1_000_000n)
}

function resourcesOf(unit: UnitProperties): Resources {
  const limits = limitsOfUnit(unit)
  const pid = Number(unit.get('MainPID'))
  if (!(pid > 0)) return limits
  const { openFiles, openFilesLimit, memoryUsedBytes } = procResources(pid)
  return {
    ...limits,
    openFiles,
    openFilesLimit: openFilesLimit ?? limits.openFilesLimit,
    memoryUsedBytes: limits.memoryUsedBytes ?? memoryUsedBytes,
  }
}
