// From any one address of a deployment the whole of it is found, and always with the same names.

import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { makeCertificates, tlsOf } from '../lab/certificates.ts'
import { makeFolder } from '../lab/children.ts'
import { startCluster } from '../lab/cluster.ts'
import { freePort } from '../lab/free-port.ts'
import {
  NEVER_DOWN_MS,
  startReplica,
  startSentinel,
  startServer,
  type Server,
  type StartOptions,
} from '../lab/servers.ts'
import { until } from '../lab/until.ts'
import type { Fleet } from '../src/fleet/server.ts'
import type { Access } from '../src/redis/url.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'
import { linesOf, untilFleet, viewIn, watchUrl, type WatchOptions } from './watching.ts'

nothingLeftAfterwards()

interface Guarded {
  readonly primary: Server
  readonly replicas: readonly Server[]
  readonly sentinels: readonly Server[]
  readonly lines: readonly string[] // as `untilFleet` takes them
}

/** A primary, two replicas, and Sentinels that know each other and them. */
async function startGuarded(
  t: TestContext,
  options: StartOptions = {},
  sentinelOptions: StartOptions = {},
): Promise<Guarded> {
  const primary = await startServer({ name: 'primary', socket: true, ...options })
  t.after(() => primary.stop())
  const replicas = await Promise.all([1, 2].map(() => startReplica(primary, options)))
  t.after(() => Promise.all(replicas.map((replica) => replica.stop())))
  const watches = [{ name: 'orders', server: primary }]
  const sentinels = await Promise.all(
    [1, 2, 3].map(() => startSentinel({ watches, quorum: 2, downAfterMs: NEVER_DOWN_MS, ...sentinelOptions })),
  )
  t.after(() => Promise.all(sentinels.map((sentinel) => sentinel.stop())))
  await until('the Sentinels know each other and the replicas', async () => {
    const views = await Promise.all(sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'MASTER', 'orders')))
    return views.every((view) => /num-other-sentinels\n2\n/.test(view) && /num-slaves\n2\n/.test(view))
  })
  const lines = [
    `primary ${primary.id} ok expected`,
    ...replicas.map(({ id }) => `replica ${id} ok expected`),
    ...sentinels.map(({ id }) => `sentinel ${id} ok expected`),
  ]
  return { primary, replicas, sentinels, lines }
}

