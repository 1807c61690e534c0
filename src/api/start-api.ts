// Opens the doors of the HTTP API and closes them. Without a login the API is for this machine only: an address that
// others can reach is refused, except for metrics and health, which --listen-metrics opens alone. Whatever changes
// something goes over a unix socket that only the owner of the data folder can open.

import { getRequestListener } from '@hono/node-server'
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { systemClock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { isLoopback, showListen, type ListenAddress } from '../lib/listen-address.ts'
import { startHealth } from './health.ts'
import { makeRoutes, type ApiParts, type Door } from './routes.ts'

export interface ApiOptions {
  readonly listen: ListenAddress
  readonly listenMetrics?: ListenAddress | undefined
  readonly socketPath?: string | undefined // none: nothing can be changed from outside
  readonly parts: Omit<ApiParts, 'stalled'> & { stalled?: ApiParts['stalled'] }
}

export interface Api {
  readonly url: string // "http://127.0.0.1:7379", with the port that was picked
  readonly metricsUrl: string | undefined
  close(): Promise<void>
}

/** The name of the socket in the data folder. */
export const SOCKET_NAME = 'respite.sock'

/** Opens all doors or none. Throws a Fault. */
export async function startApi({ listen, listenMetrics, socketPath, parts }: ApiOptions): Promise<Api> {
  refuseOutside(listen)
  const health = startHealth(systemClock)
  const whole: ApiParts = { ...parts, stalled: () => health.stall() ?? parts.stalled?.() }
  const servers: Server[] = []
  const close = async (): Promise<void> => {
    health.stop()
    await Promise.all(servers.map(closeServer))
  }
  const open = async (door: Door, where: ListenAddress | string): Promise<string> => {
    const checked = typeof where !== 'string' && isLoopback(where.host)
    const app = makeRoutes(door, whole, { checked })
    const answer = getRequestListener(app.fetch, { hostname: 'localhost', overrideGlobalObjects: false })
    const options = { keepAliveTimeout: KEEP_OPEN_MS }
    const server = createServer(options, (incoming, outgoing) => void answer(incoming, outgoing)) // never rejects
    servers.push(server)
    return typeof where === 'string' ? listenOnSocket(server, where) : listenOn(server, where)
  }
  try {
    // The socket first: it tells whether another daemon runs on the same data.
    if (socketPath !== undefined) await open('socket', socketPath)
    const url = await open('loopback', listen)
    const metricsUrl = listenMetrics === undefined ? undefined : await open('metrics', listenMetrics)
    return { url, metricsUrl, close }
  } catch (error) {
    await close()
    throw error
  }
}

function refuseOutside(listen: ListenAddress): void {
  if (isLoopback(listen.host)) return
  throw new Fault({
    doing: 'listening on',
    target: showListen(listen),
    why: 'others could reach that address, and the API has no login yet',
    hint: 'Listen on 127.0.0.1 and come by ssh -L; for Prometheus, --listen-metrics opens /metrics, /healthz and /readyz alone.',
    exit: 64,
    retryable: false,
  })
}

async function listenOn(server: Server, where: ListenAddress): Promise<string> {
  try {
    await listening(server, () =>
      server.listen({ port: where.port, ...(where.host === '' ? {} : { host: where.host }) }),
    )
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const hint = taken
      ? 'Does another Respite run? Give another port; port 0 picks a free one.'
      : 'Give an address of this machine and a port that may be used.'
    const why = taken ? 'something listens there already' : reasonOf(cause)
    throw new Fault({ doing: 'listening on', target: showListen(where), why, hint, cause })
  }
  const { port } = server.address() as AddressInfo
  return `http://${showListen({ host: where.host === '' ? 'localhost' : where.host, port })}`
}

const GRACE_MS = 1_000
const KEEP_OPEN_MS = 90_000 // who scrapes once a minute finds the connection still open; Node's own time is 5 s
const MOST_PATH_BYTES = 107 // sun_path of Linux, without its closing zero

async function listenOnSocket(server: Server, path: string): Promise<string> {
  const fault = (why: string, hint: string, cause?: unknown): Fault =>
    new Fault({ doing: 'listening on', target: path, why, hint, cause })
  if (Buffer.byteLength(path) > MOST_PATH_BYTES)
    throw fault(`a socket's path may have ${MOST_PATH_BYTES} bytes`, 'Give a folder with a shorter path with --data.')
  const listener = await whoListens(path)
  if (listener === 'daemon')
    throw fault('another Respite uses it', 'Stop the other one, or give this one a folder of its own with --data.')
  try {
    if (listener === 'nobody') await removeSocket(path)
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await listening(server, () => {
      const umask = process.umask(0o177) // the socket is made inside listen(), so no other file is made meanwhile
      server.listen(path)
      process.umask(umask)
    })
    await chmod(path, 0o600) // should listen() ever come to bind later
    return path
  } catch (cause) {
    throw fault(reasonOf(cause), 'Give --data a folder that the user that runs Respite may write to.', cause)
  }
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    start()
  })
}

type Listener = 'daemon' | 'nobody' | 'none' // nobody: the socket is there, left behind by a daemon that was killed

function whoListens(path: string): Promise<Listener> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve('daemon')
    })
    // Any other error is met again by listen(), which says what it is.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'nobody' : 'none'))
  })
}

async function removeSocket(path: string): Promise<void> {
  if ((await lstat(path)).isSocket()) await unlink(path) // anything else is somebody's file
}

/** Requests under way are answered; connections that idle or dawdle are cut. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  clearTimeout(cut)
}
