// Supervisors as they see real servers: processes of this machine, and containers of Podman through Docker's API. systemd
// and Homebrew do not run in tests; what they answer is read in src/supervisors/*.test.ts.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { lookAtAnswer, PATIENT } from '../src/fleet/look-at-answer.ts'
import { entriesOf, type LogEntry } from '../src/redis/server-log.ts'
import { openLooking, type Looking } from '../src/supervisors/supervisor.ts'
import { noContainers, startContainers, type Containers } from './containers.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

async function started(t: TestContext, ...conf: string[]): Promise<Server> {
  const server = await startServer({ conf })
  t.after(() => server.stop())
  return server
}

async function logOf(looking: Looking, sinceMs?: number): Promise<LogEntry[]> {
  return Array.fromAsync(entriesOf(looking.log(sinceMs)))
}

describe('a process', () => {
  it('runs, where its files are and what it uses is known', async (t) => {
    const server = await started(t)
    const looking = await openLooking(`process:${server.pid}`)
    const { is, pid, sinceMs, command } = await looking.state()
    assert.deepEqual([is, pid], ['running', server.pid])
    assert.ok(Math.abs(Date.now() - (sinceMs ?? 0)) < 60_000, `${sinceMs}`)
    assert.match(command?.join(' ') ?? '', /redis-server/)
    const places = await looking.places({ configFile: server.confFile, logFile: server.logFile })
    assert.deepEqual(places.dataDir, { inside: server.dir, here: server.dir })
    assert.equal(places.configFile?.here, server.confFile)
    assert.equal(places.logFile?.here, server.logFile)
    const { openFiles = 0, openFilesLimit = 0, memoryUsedBytes = 0 } = await looking.resources()
    assert.ok(openFiles > 4 && openFilesLimit >= openFiles && memoryUsedBytes > 1e6)
  })

  it('is paused when it was told to stop, and absent when it has ended', async (t) => {
    const server = await started(t)
    const looking = await openLooking(`process:${server.pid}`)
    await server.kill('SIGSTOP')
    await until('it stands still', async () => (await looking.state()).is === 'paused')
    await server.kill('SIGCONT')
    await server.kill('SIGKILL')
    await until('it is gone', async () => (await looking.state()).is === 'absent')
    await assert.rejects(looking.places(), { name: 'Fault', why: 'there is no such process' })
  })

  it('has a log where its standard output is a file, and says why where it is none', async (t) => {
    const server = await started(t, 'logfile ""')
    const entries = await logOf(await openLooking(`process:${server.pid}`))
    assert.ok(entries.some(({ text, role }) => text === 'Ready to accept connections' && role === 'primary'))
    const looking = await openLooking(`process:${process.ppid}`) // the test runner reads us through a pipe or a terminal
    const logged = logOf(looking).then(() => undefined)
    await logged.catch((error: unknown) => assert.match(String(error), /its standard output/))
  })

  it('is no process whose number is none', async () => {
    await assert.rejects(openLooking('process:redis'), { name: 'Fault', exit: 64 })
    await assert.rejects(openLooking('doker:orders'), {
      name: 'Fault',
      exit: 64,
      hint: /^Did you mean docker:orders\?/,
    })
    await assert.rejects(openLooking('kubernetes:redis/redis-0'), { name: 'Fault', why: 'Kubernetes is not built yet' })
    await assert.rejects(openLooking('docker'), { name: 'Fault', why: 'it is not SUPERVISOR:NAME' })
  })
})