suite('discovery', { concurrency: 2 }, () => {
  test('Sentinel: the same from the primary, a replica, any Sentinel, a socket, and under other names of the host', async (t) => {
    const { primary, replicas, sentinels, lines } = await startGuarded(t)
    const hosts = sentinels.map(({ port }) => `localhost:${port}`).join(',')
    const urls = [
      ...[primary, ...replicas, ...sentinels].map(({ url }) => url),
      ...sentinels.flatMap(({ id }) => [`redis+sentinel://${id}`, `redis+sentinel://${id}/orders`]),
      `redis+sentinel://${hosts}/orders`,
      `redis://localhost:${primary.port}`,
      `unix:${primary.socketPath}`,
    ]
    while (urls.length > 0) {
      const some = urls.splice(0, 5) // all at once would be ninety doors a second
      const fleets = some.map((url) => ({ url, fleet: watchUrl(t, url, { every: { livenessMs: 1_000 } }) }))
      await Promise.all(fleets.map(({ url, fleet }) => isWhole(url, fleet)))
      for (const { fleet } of fleets) fleet.stop()
    }

    async function isWhole(url: string, fleet: Fleet): Promise<void> {
      await untilFleet(fleet, lines).catch((error: unknown) => assert.fail(`from ${url}: ${String(error)}`))
      assert.equal(fleet.deployments()[0]?.kind, 'sentinel', url)
      await until(`nothing is amiss from ${url}`, () =>
        fleet
          .deployments()
          .every(({ missing, problems, couldNotLook }) => [...missing, ...problems, ...couldNotLook].length === 0),
      )
    }
  })

  for (const sentinelPassword of [undefined, 'theirs'])
    test(`TLS, a password and an ACL user everywhere, Sentinels ${sentinelPassword ? 'with their own password' : 'without one'}`, async (t) => {
      const certificates = await makeCertificates(makeFolder('certificates'))
      const user =
        'user respite on >secret resetkeys &__sentinel__:hello -@all +ping +info +client|setname +config|get +pubsub|numsub +subscribe'
      const options = { password: 'root pass', tls: { certificates }, conf: [user] }
      const login = sentinelPassword === undefined ? {} : { password: sentinelPassword }
      const { primary, replicas, sentinels, lines } = await startGuarded(t, options, {
        tls: { certificates },
        ...login,
      })
      const tls = tlsOf(certificates.caFile, certificates.client)
      const access: Access = { user: 'respite', password: 'secret', tls }
      const sentinelAccess = sentinelPassword === undefined ? undefined : { password: sentinelPassword, tls }
      const urls = [primary, replicas[0] as Server, sentinels[0] as Server].map(({ url }) => url)
      urls.push(`rediss+sentinel://${sentinels[1]?.id}/orders`)
      const fleets = urls.map((url) => watchUrl(t, url, { access, sentinelAccess, every: { livenessMs: 1_000 } }))
      for (const [at, fleet] of fleets.entries())
        await untilFleet(fleet, lines).catch((error: unknown) => assert.fail(`from ${urls[at]}: ${String(error)}`))
    })

  test('replicas of replicas: the whole chain from each link of it', async (t) => {
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const middle = await startReplica(primary)
    t.after(() => middle.stop())
    const last = await startReplica(middle)
    t.after(() => last.stop())
    const lines = [`primary ${primary.id} ok expected`, ...[middle, last].map(({ id }) => `replica ${id} ok expected`)]
    for (const { url } of [primary, middle, last]) {
      const fleet = watchUrl(t, url)
      await untilFleet(fleet, lines)
      await until('the last says whom it follows', () => viewIn(fleet, last.id)?.primary === middle.id)
      await until('the lag of the last is known', () => viewIn(fleet, last.id)?.lagSeconds !== undefined)
    }
  })

  test('when the middle of a chain is gone, nobody takes its name', async (t) => {
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const middle = await startReplica(primary)
    t.after(() => middle.stop())
    const last = await startReplica(middle)
    t.after(() => last.stop())
    const expected: WatchOptions['expected'] = {
      list: () => [middle, last].map(({ id }) => ({ id, role: 'replica' as const })),
      put: () => undefined,
      remove: () => undefined,
    }
    await middle.kill('SIGKILL')
    const fleet = watchUrl(t, primary.url, { expected })
    assert.equal(await fleet.settled(30_000), true)
    await untilFleet(fleet, [
      `primary ${primary.id} ok new`,
      `replica ${middle.id} refused expected`, // its replica names it
      `replica ${last.id} ok expected`,
    ])
  })

  test('one Sentinel of two masters: the one that is named, or a problem that lists both', async (t) => {
    const primaries = await Promise.all([1, 2].map(() => startServer({ name: 'primary' })))
    t.after(() => Promise.all(primaries.map((primary) => primary.stop())))
    const [orders, carts] = primaries as [Server, Server]
    const watches = [
      { name: 'orders', server: orders },
      { name: 'carts', server: carts },
    ]
    const sentinel = await startSentinel({ watches, quorum: 1, downAfterMs: NEVER_DOWN_MS })
    t.after(() => sentinel.stop())
    const sentinelLine = `sentinel ${sentinel.id} ok expected`
    const lines = (primary: Server): string[] => [`primary ${primary.id} ok expected`, sentinelLine]
    await untilFleet(watchUrl(t, `redis+sentinel://${sentinel.id}/carts`), lines(carts))
    await untilFleet(watchUrl(t, orders.url), lines(orders))
    const unnamed = watchUrl(t, `redis+sentinel://${sentinel.id}`)
    await untilFleet(unnamed, [sentinelLine])
    const problem = await until('it is said', () => unnamed.deployments()[0]?.problems[0])
    for (const word of ['orders', 'carts', `redis+sentinel://${sentinel.id}/NAME`])
      assert.ok(problem.includes(word), problem)
    const wrong = watchUrl(t, `redis+sentinel://${sentinel.id}/cart`)
    await untilFleet(wrong, [sentinelLine])
    const another = await until('it is said', () => wrong.deployments()[0]?.problems[0])
    assert.match(another, /does not watch cart; it watches .*(orders|carts)/)
  })

  test('a message on the hello channel that is no hello of a Sentinel harms nobody', async (t) => {
    const primary = await startServer({ name: 'primary' })
    t.after(() => primary.stop())
    const watches = [{ name: 'orders', server: primary }]
    const sentinel = await startSentinel({ watches, quorum: 1, downAfterMs: NEVER_DOWN_MS })
    t.after(() => sentinel.stop())
    const fleet = watchUrl(t, primary.url)
    const noise = setInterval(() => {
      void primary.cli('PUBLISH', '__sentinel__:hello', '1.2.3.4,port,x,0,evil,[,,0').catch(() => undefined)
    }, 100)
    t.after(() => clearInterval(noise))
    await untilFleet(fleet, [`primary ${primary.id} ok expected`, `sentinel ${sentinel.id} ok expected`])
  })

  test('what is not there at the start is found when it comes up', async (t) => {
    const port = await freePort()
    const fleet = watchUrl(t, `redis://127.0.0.1:${port}`)
    await untilFleet(fleet, [`unknown 127.0.0.1:${port} refused expected`])
    const primary = await startServer({ port })
    t.after(() => primary.stop())
    await untilFleet(fleet, [`primary ${primary.id} ok expected`])
  })

  test('Cluster: the same from any node; nodes come and go; roles change', async (t) => {
    const cluster = await startCluster(3, 1, { conf: ['cluster-node-timeout 15000'] }) // no failover but ours
    t.after(() => cluster.stop())
    const { nodes, primaries, replicas } = cluster
    const lines = [
      ...primaries.map(({ id }) => `primary ${id} ok expected`),
      ...replicas.map(({ id }) => `replica ${id} ok expected`),
    ]
    for (const { url } of nodes) {
      const fleet = watchUrl(t, url)
      await untilFleet(fleet, lines)
      assert.equal(fleet.deployments()[0]?.kind, 'cluster')
      assert.equal(viewIn(fleet, (replicas[0] as Server).id)?.shard, primaries[0]?.id)
      fleet.stop()
    }
    const [primary, replica, other] = [primaries[0], replicas[0], replicas[1]] as [Server, Server, Server]
    const fleet = watchUrl(t, (primaries[1] as Server).url)
    await untilFleet(fleet, lines)
    // A primary that never wrote stands at offset 0, which a failover takes for "not known yet" and waits in vain.
    assert.equal((await primary.cli('SET', 'b', '1')).trim(), 'OK') // slot 3300, of the first primary
    // Asked again only when the server has given it up, which it does after five seconds: asking starts it anew.
    let askAgainAt = 0
    const takeOver = async (): Promise<boolean> => {
      if ((await replica.cli('ROLE')).startsWith('master')) return true
      if (Date.now() < askAgainAt) return false
      askAgainAt = Date.now() + 6_000
      await replica.cli('CLUSTER', 'FAILOVER')
      return false
    }
    await until('the replica has taken over', takeOver, { timeoutMs: 90_000 })
    const flipped = linesOf(fleet).map((line) =>
      line.includes(` ${primary.id} `)
        ? line.replace('primary', 'replica')
        : line.includes(` ${replica.id} `)
          ? line.replace('replica', 'primary')
          : line,
    )
    await untilFleet(fleet, flipped)

    const added = await startServer({ name: 'added', conf: ['cluster-enabled yes', 'cluster-node-timeout 2000'] })
    t.after(() => added.stop())
    assert.equal(await primary.cli('CLUSTER', 'MEET', '127.0.0.1', String(added.port)), 'OK')
    await untilFleet(fleet, [...flipped, `primary ${added.id} ok new`])

    const gone = await other.cli('CLUSTER', 'MYID')
    await other.kill('SIGKILL')
    for (const node of [...nodes, added]) if (node !== other) await node.cli('CLUSTER', 'FORGET', gone)
    const left = flipped.filter((line) => !line.includes(` ${other.id} `))
    await untilFleet(fleet, [...left, `primary ${added.id} ok new`, `replica ${other.id} refused missing`])
  })
})
