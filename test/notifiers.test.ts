// Each notifier against the outside world: an HTTP listener that takes it, refuses it, is down, redirects or never
// answers; a real SMTP server; a real Alertmanager. No secret is said, whatever happens.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { makeFolder, spawnChild } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { until } from '../lab/until.ts'
import type { Notice, NoticeAlert } from '../src/alerts/notice.ts'
import { openNotifiers, type Outcome, type Sender } from '../src/alerts/notifier.ts'
import type { NotifierSettings } from '../src/alerts/settings.ts'
import { Fault } from '../src/lib/fault.ts'
import { startListener, type Listener } from './listener.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const SECRET = 'geheimgeheim'

const alert: NoticeAlert = {
  fingerprint: '0123456789abcdef',
  name: 'RedisDown',
  severity: 'critical',
  labels: { alertname: 'RedisDown', deployment: 'orders', instance: '10.0.0.5:6379', severity: 'critical' },
  annotations: { summary: 'Redis is <down> & out', runbook_url: 'https://wiki.example/RedisDown' },
  value: 0,
  activeAt: Date.now() - 120_000,
  startsAt: Date.now() - 60_000,
  endsAt: undefined,
  generatorUrl: '',
  news: true,
  flapping: false,
  subject: { id: '10.0.0.5:6379', role: 'primary', says: 'refuses', means: 'Nothing listens.', first: 'Start it.' },
  ack: undefined,
  cause: undefined,
}

const notice: Notice = {
  kind: 'firing',
  notifier: 'webhook',
  groupKey: '{}:{deployment="orders"}',
  groupLabels: { deployment: 'orders' },
  at: Date.now(),
  firing: [alert],
  resolved: [],
  owner: undefined,
  externalUrl: 'http://127.0.0.1:7379',
}
const resolved: Notice = { ...notice, kind: 'resolved', firing: [], resolved: [{ ...alert, endsAt: Date.now() }] }

async function open(id: string, settings: NotifierSettings): Promise<Sender> {
  const sender = (await openNotifiers(new Map([[id, settings]]))).get(id)
  return sender ?? assert.fail(id)
}

async function send(sender: Sender, what: Notice = notice, timeoutMs = 30_000): Promise<Outcome> {
  const outcome = await sender.send(what, { signal: AbortSignal.timeout(timeoutMs) })
  assert.doesNotMatch(outcome.says, /geheim/)
  return outcome
}

const bodyOf = (listener: Listener, at = -1): Record<string, unknown> =>
  JSON.parse(listener.requests.at(at)?.body ?? '') as Record<string, unknown>

// The same for all that speak HTTP.
const HTTP: Record<string, (url: string) => NotifierSettings> = {
  slack: (url) => ({ url }),
  pagerduty: (url) => ({ url, key: SECRET }),
  webhook: (url) => ({ url, signingSecret: SECRET }),
  alertmanager: (url) => ({ url, password: SECRET }),
}

for (const [id, settings] of Object.entries(HTTP))
  describe(`${id} over HTTP`, () => {
    const answers: readonly [string, number, Record<string, string>, Outcome['kind'], number?][] = [
      ['is delivered by a 2xx', 202, {}, 'delivered'],
      ['gives up at a 4xx', 404, {}, 'refused'],
      ['tries again at 408', 408, {}, 'retry'],
      ['waits at 429 as long as it is asked to', 429, { 'retry-after': '7' }, 'retry', 7_000],
      ['tries again at a 5xx', 503, {}, 'retry'],
      ['follows no redirect', 302, { location: 'http://127.0.0.1:1/' }, 'refused'],
    ]
    for (const [says, status, headers, kind, afterMs] of answers)
      it(says, async (t) => {
        const listener = await startListener(t)
        listener.answer = (response, { path }) =>
          void response.writeHead(status, headers).end(`no ${path} for ${id === 'slack' ? 'you' : SECRET}\n\u001b[31m`)
        const outcome = await send(await open(id, settings(listener.url)))
        assert.equal(outcome.kind, kind, outcome.says)
        assert.match(outcome.says, new RegExp(`^${status}`))
        assert.doesNotMatch(outcome.says, /\p{Cc}/u)
        if (afterMs !== undefined) assert.equal(outcome.kind === 'retry' && outcome.afterMs, afterMs)
        assert.equal(listener.requests.length, 1)
      })

    it('tries again when nothing answers, when nothing listens, when the answer has no end', async (t) => {
      const listener = await startListener(t)
      const sender = await open(id, settings(listener.url))
      listener.answer = () => undefined
      assert.equal((await send(sender, notice, 200)).kind, 'retry')
      listener.answer = (response) => void response.socket?.destroy()
      assert.equal((await send(sender)).kind, 'retry')
      listener.answer = (response) => {
        response.writeHead(500)
        const flood = setInterval(() => response.write('x'.repeat(10_000)), 1)
        response.once('close', () => clearInterval(flood))
      }
      assert.equal((await send(sender)).kind, 'retry')
      const nobody = await open(id, settings(`http://127.0.0.1:${await freePort()}/services/geheim`))
      const outcome = await send(nobody)
      assert.match(outcome.says, /ECONNREFUSED/)
    })

    it('needs its settings', async () => {
      await assert.rejects(open(id, {}), Fault)
    })
  })

