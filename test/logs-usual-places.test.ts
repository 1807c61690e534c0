// The log of a server that has died, with nothing known but its port: by its configuration file, its container, its folder of
// logs. In a mount namespace of its own, so that the usual places are the test's.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { logsSchema, type LogsDocument } from '../src/api/contract.ts'
import { noContainers, startContainers, type Containers } from './containers.ts'
import { RESPITE } from './daemon-process.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { inOwnNamespace } from './own-namespace.ts'

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

function logs(url: string, env: NodeJS.ProcessEnv = process.env, ...flags: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(RESPITE, ['logs', url, ...flags], { env }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

async function documentOf(port: number, env?: NodeJS.ProcessEnv): Promise<LogsDocument> {
  const { exit, out } = await logs(`redis://127.0.0.1:${port}`, env, '--json')
  assert.equal(exit, 0, out)
  return logsSchema.parse(JSON.parse(out))
}

function run(command: string, ...words: string[]): void {
  execFileSync(command, words, { stdio: 'pipe' })
}

function tests(): void {
  before(() => {
    const etc = join(makeFolder('etc'), 'etc')
    cpSync('/etc', etc, { recursive: true, verbatimSymlinks: true })
    for (const folder of ['redis', 'valkey']) mkdirSync(join(etc, folder), { recursive: true })
    run('mount', '--bind', etc, '/etc')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/var/log')
    mkdirSync('/var/log/redis')
  })

  // The next test may be given the same port.
  afterEach(() => {
    for (const folder of ['/etc/redis', '/etc/valkey', '/var/log/redis'])
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  })

  test('its configuration file names it', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    writeFileSync('/etc/redis/other.conf', `port ${server.port + 1}\nlogfile /nowhere/other.log\n`)
    writeFileSync(
      '/etc/redis/six.conf',
      `# ours\nport ${server.port}\ndir ${server.dir}\nlogfile "${server.logFile}"\n`,
    )
    await server.kill('SIGKILL')
    await server.exited
    const { sources, entries } = await documentOf(server.port)
    assert.deepEqual(
      sources.map(({ source }) => source),
      [`${server.logFile} (found by 127.0.0.1:${server.port} in /etc/redis/six.conf)`],
    )
    assert.ok(entries.some(({ text }) => text === 'Ready to accept connections'))
  })

  test('the name of a log says which port it is of; one that names a missing file says so', async () => {
    const port = await freePort()
    const line = `1:M ${new Date().toUTCString().slice(5, 25)}.123 # Out of memory\n`
    appendFileSync(`/var/log/redis/redis_${port}.log`, line)
    const { sources, entries } = await documentOf(port)
    assert.match(
      sources[0]?.source ?? '',
      /^\/var\/log\/redis\/redis_\d+\.log.* \(found by \S+ in \/var\/log\/redis\)$/,
    )
    assert.deepEqual(
      entries.map(({ text }) => text),
      ['Out of memory'],
    )
    writeFileSync('/etc/valkey/valkey.conf', `port ${port}\nlogfile /var/log/valkey/none.log\n`)
    const both = await logs(`redis://127.0.0.1:${port}`)
    assert.equal(both.exit, 1, both.err)
    assert.match(both.err, /could not look: log file \/var\/log\/valkey\/none\.log: there is no such file \(found by/)
    assert.match(both.out, /Out of memory/)
    const nobody = await logs(`redis://127.0.0.1:${await freePort()}`)
    assert.equal(nobody.exit, 2)
    assert.match(nobody.err, /nobody listens on 127\.0\.0\.1:\d+ on this machine/)
  })

  describe('a container', { skip: noContainers() }, () => {
    let containers: Containers
    before(async () => void (containers = await startContainers()))
    after(() => containers.stop())

    test('that has ended keeps what it wrote', async () => {
      const [others, port] = [await freePort(), await freePort()]
      containers.run('carts', [], ['--port', String(others)])
      containers.run('orders', [], ['--port', String(port), '--dir', '/nowhere'])
      await until('it has ended', () => /Exited/.test(containers.podman('ps', '--all', '--filter', 'name=orders')))
      const { sources, entries } = await documentOf(port, containers.env)
      assert.deepEqual(
        sources.map(({ source }) => source),
        [`docker:orders (found by 127.0.0.1:${port} in docker:orders)`],
      )
      assert.ok(
        entries.some(({ lines }) => /\/nowhere|No such file/.test(lines.join(' '))),
        JSON.stringify(entries),
      )
    })
  })
}

if (inOwnNamespace(import.meta.filename, 'mount')) {
  nothingLeftAfterwards()
  describe('usual places', tests)
}
