// The servers of one deployment as the fleet knows them, in the shape that archiving takes: by shard, under a name that a
// failover does not change.

import { readServerContext, type ServerContext } from './archive/server-context.ts'
import type { Shard } from './archive/catalog.ts'
import type { ServerToCheck } from './archive/preflight-server.ts'
import type { Reached } from './archive/base-method.ts'
import type { ShardServers } from './archive/archiver.ts'
import type { ShardServer } from './archive/shard-archiver.ts'
import type { RemovalCounts } from './archive/tripwire.ts'
import type { DeploymentKind, Fleet, ServerView, WatchedServer } from './fleet/server.ts'
import { Fault } from './lib/fault.ts'
import { ANSWERS } from './redis/answers.ts'
import { infoNumber, parseInfo, type Info } from './redis/info.ts'
import { showAddress } from './redis/url.ts'
import { chooseSource, type Attach } from './replication/choose-source.ts'
import { freeBytesAt, reachFile, type Reachable } from './reach-files.ts'

const SETTLE_MS = 5_000

/** The servers of one deployment, in the shape that archiving takes. */
export class DeploymentServers {
  readonly #fleet: Fleet
  readonly #deployment: string
  readonly #shardOf = new Map<string, string>() // server id → the name of its shard, which a failover does not change

  constructor(fleet: Fleet, deployment: string) {
    this.#fleet = fleet
    this.#deployment = deployment
  }

  get kind(): DeploymentKind {
    return this.#view?.kind ?? 'standalone'
  }

  /** Keeps the names that an archive gave to the shards before. */
  rememberShard({ name, timelines }: Shard): void {
    for (const { bases } of timelines) for (const { source } of bases) this.#shardOf.set(source, name)
  }

  /** Waits until all that are known have answered. Throws a Fault when none of them can be followed. */
  async settle(): Promise<void> {
    await this.#fleet.settled(SETTLE_MS)
    if (this.shards().some(({ servers }) => servers.some(({ answers }) => answers))) return
    const servers = this.#view?.servers ?? []
    const answers = servers.map(({ id, answer }) => `${id}: ${ANSWERS[answer.id].says}`)
    const [only, other] = new Set(servers.map(({ answer }) => answer.id))
    throw new Fault({
      doing: 'archiving',
      target: this.#deployment,
      why: `no server of it can be followed (${answers.join(', ') || 'none was found'})`,
      hint:
        only !== undefined && other === undefined
          ? ANSWERS[only].first
          : 'respite doctor says what is wrong with each, and what to do first',
    })
  }

  shards(): readonly ShardServers[] {
    const isCluster = this.kind === 'cluster'
    const groups = new Map<string, ShardServer[]>()
    for (const server of this.#servers()) {
      const { view } = server
      if (view.role === 'sentinel') continue
      const name = isCluster ? this.#shardName(view) : '0'
      if (name === undefined) continue
      groups.set(name, [...(groups.get(name) ?? []), candidateOf(server)])
    }
    return [...groups].map(([name, servers]) => ({ name, servers }))
  }

  /** Servers of shards that have no name yet, since none of theirs was reached. */
  unreached(): string[] {
    if (this.kind !== 'cluster') return []
    const others = this.#servers().filter(({ view }) => view.role !== 'sentinel' && this.#shardName(view) === undefined)
    return others.map(({ view }) => view.id)
  }

  /** A server of each shard of which none can be read now. */
  unreadable(attach: Attach): string[] {
    const shards = this.shards().filter(({ servers }) => chooseSource(servers, attach, undefined) === undefined)
    return [...this.unreached(), ...shards.flatMap(({ servers: [first] }) => first?.id ?? [])]
  }

  /** One of each shard, as it is looked at before the first base: the one that would be read. */
  toCheck(attach: Attach): ServerToCheck[] {
    const hasSentinel = this.sentinels().length > 0
    return this.shards().flatMap(({ servers }) => {
      const chosen = chooseSource(servers, attach, undefined)
      const server = servers.find((each) => each === chosen)
      if (server === undefined) return []
      const { id, role, address, access } = server
      const reachable = this.#reachable(server)
      return [{ id, role, address, access, hasSentinel, freeBytesAt: (path) => freeBytesAt(reachable, path) }]
    })
  }

