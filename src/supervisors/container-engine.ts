// Docker, Podman and whatever else answers Docker's API on a unix socket of this machine: where the socket is, and the
// container by its name. The client is loaded when a container is first asked for.

import { statSync } from 'node:fs'
import { request } from 'node:http'
import type Docker from 'dockerode'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Surroundings } from './supervisor.ts'

/** What Respite reads of `docker inspect`. Podman leaves out or empties some of it. */
export type Inspection = Docker.ContainerInspectInfo

export interface FoundContainer {
  readonly container: Docker.Container
  readonly inspection: Inspection
  readonly socketPath: string
}

const ANSWER_WITHIN_MS = 10_000

/** Where engines usually listen. DOCKER_HOST goes first, and alone, when it names a unix socket. */
function socketsOf({ env }: Surroundings): string[] {
  const host = env['DOCKER_HOST']
  if (host !== undefined && host !== '') return [/^unix:\/\/(\/.+)$/.exec(host)?.[1] ?? '']
  const runtime = env['XDG_RUNTIME_DIR']
  const home = env['HOME']
  return [
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    ...(runtime === undefined ? [] : [`${runtime}/docker.sock`, `${runtime}/podman/podman.sock`]),
    ...(home === undefined ? [] : [`${home}/.docker/run/docker.sock`]), // Docker Desktop
  ]
}

/** Undefined: every engine that answers says that it has no such container. Throws a Fault where none can be asked. */
export async function findContainer(name: string, around: Surroundings): Promise<FoundContainer | undefined> {
  const sockets = socketsOf(around)
  if (sockets[0] === '')
    throw noEngine(
      name,
      'DOCKER_HOST names no unix socket',
      'Only engines of this machine are asked: DOCKER_HOST=unix:///…',
    )
  const present = sockets.filter((path) => statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false)
  if (present.length === 0)
    throw noEngine(
      name,
      `no container engine listens on ${sockets.join(', ')}`,
      'Start it (podman: systemctl enable --now podman.socket), or name its socket: DOCKER_HOST=unix:///…',
    )
  const failures: string[] = []
  for (const socketPath of present)
    try {
      const found = await inspect(name, socketPath)
      if (found !== undefined) return found
    } catch (error) {
      failures.push(`${socketPath}: ${reasonOf(error)}`)
    }
  if (failures.length === 0) return undefined
  const hint = 'The socket is for root, or for the group docker; being in that group is as good as being root.'
  throw noEngine(name, failures.join('; '), failures.some((why) => why.includes('EACCES')) ? hint : undefined)
}

/** All containers of all engines that answer, also those that have ended; none where none does. */
export async function allContainers(around: Surroundings): Promise<Inspection[]> {
  const present = socketsOf(around).filter((path) => statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false)
  const all = await Promise.all(present.map((socketPath) => containersOf(socketPath).catch(() => [])))
  return all.flat()
}

async function containersOf(socketPath: string): Promise<Inspection[]> {
  const { default: Client } = await import('dockerode')
  const client = new Client({ socketPath, timeout: ANSWER_WITHIN_MS })
  const listed = await client.listContainers({ all: true })
  return Promise.all(listed.map(({ Id }) => client.getContainer(Id).inspect()))
}

/** As `findContainer`, where there must be one. */
export async function demandContainer(name: string, around: Surroundings): Promise<FoundContainer> {
  const found = await findContainer(name, around)
  if (found !== undefined) return found
  throw noEngine(name, 'there is no such container', 'docker ps --all lists those that there are.')
}

async function inspect(name: string, socketPath: string): Promise<FoundContainer | undefined> {
  const { default: Client } = await import('dockerode')
  const client = new Client({ socketPath, timeout: ANSWER_WITHIN_MS })
  const container = client.getContainer(name)
  try {
    return { container, inspection: await container.inspect(), socketPath }
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

/** The HTTP status with which an engine refused. */
function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode
}

/** Why an engine did not do it; undefined when there was nothing to do (304: it runs, or has ended, already). */
export function refusalOf(error: unknown): string | undefined {
  return statusOf(error) === 304 ? undefined : reasonOf(error)
}

/**
 * Everything that the container wrote since then, as the engine sends it. The client would gather it in memory; a log
 * may be larger than that.
 */
export function logStream(
  { inspection, socketPath }: FoundContainer,
  sinceMs: number | undefined,
): Promise<NodeJS.ReadableStream> {
  const since = sinceMs === undefined ? 0 : Math.floor(sinceMs / 1_000)
  const path = `/containers/${inspection.Id}/logs?stdout=1&stderr=1&timestamps=1&since=${since}`
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, timeout: ANSWER_WITHIN_MS }, (answer) => {
      if (answer.statusCode === 200) return resolve(answer)
      answer.resume()
      reject(new Error(`the engine refuses its log with status ${answer.statusCode}`))
    })
    asking.once('error', reject)
    asking.once('timeout', () => asking.destroy(new Error('the engine does not answer')))
    asking.end()
  })
}

function noEngine(name: string, why: string, hint: string | undefined): Fault {
  return new Fault({ doing: 'asking the container engine about', target: `docker:${name}`, why, hint })
}