describe('what arrives', () => {
  it('at a URL with a login: the login, and no word of it', async (t) => {
    const listener = await startListener(t)
    listener.answer = (response) => void response.writeHead(401).end('not geheimgeheim')
    const sender = await open('webhook', { url: listener.url.replace('//', '//me:geheimgeheim@') })
    assert.match((await send(sender)).says, /^401 not/)
    const sent = Buffer.from('me:geheimgeheim').toString('base64')
    assert.equal(listener.requests[0]?.headers.authorization, `Basic ${sent}`)
  })

  it('at Slack: a title for the phone, the words, nothing that Slack would take for a command', async (t) => {
    const listener = await startListener(t)
    await send(await open('slack', { url: listener.url }))
    const { text } = bodyOf(listener)
    assert.equal(text, 'CRITICAL orders: RedisDown on 10.0.0.5:6379 (primary), refuses')
    assert.match(listener.requests[0]?.body ?? '', /Redis is &lt;down&gt; &amp; out/)
    assert.match(listener.requests[0]?.body ?? '', /First: Start it\./)
  })

  it('at PagerDuty: one key for the group from its first alert to its last', async (t) => {
    const listener = await startListener(t)
    const sender = await open('pagerduty', { url: listener.url, key: SECRET })
    const ack = { by: 'me', comment: '', untilMs: 0 }
    const steps = [notice, { ...notice, kind: 'acknowledged' as const, firing: [{ ...alert, ack }] }, resolved]
    for (const step of steps) await send(sender, step)
    const events = listener.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    assert.deepEqual(
      events.map((event) => event['event_action']),
      ['trigger', 'acknowledge', 'resolve'],
    )
    assert.equal(new Set(events.map((event) => event['dedup_key'])).size, 1)
    assert.equal(events[0]?.['routing_key'], SECRET)
    const payload = events[0]?.['payload'] as Record<string, unknown>
    assert.deepEqual([payload['severity'], payload['source']], ['critical', '10.0.0.5:6379'])
    await send(sender, { ...notice, kind: 'test', firing: [] })
    assert.deepEqual([bodyOf(listener, -2)['event_action'], bodyOf(listener)['event_action']], ['trigger', 'resolve'])
  })

  it('at a webhook: Alertmanager’s payload, signed', async (t) => {
    const listener = await startListener(t)
    const sender = await open('webhook', { url: listener.url, signingSecret: SECRET })
    await send(sender)
    const [request] = listener.requests
    const body = bodyOf(listener)
    const keys = ['receiver', 'status', 'alerts', 'groupLabels', 'commonLabels', 'commonAnnotations', 'externalURL']
    assert.deepEqual(Object.keys(body), [...keys, 'version', 'groupKey', 'truncatedAlerts'])
    assert.deepEqual([body['status'], body['version'], body['commonLabels']], ['firing', '4', alert.labels])
    const mark = createHmac('sha256', SECRET)
      .update(request?.body ?? '')
      .digest('hex')
    assert.equal(request?.headers['x-respite-signature'], `sha256=${mark}`)
    await send(sender, resolved)
    assert.equal(bodyOf(listener)['status'], 'resolved')
  })
})

interface Mail {
  readonly to: string[]
  readonly text: string
}

async function startSmtp(
  t: TestContext,
  refuse?: { code: number; on: 'rcpt' | 'login' | 'data' },
): Promise<{ port: number; mails: Mail[] }> {
  const mails: Mail[] = []
  const failure = (): Error => Object.assign(new Error('no'), { responseCode: refuse?.code })
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth(auth, _session, done) {
      if (refuse?.on === 'login' || auth.password !== SECRET) done(failure())
      else done(null, { user: auth.username })
    },
    onRcptTo: (_address, _session, done) => done(refuse?.on === 'rcpt' ? failure() : null),
    onData(stream, session, done) {
      let text = ''
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      stream.on('end', () => {
        if (refuse?.on === 'data') return done(failure())
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text })
        done()
      })
    },
  })
  server.on('error', () => undefined) // clients that hang up
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return { port: (server.server.address() as AddressInfo).port, mails }
}

