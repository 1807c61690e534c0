// The doors to alerts of a real daemon: the real amtool lists and silences, Prometheus' way of posting, the commands, who
// may change something and who may not; and that what was set outlives the daemon.

import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test'
import { startReplica, startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import {
  acknowledgedSchema,
  alertListSchema,
  faultSchema,
  notifyTestedSchema,
  tokenSchema,
  type AlertListDocument,
} from '../src/api/contract.ts'
import { RESPITE, startDaemonProcess, type DaemonProcess } from './daemon-process.ts'
import { startListener, type Listener } from './listener.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

let dir = ''
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'respite-alerts-'))))
afterEach(() => rmSync(dir, { recursive: true }))

/** Watches one real server and tells a webhook. */
async function startDaemon(t: TestContext, hook: Listener, redis: string): Promise<DaemonProcess> {
  writeFileSync(join(dir, 'hook'), hook.url, { mode: 0o600 })
  const config = join(dir, 'respite.yml')
  writeFileSync(
    config,
    `rules: [] # only what is posted\ndeployments: [{ name: orders, url: '${redis}' }]\nnotify: { slack: { urlFile: hook } }\n`,
  )
  return startDaemonProcess(t, dir, '--config', config, '--data', join(dir, 'data'))
}

function run(command: string, ...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: dir }, (error, out, err) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err })
    })
  })
}

const respite = (...args: string[]): ReturnType<typeof run> => run(RESPITE, ...args, '--data', join(dir, 'data'))

async function listed(): Promise<AlertListDocument> {
  return alertListSchema.parse(JSON.parse((await respite('alerts', '--json')).out))
}

const labels = { alertname: 'RedisDown', deployment: 'orders', severity: 'critical', instance: '10.9.9.9:6379' }

