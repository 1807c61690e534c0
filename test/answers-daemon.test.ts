// From the fault to what people and programs read: the whole daemon watches a fleet that breaks one server after the
// other, each in a way that PING alone does not show, or does; /metrics says which within two seconds. And `respite
// doctor` as a process of its own, which sees a broken server for the first time.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeFolder } from '../lab/children.ts'
import { startCluster, type Cluster } from '../lab/cluster.ts'
import { startReplica, startServer, type Server } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { doctorSchema, type DoctorDocument } from '../src/api/contract.ts'
import type { Daemon } from '../src/cli/command.ts'
import { makeConfig } from '../src/config.ts'
import { startDaemon } from '../src/daemon.ts'
import type { AnswerId } from '../src/redis/answers.ts'
import { openConnection, type Connection } from '../src/redis/connection.ts'
import { crowdAt } from './crowd.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { howLong, noteSighting, seenInTime } from './watched.ts'

let daemon: Daemon
let server: Server
let primary: Server
let replica: Server
let cluster: Cluster
let admin: Connection // of `server`, in before the fault
let ours: ReadonlySet<string> // ids; whom a server named as its primary for a moment stays in sight for a minute

before(async () => {
  ;[server, primary, cluster] = await Promise.all([
    startServer({ debug: true, conf: ['maxmemory-policy noeviction'] }),
    startServer({ name: 'primary' }),
    startCluster(3),
  ])
  replica = await startReplica(primary, { conf: ['replica-serve-stale-data no'] })
  admin = await openConnection({ ...server, timeoutMs: 20_000, name: 'admin' })
  const dir = makeFolder('daemon')
  const file = join(dir, 'respite.yml')
  const deployment = (name: string, { url }: Server): string => `  - { name: ${name}, url: "${url}", canary: true }\n`
  const [node] = cluster.nodes
  const deployments = deployment('alone', server) + deployment('pair', primary) + deployment('cluster', node ?? server)
  writeFileSync(file, `listen: 127.0.0.1:0\ndata: ${dir}/data\ndeployments:\n${deployments}`)
  daemon = await startDaemon({ config: await makeConfig({ file, urls: [], flags: {} }, {}), logLevel: 'silent' })
  ours = new Set([server, primary, replica, ...cluster.nodes].map(({ id }) => id))
  await until('all servers answer', allOk)
})
after(async () => {
  await daemon.stop()
  admin.close()
  await Promise.all([server, primary, replica, cluster].map((one) => one.stop()))
})
nothingLeftAfterwards()
seenInTime()

interface Shown {
  readonly deployment: string
  readonly instance: string
  readonly answer: string
}

/** What /metrics says now: one answer for each server. */
async function answersNow(): Promise<Shown[]> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text()
  return [...text.matchAll(/^respite_server_answer\{(.*)\} 1$/gm)].map(([, labels = '']) => {
    const value = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
    return { deployment: value('deployment'), instance: value('instance'), answer: value('answer') }
  })
}

async function allOk(): Promise<boolean> {
  return (
    (await answersNow()).filter(({ instance, answer }) => ours.has(instance) && answer === 'ok').length === ours.size
  )
}

async function metricsSay(id: string, answer: AnswerId): Promise<void> {
  let shown: Shown[] = []
  const tookMs = await howLong(async () => {
    shown = await answersNow()
    return shown.some((one) => one.instance === id && one.answer === answer)
  }).catch(() => assert.fail(`${id} is not ${answer}: ${JSON.stringify(shown)}`))
  noteSighting(answer, tookMs)
}

async function allIsWell(): Promise<void> {
  await until('all is well', allOk, { everyMs: 50 })
}

interface Row {
  readonly name: string
  readonly id: () => string
  readonly answer: AnswerId
  make(): Promise<unknown>
  mend(): Promise<unknown>
}

const onServer = (name: string, answer: AnswerId, make: readonly string[], mend: readonly string[] = []): Row => ({
  name,
  id: () => server.id,
  answer,
  make: () => admin.send(...make),
  mend: async () => (mend.length === 0 ? undefined : admin.send(...mend)),
})

