// The API over real sockets: what each of its three doors answers and refuses, and the socket file through the lives
// and deaths of daemons. The fleet behind it is a plain object; that is all the API asks for.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { DeploymentView, ServerView } from '../fleet/server.ts'
import { Fault } from '../lib/fault.ts'
import { parseListen } from '../lib/listen-address.ts'
import { silentLog } from '../lib/log.ts'
import type { LentPage } from '../metrics/exposition.ts'
import { askDaemon } from './ask-daemon.ts'
import { fleetSchema, slowLogSchema } from './contract.ts'
import { startApi, type Api, type ApiOptions } from './start-api.ts'

const server: ServerView = {
  id: '10.0.0.5:6379',
  deployment: 'orders',
  address: { host: '127.0.0.1', port: 7001 },
  role: 'primary',
  standing: 'expected',
  answer: { id: 'maxclients', at: 2_000, text: 'ERR max number of clients reached', connectMs: 1 },
  since: 1_000,
  reserved: true,
  version: '7.0.15',
  flavour: 'redis',
  runId: undefined,
  couldNotLook: [],
}
const deployment: DeploymentView = {
  name: 'orders',
  kind: 'standalone',
  servers: [server],
  missing: ['10.0.0.6:6379'],
  problems: [],
  couldNotLook: [],
}

let dir = ''
let changed: string[] = []
let open: Api[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'respite-api-'))
  changed = []
  open = []
})
afterEach(async () => {
  await Promise.all(open.map((api) => api.close()))
  rmSync(dir, { recursive: true })
})

const fleet: ApiOptions['parts']['fleet'] = {
  deployments: () => [deployment],
  accept: (id) => id === '10.0.0.7:6379' && changed.push(`accept ${id}`) > 0,
  forget: (id) => id === '10.0.0.6:6379' && changed.push(`forget ${id}`) > 0,
}
const slow = {
  id: 7,
  at: 1_700_000_000,
  durationUs: 136_000,
  command: ['keys', '*'],
  client: '10.0.0.9:51234',
  clientName: 'shop',
}
function pageOf(...texts: string[]): LentPage {
  const pieces = texts.map((text) => Buffer.from(text))
  const last = pieces.pop() ?? Buffer.alloc(0)
  const inTurn = function* (): Generator<Buffer<ArrayBuffer>, Buffer<ArrayBuffer>> {
    yield* pieces
    return last
  }
  return { pieces: inTurn(), release: () => undefined }
}
const parts: ApiOptions['parts'] = {
  fleet,
  log: silentLog,
  metricsPage: () => pageOf('redis_up 1\n'),
  slowCommands: (name, id) => (name === 'orders' && id === server.id ? [slow] : []),
  notReady: () => [],
}
const listen = (text: string): NonNullable<ReturnType<typeof parseListen>> => parseListen(text) ?? assert.fail(text)

async function start(options: Partial<ApiOptions> = {}): Promise<Api> {
  const api = await startApi({ listen: listen('127.0.0.1:0'), parts, ...options })
  open.push(api)
  return api
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Fault, String(error))
  return error
}

function getAs(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { host }, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.once('error', reject)
    asked.end()
  })
}

