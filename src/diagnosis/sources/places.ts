// Where the server's files are, and how they are reached from here. What was named for this look goes first, then what
// the server says, what its process and its supervisor show, and what was remembered of it while it still answered.

import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { openLooking, type KnownPlaces, type Places } from '../../supervisors/supervisor.ts'
import type { PlaceSeen, PlacesSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

export default {
  looksAt: 'CONFIG GET dir and logfile, INFO config_file, the process, the supervisor, what was remembered',
  asks: false,
  after: ['config', 'info', 'process'],

  async look(server, seen) {
    if (!server.local) return undefined // said by whoever wanted to look there
    const said = saidPlaces(seen)
    const { places: remembered } = server.remembered
    const known = said ?? remembered ?? {}
    const from: PlaceSeen['from'] = said === undefined ? 'memory' : 'server'
    const found = await foundPlaces(server, seen, known)
    const { conf, log, dir } = server.options
    const pick = (option: string | undefined, name: keyof KnownPlaces): PlaceSeen | undefined =>
      optionPlace(option) ?? found[name] ?? herePlace(known, name, from)
    return { conf: pick(conf, 'configFile'), log: pick(log, 'logFile'), dir: pick(dir, 'dataDir') } satisfies PlacesSeen
  },
} satisfies Source<'places'>

/** What the server itself says; undefined where it could not be asked. */
function saidPlaces({ config, info }: Partial<Seen>): KnownPlaces | undefined {
  if (config === undefined && info === undefined) return undefined
  return { configFile: info?.fields['config_file'], dataDir: config?.['dir'], logFile: config?.['logfile'] }
}

type Found = Partial<Record<keyof KnownPlaces, PlaceSeen>>

/** As its process or its supervisor shows them. */
async function foundPlaces(server: ServerAtHand, { process: seen }: Partial<Seen>, known: KnownPlaces): Promise<Found> {
  const supervisor = server.supervisor ?? (seen === undefined ? undefined : `process:${seen.pid}`)
  if (supervisor === undefined) return {}
  const places = await (await openLooking(supervisor)).places(known).catch((): Partial<Places> => ({}))
  const from = server.supervisor === undefined ? 'process' : 'supervisor'
  return Object.fromEntries(
    (['configFile', 'dataDir', 'logFile'] as const).flatMap((name) => {
      const place = places[name]
      const said = known[name] !== undefined && known[name] !== ''
      return place === undefined
        ? []
        : [[name, { inside: place.inside, here: place.here, from: said ? 'server' : from } satisfies PlaceSeen]]
    }),
  )
}

function optionPlace(path: string | undefined): PlaceSeen | undefined {
  return path === undefined ? undefined : { inside: path, here: path, from: 'option' }
}

/** On this machine, under the very name that the server gives it. */
function herePlace(known: KnownPlaces, name: keyof KnownPlaces, from: PlaceSeen['from']): PlaceSeen | undefined {
  const path = known[name]
  if (path === undefined || path === '') return undefined
  const inside = path.startsWith('/') ? path : posix.join(known.dataDir ?? '', path)
  return { inside, here: existsSync(inside) ? inside : undefined, from }
}