describe('e-mail', () => {
  const settings = (port: number): NotifierSettings => ({
    server: `127.0.0.1:${port}`,
    from: 'respite@example.com',
    to: ['ada@example.com', 'bob@example.com'],
    user: 'respite',
    password: SECRET,
  })

  it('arrives at a real server, in one thread', async (t) => {
    const { port, mails } = await startSmtp(t)
    const sender = await open('email', settings(port))
    for (const what of [notice, resolved]) assert.equal((await send(sender, what)).kind, 'delivered')
    assert.deepEqual(mails[0]?.to, ['ada@example.com', 'bob@example.com'])
    const threads = mails.map(({ text }) => /^References: (.*)$/m.exec(text)?.[1])
    assert.ok(threads[0] !== undefined && threads[0] === threads[1])
    assert.match(mails[0]?.text ?? '', /^Subject: CRITICAL orders: RedisDown on 10\.0\.0\.5:6379/m)
    assert.match(mails[0]?.text ?? '', /First: Start it\./)
    assert.match(mails[1]?.text ?? '', /^Subject: RESOLVED orders/m)
  })

  it('gives up at a 5xx, tries again at a 4xx, at silence and where nothing listens', async (t) => {
    const outcome = async (code: number, on: 'rcpt' | 'login' | 'data'): Promise<string> =>
      (await send(await open('email', settings((await startSmtp(t, { code, on })).port)))).kind
    assert.equal(await outcome(550, 'rcpt'), 'refused')
    assert.equal(await outcome(535, 'login'), 'refused')
    assert.equal(await outcome(554, 'data'), 'refused')
    assert.equal(await outcome(451, 'data'), 'retry')
    assert.equal(await outcome(450, 'rcpt'), 'retry')
    const silent = await startListener(t) // waits for HTTP while we wait for a greeting
    const port = Number(new URL(silent.url).port)
    assert.match((await send(await open('email', settings(port)), notice, 300)).says, /timeout|aborted/i)
    assert.equal((await send(await open('email', settings(await freePort())))).kind, 'retry')
  })

  it('sends no password in plain text to another machine', async (t) => {
    const { port, mails } = await startSmtp(t)
    const elsewhere = await open('email', { ...settings(port), server: `0.0.0.0:${port}` }) // it arrives, and is not known to be us
    const outcome = await send(elsewhere)
    assert.match(outcome.says, /STARTTLS/)
    assert.deepEqual(mails, [])
  })

  it('needs its settings', async () => {
    await assert.rejects(open('email', { ...settings(25), to: undefined }), Fault)
  })
})

function alertmanagerBinary(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v prometheus-alertmanager'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

describe(
  'a real Alertmanager',
  { skip: alertmanagerBinary() === undefined && 'prometheus-alertmanager is not installed' },
  () => {
    it('receives, groups by its own rules, and sees the end', async (t) => {
      const dir = makeFolder('alertmanager')
      const hook = await startListener(t)
      writeFileSync(
        join(dir, 'config.yml'),
        `route: { receiver: hook, group_by: [deployment], group_wait: 1s, group_interval: 100ms }
receivers: [{ name: hook, webhook_configs: [{ url: '${hook.url}' }] }]
`,
      )
      const port = await freePort()
      const listen = [
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
        `--storage.path=${dir}/data`,
      ]
      const child = await spawnChild(alertmanagerBinary() ?? '', [`--config.file=${dir}/config.yml`, ...listen], {
        name: 'alertmanager',
        dir,
      })
      t.after(async () => {
        child.kill('SIGKILL')
        await child.exited
      })
      const url = `http://127.0.0.1:${port}`
      await until('Alertmanager is ready', async () => (await fetch(`${url}/-/ready`)).ok)
      const sender = await open('alertmanager', { url: `${url}/` })
      const other: NoticeAlert = { ...alert, name: 'Other', labels: { ...alert.labels, alertname: 'Other' } }
      assert.equal((await send(sender, { ...notice, firing: [alert, other] })).kind, 'delivered')
      await until('it told its own receiver', () => hook.requests.length > 0)
      const theirs = bodyOf(hook) as {
        alerts: { labels: Record<string, string>; annotations: Record<string, string> }[]
      }
      assert.deepEqual(new Set(theirs.alerts.map(({ labels }) => labels['alertname'])), new Set(['Other', 'RedisDown']))
      assert.equal(theirs.alerts[0]?.annotations['server_says'], 'refuses')
      // Its payload is the one that we write.
      const ours = await startListener(t)
      await send(await open('webhook', { url: ours.url }))
      const mine = bodyOf(ours) as typeof theirs
      assert.deepEqual(Object.keys(mine).toSorted(), Object.keys(theirs).toSorted())
      assert.deepEqual(Object.keys(mine.alerts[0] ?? {}).toSorted(), Object.keys(theirs.alerts[0] ?? {}).toSorted())
      const ended = [alert, other].map((each) => ({ ...each, endsAt: Date.now() }))
      await send(sender, { ...resolved, resolved: ended })
      await until('it told the end', () =>
        hook.requests.some(({ body }) => body.includes('"status":"resolved","alerts"')),
      )
      assert.equal((await send(sender, { ...notice, kind: 'test', firing: [] })).kind, 'delivered')
    })
  },
)

it('every notifier has its tests here', () => {
  const folder = join(import.meta.dirname, '..', 'src', 'alerts', 'notifiers')
  assert.deepEqual(
    readdirSync(folder)
      .map((name) => name.replace('.ts', ''))
      .toSorted(),
    ['email', ...Object.keys(HTTP)].toSorted(),
  )
})
