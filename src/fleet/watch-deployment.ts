// Finds and keeps in sight all servers of one deployment. It starts from the seeds; every server that is reached names
// others (its replicas, its primary, the nodes of its Cluster, what a Sentinel watches), and those are watched in turn,
// until nobody names anyone new.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { reasonOf } from '../lib/fault.ts'
import { Refused } from '../redis/connection.ts'
import { hearChannel } from '../redis/hear-channel.ts'
import { parseInfo } from '../redis/info.ts'
import { parseHello, parseReplication, type Replication } from '../redis/topology.ts'
import { parseAddress, showAddress, type Access, type Address, type Target } from '../redis/url.ts'
import { forgetLags, isFollowed, noteReplication } from './follow.ts'
import { readLinks, type Links } from './links.ts'
import { isBeingAsked, makeMember, moveMember, roleOf, wasReached, type Member, type MemberOptions } from './member.ts'
import { makeNames, type Names } from './names.ts'
import { findOtherAddress } from './other-address.ts'
import { isSentinelThatTakes } from './sentinel-login.ts'
import type { Role } from './server.ts'

/** What the configuration says of one deployment. */
export interface DeploymentOptions {
  readonly name: string
  readonly target: Target
  readonly access: Access
  readonly sentinelAccess?: Access | undefined
  readonly every: { readonly livenessMs: number }
  readonly addresses: ReadonlyMap<string, Address> // announced host:port → where we reach it
  readonly supervisor?: string | undefined // of the first server that the URL names
  readonly expect: { readonly replicas?: number | undefined; readonly sentinels?: number | undefined }
}

export interface DeploymentEvents {
  readonly clock: Clock
  readonly log: Log
  readonly onAnswer: (member: Member) => void
  readonly onLinks: () => void // somebody named somebody: the topology may have changed
  readonly onRename: (from: string, to: string) => void
}

const LINKS_EVERY_MS = 5_000
const LINKS_FRESH_MS = 20_000
const HELLO_AGAIN_MS = 4_000 // after one that was missed; twice as long after each further one
const HELLO_AGAIN_MOST_MS = 60_000
const HELLO_WAIT_MS = 4_200 // Sentinels say hello every two seconds; one that is missed is waited out
const OTHER_WAY_EVERY_MS = 60_000

export class DeploymentWatch {
  readonly members = new Map<string, Member>() // by id
  readonly #archives = new Set<string>() // ids that a primary names and that are no servers: archives of Respite's
  readonly #options: DeploymentOptions
  readonly #events: DeploymentEvents
  readonly #names: Names
  #masterName: string | undefined
  #trouble: readonly string[] = []
  #hearing = false
  #hearAgainAt = Number.NEGATIVE_INFINITY // monotonic
  #missed = 0
  #trying = 0 // other addresses and logins that are being tried
  readonly #ending = new AbortController()

  constructor(options: DeploymentOptions, events: DeploymentEvents) {
    this.#options = options
    this.#events = events
    this.#names = makeNames(this.members, events.onRename)
    this.#masterName = options.target.masterName
    const role = options.target.kind === 'sentinel' ? 'sentinel' : 'unknown'
    for (const seed of options.target.seeds) this.#add(showAddress(seed), role, seed)
  }

  /** The members that there is something to say of. */
  get shown(): Member[] {
    return [...this.members.values()].filter((member) => !isBeingAsked(member))
  }

  /** What keeps us from knowing all servers, in words. */
  get trouble(): readonly string[] {
    return this.#trouble
  }

  /** Watches a server that was known before this start. */
  add(id: string, role: Role): void {
    this.#add(id, role)
  }

  drop(id: string): void {
    this.members.get(id)?.watch.stop()
    this.members.delete(id)
  }

