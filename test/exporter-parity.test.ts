// Side by side with Debian's prometheus-redis-exporter on a primary, a replica, a Cluster node and a Sentinel: the same
// names, labels, types and values. Respite looks before and after the exporter does, so a value that only moves one way
// must lie between the two. What differs is listed in exporter-differences.ts.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder, spawnChild } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { freePort } from '../lab/free-port.ts'
import { startReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { SampleSettings } from '../src/metrics/collector.ts'
import { renderExposition } from '../src/metrics/exposition.ts'
import { startCollectors, takeSample, type Sample } from '../src/metrics/take-sample.ts'
import { askOf } from '../src/redis/ask.ts'
import { openConnection } from '../src/redis/connection.ts'
import {
  ONLY_OURS,
  ONLY_THEIRS,
  ONLY_THEIRS_OF_SENTINEL,
  OTHER_VALUES,
  OTHERWISE_SINCE,
  type Difference,
} from './exporter-differences.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const EXPORTER = 'prometheus-redis-exporter'
const isInstalled = (process.env['PATH'] ?? '').split(delimiter).some((dir) => existsSync(join(dir, EXPORTER)))
const skip = isInstalled ? false : `${EXPORTER} is not installed: scripts/setup test`

interface Later {
  readonly name: string
  readonly type: string
  readonly labels?: readonly string[]
  readonly since: string
}
const fixture = new URL('fixtures/exporter-names.json', import.meta.url)
const known = JSON.parse(readFileSync(fixture, 'utf8')) as Record<'fields' | 'server' | 'sentinel', Later[]>
const laterNames = new Set(Object.values(known).flatMap((rows) => rows.filter(isLater).map((row) => row.name)))

function isLater({ since }: Later): boolean {
  return since !== '1.45'
}

interface Page {
  readonly types: Map<string, string>
  readonly values: Map<string, number> // by name{labels}
}

/** Starts an exporter for one test; returns its address. */
async function startExporter(t: TestContext): Promise<string> {
  const port = await freePort()
  const args = ['-web.listen-address', `127.0.0.1:${port}`, '-redis.addr', '', '-include-config-metrics']
  const child = await spawnChild(EXPORTER, args, { name: 'exporter', dir: makeFolder('exporter') })
  t.after(async () => {
    child.kill('SIGKILL')
    await child.exited
  })
  const url = `http://127.0.0.1:${port}`
  await until('the exporter answers', async () => (await fetch(`${url}/health`)).ok)
  return url
}

test('a primary and its replica', { skip }, async (t) => {
  const exporter = await startExporter(t)
  // High enough that no question is a spike or slow by itself, of ours or of theirs, on a machine that is busy.
  const conf = ['latency-monitor-threshold 100', 'slowlog-log-slower-than 100000']
  const primary = await startServer({ conf, debug: true })
  t.after(() => primary.stop())
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  await useAllKinds(primary)
  await primary.cli('DEBUG', 'SLEEP', '0.2') // a spike, and an entry of the slow log
  await compare(exporter, primary, 'server')
  await compare(exporter, replica, 'server')
})

test('a Cluster node', { skip }, async (t) => {
  const exporter = await startExporter(t)
  const cluster = await startCluster(3)
  t.after(() => cluster.stop())
  const [node] = cluster.nodes
  assert.ok(node)
  await node.cli('SET', 'a', '1')
  await compare(exporter, node, 'server')
})

test('a Sentinel with a quorum, and one without', { skip }, async (t) => {
  const exporter = await startExporter(t)
  const primary = await startServer()
  t.after(() => primary.stop())
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  const watches = [{ name: 'orders', server: primary }]
  const sentinels = await Promise.all([1, 2].map(() => startSentinel({ watches, quorum: 2 })))
  t.after(() => Promise.all(sentinels.map((sentinel) => sentinel.stop())))
  const [first, second] = sentinels as [Server, Server]
  await until('the Sentinels know each other and the replica', async () =>
    /num-slaves\n1\n[^]*num-other-sentinels\n1\n/.test(await first.cli('SENTINEL', 'MASTER', 'orders')),
  )
  const { values } = await compare(exporter, first, 'sentinel')
  assert.equal(
    values.get('redis_sentinel_master_ok_sentinels{master_address="' + primary.id + '",master_name="orders"}'),
    2,
  )
  await second.kill('SIGKILL')
  await until('the quorum is gone', async () =>
    (await first.cli('SENTINEL', 'CKQUORUM', 'orders')).includes('NOQUORUM'),
  )
  const page = await compare(exporter, first, 'sentinel')
  const verdict = [...page.values].find(([key]) => key.startsWith('redis_sentinel_master_ckquorum_status{'))
  assert.equal(verdict?.[1], 0)
  assert.match(verdict[0], /message="NOQUORUM/)
})

test('every difference on the list is still one', { skip }, () => {
  const listed = [...ONLY_THEIRS, ...ONLY_THEIRS_OF_SENTINEL, ...OTHERWISE_SINCE, ...ONLY_OURS]
  assert.deepEqual(
    listed.filter((difference) => !seen.has(difference)).map(({ name }) => name.source),
    [],
  )
})

/** Looks with both and compares; returns our page. */
async function compare(exporter: string, server: Server, kind: 'server' | 'sentinel'): Promise<Page> {
  const settings = { configMetrics: true, clientList: true }
  const look = await startLooking(server, kind, settings)
  try {
    await look()
    const first = parsePage(render(await look()))
    const theirs = parsePage(await (await fetch(`${exporter}/scrape?target=${server.url}`)).text())
    const last = await look()
    assert.deepEqual(last.couldNotLook, [])
    const ours = parsePage(render(last))
    assert.equal(ours.values.size, last.snapshot.series.length, 'no series is there twice')
    assert.deepEqual(compareTypes(theirs, ours, kind), [])
    assert.deepEqual(compareSeries(theirs, first, ours, kind), [])
    assert.deepEqual(compareOurs(theirs, ours), [])
    return ours
  } finally {
    look.close()
  }
}

type LookAgain = (() => Promise<Sample>) & { close(): void }

async function startLooking(server: Server, kind: 'server' | 'sentinel', settings: SampleSettings): Promise<LookAgain> {
  const connection = await openConnection({ address: server.address, access: server.access, timeoutMs: 20_000 })
  const started = await startCollectors()
  const from = { ask: askOf(connection.send), kind }
  return Object.assign(() => takeSample(from, started, settings, Date.now()), { close: () => connection.close() })
}

function render({ snapshot }: Sample): string {
  return renderExposition([{ snapshot }])
}

function parsePage(text: string): Page {
  const page: Page = { types: new Map(), values: new Map() }
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (type !== null) page.types.set(type[1] ?? '', type[2] ?? '')
    const sample = /^([a-zA-Z0-9_:]+(?:\{.*\})?) (\S+)$/.exec(line)
    if (sample !== null) page.values.set(sample[1] ?? '', Number((sample[2] ?? '').replace('Inf', 'Infinity')))
  }
  return page
}

const nameOf = (key: string): string => key.split('{', 1)[0] ?? ''
const seen = new Set<Difference>()

function isIn(list: readonly Difference[], key: string): boolean {
  const found = list.find(({ name }) => name.test(nameOf(key)))
  if (found !== undefined) seen.add(found)
  return found !== undefined
}

function missingHere(kind: string): readonly Difference[] {
  return kind === 'sentinel' ? [...ONLY_THEIRS, ...ONLY_THEIRS_OF_SENTINEL] : ONLY_THEIRS
}

function compareTypes(theirs: Page, ours: Page, kind: string): string[] {
  return [...theirs.types].flatMap(([name, type]) => {
    if (ours.types.get(name) === type) return []
    if (isIn(missingHere(kind), name) || isIn(OTHERWISE_SINCE, name)) return []
    return [`${name} is a ${type} there and ${ours.types.get(name) ?? 'absent'} here`]
  })
}

/** Each series of theirs is one of ours, with a value between our two looks. */
function compareSeries(theirs: Page, first: Page, last: Page, kind: string): string[] {
  return [...theirs.values].flatMap(([key, value]) => {
    if (!last.values.has(key) && (isIn(missingHere(kind), key) || isIn(OTHERWISE_SINCE, key))) return []
    const [earlier, later] = [first.values.get(key) ?? last.values.get(key), last.values.get(key)]
    if (isIn(OTHER_VALUES, key))
      return [...last.values.keys()].some((one) => nameOf(one) === nameOf(key)) ? [] : [`${key} is absent`]
    if (earlier === undefined || later === undefined) return [`${key} is absent`]
    const between = value >= Math.min(earlier, later) - 1e-9 && value <= Math.max(earlier, later) + 1e-9
    return between ? [] : [`${key} is ${value} there, ${earlier} and then ${later} here`]
  })
}

/** What only we have is of a later exporter or on the list. */
function compareOurs(theirs: Page, ours: Page): string[] {
  return [...ours.types.keys()].filter(
    (name) => !theirs.types.has(name) && !laterNames.has(name) && !isIn(ONLY_OURS, name),
  )
}

async function useAllKinds(server: Server): Promise<void> {
  const commands = [
    'SET string 1 EX 1000',
    'INCR string',
    'GET nowhere',
    'LPUSH list a b c',
    'SADD set a b',
    'ZADD zset 1 a',
    'HSET hash f v',
    'XADD stream * f v',
    'EVAL return(1) 0',
    'CONFIG GET maxmemory',
    'LPUSH string a', // WRONGTYPE: failed
    'SET', // arity: rejected
    'NOSUCHCOMMAND',
    'SET gone 1 PX 1',
  ]
  for (const command of commands) await server.cli(...command.split(' '))
  await server.cli('-n', '3', 'SET', 'elsewhere', '1')
  await until('the key has expired', async () => (await server.cli('EXISTS', 'gone')).trim() === '0')
}
