// Behind NAT: servers in a network namespace of their own announce addresses that lead nowhere from here; a small proxy
// on loopback publishes some of their ports. Needs the right to make a namespace (root, Linux).

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Server as Listener, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { makeFolder, spawnChild, type Child } from '../lab/children.ts'
import { freePort } from '../lab/free-port.ts'
import { serverBinary } from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import { openConnection } from '../src/redis/connection.ts'
import type { Address } from '../src/redis/url.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { untilFleet, viewIn, watchUrl } from './watching.ts'

nothingLeftAfterwards()

// Loopback addresses: every namespace has its own, so from outside nobody is there, whatever the network round us does.
const INSIDE = ['127.55.0.2', '127.55.0.3', '127.55.0.4'] as const
const refused = whyNot()

function whyNot(): string | false {
  try {
    execFileSync('unshare', ['--net', 'true'], { stdio: 'ignore' })
    return false
  } catch {
    return 'no right to make a network namespace here'
  }
}

interface Inside {
  readonly id: string // as it is known inside
  readonly port: number
  send(...words: string[]): Promise<unknown>
  /** Opens a port on loopback that leads to the server; the port that it has inside when none is given. */
  publish(port?: number): Promise<number>
}

/** A namespace with a loopback of its own; ends with the test. */
async function makeNamespace(t: TestContext): Promise<Child> {
  const script = 'ip link set lo up && touch ready && exec sleep infinity'
  const dir = makeFolder('namespace')
  const holder = await spawnChild('unshare', ['--net', 'sh', '-c', script], { name: 'namespace', dir })
  t.after(() => end(holder))
  await until('the namespace is there', () => execFileSync('ls', [dir]).includes('ready'))
  return holder
}

async function end(child: Child): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

async function startInside(t: TestContext, holder: Child, host: string, conf: readonly string[]): Promise<Inside> {
  const [dir, port] = [makeFolder('inside'), await freePort()]
  const path = join(dir, 'way-in.sock') // files know no namespaces: this is how the proxy gets in
  const lines = [`bind ${host}`, `port ${port}`, `unixsocket ${path}`, `dir ${dir}`, 'protected-mode no', 'save ""']
  writeFileSync(join(dir, 'redis.conf'), [...lines, 'repl-diskless-sync-delay 0', ...conf].join('\n'))
  const words = ['--target', String(holder.pid), '--net', serverBinary(), 'redis.conf']
  const child = await spawnChild('nsenter', words, { name: `inside ${host}`, dir })
  t.after(() => end(child))
  const connection = await until('it answers on its socket', () =>
    openConnection({ address: { path }, access: {}, timeoutMs: 5_000 }),
  )
  t.after(() => connection.close())
  return {
    id: `${host}:${port}`,
    port,
    send: (...words) => connection.send(...words),
    publish: async (outside = port) => {
      const proxy = await startProxy(outside, path)
      t.after(() => proxy.stop())
      return outside
    },
  }
}

async function startProxy(port: number, path: string): Promise<{ stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const listener: Listener = createServer((outer) => {
    const inner = connect(path)
    for (const [one, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve, reject) => listener.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

async function startPairInside(t: TestContext): Promise<{ primary: Inside; replica: Inside; lines: string[] }> {
  const holder = await makeNamespace(t)
  const primary = await startInside(t, holder, INSIDE[0], [])
  const conf = [`replicaof ${INSIDE[0]} ${primary.port}`, `replica-announce-ip ${INSIDE[1]}`]
  const replica = await startInside(t, holder, INSIDE[1], conf)
  await until('the link is up', async () =>
    String(await replica.send('INFO', 'replication')).includes('link_status:up'),
  )
  const lines = [`primary ${primary.id} ok expected`, `replica ${replica.id} ok expected`]
  return { primary, replica, lines }
}

const loopback = (port: number): Address => ({ host: '127.0.0.1', port })

suite('NAT', { concurrency: 2, skip: refused }, () => {
  test('the configured map of addresses leads to those that announce what cannot be reached', async (t) => {
    const { primary, replica, lines } = await startPairInside(t)
    const [first, second] = [await primary.publish(await freePort()), await replica.publish(await freePort())]
    const addresses = new Map([
      [primary.id, loopback(first)],
      [replica.id, loopback(second)],
    ])
    for (const port of [first, second]) {
      const fleet = watchUrl(t, `redis://127.0.0.1:${port}`, { addresses })
      await untilFleet(fleet, lines)
      assert.deepEqual(viewIn(fleet, primary.id)?.address, loopback(first))
    }
  })

  test('a primary that its replicas name by an inner address is the seed that has the same history', async (t) => {
    const { primary, replica, lines } = await startPairInside(t)
    const [first, second] = [await primary.publish(await freePort()), await replica.publish(await freePort())]
    const fleet = watchUrl(t, `redis://127.0.0.1:${first}`, { addresses: new Map([[replica.id, loopback(second)]]) })
    await untilFleet(fleet, lines)
    assert.deepEqual(viewIn(fleet, primary.id)?.address, loopback(first))
  })

  test('without a map, the same port on the host of the seed is tried, and counts when it is that server', async (t) => {
    const { primary, replica, lines } = await startPairInside(t)
    await primary.publish()
    await replica.publish()
    for (const { port } of [primary, replica]) await untilFleet(watchUrl(t, `redis://127.0.0.1:${port}`), lines)
  })

  test('whoever else listens on that port of the host is not taken for it', async (t) => {
    const { primary, replica } = await startPairInside(t)
    await primary.publish()
    const holder = await makeNamespace(t)
    const stranger = await startInside(t, holder, INSIDE[2], [])
    await stranger.publish(replica.port)
    const fleet = watchUrl(t, `redis://127.0.0.1:${primary.port}`)
    const lines = [`primary 127.0.0.1:${primary.port} ok expected`, `replica ${replica.id} refused expected`]
    await until('the stranger was looked at', async () => {
      const stats = String(await stranger.send('INFO', 'commandstats'))
      return Number(/cmdstat_client\|setname:calls=(\d+)/.exec(stats)?.[1]) >= 2 // once by the test itself, when it started
    })
    await untilFleet(fleet, lines)
    assert.equal(await fleet.settled(30_000), true)
    await untilFleet(fleet, lines)
  })

  test('Cluster nodes that announce inner addresses are found at the ports of the seed', async (t) => {
    const holder = await makeNamespace(t)
    const nodes = await Promise.all(
      INSIDE.map((host) => startInside(t, holder, host, ['cluster-enabled yes', `cluster-announce-ip ${host}`])),
    )
    const [first] = nodes
    for (const [at, node] of nodes.entries()) {
      const slots = Array.from({ length: 5 }, (_none, slot) => String(at * 5 + slot))
      await node.send('CLUSTER', 'ADDSLOTS', ...slots)
      await node.publish()
      if (node !== first) await first?.send('CLUSTER', 'MEET', ...node.id.split(':'))
    }
    await until('all know each other', async () => {
      const told = await Promise.all(nodes.map(async (node) => String(await node.send('CLUSTER', 'NODES'))))
      return told.every((text) => !text.includes('handshake') && text.trim().split('\n').length === nodes.length)
    })
    for (const { port } of nodes.slice(0, 2)) {
      const fleet = watchUrl(t, `redis://127.0.0.1:${port}`)
      await untilFleet(
        fleet,
        nodes.map(({ id }) => `primary ${id} ok expected`),
      )
    }
  })
})