const why = noContainers()
describe('a container', { skip: why }, () => {
  let containers: Containers
  before(async () => void (containers = await startContainers()))
  after(() => containers.stop())
  const look = (name: string): Promise<Looking> => openLooking(`docker:${name}`, containers)

  it('runs: since when, with which limits, and where its files are behind a volume', async () => {
    const dir = makeFolder('volume')
    const conf = join(makeFolder('conf'), 'redis.conf')
    const port = await freePort()
    writeFileSync(conf, `port ${port}\ndir /data\nlogfile server.log\n`)
    const options = [
      '--memory',
      '100m',
      '--cpus',
      '0.5',
      '--restart',
      'on-failure:3',
      '-v',
      `${dir}:/data`,
      '-v',
      `${conf}:/etc/redis.conf`,
    ]
    containers.run('orders', options, ['/etc/redis.conf', '--requirepass', 'geheim'])
    const looking = await look('orders')
    const state = await until('its process is known', async () => {
      const now = await looking.state()
      return now.pid === undefined ? undefined : now
    })
    assert.equal(state.is, 'running')
    assert.equal(state.restartPolicy, 'on-failure:3')
    assert.ok(Math.abs(Date.now() - (state.sinceMs ?? 0)) < 60_000)
    assert.deepEqual(state.command?.slice(1), ['/etc/redis.conf', '--requirepass', '(redacted)'])
    const places = await looking.places()
    assert.deepEqual(places, {
      configFile: { inside: '/etc/redis.conf', here: conf },
      dataDir: { inside: '/data', here: dir },
      logFile: { inside: '/data/server.log', here: join(dir, 'server.log') },
    })
    const resources = await looking.resources()
    assert.equal(resources.memoryLimitBytes, 100 * 1024 ** 2)
    assert.equal(resources.cpuLimitCores, 0.5)
    assert.equal(resources.openFilesLimit, 1024)
    assert.ok((resources.openFiles ?? 0) > 4 && (resources.memoryUsedBytes ?? 0) > 1e5)
  })

  it('that cannot read its configuration stops, and what it said on standard error is known without the password', async () => {
    const conf = join(makeFolder('conf'), 'redis.conf')
    writeFileSync(conf, 'requirepass geheim geheim\n')
    const options = ['--restart', 'on-failure:2', '-v', `${conf}:/etc/redis.conf`]
    containers.run('broken', options, ['/etc/redis.conf'])
    const looking = await look('broken')
    const state = await until('it is given up', async () => {
      const now = await looking.state()
      return now.is === 'stopped' && now.restarts === 2 ? now : undefined
    })
    assert.equal(state.exitCode, 1)
    const entries = await logOf(looking)
    assert.equal(entries.length, 3)
    assert.deepEqual(
      [entries[0]?.level, entries[0]?.text],
      ['warning', '*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***'],
    )
    assert.deepEqual(entries[0]?.lines.slice(2), [">>> 'requirepass (redacted)'", 'wrong number of arguments'])
    assert.equal((await looking.places()).dataDir?.why, 'it is in the container itself, on no volume')
  })

  it('that is not there is absent, and an engine that is not there could not be asked', async () => {
    assert.equal((await (await look('nobody')).state()).is, 'absent')
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' }
    const looking = await openLooking('docker:orders', { env })
    await assert.rejects(looking.state(), { name: 'Fault', why: /no container engine listens on \/nowhere/ })
    const remote = await openLooking('docker:orders', { env: { DOCKER_HOST: 'ssh://elsewhere' } })
    await assert.rejects(remote.state(), { name: 'Fault', why: /names no unix socket/ })
  })

  it('tells its log since a time, in the zone of this machine', async () => {
    const port = await freePort()
    containers.run('zoned', ['--env', 'TZ=UTC-5'], ['--port', String(port)]) // its log is five hours ahead
    const looking = await look('zoned')
    const ready = await until('it is ready', async () =>
      (await logOf(looking)).find(({ text }) => text.startsWith('Ready to accept')),
    )
    assert.ok(Math.abs(Date.now() - (ready.at ?? 0)) < 60_000, new Date(ready.at ?? 0).toISOString())
    assert.deepEqual(await logOf(looking, Date.now() + 3_600_000), [])
  })

  it('that is held explains the silence of its server, and that has ended the refusal', async (t) => {
    const port = await freePort()
    containers.run('held', [], ['--port', String(port)])
    const looking = await look('held')
    const address = { host: '127.0.0.1', port }
    await until('it answers', async () => (await lookAtAnswer(address, {}, PATIENT)).id === 'ok')
    process.env['DOCKER_HOST'] = containers.env['DOCKER_HOST']
    t.after(() => delete process.env['DOCKER_HOST'])
    const remembered = { supervisor: 'docker:held' }
    containers.podman('pause', 'held')
    assert.equal((await looking.state()).is, 'paused')
    const silent = await lookAtAnswer(address, {}, PATIENT, remembered)
    assert.equal(silent.id, 'stopped', silent.text ?? '')
    containers.podman('unpause', 'held')
    execFileSync('kill', ['-9', String((await looking.state()).pid)])
    await until('it has ended', async () => (await looking.state()).is === 'stopped')
    const refused = await lookAtAnswer(address, {}, PATIENT, remembered)
    assert.equal(refused.id, 'refused')
    assert.match(refused.text ?? '', /docker:held is stopped, for .*, exit 137/)
  })
})
