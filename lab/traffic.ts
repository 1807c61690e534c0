// Traffic as a web shop makes it, for the demo and the benches: sessions, a cache with hits and misses, queues in the
// layouts of Bull and Celery with workers that block on them, rate limits, locks, publish and subscribe. A few hundred
// commands a second on each fleet.
//
// Nothing grows: each key expires or comes from a bounded set of names, each list and stream is trimmed. The servers are
// broken on purpose, so a failure is no news here: the traffic lets go, asks again who the primary is, and goes on.

import { createClient, createCluster } from '@redis/client'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TrafficOptions {
  readonly sentinels: readonly { readonly port: number }[]
  readonly masterName: string
  readonly cluster: readonly { readonly port: number }[]
}

export interface Traffic {
  sent(): number // commands so far
  stop(): Promise<void>
}

type Words = readonly string[]
/** One connection, to a server or to a whole Cluster. */
interface Line {
  send(...words: string[]): Promise<unknown>
  readonly open: boolean
  close(): void
}

const HOST = '127.0.0.1'
const TICK_MS = 100
const PATIENCE_MS = 2000 // a tick that takes longer is given up with its connection
const AGAIN_MS = 500
const BLOCK_SECONDS = '2'
const BLOCKED_PATIENCE_MS = 5000

/** Starts at once; resolves never, fails never. */
export function startTraffic({ sentinels, masterName, cluster }: TrafficOptions): Traffic {
  const ending = new AbortController()
  let count = 0
  const counted = (line: Line): Line => ({
    send(...words) {
      count += 1
      return line.send(...words)
    },
    get open() {
      return line.open
    },
    close: () => line.close(),
  })
  const primary = async (): Promise<Line> => counted(await openLine(await findPrimary(sentinels, masterName)))
  const nodes = async (): Promise<Line> => counted(await openCluster(cluster))
  const loops = [
    keepGoing(primary, (line) => ticks(line, shopTick, ending.signal), ending.signal),
    keepGoing(primary, (line) => workBull(line, ending.signal), ending.signal),
    keepGoing(primary, (line) => workCelery(line, ending.signal), ending.signal),
    keepGoing(async () => openSubscriber(await findPrimary(sentinels, masterName)), idle(ending.signal), ending.signal),
    keepGoing(nodes, (line) => ticks(line, clusterTick, ending.signal), ending.signal),
  ]
  return {
    sent: () => count,
    async stop() {
      ending.abort()
      await Promise.all(loops)
    },
  }
}

// ---- what is sent ----------------------------------------------------------------------------------------------------

/** A few of many: small numbers come up far more often, as popular products do. */
const popular = (many: number): number => Math.floor(many * Math.random() ** 3)
const anyOf = (many: number): number => Math.floor(many * Math.random())
const times = <T>(many: number, make: () => T): T[] => Array.from({ length: many }, make)
const now = (): string => new Date().toISOString()

/** What a tenth of a second brings: some 60 commands. */
async function shopTick(line: Line): Promise<void> {
  const jobs = times(2, () => String(anyOf(100_000)))
  await Promise.all([
    ...times(6, () => visit(line, `session:${popular(3000)}`, `rate:api:${anyOf(200)}`)),
    ...times(12, () => lookUp(line, `cache:product:${popular(2000)}`)),
    ...jobs.map((id) => addBullJob(line, id)),
    sendAll(line, [
      ['LPUSH', 'celery', JSON.stringify({ id: anyOf(1e9), task: 'reports.daily' })],
      ['LTRIM', 'celery', '0', '499'],
      ['LPUSH', 'queue:images', `resize ${anyOf(1e6)}`],
      ['LTRIM', 'queue:images', '0', '99'],
      ['SET', `lock:stock:${popular(50)}`, String(process.pid), 'NX', 'PX', '300'],
      ['HSET', `mesh:node:${anyOf(20)}`, 'beat', now(), 'load', Math.random().toFixed(2)],
      ['ZADD', 'mesh:alive', String(Date.now()), `node-${anyOf(20)}`],
      ['PUBLISH', 'mesh:events', 'beat'],
      ...workflowStep(String(anyOf(200))),
    ]),
  ])
}

function workflowStep(id: string): Words[] {
  return [
    ['HSET', `workflow:${id}`, 'step', String(anyOf(8)), 'at', now()],
    ['EXPIRE', `workflow:${id}`, '600'],
    ['XADD', 'workflow:events', 'MAXLEN', '~', '1000', '*', 'workflow', id, 'event', 'step'],
    ['PUBLISH', `workflow:${id}`, 'step'],
  ]
}

async function clusterTick(line: Line): Promise<void> {
  await Promise.all([
    ...times(4, () => visit(line, `session:${popular(3000)}`, `rate:api:${anyOf(200)}`)),
    ...times(12, () => lookUp(line, `cache:page:${popular(3000)}`)),
  ])
}

async function visit(line: Line, session: string, rate: string): Promise<void> {
  const known = await line.send('GET', session)
  const basket = JSON.stringify({ seen: now(), basket: times(anyOf(6), () => anyOf(2000)), agent: 'x'.repeat(160) })
  if (known === null || Math.random() < 0.2) await line.send('SET', session, basket, 'EX', '180')
  await sendAll(line, [
    ['INCR', rate],
    ['EXPIRE', rate, '60'],
  ])
}

async function lookUp(line: Line, key: string): Promise<void> {
  const found = await line.send('GET', key)
  if (found === null) await line.send('SET', key, 'x'.repeat(100 + anyOf(700)), 'EX', String(20 + anyOf(40)))
}

