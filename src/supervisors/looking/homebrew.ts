// `homebrew:redis`: a service of Homebrew, on macOS or Linux. It knows whether the service runs and where its files are; the
// logs are files.

import { Fault } from '../../lib/fault.ts'
import { commandOfService, showService, stateOfService, type HomebrewService } from '../homebrew-service.ts'
import { placeHere, placesOf } from '../places.ts'
import { procResources } from '../proc.ts'
import { logFileLines } from '../read-lines.ts'
import type { LookingUnit } from '../supervisor.ts'

export default {
  looksAt: 'a service of Homebrew on this machine, by the name of its formula',
  example: 'homebrew:redis',

  open(name) {
    const demand = async (): Promise<HomebrewService> => {
      const service = await showService(name)
      if (service !== undefined) return service
      const hint = 'brew services list shows those that there are.'
      throw new Fault({ doing: 'asking brew about', target: `homebrew:${name}`, why: 'it has no such formula', hint })
    }
    return {
      shown: `homebrew:${name}`,
      state: async () => stateOfService(await showService(name)),
      async places(known = {}) {
        const service = await demand()
        const workingDir = service.working_dir ?? undefined
        return placesOf({ command: commandOfService(service), workingDir }, known, placeHere)
      },
      place: async (inside) => placeHere(inside),
      resources: async () => procResources((await demand()).pid ?? 0), // where /proc is: Homebrew sets no limits
      async *log(sinceMs) {
        const { log_path: out, error_log_path: error } = await demand()
        const files = [...new Set([out, error])].filter((path) => typeof path === 'string')
        const there = files.filter((path) => placeHere(path).here !== undefined)
        if (there.length === 0)
          throw new Fault({
            doing: 'reading the log of',
            target: `homebrew:${name}`,
            why: files.length === 0 ? 'its service keeps none' : `there is no ${files.join(' nor ')}`,
            hint: 'Name the file: --log FILE',
          })
        for (const path of there) yield* logFileLines(path, sinceMs)
      },
    }
  },
} satisfies LookingUnit
