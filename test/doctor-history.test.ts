// What one look is too short for, `respite doctor` asks of a daemon that watches the same servers: a real daemon over a real
// server, found by its socket alone. Without one, with a young one or with one that knows other servers, it could not look.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import type { Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { doctorSchema, type DoctorDocument } from '../src/api/contract.ts'
import type { Daemon } from '../src/cli/command.ts'
import { examine, type Examination } from '../src/cli/examine.ts'
import { deploymentOfUrl } from '../src/config-deployment.ts'
import { makeConfig } from '../src/config.ts'
import { startDaemon } from '../src/daemon.ts'
import { parseRuleFile } from '../src/rules/rule-file.ts'
import { RESPITE } from './daemon-process.ts'
import { hurried, server, shippedRules } from './evaluating.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const PATIENTLY = { timeoutMs: 60_000, everyMs: 500 }
const HURRIED = hurried(shippedRules('redis.yml')) // windows of ten seconds, so that they are soon full

/** Watches the server as `orders`, every second, by these rules. */
async function daemonOf(
  t: TestContext,
  { url }: Server,
  rules: string,
  more = '',
): Promise<{ data: string; daemon: Daemon }> {
  const [folder, data] = [makeFolder('config'), makeFolder('data')]
  writeFileSync(join(folder, 'hurried.yml'), HURRIED)
  const file = join(folder, 'respite.yml')
  const deployment = `{ name: orders, url: '${url}', every: { sample: 1s }${more} }`
  writeFileSync(file, `deployments: [${deployment}]\nrules: [${rules}]\n`)
  const config = await makeConfig({ file, urls: [], flags: { listen: '127.0.0.1:0', data } }, {})
  const daemon = await startDaemon({ config, logLevel: 'silent' })
  t.after(() => daemon.stop())
  await until('the server is sampled', () => daemon.metrics.latest('orders', daemonServer(daemon)) !== undefined)
  return { data, daemon }
}

const daemonServer = (daemon: Daemon): string => daemon.fleet.servers()[0]?.view.id ?? ''

/** The command itself, as a process. */
function doctor(url: string, data: string): Promise<DoctorDocument> {
  return new Promise((resolve) => {
    execFile(RESPITE, ['doctor', url, '--data', data, '--json'], (_error, out) =>
      resolve(doctorSchema.parse(JSON.parse(out))),
    )
  })
}

/** The same with rules that do not take minutes. */
async function examined(url: string, dataDir: string): Promise<Examination> {
  const { groups, mistakes } = parseRuleFile(HURRIED, 'hurried.yml')
  assert.deepEqual(mistakes, [])
  return examine(await deploymentOfUrl(url, {}, {}), { groups, dataDir })
}

const hintOf = ({ couldNotLook }: Pick<Examination, 'couldNotLook'>): string =>
  couldNotLook
    .filter(({ at }) => at === 'alerts')
    .map(({ hint }) => hint)
    .join('; ')

suite('doctor and a daemon', { concurrency: 3 }, () => {
  test('none that runs, one that has just begun, and one that watches others: it could not look, and says why', async (t) => {
    const [watched, other] = [await server(t), await server(t)]
    const empty = makeFolder('empty')
    const alone = await doctor(watched.url, empty)
    assert.equal(hintOf(alone), `respite watch evaluates them; of the daemon in ${empty}: no daemon runs there`)
    assert.match(alone.couldNotLook[0]?.why ?? '', /SlowCommands needs 1 min/)
    const { data } = await daemonOf(t, watched, 'builtin')
    const young = await doctor(watched.url, data)
    assert.match(hintOf(young), /holds \d+ m?s of samples; ask again later$/)
    const unknown = await doctor(other.url, data)
    assert.match(hintOf(unknown), /does not watch this deployment$/)
    for (const { history, verdict, alerts } of [alone, young, unknown])
      assert.deepEqual([history, verdict, alerts], [undefined, 'healthy', []])
  })

  test('what the daemon found over its windows is among the alerts, and decides about the verdict', async (t) => {
    const one = await server(t, 'maxmemory 20mb', 'maxmemory-policy noeviction')
    const { data, daemon } = await daemonOf(t, one, 'hurried.yml')
    const well = await until(
      'the windows are full',
      async () => {
        const seen = await examined(one.url, data)
        return hintOf(seen) === '' && seen
      },
      PATIENTLY,
    )
    assert.deepEqual([well.verdict, well.history?.alerts, well.history?.deployment], ['healthy', [], 'orders'])
    assert.ok(well.history !== undefined && well.history.heldMs >= 10_000 && well.history.rules.length > 8)

    await one.cli('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    for (let at = 0; at < 30; at += 1) await one.cli('PING')
    const fires = (name: string): boolean => daemon.alerts.list().some(({ alert }) => alert.name === name)
    await until('the daemon sees slow commands', () => fires('SlowCommands'), PATIENTLY)
    const slow = await examined(one.url, data)
    const found = slow.history?.alerts.find(({ name }) => name === 'SlowCommands')
    assert.deepEqual([slow.verdict, found?.state, found?.labels['deployment']], ['warning', 'firing', 'orders'])
    assert.match(slow.reasons.join(), /SlowCommands: \d+ slow commands in a minute/)

    await one.cli('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
    for (let at = 0; !(await one.cli('SETRANGE', `key:${at}`, '900000', 'x')).startsWith('OOM'); at += 1)
      assert.ok(at < 100, 'it is never full')
    await until(
      'MemoryFull, which looks at the errors of a minute, makes it critical',
      async () => (await examined(one.url, data)).verdict === 'critical',
      PATIENTLY,
    )
  })

  test('what the daemon knows of its backups and its configuration counts, and a backup that fails is the cause', async (t) => {
    const one = await server(t, 'save 3600 1', 'repl-diskless-sync-delay 0')
    await one.cli('SET', 'order:1', 'paid')
    const store = join(makeFolder('store'), 'archive')
    const more = `, rpo: 5m, backup: { to: 'file://${store}' }`
    const { data } = await daemonOf(t, one, 'builtin', more)
    const kept = await until(
      'a base is read back',
      async () => {
        const seen = await doctor(one.url, data)
        return seen.atRisk.backup?.verifiedSeconds !== undefined && seen
      },
      PATIENTLY,
    )
    assert.match(kept.atRisk.says.join(), /A base was last read back whole/)
    assert.deepEqual(
      kept.findings.filter(({ kind }) => kind !== 'advice'),
      [],
    )
    renameSync(store, `${store}.away`)
    writeFileSync(store, 'a file in place of the folder')
    const failed = await until(
      'the failure is found',
      async () => {
        await one.cli('INCR', 'order:2')
        const seen = await doctor(one.url, data)
        return seen.findings.some(({ check }) => check === 'backup-failing') && seen
      },
      PATIENTLY,
    )
    assert.match(failed.findings[0]?.says ?? '', /by Respite fails: the store takes nothing: .*ENOTDIR/)
    assert.equal(failed.findings[0]?.root, true)
  })

  test('a daemon with other rules answers none of ours', async (t) => {
    const one = await server(t)
    const { data } = await daemonOf(t, one, 'documents')
    assert.match(hintOf(await doctor(one.url, data)), /evaluates other rules; respite alerts lists what they find$/)
  })
})