describe('the loopback door', () => {
  it('answers the fleet as the contract says it', async () => {
    const { url } = await start()
    const document = fleetSchema.parse(await (await fetch(`${url}/api/v1/fleet`)).json())
    const [first] = document.deployments[0]?.servers ?? []
    assert.equal(first?.address, '127.0.0.1:7001')
    assert.equal(first?.answer.says, 'maxclients reached')
    assert.equal(first?.answer.since, '1970-01-01T00:00:01.000Z')
  })

  it('answers metrics in the text format, and says what is here', async () => {
    const { url } = await start()
    const metrics = await fetch(`${url}/metrics`)
    assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(await metrics.text(), 'redis_up 1\n')
    assert.match(await (await fetch(url)).text(), /\/api\/v1\/fleet/)
    assert.equal((await fetch(`${url}/nothing`)).status, 404)
  })

  it('is ready once nothing is waited for, and says in words what is', async () => {
    const waits = ['orders was not looked at yet']
    const { url } = await start({ parts: { ...parts, notReady: () => waits } })
    const before = await fetch(`${url}/readyz`)
    assert.deepEqual([before.status, await before.text()], [503, 'orders was not looked at yet\n'])
    waits.pop()
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
  })

  it('is well until watching stands still', async () => {
    const stalls: string[] = []
    const { url } = await start({ parts: { ...parts, stalled: () => stalls[0] } })
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    stalls.push('no server was looked at for 30 s')
    const answer = await fetch(`${url}/healthz`)
    assert.deepEqual([answer.status, await answer.text()], [503, 'no server was looked at for 30 s\n'])
  })

  it('gives the slow log of a server with the client to blame', async () => {
    const { url } = await start()
    const document = slowLogSchema.parse(
      await (await fetch(`${url}/api/v1/slowlog?deployment=orders&server=${server.id}`)).json(),
    )
    assert.deepEqual(document.commands, [{ ...slow, at: '2023-11-14T22:13:20.000Z' }])
    assert.equal((await fetch(`${url}/api/v1/slowlog`)).status, 400)
  })

  it('shows the runbook of an alert, and no other file', async () => {
    const { url } = await start()
    assert.match(await (await fetch(`${url}/runbooks/RedisDown`)).text(), /RedisDown/)
    for (const name of ['Nothing', '..%2FREADME', '%2E%2E%2FREADME.md'])
      assert.equal((await fetch(`${url}/runbooks/${name}`)).status, 404, name)
  })

  it('changes nothing', async () => {
    const { url } = await start({ socketPath: join(dir, 'respite.sock') })
    const body = JSON.stringify({ server: '10.0.0.6:6379' })
    const answer = await fetch(`${url}/api/v1/fleet/forget`, { method: 'POST', body })
    assert.equal(answer.status, 409)
    assert.deepEqual(changed, [])
  })

  it('answers to names of this machine only', async () => {
    const { url } = await start()
    for (const host of ['localhost:80', '127.0.0.1', '127.8.8.8:1', '[::1]:7379', 'LOCALHOST'])
      assert.equal(await getAs(`${url}/metrics`, host), 200, host)
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:7379', '192.168.0.1'])
      assert.notEqual(await getAs(`${url}/metrics`, host), 200, host)
  })

  it('sends a large page piece by piece, and gives its memory back when the reader goes away', async () => {
    const lines = Array.from({ length: 64 }, (_none, at) => `redis_up{at="${at}"} 1\n`.repeat(10_000))
    const gone = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const [first, second] = gone
    const metricsPage = (): LentPage => ({ ...pageOf(...lines), release: () => gone.shift()?.resolve() })
    const { url } = await start({ parts: { ...parts, metricsPage } })
    const whole = await fetch(`${url}/metrics`)
    assert.equal(await whole.text(), lines.join(''))
    await first?.promise
    const half = await fetch(`${url}/metrics`)
    await half.body?.cancel()
    await second?.promise
  })

  it('tells a bug to the caller without its stack', async () => {
    const broken = (): never => {
      throw new TypeError('cannot read')
    }
    const { url } = await start({ parts: { ...parts, metricsPage: broken } })
    const answer = await fetch(`${url}/metrics`)
    assert.equal(answer.status, 500)
    const { fault } = (await answer.json()) as { fault: unknown }
    assert.deepEqual(fault, { doing: 'answering', target: 'GET /metrics', why: 'cannot read', hint: '' })
  })

  it('is refused where others could reach it', async () => {
    for (const text of ['0.0.0.0:0', ':0', '[::]:0', '192.168.0.1:0', 'example.com:0']) {
      const fault = await faultOf(start({ listen: listen(text) }))
      assert.match(fault.why, /no login yet/)
      assert.match(fault.hint ?? '', /--listen-metrics/)
      assert.equal(fault.exit, 64)
    }
  })

  it('names a port that is taken', async () => {
    const { url } = await start()
    const fault = await faultOf(start({ listen: listen(new URL(url).host) }))
    assert.equal(fault.why, 'something listens there already')
  })
})

