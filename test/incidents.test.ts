// An alert brings its cause along: a daemon on a real server that is broken, a receiver that hears of it with its cause,
// and what is left of it afterwards: an incident, closed, with its post-mortem.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import type { Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { askDaemon } from '../src/api/ask-daemon.ts'
import { findingListSchema, incidentListSchema, type IncidentDocument } from '../src/api/contract.ts'
import { postMortem } from '../src/cli/post-mortem.ts'
import { examine } from '../src/cli/examine.ts'
import { makeConfig } from '../src/config.ts'
import { startDaemon } from '../src/daemon.ts'
import { hurried, server, shippedRules } from './evaluating.ts'
import { startListener, type Listener } from './listener.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const PATIENTLY = { timeoutMs: 60_000, everyMs: 100 }

interface Watched {
  readonly listener: Listener
  readonly data: string
  incidents(): Promise<IncidentDocument[]>
}

/** A daemon with hurried rules that tells a listener. */
async function watch(t: TestContext, { url }: Server): Promise<Watched> {
  const listener = await startListener(t)
  const data = makeFolder('data')
  const rules = join(data, 'rules.yml')
  writeFileSync(rules, hurried(shippedRules('redis.yml')))
  const file = join(data, 'respite.yml')
  const lines = [
    'listen: 127.0.0.1:0',
    `data: ${data}`,
    `deployments: [{ name: orders, url: "${url}", dataClass: cache, every: { sample: 1s } }]`,
    `rules: [${rules}]`,
    `notify: { webhook: { url: "${listener.url}" } }`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const config = await makeConfig({ file, urls: [], flags: {} }, {})
  const daemon = await startDaemon({ config, logLevel: 'silent' })
  t.after(() => daemon.stop())
  await until(
    'the first look is done',
    async () => {
      const list = findingListSchema.parse(await askDaemon({ dataDir: data, method: 'GET', path: '/api/v1/findings' }))
      return list.deployments.length > 0
    },
    PATIENTLY,
  )
  return {
    listener,
    data,
    async incidents() {
      const answer = await askDaemon({ dataDir: data, method: 'GET', path: '/api/v1/incidents' })
      return incidentListSchema.parse(answer).incidents
    },
  }
}

interface Told {
  readonly status: string
  readonly alerts: readonly { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }[]
}

const toldBy = ({ requests }: Listener): Told[] => requests.map(({ body }) => JSON.parse(body) as Told)

suite('an incident', { concurrency: 2 }, () => {
  test('comes with its cause in the first notice, and is closed with a post-mortem when it is over', async (t) => {
    const one = await server(t)
    const { listener, incidents } = await watch(t, one)
    await one.kill('SIGSTOP')
    const isDown = ({ alerts }: Told): boolean => alerts.some(({ labels }) => labels['alertname'] === 'RedisDown')
    const first = await until('somebody is told', () => toldBy(listener).find(isDown), PATIENTLY)
    const down = first.alerts.find(({ labels }) => labels['alertname'] === 'RedisDown')
    assert.equal(down?.annotations['cause_check'], 'process-stopped', JSON.stringify(down))
    const [open] = await incidents()
    assert.equal(open?.cause, `process-stopped on ${one.id}`)
    assert.equal(down.annotations['incident'], open.id)
    await one.kill('SIGCONT')
    const closed = await until(
      'it is closed',
      async () => (await incidents()).find(({ closed: at }) => at !== undefined),
      { timeoutMs: 90_000, everyMs: 500 },
    )
    assert.equal(closed.id, open.id)
    const page = postMortem(closed)
    assert.match(page, /\*\*`process-stopped` on 127\.0\.0\.1:\d+\.\*\*/)
    assert.match(page, /RedisDown is firing/)
    assert.match(page, /RedisDown is resolved/)
    assert.match(page, /answers "process is stopped", before "ok"/)
  })

  test('of a server that is dead is looked into with what is remembered of it, by doctor too', async (t) => {
    const one = await server(t)
    const { data, incidents } = await watch(t, one)
    await one.kill('SIGKILL')
    await until('an incident is open', async () => (await incidents()).length > 0, PATIENTLY)
    const { deploymentOfUrl } = await import('../src/config-deployment.ts')
    const { evidence } = await examine(await deploymentOfUrl(one.url, {}, {}), { groups: [], dataDir: data })
    const [seen] = evidence.servers
    assert.equal(seen?.places?.dir?.from, 'memory')
    assert.equal(seen.places.dir.here, one.dir)
    assert.ok(seen.disk?.exists)
    assert.ok(seen.log?.entries.some(({ text }) => text.includes('Ready to accept connections')))
    assert.ok((evidence.history?.series.length ?? 0) > 0)
  })
})