  /** Has every server that is known been looked at, and asked where it can be? */
  isSettled(): boolean {
    // A hello that was missed once is waited for again: Sentinels found later would be new, and are not.
    if (this.#hearing || this.#missed === 1 || this.#trying > 0) return false
    return [...this.members.values()].every(({ watch, links, couldNotLook, reading }) => {
      if (watch.answer === undefined) return false
      if (links !== undefined || couldNotLook.length > 0) return true
      return watch.ask === undefined && !watch.opening && !reading && watch.answer.id !== 'ok'
    })
  }

  /** The ids that reached servers name now, and how many could be asked. */
  named(): { ids: ReadonlySet<string>; namers: number } {
    const ids = new Set<string>()
    let namers = 0
    for (const member of this.members.values()) {
      if (member.seed) ids.add(member.id)
      if (member.links === undefined || !this.#isFresh(member)) continue
      namers += 1
      ids.add(member.id) // a server that answers is there, whoever names it
      for (const other of member.links.named) if (!this.#archives.has(other.id)) ids.add(this.#names.resolve(other.id))
    }
    return { ids, namers }
  }

  stop(): void {
    this.#ending.abort()
    for (const member of this.members.values()) member.watch.stop()
  }

  #isFresh(member: Member): boolean {
    return this.#events.clock.monotonic() - member.linksAt < LINKS_FRESH_MS && member.watch.ask !== undefined
  }

  #add(name: string, role: Role, seedAddress?: Address): Member {
    const id = this.#names.resolve(name)
    const known = this.members.get(id)
    if (known !== undefined) return known
    const address = seedAddress ?? this.#options.addresses.get(name) ?? parseAddress(id)
    const member = makeMember(this.#memberOptions(id, address, role, seedAddress !== undefined))
    this.members.set(id, member)
    return member
  }

  #memberOptions(id: string, address: Address, role: Role, seed: boolean, login?: Access): MemberOptions {
    const { access, sentinelAccess, every, supervisor, target } = this.#options
    const isItsOwn = target.kind === 'server' && address === target.seeds[0]
    return {
      id,
      address,
      access: login ?? (role === 'sentinel' ? (sentinelAccess ?? access) : access),
      seed,
      archives: this.#archives,
      supervisor: isItsOwn ? supervisor : undefined,
      role,
      clock: this.#events.clock,
      livenessMs: every.livenessMs,
      onAnswer: this.#events.onAnswer,
      onOpen: (member) => void this.#read(member),
      onTick: (member) => void this.#tick(member),
    }
  }

  /** Every second: the offsets that lag is made of. Every five: who the others are. */
  async #tick(member: Member): Promise<void> {
    const { ask } = member.watch
    if (ask === undefined) {
      forgetLags(member, this.members)
      return this.#tryOtherWay(member)
    }
    if (this.#events.clock.monotonic() - member.linksAt >= LINKS_EVERY_MS) return this.#read(member)
    if (member.reading || !isFollowed(member, this.members)) return
    member.reading = true
    try {
      this.#noteReplication(member, parseReplication(parseInfo(String(await ask('INFO', 'replication')))))
    } catch {
      forgetLags(member, this.members) // the door says why it does not answer; the next tick asks again
    } finally {
      member.reading = false
    }
  }

  #noteReplication(member: Member, replication: Replication): void {
    const resolve = (name: string): string => this.#names.resolve(name)
    noteReplication(member, replication, this.members, { now: this.#events.clock.monotonic(), resolve })
  }

  get #stopped(): boolean {
    return this.#ending.signal.aborted
  }

  async #read(member: Member): Promise<void> {
    const { ask } = member.watch
    if (ask === undefined || member.reading || this.#stopped) return
    member.reading = true
    try {
      const links = await readLinks(ask, this.#masterName)
      if (this.#stopped || this.members.get(member.id) !== member) return
      this.#take(member, links)
    } catch (error) {
      const isForbidden = error instanceof Refused && error.answer === 'noperm'
      const hint = isForbidden ? 'permit it: ACL SETUSER <user> +info' : 'see how the server answers'
      member.couldNotLook = [{ at: 'INFO', why: reasonOf(error), hint }]
    } finally {
      member.linksAt = this.#events.clock.monotonic()
      member.reading = false
    }
    if (!this.#stopped) this.#events.onLinks()
  }

  #take(found: Member, links: Links): void {
    if (links.isArchive) {
      this.#archives.add(found.id)
      return this.drop(found.id)
    }
    const before = found.links
    found.links = links
    found.couldNotLook = links.couldNotLook
    found.watch.remember({ pid: links.pid, runId: links.runId, unixSocket: links.unixSocket })
    if (before !== undefined && before.runId !== links.runId)
      this.#events.log.warn({ server: found.id }, 'the server was restarted')
    const member = this.#names.identify(found, links)
    if (links.role === 'sentinel' && !this.#chooseMaster(member, links)) return
    for (const { id, role, shard } of links.named.filter((one) => !this.#archives.has(one.id))) {
      const other = this.#add(id, role)
      if (role !== 'unknown') other.namedRole = role
      if (!wasReached(other)) other.namedShard = shard
    }
    if (links.replication !== undefined) this.#noteReplication(member, links.replication)
    if (links.sentinelsListen) void this.#hearSentinels(member)
    else this.#missed = 0
  }

  /** A Sentinel may watch many; a deployment is one of them. */
  #chooseMaster(member: Member, links: Links): boolean {
    this.#masterName ??= links.masterNames.length === 1 ? links.masterNames[0] : undefined
    const name = this.#masterName
    if (name !== undefined && links.masterNames.includes(name)) {
      this.#trouble = []
      return true
    }
    const names = links.masterNames.join(', ') || 'nothing'
    this.#trouble = [
      name === undefined
        ? `the Sentinel ${member.id} watches ${names}: name one in the URL, redis+sentinel://${member.id}/NAME`
        : `the Sentinel ${member.id} does not watch ${name}; it watches ${names}`,
    ]
    return false
  }

  async #hearSentinels({ address, access }: Member): Promise<void> {
    const { clock } = this.#events
    const known = [...this.members.values()].some((other) => roleOf(other) === 'sentinel' && wasReached(other))
    if (this.#hearing || known || clock.monotonic() < this.#hearAgainAt) return
    this.#hearing = true
    const connect = { address, access, timeoutMs: HELLO_WAIT_MS }
    const hello = await hearChannel(connect, '__sentinel__:hello', parseHello, this.#ending.signal)
    this.#hearing = false
    this.#hearAgainAt = clock.monotonic() + Math.min(HELLO_AGAIN_MOST_MS, HELLO_AGAIN_MS * 2 ** this.#missed)
    this.#missed = hello === undefined ? this.#missed + 1 : 0
    if (hello === undefined || this.#stopped) return
    this.#masterName ??= hello.masterName
    this.#add(hello.sentinel, 'sentinel')
  }

  /** A server that was never reached may be reached at another address, a Sentinel with another login. */
  async #tryOtherWay(member: Member): Promise<void> {
    const { clock } = this.#events
    const last = member.otherWayTriedAt ?? Number.NEGATIVE_INFINITY
    if (wasReached(member) || clock.monotonic() - last < OTHER_WAY_EVERY_MS) return
    member.otherWayTriedAt = clock.monotonic()
    const answer = member.watch.answer?.id
    this.#trying += 1
    if (answer === 'wrongpass' || answer === 'noauth') await this.#tryOtherLogin(member)
    else await this.#tryOtherAddress(member)
    this.#trying -= 1
  }

  async #tryOtherLogin(member: Member): Promise<void> {
    const { access, sentinelAccess } = this.#options
    const other = sentinelAccess ?? { tls: access.tls }
    if (isDeepStrictEqual(other, member.access) || !(await isSentinelThatTakes(other, member))) return
    if (this.#stopped || this.members.get(member.id) !== member) return
    moveMember(member, this.#memberOptions(member.id, member.address, 'sentinel', member.seed, other))
  }

  async #tryOtherAddress(member: Member): Promise<void> {
    const host = this.#options.target.seeds[0]?.host
    if (member.seed || host === undefined || this.#options.addresses.has(member.id)) return
    const address = await findOtherAddress(member, host, this.members, this.#masterName)
    if (address === undefined || this.#stopped || this.members.get(member.id) !== member) return
    this.#events.log.info({ server: member.id, address: showAddress(address) }, "reached at the seed's host")
    moveMember(member, this.#memberOptions(member.id, address, roleOf(member), false, member.access))
  }
}