  /** Where a path of that server is read from here. */
  reach(server: ShardServer, path: string): Promise<Reached> {
    return reachFile(this.#reachable(server), path)
  }

  #reachable({ id, address }: ShardServer): Reachable {
    return { address, supervisor: this.#servers().find(({ view }) => view.id === id)?.supervisor }
  }

  sentinels(): { id: string; ask: NonNullable<WatchedServer['ask']> }[] {
    return this.#servers().flatMap(({ view, ask }) =>
      view.role === 'sentinel' && ask !== undefined ? [{ id: view.id, ask }] : [],
    )
  }

  /** What a restore needs to know of this server beside its data. */
  async contextOf({ ask, id }: ShardServer): Promise<ServerContext> {
    if (ask !== undefined) return readServerContext(ask, this.kind === 'cluster', this.sentinels())
    const couldNotLook = [{ at: id, why: 'it cannot be asked now', hint: 'the next base will know it again' }]
    return { config: {}, acl: [], modules: [], clusterNodes: null, sentinels: [], couldNotLook }
  }

  async removalCounts(shard: string): Promise<RemovalCounts | undefined> {
    return countsOf(await this.askPrimary(shard, 'INFO'))
  }

  /** Undefined while the shard has no primary that can be asked. */
  async askPrimary(shard: string, ...words: string[]): Promise<Info | undefined> {
    const servers = this.shards().find(({ name }) => name === shard)?.servers ?? []
    const primary = servers.find(({ role, ask }) => role === 'primary' && ask !== undefined)
    return primary?.ask === undefined ? undefined : parseInfo(String(await primary.ask(...words)))
  }

  get #view(): ReturnType<Fleet['deployments']>[number] | undefined {
    return this.#fleet.deployments().find(({ name }) => name === this.#deployment)
  }

  #servers(): readonly WatchedServer[] {
    return this.#fleet.servers().filter(({ view }) => view.deployment === this.#deployment)
  }

  /** The name under which any server of this shard is known; else the first digits of its primary's node id. */
  #shardName({ id, shard }: ServerView): string | undefined {
    if (shard === undefined) return this.#shardOf.get(id)
    const mates = this.#servers().filter(({ view }) => view.shard === shard)
    const names = mates.flatMap(({ view }) =>
      [view.id, showAddress(view.address)].map((each) => this.#shardOf.get(each)),
    )
    const node = mates.find(({ view }) => view.shardNode !== undefined)?.view.shardNode
    const chosen = names.find((known) => known !== undefined) ?? node?.slice(0, 12)
    if (chosen === undefined) return undefined // nobody of it was reached yet
    for (const { view } of mates) this.#shardOf.set(view.id, chosen)
    return chosen
  }
}

function candidateOf(server: WatchedServer): ShardServer {
  const { view, access, ask } = server
  const { id, address, role, answer, since, linkUp, lagSeconds, runId } = view
  const known = role === 'sentinel' ? 'unknown' : role
  const answers = answer.id === 'ok' && runId !== undefined // what only others name may be no server at all
  const forMs = Date.now() - since
  const answersForMs = forMs < 0 ? undefined : forMs // a clock that was set back says nothing
  return { id, address, access, ask, role: known, answers, answersForMs, linkUp, lagSeconds }
}

function countsOf(info: Info | undefined): RemovalCounts | undefined {
  if (info === undefined) return undefined
  const databases = [...info].filter(([name]) => /^db\d+$/.test(name))
  const keys = databases.reduce((sum, [, line]) => sum + Number(/keys=(\d+)/.exec(line)?.[1] ?? 0), 0)
  const [replid, offset] = [info.get('master_replid'), infoNumber(info, 'master_repl_offset')]
  if (replid === undefined || offset === undefined) return undefined
  const [expired = 0, evicted = 0] = [infoNumber(info, 'expired_keys'), infoNumber(info, 'evicted_keys')]
  return { replid, offset, keys, expired, evicted }
}