const ROWS: readonly Row[] = [
  onServer(
    'maxmemory reached: PING is answered, writes are refused',
    'oom',
    ['CONFIG', 'SET', 'maxmemory', '1000kb'],
    ['CONFIG', 'SET', 'maxmemory', '0'],
  ),
  onServer(
    'too few replicas: PING is answered, writes are refused',
    'noreplicas',
    ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
  ),
  onServer('writes that are paused hang', 'writes-hang', ['CLIENT', 'PAUSE', '60000', 'WRITE'], ['CLIENT', 'UNPAUSE']),
  onServer(
    'a primary that was made a replica refuses writes',
    'readonly',
    ['REPLICAOF', '127.0.0.1', '1'],
    ['REPLICAOF', 'NO', 'ONE'],
  ),
  onServer(
    'a password that was set',
    'noauth',
    ['CONFIG', 'SET', 'requirepass', 'sesame'],
    ['CONFIG', 'SET', 'requirepass', ''],
  ),
  {
    name: 'a slot that nobody owns: PING is answered, the Cluster is down',
    id: () => cluster.nodes[0]?.id ?? '',
    answer: 'clusterdown',
    make: async () => cluster.nodes[0]?.cli('CLUSTER', 'DELSLOTS', '16'),
    mend: async () => cluster.nodes[0]?.cli('CLUSTER', 'ADDSLOTS', '16'),
  },
  {
    name: 'a primary that is stopped',
    id: () => primary.id,
    answer: 'stopped',
    make: () => primary.kill('SIGSTOP'),
    mend: () => primary.kill('SIGCONT'),
  },
]

for (const { name, id, answer, make, mend } of ROWS)
  test(`in /metrics: ${name}`, async () => {
    await make()
    try {
      await metricsSay(id(), answer)
    } finally {
      await mend()
    }
    await allIsWell()
  })

test('in /metrics: a primary that was killed is refused, its replica is MASTERDOWN, and both come back', async () => {
  await primary.kill('SIGKILL')
  await Promise.all([metricsSay(primary.id, 'refused'), metricsSay(replica.id, 'masterdown')])
  await primary.restart()
  await allIsWell()
})

/** `respite doctor URL --json` as a person starts it. */
async function doctor(url: string, ...flags: string[]): Promise<{ exit: number; document: DoctorDocument }> {
  const main = join(import.meta.dirname, '../src/main.ts')
  const [exit, out] = await new Promise<[number, string]>((resolve) => {
    execFile(process.execPath, [main, 'doctor', url, '--json', ...flags], (error, stdout) =>
      resolve([error === null ? 0 : Number(error.code), stdout]),
    )
  })
  return { exit, document: doctorSchema.parse(JSON.parse(out)) }
}

async function doctorSays(url: string, answer: AnswerId, verdict: DoctorDocument['verdict']): Promise<DoctorDocument> {
  const { exit, document } = await doctor(url)
  const [first] = document.deployment.servers
  assert.equal(first?.answer?.id, answer, JSON.stringify(first))
  assert.equal(document.verdict, verdict, JSON.stringify(document.reasons))
  assert.equal(exit, { healthy: 0, warning: 1, critical: 2, unreachable: 2 }[verdict])
  return document
}

test('in doctor: a server that is well, killed, stopped, full, or wants a password', async (t) => {
  const [well, killed, stopped, full, locked] = await Promise.all(
    Array.from({ length: 5 }, () => startServer({ conf: ['maxclients 5'] })),
  )
  assert.ok(well && killed && stopped && full && locked)
  t.after(() => Promise.all([well, killed, stopped, full, locked].map((one) => one.stop())))
  t.after(crowdAt(full.port))
  await locked.cli('CONFIG', 'SET', 'requirepass', 'sesame')
  await killed.kill('SIGKILL')
  await stopped.kill('SIGSTOP')
  await Promise.all([
    doctorSays(well.url, 'ok', 'healthy'),
    doctorSays(killed.url, 'refused', 'unreachable'),
    doctorSays(stopped.url, 'stopped', 'critical'),
    doctorSays(full.url, 'maxclients', 'critical'),
    doctorSays(locked.url, 'noauth', 'critical'),
  ])
})

test('in doctor: a user without INFO is not healthy, what could not be looked at is said', async (t) => {
  const server = await startServer({ conf: ['user respite on nopass -@all +ping +client|setname'] })
  t.after(() => server.stop())
  const document = await doctorSays(server.url.replace('//', '//respite:any@'), 'ok', 'warning')
  const [missing] = document.couldNotLook.filter(({ at }) => at.includes('INFO'))
  assert.match(missing?.why ?? '', /NOPERM/)
  assert.match(missing?.hint ?? '', /\+info/)
})

test('in doctor: what says PONG to everything is not healthy', async (t) => {
  const liar = createServer((socket) => socket.on('data', () => socket.write('+PONG\r\n')).on('error', () => undefined))
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
  t.after(() => liar.close())
  const { exit, document } = await doctor(`redis://127.0.0.1:${(liar.address() as AddressInfo).port}`)
  assert.notEqual(document.verdict, 'healthy', JSON.stringify(document))
  assert.notEqual(exit, 0)
})
