// Where a server's files are, made of what the server said of itself, and of its command line and configuration file. Each
// kind of supervisor only says how a path of the server's is reached from here.

import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { directivesOf } from './config-directives.ts'
import { readText } from './proc.ts'
import type { KnownPlaces, Place, Places } from './supervisor.ts'

interface Started {
  readonly command: readonly string[]
  readonly workingDir: string | undefined // where it was started
  readonly dataDir?: string | undefined // where it works now, which goes before everything else
}

/** What the server said goes before what its configuration file says: it may have been changed since. */
export function placesOf(started: Started, known: KnownPlaces, placeOf: (inside: string) => Place): Places {
  const read = (inside: string): string | undefined => {
    const { here } = placeOf(inside)
    return here === undefined ? undefined : readText(here)
  }
  const found = directives(started, known, read)
  const dataDir = started.dataDir ?? known.dataDir ?? found.dataDir
  const log = known.logFile ?? found.logFile
  const place = (inside: string | undefined): Place | undefined =>
    inside === undefined || inside === '' ? undefined : placeOf(inside)
  return {
    configFile: place(known.configFile === '' ? undefined : (known.configFile ?? found.configFile)),
    dataDir: place(dataDir),
    logFile: place(
      log === undefined || log === '' ? undefined : posix.join(log.startsWith('/') ? '' : (dataDir ?? ''), log),
    ),
  }
}

/** A process may show its address in place of its arguments, as a Sentinel does; then the file is read that it named itself. */
function directives(
  { command, workingDir }: Started,
  { configFile }: KnownPlaces,
  read: (inside: string) => string | undefined,
): KnownPlaces {
  const shown = directivesOf(command, workingDir, read)
  const isFile = shown.configFile !== undefined && (read(shown.configFile) ?? '') !== ''
  return isFile || configFile === undefined || configFile === ''
    ? shown
    : directivesOf(['redis-server', configFile], workingDir, read)
}

/** Of a server that shares this machine's files. */
export function placeHere(inside: string): Place {
  return place(inside, inside, 'there is no such file, or it may not be seen')
}

/** `path` is where it should be on this machine. */
export function place(inside: string, path: string, why: string): Place {
  if (!inside.startsWith('/')) return { inside, here: undefined, why: 'it is relative, and nobody knows to what' }
  return existsSync(path) ? { inside, here: path } : { inside, here: undefined, why }
}
