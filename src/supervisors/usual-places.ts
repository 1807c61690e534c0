// Where servers of this machine usually have their files, for one that does not answer and that nobody has said more of
// than its port: configuration files, units, containers, folders of logs, in this order. Each says what it was found by, so that
// a person can judge whether that is the server that is meant; a port alone is a guess.

import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { directivesOf, type Directives } from './config-directives.ts'
import { allContainers, type Inspection } from './container-engine.ts'
import type { Listening } from './listening.ts'
import { readText } from './proc.ts'
import { openLooking, type Surroundings } from './supervisor.ts'
import { serverUnits } from './systemd-unit.ts'

export interface UsualPlace {
  readonly foundBy: string // "/etc/redis/redis.conf", "docker:orders"
  readonly supervisor?: string // that of a server with this port
  readonly configFile?: string
  readonly dataDir?: string | undefined
  readonly logFile?: string | undefined // absent: its log goes to standard output
}

const FOLDERS = ['/etc/redis', '/etc/valkey', '/etc']
const HOMEBREW = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew']
const LOGS = ['/var/log/redis', '/var/log/valkey', ...HOMEBREW.map((root) => `${root}/var/log`)]
const CONFIG = /^(?:redis|valkey)?[\w.-]*\.conf$/
const CONFIG_OF_ETC = /^(?:redis|valkey)[\w.-]*\.conf$/
const LOG = /^(?:redis|valkey)[\w.-]*\.log$/
const USUAL_PORT = 6379

/** What is found where, the likeliest first; each part is looked at only when it is asked for. */
export async function* usualPlaces(where: Listening, around: Surroundings = process): AsyncGenerator<UsualPlace> {
  yield* configured(FOLDERS, where)
  yield* units(where)
  yield* containers(where, around)
  yield* logs(where)
  yield* configured(
    HOMEBREW.map((root) => `${root}/etc`),
    where,
  )
}

function* configured(folders: readonly string[], where: Listening): Generator<UsualPlace> {
  for (const folder of folders)
    for (const name of namesIn(folder).filter((each) =>
      (folder.endsWith('/etc') ? CONFIG_OF_ETC : CONFIG).test(each),
    )) {
      const configFile = join(folder, name)
      if (/sentinel/i.test(name)) continue
      const found = directivesOf(['redis-server', configFile], '/', readText)
      if (listensAt(found, where))
        yield { foundBy: configFile, configFile, dataDir: found.dataDir, logFile: found.logFile }
    }
}

async function* units(where: Listening): AsyncGenerator<UsualPlace> {
  for (const name of await serverUnits()) {
    const supervisor = `systemd:${name}`
    try {
      const { command } = await (await openLooking(supervisor)).state()
      if (command !== undefined && listensAt(directivesOf(command, '/', readText), where))
        yield { foundBy: supervisor, supervisor }
    } catch {
      continue // it was removed between the two questions
    }
  }
}

async function* containers(where: Listening, around: Surroundings): AsyncGenerator<UsualPlace> {
  for (const inspection of await allContainers(around)) {
    const supervisor = `docker:${inspection.Name.replace(/^\//, '')}`
    const { here } = await (await openLooking(supervisor, around)).place('/').catch(() => ({ here: undefined }))
    const read = (path: string): string | undefined => (here === undefined ? undefined : readText(join(here, path)))
    const found = directivesOf([inspection.Path, ...inspection.Args], inspection.Config.WorkingDir || '/', read)
    const isServer = /(?:redis|valkey)-server/.test([inspection.Path, ...inspection.Args].join(' '))
    if (isServer && isPublishedAt(inspection, found, where)) yield { foundBy: supervisor, supervisor }
  }
}

/** A container has its ports to itself, unless it shares the machine's network. */
function isPublishedAt({ HostConfig }: Inspection, found: Directives, where: Listening): boolean {
  if (HostConfig.NetworkMode === 'host' || 'path' in where) return listensAt(found, where)
  const bindings = HostConfig.PortBindings as Record<string, { HostPort?: string }[] | null> | null | undefined
  return found.ports.some((inside) =>
    (bindings?.[`${inside}/tcp`] ?? []).some(({ HostPort }) => Number(HostPort) === where.port),
  )
}

/** A log says in its name which port it is of, or is the one of the usual port. */
function* logs(where: Listening): Generator<UsualPlace> {
  if ('path' in where) return
  for (const folder of LOGS)
    for (const name of namesIn(folder).filter((each) => LOG.test(each) && !/sentinel/i.test(each))) {
      const ports = basename(name)
        .match(/\d{4,5}/g)
        ?.map(Number) ?? [USUAL_PORT]
      if (ports.includes(where.port)) yield { foundBy: folder, logFile: join(folder, name) }
    }
}

function listensAt({ ports, socket }: Directives, where: Listening): boolean {
  return 'path' in where ? socket === where.path : ports.includes(where.port)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return [] // there is none, or it may not be seen
  }
}
