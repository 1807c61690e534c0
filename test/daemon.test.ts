// The whole machine, in this process and as a process of its own: what it serves, how it starts, reloads and ends, and
// what it asks of the servers that it watches.

import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { NEVER_DOWN_MS, startReplica, startSentinel, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { FleetDocument } from '../src/api/contract.ts'
import type { Daemon } from '../src/cli/command.ts'
import { printChanges } from '../src/cli/commands/watch.ts'
import { makeConfig } from '../src/config.ts'
import { startDaemon } from '../src/daemon.ts'
import { PATIENT } from '../src/fleet/look-at-answer.ts'
import { systemClock, type Clock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { Metrics } from '../src/metrics/watch-metrics.ts'
import { READ_COMMANDS } from '../src/redis/ask.ts'
import { parseClientList } from '../src/redis/client-list.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { howLong } from './watched.ts'
import { untilFleet, viewIn, watchUrl } from './watching.ts'

nothingLeftAfterwards()

const SLOWLY = { timeoutMs: 40_000, everyMs: 300 } // a process takes its time to start on a busy machine
const RESPITE = join(import.meta.dirname, '..', 'respite')

async function start(t: TestContext, urls: readonly string[], file?: string): Promise<Daemon> {
  const flags = { listen: '127.0.0.1:0', data: makeFolder('data') }
  const config = await makeConfig({ file, urls, flags }, {})
  const daemon = await startDaemon({ config, logLevel: 'silent' })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= daemon.stop())
  t.after(stop)
  return { ...daemon, stop }
}

const metricsOf = async ({ url }: Pick<Daemon, 'url'>): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** `respite watch --json` as a process: its events, and the command line against it. */
function startWatch(
  t: TestContext,
  url: string,
  data: string,
): { process: ChildProcess; events: { event: string; url?: string }[] } {
  const args = ['watch', url, '--json', '--listen', '127.0.0.1:0', '--data', data]
  const process = spawn(RESPITE, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => process.kill('SIGKILL'))
  const events: { event: string; url?: string }[] = []
  createInterface({ input: process.stdout }).on('line', (line) => events.push(JSON.parse(line) as { event: string }))
  return { process, events }
}

/** SIGTERM, and how many milliseconds the process took to end with 0. */
async function endOf(process: ChildProcess): Promise<number> {
  process.kill('SIGTERM')
  const tookMs = await howLong(() => process.exitCode !== null || process.signalCode !== null)
  assert.equal(process.exitCode ?? process.signalCode, 0)
  return tookMs
}

function respite(...args: string[]): Promise<{ exit: number; out: string }> {
  return new Promise((resolve) => {
    execFile(RESPITE, args, (error, out) => resolve({ exit: error === null ? 0 : Number(error.code), out }))
  })
}

async function servers(data: string): Promise<string[]> {
  const { out } = await respite('fleet', '--data', data, '--json')
  const { deployments } = JSON.parse(out) as FleetDocument
  return deployments.flatMap((each) => each.servers.map(({ id, standing }) => `${id} ${standing}`)).toSorted()
}

/** A clock that somebody sets; time itself goes on as it does. */
function settableClock(): Clock & { step(ms: number): void } {
  let offset = 0
  return { ...systemClock, now: () => Date.now() + offset, step: (ms) => void (offset += ms) }
}

suite('daemon', { concurrency: 2 }, () => {
  test('/metrics holds answers and full samples with their labels, /readyz waits for the first look', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    await server.kill('SIGSTOP') // so that the first look takes its time
    const began = performance.now()
    const daemon = await start(t, [server.url])
    const { status } = await fetch(`${daemon.url}/readyz`)
    if (performance.now() - began < PATIENT.replyMs) assert.equal(status, 503) // on a slow machine it may be over already
    await until('it is ready', async () => (await fetch(`${daemon.url}/readyz`)).status === 200)
    assert.match(await metricsOf(daemon), /^respite_server_answer\{.*answer="stopped".*\} 1$/m)
    await server.kill('SIGCONT')
    const labels = `deployment="${server.id}",instance="${server.id}"`
    const text = await until('it was sampled', async () => {
      const text = await metricsOf(daemon)
      return text.includes(`redis_memory_used_bytes{${labels}}`) && text
    })
    const answers = text.split('\n').filter((line) => line.startsWith('respite_server_answer{'))
    assert.ok(answers.length > 20)
    for (const line of answers) assert.ok(line.includes(`,${labels}}`), line)
    const given = answers.filter((line) => !line.endsWith(' 0'))
    assert.deepEqual(given, [`respite_server_answer{answer="ok",${labels}} 1`], 'one of them is 1')
    assert.match(text, new RegExp(`^redis_up\\{${labels}\\} 1$`, 'm'))
    assert.equal((await fetch(`${daemon.url}/healthz`)).status, 200)
    await daemon.stop()
    await assert.rejects(fetch(`${daemon.url}/healthz`))
    await until('the server has no client of ours', async () =>
      parseClientList(await server.cli('CLIENT', 'LIST')).every(({ name }) => name === ''),
    )
  })

  test('as a process: says where it listens, is spoken to over its socket, remembers, and ends at once', async (t) => {
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const replica = await startReplica(primary)
    t.after(() => replica.stop())
    const data = makeFolder('data')
    const first = startWatch(t, primary.url, data)
    const listening = await until('it listens', () => first.events[0], SLOWLY)
    assert.equal(listening.event, 'listening')
    assert.match(String(listening.url), /^http:\/\/127\.0\.0\.1:\d+$/)
    const ids = [primary.id, replica.id].toSorted()
    const shown = (...lines: string[]): (() => Promise<boolean>) => {
      return async () => (await servers(data)).join() === lines.toSorted().join()
    }
    await until('both are expected', shown(...ids.map((id) => `${id} expected`)), SLOWLY)

    await replica.kill('SIGKILL')
    const fresh = await startReplica(primary)
    t.after(() => fresh.stop())
    const changed = [`${primary.id} expected`, `${replica.id} missing`, `${fresh.id} new`]
    await until('one is missing and one new', shown(...changed), SLOWLY)
    assert.ok((await endOf(first.process)) < 2_000)
    assert.deepEqual(
      [existsSync(join(data, 'respite.sock')), (await respite('fleet', '--data', data)).exit],
      [false, 2],
    )

    const second = startWatch(t, primary.url, data)
    await until('the same after a restart', shown(...changed), SLOWLY)
    assert.equal((await respite('fleet', '--data', data)).exit, 2)
    assert.deepEqual(await respite('fleet', 'accept', fresh.id, '--data', data), {
      exit: 0,
      out: `${fresh.id} is accepted\n`,
    })
    assert.equal((await respite('fleet', 'forget', replica.id, '--data', data)).exit, 0)
    assert.notEqual((await respite('fleet', 'forget', replica.id, '--data', data)).exit, 0)
    await until('it is confirmed', shown(`${primary.id} expected`, `${fresh.id} expected`), SLOWLY)
    assert.equal((await respite('fleet', '--data', data)).exit, 0)
    assert.ok((await endOf(second.process)) < 2_000)
  })

  test('what was found before anybody listened is printed first', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    const daemon = await start(t, [server.url])
    await until('it was looked at', () => daemon.fleet.servers()[0]?.view.answer.id === 'ok')
    daemon.notices.tell('warn', 'a secret that others can read')
    const events: unknown[] = []
    const shown = printChanges(daemon, {
      json: true,
      out: process.stdout,
      printJson: (event) => void events.push(event),
    })
    shown.stop()
    const said = events.map((event) => (event as { event: string }).event)
    assert.deepEqual(said.slice(0, 1).concat(said.slice(-2)), ['listening', 'notice', 'answer'])
  })

  test('SIGTERM ends it within two seconds also while nobody answers', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    const watch = startWatch(t, server.url, makeFolder('data'))
    await until('it was looked at', () => watch.events.find(({ event }) => event === 'answer'), SLOWLY)
    await server.kill('SIGSTOP')
    await until('it is stopped', () => watch.events.some((event) => JSON.stringify(event).includes('"stopped"')))
    assert.ok((await endOf(watch.process)) < 2_000)
  })

  test('a reload leaves what is configured as before alone, takes in what is new, and lets go of what is not any more', async (t) => {
    const [kept, added] = (await Promise.all([1, 2].map(() => startServer()))) as [Server, Server]
    t.after(() => Promise.all([kept.stop(), added.stop()]))
    const file = join(makeFolder('config'), 'respite.yml')
    const write = (...deployments: string[]): void =>
      writeFileSync(file, ['deployments:', ...deployments, ''].join('\n'))
    const [one, two] = [`  - { name: kept, url: '${kept.url}' }`, `  - { name: added, url: '${added.url}' }`]
    write(one)
    const daemon = await start(t, [], file)
    const reserved = async (server: Server): Promise<string[]> => {
      const clients = parseClientList(await server.cli('CLIENT', 'LIST'))
      return clients.filter(({ name }) => name === 'respite').map(({ id = '' }) => id)
    }
    const [before = ''] = await until(
      'it is connected',
      async () => (await reserved(kept)).length === 1 && reserved(kept),
    )
    const names = (): string =>
      daemon.fleet
        .deployments()
        .map(({ name }) => name)
        .join()
    write(one, two)
    await until('the new one is watched', () => names() === 'kept,added')
    await until('and sampled', async () => (await metricsOf(daemon)).includes('redis_up{deployment="added"'))
    assert.deepEqual(await reserved(kept), [before])
    write(one)
    await until('the other is let go', () => names() === 'kept')
    await until('its connection too', async () => (await reserved(added)).length === 0)
    await until('its metrics are gone', async () => !(await metricsOf(daemon)).includes('deployment="added"'))
    for (const name of ['respite_deployment_servers', 'redis_up', 'respite_server_answer'])
      await until(`${name} has ended`, () => {
        const held = daemon.metrics.history.select(name, (labels) => labels['deployment'] === 'added', 0, Infinity)
        return held.every(({ stale }) => stale.length > 0) // the deployment's own are only kept every five seconds
      })
    assert.deepEqual(await reserved(kept), [before])
  })

  test('a configuration that is wrong is refused in words, and the old one stays', async (t) => {
    const server = await startServer()
    t.after(() => server.stop())
    const [folder, data] = [makeFolder('config'), makeFolder('data')]
    const file = join(folder, 'respite.yml')
    writeFileSync(file, `deployments:\n  - { name: orders, url: '${server.url}' }\n`)
    const args = ['watch', '--config', file, '--listen', '127.0.0.1:0', '--data', data]
    const process = spawn(RESPITE, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => process.kill('SIGKILL'))
    let said = ''
    for (const stream of [process.stdout, process.stderr]) stream.on('data', (chunk) => (said += String(chunk)))
    await until('it listens', () => said.includes('listening http://'), SLOWLY)
    await until('it watches', async () => (await servers(data)).join() === `${server.id} expected`, SLOWLY)
    writeFileSync(file, 'deployments:\n  - { name: orders, url: nonsense }\n')
    await until('it is refused', () => /kept the old configuration: .*respite\.yml/.test(said))
    assert.match(said, /line 2|respite\.yml:2/)
    assert.deepEqual(await servers(data), [`${server.id} expected`])
    assert.ok((await endOf(process)) < 2_000)
  })

  test('a clock that is set back an hour and on two: samples go on, and nothing is stale or renewed by it', async (t) => {
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const replica = await startReplica(primary)
    t.after(() => replica.stop())
    const clock = settableClock()
    const fleet = watchUrl(t, primary.url, { clock })
    const lines = [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`]
    await untilFleet(fleet, lines)
    const deployments = [{ name: 'orders', every: { sampleMs: 500 }, canary: false, settings: {} }]
    const metrics = new Metrics({ fleet, deployments, historyMs: 60_000, version: '0', clock, log: silentLog })
    t.after(() => metrics.stop())
    const taken = (): number => metrics.latest('orders', replica.id)?.value('redis_exporter_scrapes_total') ?? 0
    const goesOn = async (when: string): Promise<void> => {
      const [samples, since, began] = [taken(), viewIn(fleet, replica.id)?.since, clock.now()]
      await until(`two more samples ${when}`, () => taken() >= samples + 2)
      assert.equal(metrics.latest('orders', replica.id)?.value('redis_up'), 1)
      await untilFleet(fleet, lines)
      assert.equal(viewIn(fleet, replica.id)?.since, since, 'the answer is the same since the same time')
      const now = clock.now()
      const [points] = metrics.history.select('redis_up', ({ instance }) => instance === replica.id, began, now)
      assert.ok((points?.values.length ?? 0) >= 2, `samples of now ${when}`)
      assert.ok(points?.values.every((value) => value === 1))
      assert.ok((viewIn(fleet, replica.id)?.lagSeconds ?? 0) < 5)
    }
    await goesOn('before')
    clock.step(-3_600_000)
    await goesOn('an hour earlier')
    clock.step(7_200_000)
    await goesOn('an hour later')
    const killedAt = clock.now()
    await replica.kill('SIGKILL')
    await until('a death is seen', () => viewIn(fleet, replica.id)?.answer.id === 'refused')
    const seenAt = viewIn(fleet, replica.id)?.since ?? 0
    assert.ok(seenAt >= killedAt && seenAt <= clock.now(), `killed at ${killedAt}, seen at ${seenAt}`)
  })

  test('thirty servers are asked nothing but what is on the list', async (t) => {
    const plain = await Promise.all(Array.from({ length: 26 }, () => startServer()))
    t.after(() => Promise.all(plain.map((server) => server.stop())))
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const replicas = await Promise.all([1, 2].map(() => startReplica(primary)))
    t.after(() => Promise.all(replicas.map((replica) => replica.stop())))
    const watches = [{ name: 'orders', server: primary }]
    // A failover would send commands of its own.
    const sentinel = await startSentinel({ watches, quorum: 1, downAfterMs: NEVER_DOWN_MS })
    t.after(() => sentinel.stop())
    for (const server of plain) await server.cli('CONFIG', 'RESETSTAT')
    const daemon = await start(t, [...plain.map(({ url }) => url), `redis+sentinel://${sentinel.id}/orders`])
    const all = [...plain, primary, ...replicas, sentinel]
    await until(
      'all are sampled twice',
      () =>
        all.every(({ id }) =>
          daemon.fleet
            .deployments()
            .some(({ name }) => (daemon.metrics.latest(name, id)?.value('redis_exporter_scrapes_total') ?? 0) >= 2),
        ),
      { timeoutMs: 40_000, everyMs: 200 },
    )
    const atTheDoor = ['AUTH', 'HELLO', 'PING', 'CLIENT SETNAME']
    const byTheTest = ['CONFIG RESETSTAT', 'INFO', 'COMMAND DOCS', 'COMMAND']
    // What a primary, its replicas and a Sentinel say to each other; we SUBSCRIBE too, to hear who guards a primary.
    const byTheOthers = ['REPLCONF', 'PSYNC', 'PUBLISH', 'SUBSCRIBE']
    const ofTheProbe = ['PUBLISH', 'SUBSCRIBE', 'UNSUBSCRIBE'] // of our own channel, when a deployment is looked at
    const allowed = new Set([...READ_COMMANDS, ...atTheDoor, ...byTheTest, ...ofTheProbe])
    for (const server of [...plain, primary, ...replicas]) {
      const said = await server.cli('INFO', 'commandstats')
      const asked = [...said.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name = '']) =>
        name.toUpperCase().replace('|', ' '),
      )
      assert.ok(asked.includes('PING') && asked.includes('INFO') && asked.length > 5, asked.join())
      assert.deepEqual(
        asked.filter((name) => !allowed.has(name) && (plain.includes(server) || !byTheOthers.includes(name))),
        [],
      )
    }
  })
})
