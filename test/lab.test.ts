// The lab itself: its servers are real, say why they did not start, and end with the process that started them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { test } from 'node:test'
import { makeCertificates, tlsOf } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { startReplica, startSentinel, startServer } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { knock } from '../src/redis/door.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const TIMES = { connectTimeoutMs: 2000, replyTimeoutMs: 2000 }

test('a server answers, is killed, comes back with its files, and leaves no folder', async (t) => {
  const server = await startServer({ password: 'open sesame', conf: ['appendonly yes'] })
  t.after(() => server.stop())
  assert.equal(await server.cli('SET', 'a', '1'), 'OK')
  await server.kill('SIGKILL')
  assert.equal(server.running, false)
  await server.restart()
  assert.equal(await server.cli('GET', 'a'), '1')
  await server.kill('SIGSTOP')
  await server.stop()
  assert.equal(existsSync(server.dir), false)
})

test('a server that cannot start says what its log says', async () => {
  await assert.rejects(startServer({ conf: ['maxmemory plenty'] }), /maxmemory plenty/)
})

test('three Sentinels find each other and promote the replica of a dead primary', async (t) => {
  const primary = await startServer({ name: 'primary' })
  t.after(() => primary.stop())
  const replica = await startReplica(primary)
  t.after(() => replica.stop())
  const watches = [{ name: 'orders', server: primary }]
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel({ watches, quorum: 2 })))
  t.after(() => Promise.all(sentinels.map((sentinel) => sentinel.stop())))
  await until('the Sentinels know each other and the replica', async () => {
    const views = await Promise.all(sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'MASTER', 'orders')))
    return views.every((view) => /num-other-sentinels\n2\n/.test(view) && /num-slaves\n1\n/.test(view))
  })
  await primary.kill('SIGKILL')
  await until('the replica is primary', async () => (await replica.cli('ROLE')).startsWith('master'), {
    timeoutMs: 20_000,
  })
})

test('a Cluster serves all slots and its replicas are in sync', async (t) => {
  const cluster = await startCluster(3, 1)
  t.after(() => cluster.stop())
  assert.match((await cluster.nodes[0]?.cli('CLUSTER', 'INFO')) ?? '', /cluster_slots_ok:16384/)
  assert.equal(cluster.replicas.length, 3)
})

test('certificates: trusted, expired, of another CA', async (t) => {
  const certificates = await makeCertificates(makeFolder('certificates'))
  const good = await startServer({ tls: { certificates } })
  t.after(() => good.stop())
  const expired = await startServer({ tls: { certificates, pair: certificates.expired } })
  t.after(() => expired.stop())
  assert.equal(await good.cli('PING'), 'PONG')
  assert.equal((await knock({ address: good.address, access: good.access, ...TIMES })).id, 'ok')
  assert.match((await knock({ address: expired.address, access: expired.access, ...TIMES })).text ?? '', /expired/)
  const stranger = { tls: tlsOf(certificates.otherCaFile, certificates.client) }
  assert.equal((await knock({ address: good.address, access: stranger, ...TIMES })).id, 'tls')
})

test('no two processes are given the same ports, and none is given one twice', async (t) => {
  const program = `import { freePort } from '${import.meta.dirname}/../lab/free-port.ts'
    const ports = []
    for (let at = 0; at < 50; at += 1) ports.push(await freePort())
    console.log(JSON.stringify(ports))
    setInterval(() => {}, 1000)`
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  t.after(() => Promise.all(children.map((child) => (child.kill('SIGKILL'), once(child, 'close')))))
  const printed = await Promise.all(children.map((child) => once(child.stdout, 'data') as Promise<[Buffer]>))
  const ports = printed.flatMap(([line]) => JSON.parse(line.toString()) as number[])
  assert.equal(new Set(ports).size, 150)
})

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const)
  test(`when the process that started them ends by ${signal}, its servers end and its folder goes`, async () => {
    const program = `import { startServer } from '${import.meta.dirname}/../lab/servers.ts'
      const server = await startServer()
      console.log(JSON.stringify({ pid: server.pid, dir: server.dir }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { pid, dir } = JSON.parse(line.toString()) as { pid: number; dir: string }
    child.kill(signal)
    await once(child, 'close')
    await until('the server and the folder are gone', () => !existsSync(dir) && !isAlive(pid))
  })

/** A process that has ended and waits to be noticed (a zombie) has ended. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/cwd`)
}
