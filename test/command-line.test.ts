// The commands against real servers, in processes of their own, as people and programs run them: what they print is
// checked against the contract, and their exit codes against the state of the servers.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeCertificates, type Certificates } from '../lab/certificates.ts'
import { freePort } from '../lab/free-port.ts'
import { NEVER_DOWN_MS, startReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import {
  doctorSchema,
  faultSchema,
  fleetChangedSchema,
  fleetSchema,
  watchEventSchema,
  type FleetDocument,
  type FleetServerDocument,
} from '../src/api/contract.ts'
import { RESPITE, startDaemonProcess, type DaemonProcess } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

const PASSWORD = 'geheim'
let dir = ''
let primary: Server
let replica: Server
let passwordFile = ''

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'respite-commands-'))
  passwordFile = join(dir, 'secret')
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 })
  primary = await startServer({ password: PASSWORD })
  replica = await startReplica(primary)
})
after(async () => {
  await replica.stop()
  await primary.stop()
  rmSync(dir, { recursive: true })
})
nothingLeftAfterwards()

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function run(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, args, { cwd: dir, maxBuffer: 1e8 }, (error, out, err) => {
      assert.doesNotMatch(out + err, new RegExp(PASSWORD))
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

const startWatch = (t: TestContext, ...args: string[]): Promise<DaemonProcess> =>
  startDaemonProcess(t, dir, '--data', join(dir, 'data'), ...args)

describe('./respite', () => {
  it('runs through a symbolic link, from any folder', async () => {
    const link = join(dir, 'link')
    symlinkSync(RESPITE, link)
    const { stdout } = await promisify(execFile)(link, ['--version'], { cwd: '/' })
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it('ends quietly when nobody reads it any more', async (t) => {
    const port = await freePort()
    const args = [
      'watch',
      `redis://127.0.0.1:${port}`,
      '--json',
      '--listen',
      '127.0.0.1:0',
      '--data',
      join(dir, 'unread'),
    ]
    const child = spawn(RESPITE, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const stranger = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
    t.after(() => stranger.close()) // another answer than before, which is written into a closed pipe
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.equal(said, '')
  })
})

describe('respite metrics', () => {
  it('prints one server in the text format', async () => {
    const { exit, out, err } = await run('metrics', primary.url, '--password-file', passwordFile)
    assert.deepEqual([exit, err], [0, ''])
    assert.match(out, /^redis_up 1$/m)
    assert.match(out, /^redis_connected_slaves 1$/m)
    assert.match(out, /^# TYPE redis_commands_processed_total counter$/m)
  })

  it('says which way a server refuses, and what to do first', async () => {
    const { exit, out, err } = await run('metrics', primary.url)
    assert.deepEqual([exit, out], [2, ''])
    assert.match(err, /NOAUTH: password wanted .*\n {2}Give it with --password-file/)
  })

  it('knows a Sentinel when it meets one', async () => {
    const watches = [{ name: 'mymaster', server: primary }]
    const sentinel = await startSentinel({ watches, quorum: 1, downAfterMs: NEVER_DOWN_MS })
    const { exit, out } = await run('metrics', `redis+sentinel://${sentinel.id}/mymaster`)
    await sentinel.stop()
    assert.equal(exit, 0)
    assert.match(out, /^redis_sentinel_masters 1$/m)
  })
})

describe('TLS flags', () => {
  let certificates: Certificates
  let server: Server
  before(async () => {
    certificates = await makeCertificates(dir)
    server = await startServer({ tls: { certificates, clients: 'yes' } })
  })
  after(() => server.stop())

  it('log in with a client certificate', async () => {
    const { caFile, client } = certificates
    const { exit, out } = await run(
      'metrics',
      server.url,
      '--ca',
      caFile,
      '--cert',
      client.certFile,
      '--key',
      client.keyFile,
    )
    assert.equal(exit, 0)
    assert.match(out, /^redis_up 1$/m)
  })

  it('of another CA are told as TLS, not as down', async () => {
    const { exit, err } = await run('metrics', server.url, '--ca', certificates.otherCaFile)
    assert.equal(exit, 2)
    assert.match(err, /TLS failed/)
  })
})

describe('respite doctor --json', () => {
  it('keeps the contract when all is well', async () => {
    const { exit, out, err } = await run('doctor', primary.url, '--password-file', passwordFile, '--json')
    const document = doctorSchema.parse(JSON.parse(out))
    assert.deepEqual([exit, err, document.verdict], [0, '', 'healthy'], out)
    assert.deepEqual(document.deployment.servers.map(({ role }) => role).toSorted(), ['primary', 'replica'])
  })

  it('keeps the contract when nobody can be reached', async () => {
    const { exit, out } = await run('doctor', 'redis://127.0.0.1:1', '--json')
    assert.deepEqual([exit, doctorSchema.parse(JSON.parse(out)).verdict], [2, 'unreachable'])
  })
})

describe('respite doctor', () => {
  it('keeps what it saw, without secrets, and says the same of it without the server', async () => {
    const file = join(dir, 'evidence.json')
    await replica.kill('SIGSTOP')
    const seen = await run('doctor', primary.url, '--password-file', passwordFile, '--json', '--save', file)
    await replica.kill('SIGCONT')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(PASSWORD))
    const again = await run('doctor', '--from', file, '--json')
    const [before, after] = [seen, again].map(({ out }) => doctorSchema.parse(JSON.parse(out)))
    assert.deepEqual(after, before)
    assert.ok(
      before?.findings.some(({ check, server, root }) => check === 'process-stopped' && server === replica.id && root),
      seen.out,
    )
    assert.deepEqual([seen.exit, again.exit], [1, 1])
  })

  it('refuses a file that is no evidence, and two things to look at', async () => {
    const none = await run('doctor', '--from', passwordFile)
    assert.deepEqual([none.exit, /no evidence/.test(none.err)], [2, true], none.err)
    const both = await run('doctor', primary.url, '--from', passwordFile)
    assert.equal(both.exit, 64)
    assert.equal((await run('doctor', primary.url, '--for', 'ever')).exit, 64)
  })
})

describe('respite runbook', () => {
  it('prints the page of an alert, and with a URL each step with its result', async () => {
    const page = await run('runbook', 'RedisDown')
    assert.match(page.out, /^# RedisDown\n/)
    const live = await run('runbook', 'RedisDown', primary.url, '--password-file', passwordFile)
    assert.match(live.out, /^# RedisDown\n/)
    assert.equal(live.exit, 0, live.err)
    assert.equal((await run('runbook', 'NoSuchAlert')).exit, 1)
  })
})

describe('respite watch and respite fleet', () => {
  const data = (): string[] => ['--data', join(dir, 'data')]
  const fleetAt = async (url: string): Promise<FleetDocument['deployments']> =>
    fleetSchema.parse(await (await fetch(`${url}/api/v1/fleet`)).json()).deployments
  const serversAt = async (url: string): Promise<FleetServerDocument[]> =>
    (await fleetAt(url)).flatMap(({ servers }) => servers)

  it('show the same fleet, miss a server that is gone, and forget it', async (t) => {
    const { stop, url, lines } = await startWatch(t, primary.url, '--password-file', passwordFile)
    const wells = async (): Promise<number> => (await serversAt(url)).filter(({ answer }) => answer.id === 'ok').length
    await until('both servers answer', async () => (await wells()) === 2)
    await until('it is ready', async () => (await fetch(`${url}/readyz`)).status === 200)
    const second = await startReplica(primary)
    const find = async (): Promise<FleetServerDocument | undefined> =>
      (await serversAt(url)).find(({ id }) => id === second.id)
    await until('the new one is found', async () => (await find())?.answer.id === 'ok')

    const table = await run('fleet', ...data())
    assert.match(table.out, new RegExp(`${primary.id} +primary +ok `))
    assert.equal((await find())?.standing, 'new')
    assert.equal(table.exit, 1)
    const accepted = await run('fleet', 'accept', second.id, '--json', ...data())
    assert.deepEqual(fleetChangedSchema.parse(JSON.parse(accepted.out)), { server: second.id, change: 'accepted' })
    const whole = await run('fleet', '--json', ...data())
    assert.equal(whole.exit, 0, whole.out)
    assert.equal(fleetSchema.parse(JSON.parse(whole.out)).deployments[0]?.servers.length, 3)

    await second.stop()
    await until('it is seen to be gone', async () => (await find())?.answer.id === 'refused')
    await until('it is missing', async () => (await fleetAt(url))[0]?.missing[0] === second.id)
    assert.equal((await run('fleet', ...data())).exit, 2)
    assert.equal((await run('fleet', 'forget', second.id, ...data())).out, `${second.id} is forgotten\n`)
    assert.equal(await find(), undefined)
    for (const line of lines) watchEventSchema.parse(JSON.parse(line))

    const unknown = await run('fleet', 'forget', 'nobody:1', '--json', ...data())
    assert.equal(unknown.exit, 1)
    assert.equal(faultSchema.parse(JSON.parse(unknown.out)).fault.target, 'nobody:1')
    await stop()
  })

  it('take a changed configuration while they run, and refuse a wrong one', async (t) => {
    const file = join(dir, 'respite.yml')
    const yaml = `deployments:\n  - { name: orders, url: "${primary.url}", passwordFile: secret }\n`
    writeFileSync(file, yaml)
    const { child, stop, url } = await startWatch(t) // respite.yml of the current folder
    const names = async (): Promise<string> => {
      return (await fleetAt(url)).map(({ name }) => name).join()
    }
    assert.equal(await names(), 'orders')
    writeFileSync(file, `${yaml}  - { name: two, url: "redis://127.0.0.1:1" }\n`)
    child.kill('SIGHUP')
    await until('the second deployment is watched', async () => (await names()) === 'orders,two')
    await until('it was looked at', async () => (await serversAt(url)).some(({ answer }) => answer.id === 'refused'))
    writeFileSync(file, 'deployments: nonsense\n')
    child.kill('SIGHUP')
    assert.equal((await run('fleet', ...data(), '--json')).exit, 2) // `two` does not answer; `orders` is still watched
    assert.equal(await names(), 'orders,two')
    await stop()
  })

  it('refuse a second daemon on the same data', async (t) => {
    const { stop } = await startWatch(t, primary.url, '--password-file', passwordFile)
    const { exit, err } = await run('watch', 'redis://127.0.0.1:1', '--listen', '127.0.0.1:0', ...data())
    assert.equal(exit, 2)
    assert.match(err, /another Respite uses it\n {2}.*--data/)
    await stop()
  })
})
