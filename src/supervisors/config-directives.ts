// Where a server has its files, from its command line and its configuration file: all that is left to read when it does
// not run. Files that it includes are not followed; what stands on the command line wins, as it does in the server.

import { isAbsolute, join } from 'node:path'
import type { KnownPlaces } from './supervisor.ts'

export interface Directives extends KnownPlaces {
  readonly includes: boolean // there is more, in files that were not read
  readonly ports: readonly number[] // where it listens, in the clear and by TLS
  readonly socket: string | undefined // its unix socket
}

/**
 * `command` is a command line (`redis-server /etc/redis.conf --dir /data`), `workingDir` where it was started: relative
 * paths begin there, and so does the data directory unless `dir` says otherwise. `read` reads a file as the server would.
 */
export function directivesOf(
  command: readonly string[],
  workingDir: string | undefined,
  read: (path: string) => string | undefined,
): Directives {
  const at = command.findIndex((word) => /(?:^|\/)(?:redis|valkey|keydb)-(?:server|sentinel)$/.test(word))
  const words = command.slice(at + 1)
  const first = words[0]
  const named = at !== -1 && first !== undefined && !first.startsWith('-') ? first : undefined
  const configFile = named === undefined ? undefined : within(workingDir, named)
  const text = configFile === undefined ? undefined : read(configFile)
  const ofFile = parseDirectives((text ?? '').split('\n').map((line) => wordsOf(line)))
  const ofWords = parseDirectives(argumentLines(at === -1 ? [] : words))
  const of = (name: string): string | undefined => ofWords.get(name) ?? ofFile.get(name)
  const dir = of('dir')
  const dataDir = dir === undefined ? (at === -1 ? undefined : workingDir) : within(workingDir, dir)
  const log = of('logfile')
  return {
    configFile,
    dataDir,
    logFile: log === undefined || log === '' ? undefined : within(dataDir, log), // it is opened anew for each line, in the server's folder
    includes: ofFile.has('include'),
    ports: [of('port') ?? '6379', of('tls-port') ?? '0'].map(Number).filter((port) => port > 0),
    socket: of('unixsocket'),
  }
}

/** `--dir /data --save 60 1` as lines of a configuration file. */
function argumentLines(words: readonly string[]): string[][] {
  const lines: string[][] = []
  for (const word of words)
    if (word.startsWith('--')) lines.push(wordsOf(word.slice(2)))
    else lines.at(-1)?.push(word)
  return lines
}

/** The first value of each directive; where one is repeated, the last time counts. */
function parseDirectives(lines: readonly (readonly string[])[]): Map<string, string> {
  return new Map(
    lines.filter(([name]) => name !== undefined).map(([name = '', value = '']) => [name.toLowerCase(), value]),
  )
}

/** The words of a line as Redis splits it: quotes hold a word together, a line that begins with # is a comment. */
export function wordsOf(line: string): string[] {
  if (line.trimStart().startsWith('#')) return []
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(([, quoted, single, plain]) =>
    quoted === undefined ? (single ?? plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  )
}

function within(workingDir: string | undefined, path: string): string {
  return isAbsolute(path) || workingDir === undefined ? path : join(workingDir, path)
}