async function addBullJob(line: Line, id: string): Promise<void> {
  await sendAll(line, [
    ['HSET', `bull:email:${id}`, 'name', 'welcome', 'data', JSON.stringify({ to: `user${id}@example.com` })],
    ['EXPIRE', `bull:email:${id}`, '300'],
    ['LPUSH', 'bull:email:wait', id],
    ['LTRIM', 'bull:email:wait', '0', '999'],
  ])
}

async function workBull(line: Line, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const id = await inTime(
      line.send('BLMOVE', 'bull:email:wait', 'bull:email:active', 'RIGHT', 'LEFT', BLOCK_SECONDS),
      BLOCKED_PATIENCE_MS,
    )
    if (typeof id !== 'string') continue
    await sendAll(line, [
      ['HGETALL', `bull:email:${id}`],
      ['LREM', 'bull:email:active', '1', id],
      ['ZADD', 'bull:email:completed', String(Date.now()), id],
      ['ZREMRANGEBYRANK', 'bull:email:completed', '0', '-101'],
      ['DEL', `bull:email:${id}`],
    ])
  }
}

async function workCelery(line: Line, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const job = await inTime(line.send('BRPOP', 'celery', 'queue:images', BLOCK_SECONDS), BLOCKED_PATIENCE_MS)
    if (Array.isArray(job)) await line.send('SET', `celery-task-meta-${anyOf(200)}`, 'SUCCESS', 'EX', '300')
  }
}

// ---- how it is sent --------------------------------------------------------------------------------------------------

async function sendAll(line: Line, commands: readonly Words[]): Promise<void> {
  await Promise.all(commands.map((words) => line.send(...words)))
}

/** Connects, works until that fails, and begins anew. */
async function keepGoing(
  open: () => Promise<Line>,
  work: (line: Line) => Promise<void>,
  ending: AbortSignal,
): Promise<void> {
  while (!ending.aborted) {
    let line: Line | undefined
    const close = (): void => line?.close() // a stopped server would keep us waiting for ever
    ending.addEventListener('abort', close)
    try {
      line = await open()
      await work(line)
    } catch {
      // Broken on purpose, and shown by the daemon that watches: nothing to say here.
    } finally {
      ending.removeEventListener('abort', close)
      close()
    }
    await sleep(AGAIN_MS, undefined, { signal: ending }).catch(() => undefined)
  }
}

async function ticks(line: Line, tick: (line: Line) => Promise<void>, ending: AbortSignal): Promise<void> {
  while (!ending.aborted && line.open) {
    const started = performance.now()
    await inTime(tick(line))
    const restMs = TICK_MS - (performance.now() - started)
    if (restMs > 0) await sleep(restMs, undefined, { signal: ending }).catch(() => undefined)
  }
}

function idle(ending: AbortSignal): (line: Line) => Promise<void> {
  return async (line) => {
    while (!ending.aborted && line.open) await sleep(AGAIN_MS, undefined, { signal: ending }).catch(() => undefined)
  }
}

async function inTime<T>(work: Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const enough = new AbortController()
  const late = sleep(patienceMs, undefined, { signal: enough.signal }).then(() => {
    throw new Error('no answer')
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    enough.abort()
  }
}

async function findPrimary(sentinels: TrafficOptions['sentinels'], name: string): Promise<number> {
  for (const { port } of sentinels) {
    const line = await openLine(port).catch(() => undefined)
    const answer = await inTime(line?.send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name) ?? Promise.resolve(null))
      .catch(() => null)
      .finally(() => line?.close())
    if (Array.isArray(answer)) return Number(answer[1])
  }
  throw new Error('no Sentinel answers')
}

const QUIET = { disableOfflineQueue: true, disableClientInfo: true, RESP: 2, maintNotifications: 'disabled' } as const

function clientOf(port: number): ReturnType<typeof createClient> {
  const socket = { host: HOST, port, connectTimeout: PATIENCE_MS, reconnectStrategy: false } as const
  const client = createClient({ ...QUIET, socket }) as unknown as ReturnType<typeof createClient>
  client.on('error', () => undefined) // the command that was under way rejects
  return client
}

async function connectInTime(client: ReturnType<typeof createClient>): Promise<void> {
  await inTime(client.connect()).catch((error: unknown) => {
    if (client.isOpen) client.destroy()
    throw error
  })
}

function lineOf(client: ReturnType<typeof createClient>): Line {
  return {
    send: (...words) => client.sendCommand(words),
    get open() {
      return client.isReady
    },
    close: () => {
      if (client.isOpen) client.destroy()
    },
  }
}

async function openLine(port: number): Promise<Line> {
  const client = clientOf(port)
  await connectInTime(client)
  return lineOf(client)
}

async function openSubscriber(port: number): Promise<Line> {
  const client = clientOf(port)
  await connectInTime(client)
  await client.pSubscribe(['mesh:*', 'workflow:*'], () => undefined)
  return lineOf(client)
}

async function openCluster(nodes: TrafficOptions['cluster']): Promise<Line> {
  const cluster = createCluster({
    rootNodes: nodes.map(({ port }) => ({ socket: { host: HOST, port } })),
    defaults: { ...QUIET, socket: { connectTimeout: PATIENCE_MS, reconnectStrategy: false } },
  })
  cluster.on('error', () => undefined)
  await inTime(cluster.connect()).catch((error: unknown) => {
    cluster.destroy()
    throw error
  })
  return {
    send: (...words) => cluster.sendCommand(words[1], words[0] === 'GET', words),
    get open() {
      return cluster.isOpen
    },
    close: () => cluster.destroy(),
  }
}
