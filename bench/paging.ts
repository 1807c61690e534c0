// How long from a dead server to a pending alert, and from the end of the rule's `for` to the first byte that reaches a
// notifier: kill -9 of one server after the other at random moments (the same one again and again would be flapping), with
// a webhook on loopback that notes when it is called.

import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../lab/children.ts'
import { startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Bench } from './measure/bench.ts'
import { fetchText } from './measure/fetch-text.ts'
import { percentile } from './measure/numbers.ts'
import { runDaemon } from './measure/run-daemon.ts'

const PENDING_BAR_MS = 2_000
const TOLD_BAR_MS = 1_000
const BAR_SHARE = 0.99
const FOR_MS = 2_000
const POLL_MS = 20

const RULES = `groups:
  - name: bench
    rules:
      - alert: Dead
        expr: respite_server_answer{answer="ok"} == 0
        for: ${FOR_MS / 1_000}s
        labels: { severity: critical }
`

interface Hook {
  readonly url: string
  readonly firingAt: ReadonlyMap<string, number> // when it was told that a deployment's alert fires, on the wall clock
  close(): void
}

/** Notes the moment at which the first byte of a request is there. */
async function listenForPages(): Promise<Hook> {
  const firingAt = new Map<string, number>()
  const server = createServer((request, response) => {
    const cameAt = Date.now()
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as { alerts: { status: string; labels: { deployment: string } }[] }
      for (const { status, labels } of alerts)
        if (status === 'firing' && !firingAt.has(labels.deployment)) firingAt.set(labels.deployment, cameAt)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, firingAt, close: () => server.close() }
}

function writeConfiguration(servers: readonly Server[], hook: Hook): string {
  const folder = makeFolder('configuration')
  writeFileSync(join(folder, 'rules.yml'), RULES)
  writeFileSync(join(folder, 'hook'), hook.url, { mode: 0o600 })
  const file = join(folder, 'respite.yml')
  const deployments = servers.map(({ url }, at) => `  - { name: '${at}', url: '${url}' }\n`).join('')
  writeFileSync(file, `rules: [rules.yml]\nnotify: { webhook: { urlFile: hook } }\ndeployments:\n${deployments}`)
  return file
}

interface Seen {
  readonly pendingMs: number
  readonly toldMs: number
}

interface AlertsDocument {
  readonly data: { readonly alerts: readonly { readonly labels: { deployment?: string }; readonly activeAt: string }[] }
}

async function tryOnce(server: Server, name: string, url: string, hook: Hook): Promise<Seen> {
  await sleep(Math.random() * 1_000) // any moment between two looks
  const killedAt = Date.now()
  await server.kill('SIGKILL')
  const alert = async (): Promise<AlertsDocument['data']['alerts'][number] | undefined> =>
    (JSON.parse(await fetchText(`${url}/api/v1/alerts`)) as AlertsDocument).data.alerts.find(
      ({ labels }) => labels.deployment === name,
    )
  const pending = await until('it is pending', alert, { timeoutMs: 15_000, everyMs: POLL_MS })
  const pendingMs = Date.now() - killedAt
  const toldAt = await until('it is told', () => hook.firingAt.get(name), { timeoutMs: 30_000 })
  return { pendingMs, toldMs: toldAt - Date.parse(pending.activeAt) - FOR_MS }
}

export default {
  asks: 'time from kill -9 to a pending alert, and from the end of its `for` to the first byte at a notifier',
  bar: `at most ${PENDING_BAR_MS / 1_000} s and ${TOLD_BAR_MS / 1_000} s in 99 of 100 tries`,

  async run({ full, say }) {
    const tries = full ? 100 : 20
    const servers: Server[] = []
    for (let at = 0; at < tries; at += 1) servers.push(await startServer({ name: 'killed' }))
    const hook = await listenForPages()
    const daemon = await runDaemon(['--config', writeConfiguration(servers, hook)])
    const seen: Seen[] = []
    try {
      for (const [at, server] of servers.entries()) {
        seen.push(await tryOnce(server, String(at), daemon.url, hook))
        if (at % 5 === 4) say(`${at + 1} of ${tries}`)
      }
    } finally {
      await daemon.process.stop()
      hook.close()
      await Promise.all(servers.map((server) => server.stop()))
    }
    const row = (name: string, all: readonly number[]): string[] => [
      name,
      ...[0.5, 0.99, 1].map((share) => percentile(all, share).toFixed(0)),
    ]
    const inTime = seen.filter(({ pendingMs, toldMs }) => pendingMs <= PENDING_BAR_MS && toldMs <= TOLD_BAR_MS).length
    return {
      table: [
        ['', 'p50 ms', 'p99 ms', 'max ms'],
        row(
          'pending',
          seen.map(({ pendingMs }) => pendingMs),
        ),
        row(
          'told',
          seen.map(({ toldMs }) => toldMs),
        ),
      ],
      reached: inTime / seen.length >= BAR_SHARE,
      says: `${inTime} of ${seen.length} tries within ${PENDING_BAR_MS} ms and ${TOLD_BAR_MS} ms`,
      raw: seen,
    }
  },
} satisfies Bench