function postAlerts(url: string, token: string | undefined, alerts: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  return fetch(`${url}/alertmanager/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(alerts) })
}

async function tokenOf(): Promise<{ token: string; amtoolFile: string; tokenFile: string }> {
  const { out } = await respite('alerts', 'token', '--json')
  const { tokenFile, amtoolFile } = tokenSchema.parse(JSON.parse(out))
  assert.deepEqual([statSync(tokenFile).mode & 0o777, statSync(amtoolFile).mode & 0o777], [0o600, 0o600])
  return { token: execFileSync('cat', [tokenFile], { encoding: 'utf8' }).trim(), tokenFile, amtoolFile }
}

const hasAmtool = existsSync('/usr/bin/amtool')

describe('the real amtool', { skip: !hasAmtool && 'amtool is not installed' }, () => {
  it('lists alerts, sets, lists and ends silences; and a restart forgets none of it', async (t) => {
    const redis = await startServer()
    t.after(() => redis.stop())
    const hook = await startListener(t)
    let daemon = await startDaemon(t, hook, redis.url)
    const { token, amtoolFile } = await tokenOf()
    const amtool = (...args: string[]): ReturnType<typeof run> => {
      const where = [`--alertmanager.url=${daemon.url}/alertmanager`, `--http.config.file=${amtoolFile}`]
      return run('amtool', ...where, ...args)
    }
    assert.equal((await postAlerts(daemon.url, token, [{ labels, annotations: { summary: 'gone' } }])).status, 200)
    await until('it is told', () => hook.requests.length === 1)
    const alerts = await amtool('alert', 'query')
    assert.match(alerts.out, /RedisDown.*gone.*active/, alerts.err)
    const added = await amtool(
      'silence',
      'add',
      'alertname=RedisDown',
      'instance=~10[.]9.*',
      '--comment=known',
      '--duration=1h',
    )
    assert.match(added.out, /^[0-9a-f-]{36}\n$/, added.err)
    assert.match((await amtool('silence', 'query')).out, /alertname="RedisDown".*known/)
    assert.equal((await amtool('alert', 'query')).out.includes('RedisDown'), false)
    assert.match((await amtool('alert', 'query', '--silenced')).out, /RedisDown.*suppressed/)

    await daemon.stop()
    daemon = await startDaemon(t, hook, redis.url)
    assert.match((await amtool('silence', 'query')).out, /known/)
    assert.match((await amtool('alert', 'query', '--silenced', 'instance=~10.*')).out, /RedisDown/)
    assert.equal((await listed()).alerts[0]?.notifiers[0]?.why, 'silenced')
    assert.equal((await amtool('silence', 'update', added.out.trim(), '--comment=longer', '--duration=2h')).exit, 0)
    assert.match((await amtool('silence', 'query')).out, /longer/)
    assert.equal((await amtool('silence', 'expire', added.out.trim())).exit, 0)
    assert.match((await amtool('silence', 'query', '--expired')).out, /longer/)
    assert.match((await amtool('alert', 'query', '--output=json')).out, /"state":"active"/)
    assert.match((await amtool('config', 'show')).out, /Respite/)
    assert.equal(hook.requests.length, 1) // it was told once, over silence and restart
    await daemon.stop()
  })
})

describe('who may change something', () => {
  it('over TCP only with the token, and only while it is there', async (t) => {
    const redis = await startServer()
    t.after(() => redis.stop())
    const hook = await startListener(t)
    const daemon = await startDaemon(t, hook, redis.url)
    const silence = { matchers: [{ name: 'a', value: 'b', isRegex: false }], createdBy: 'me', comment: 'c' }
    const times = { startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 60_000).toISOString() }
    const post = (authorization?: string, body: unknown = { ...silence, ...times }): Promise<Response> =>
      fetch(`${daemon.url}/alertmanager/api/v2/silences`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
        body: JSON.stringify(body),
      })
    assert.equal((await post()).status, 403)
    const { token, tokenFile } = await tokenOf()
    assert.equal((await tokenOf()).token, token) // asked for again it is the same
    assert.equal((await post(`Bearer ${token}x`)).status, 403)
    assert.equal((await post(`Bearer ${token}`)).status, 200)
    assert.equal((await post(`Basic ${Buffer.from(`me:${token}`).toString('base64')}`)).status, 200)
    for (const wrong of [{}, { ...silence, ...times, matchers: [] }, { ...silence, ...times, endsAt: times.startsAt }])
      assert.equal((await post(`Bearer ${token}`, wrong)).status, 400)
    const everything = { ...silence, ...times, matchers: [{ name: 'a', value: '.*', isRegex: true }] }
    assert.equal((await post(`Bearer ${token}`, everything)).status, 400)
    rmSync(tokenFile)
    assert.equal((await post(`Bearer ${token}`)).status, 403)
    const ack = await fetch(`${daemon.url}/api/v1/alert-list/ack`, { method: 'POST', body: '{"id":"a","by":"b"}' })
    assert.match(faultSchema.parse(await ack.json()).fault.why, /only reads/)
    await daemon.stop()
  })
})

describe('what Respite knows of the fleet', () => {
  it('is in the message, and holds back what has a deeper cause', async (t) => {
    const primary = await startServer()
    const replica = await startReplica(primary)
    t.after(async () => {
      await replica.stop()
      await primary.stop()
    })
    const hook = await startListener(t)
    const daemon = await startDaemon(t, hook, primary.url)
    const idOf = (url: string): string => new URL(url).host
    await until('both are known', async () => {
      const text = await (await fetch(`${daemon.url}/api/v1/fleet`)).text()
      return [primary, replica].every(({ url }) => text.includes(`"id":"${idOf(url)}"`)) && text.includes('"primary":')
    })
    const { token } = await tokenOf()
    const of = (alertname: string, url: string): unknown => ({ labels: { ...labels, alertname, instance: idOf(url) } })
    const alerts = [of('RedisDown', primary.url), of('RedisReplicationBroken', replica.url)]
    await postAlerts(daemon.url, token, alerts)
    await until('it is told', () => hook.requests.length === 1)
    const text = hook.requests[0]?.body ?? ''
    assert.match(text, /RedisDown on [\d.:]+ \(primary\)/)
    assert.doesNotMatch(text, /RedisReplicationBroken/)
    const held = (await listed()).alerts.find(({ name }) => name === 'RedisReplicationBroken')
    assert.equal(held?.notifiers[0]?.why, 'inhibited')
    assert.equal(held.server?.role, 'replica')
    await daemon.stop()
  })
})

describe('the commands', () => {
  it('list, acknowledge and test, with the contract’s JSON and exit codes', async (t) => {
    const redis = await startServer()
    t.after(() => redis.stop())
    const hook = await startListener(t)
    const daemon = await startDaemon(t, hook, redis.url)
    assert.deepEqual([(await respite('alerts')).out, (await respite('alerts')).exit], ['no alerts\n', 0])

    const tested = await respite('notify', 'test', '--json')
    assert.equal(tested.exit, 0)
    assert.deepEqual(notifyTestedSchema.parse(JSON.parse(tested.out)).notifiers, [
      { notifier: 'slack', outcome: 'delivered', says: '200' },
    ])
    assert.match(hook.requests[0]?.body ?? '', /Respite can reach you here/)
    hook.answer = (response) => void response.writeHead(404).end('no_service')
    const failed = await respite('notify', 'test')
    assert.equal(failed.exit, 2)
    assert.match(failed.out, /slack +refused +404 no_service/)
    assert.equal((await respite('notify', 'test', 'email')).exit, 1)
    hook.answer = (response) => void response.end('ok')

    const { token } = await tokenOf()
    await postAlerts(daemon.url, token, [{ labels }])
    await until('it is told', async () => (await listed()).alerts[0]?.notifiers[0]?.toldAt !== undefined)
    const list = await respite('alerts')
    assert.equal(list.exit, 2)
    assert.match(list.out, /critical +firing +\d+ m?s +RedisDown +10\.9\.9\.9:6379 +slack$/m)
    const [alert] = (await listed()).alerts
    const acked = await respite(
      'alerts',
      'ack',
      alert?.id.slice(0, 6) ?? '',
      '--comment',
      'on it',
      '--for',
      '2h',
      '--json',
    )
    assert.equal(acknowledgedSchema.parse(JSON.parse(acked.out)).id, alert?.id)
    assert.match((await respite('alerts')).out, /firing, acknowledged by \w+/)
    await until('others hear of it', () => /ACKNOWLEDGED by/.test(hook.requests.at(-1)?.body ?? ''))
    assert.equal((await respite('alerts', 'ack', 'nothing')).exit, 1)
    for (const wrong of [['ack'], ['nonsense'], ['ack', 'x', '--for', 'ever']])
      assert.equal((await respite('alerts', ...wrong)).exit, 64)

    await postAlerts(daemon.url, token, [{ labels, endsAt: new Date().toISOString() }])
    await until('the end is told', () => /RESOLVED orders/.test(hook.requests.at(-1)?.body ?? ''))
    assert.equal((await respite('alerts')).exit, 0)
    const { deliveries } = await listed()
    assert.deepEqual(
      deliveries.map(({ kind, outcome }) => `${kind} ${outcome}`),
      ['resolved delivered', 'acknowledged delivered', 'firing delivered', 'test refused', 'test delivered'],
    )
    await daemon.stop()
  })
})