describe('the metrics door', () => {
  it('opens metrics and health to others and nothing else', async () => {
    const { metricsUrl } = await start({ listenMetrics: listen('0.0.0.0:0') })
    const url = metricsUrl?.replace('0.0.0.0', '127.0.0.1') ?? assert.fail('not open')
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      assert.equal((await fetch(url + path)).status, 200, path)
      assert.equal(await getAs(url + path, 'redis-watch.example:9121'), 200, path)
    }
    for (const path of ['/', '/api/v1/fleet']) assert.equal((await fetch(url + path)).status, 404, path)
    assert.equal((await fetch(`${url}/api/v1/fleet/forget`, { method: 'POST' })).status, 404)
  })
})

describe('the socket', () => {
  const post = (verb: string, body: unknown): Promise<unknown> =>
    askDaemon({ dataDir: dir, method: 'POST', path: `/api/v1/fleet/${verb}`, body })

  it('changes the fleet, for its owner alone', async () => {
    await start({ socketPath: join(dir, 'respite.sock') })
    assert.equal(statSync(join(dir, 'respite.sock')).mode & 0o777, 0o600)
    assert.deepEqual(await post('forget', { server: '10.0.0.6:6379' }), {
      server: '10.0.0.6:6379',
      change: 'forgotten',
    })
    assert.deepEqual(await post('accept', { server: '10.0.0.7:6379' }), { server: '10.0.0.7:6379', change: 'accepted' })
    assert.deepEqual(changed, ['forget 10.0.0.6:6379', 'accept 10.0.0.7:6379'])
  })

  it('refuses what is not possible with the contract’s exit codes', async () => {
    await start({ socketPath: join(dir, 'respite.sock') })
    const unknown = await faultOf(post('forget', { server: 'nobody:1' }))
    assert.deepEqual([unknown.target, unknown.exit], ['nobody:1', 1])
    assert.equal((await faultOf(post('forget', { host: 'x' }))).exit, 64)
    assert.equal((await faultOf(post('forget', undefined))).exit, 64)
  })

  it('is removed at the end, and then no daemon runs there', async () => {
    const api = await start({ socketPath: join(dir, 'respite.sock') })
    await api.close()
    assert.equal(existsSync(join(dir, 'respite.sock')), false)
    const fault = await faultOf(post('forget', { server: 'x' }))
    assert.equal(fault.why, 'no daemon runs there')
    assert.match(fault.hint ?? '', /respite watch/)
  })

  it('refuses a second daemon on the same data', async () => {
    await start({ socketPath: join(dir, 'respite.sock') })
    const fault = await faultOf(start({ socketPath: join(dir, 'respite.sock') }))
    assert.equal(fault.why, 'another Respite uses it')
    assert.equal(existsSync(join(dir, 'respite.sock')), true)
  })

  it('is taken over from a daemon that was killed', async () => {
    const path = join(dir, 'respite.sock')
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
    const killed = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(killed.stdout, 'data')
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    assert.equal(existsSync(path), true)
    await start({ socketPath: path })
    await post('forget', { server: '10.0.0.6:6379' })
  })

  it('is never taken from a file that is no socket', async () => {
    writeFileSync(join(dir, 'respite.sock'), 'mine')
    await faultOf(start({ socketPath: join(dir, 'respite.sock') }))
    assert.equal(readFileSync(join(dir, 'respite.sock'), 'utf8'), 'mine')
  })

  it('with too long a path is a Fault that names --data', async () => {
    const fault = await faultOf(start({ socketPath: join(dir, 'x'.repeat(120), 'respite.sock') }))
    assert.match(fault.hint ?? '', /shorter path/)
  })

  it('opened in vain leaves nothing open', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    await faultOf(start({ socketPath: join(dir, 'respite.sock'), listen: { host: '127.0.0.1', port } }))
    assert.equal(existsSync(join(dir, 'respite.sock')), false)
    taken.close()
  })
})
