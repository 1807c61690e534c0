// One server of a deployment under watch, with what it last said of itself and of the others.

import type { Clock } from '../lib/clock.ts'
import { phaseOf } from '../lib/phase.ts'
import type { Answer } from '../redis/answers.ts'
import type { Access, Address } from '../redis/url.ts'
import type { Links } from './links.ts'
import { makeOffsetTrail, type OffsetTrail } from './lag.ts'
import type { CouldNotLook, Role, ServerView, Standing, WatchedServer } from './server.ts'
import { ServerWatch, type WatchServerOptions } from './watch-server.ts'

export interface Member {
  id: string
  address: Address
  access: Access
  supervisor: string | undefined
  seed: boolean // named by the configuration or the command line
  readonly archives: ReadonlySet<string> // of the deployment: what is named like a replica and is none
  namedRole: Role // what others say it is, until it says so itself
  namedShard: string | undefined
  watch: ServerWatch
  links: Links | undefined
  linksAt: number // monotonic ms; of the last links that were read
  reading: boolean
  standing: Standing
  unnamedSince: number | undefined // monotonic ms
  otherWayTriedAt: number | undefined
  follows: string | undefined // of a replica: the id of whom it follows
  acknowledged: number | undefined // of a replica: the last offset that whom it follows heard of
  trail: OffsetTrail
  lagSeconds: number | undefined
  couldNotLook: readonly CouldNotLook[]
}

export interface MemberOptions {
  readonly id: string
  readonly address: Address
  readonly access: Access
  readonly seed: boolean
  readonly archives: ReadonlySet<string>
  readonly supervisor: string | undefined
  readonly role: Role
  readonly clock: Clock
  readonly livenessMs: number
  readonly onAnswer: (member: Member) => void
  readonly onOpen: (member: Member) => void
  readonly onTick: (member: Member) => void
}

/** Starts to watch a server. Attempts are spread over the interval by the server's name. */
export function makeMember(options: MemberOptions): Member {
  const { id, address, access, supervisor, seed, archives, role } = options
  const member: Member = {
    id,
    address,
    access,
    supervisor,
    seed,
    archives,
    namedRole: role,
    namedShard: undefined,
    watch: undefined as unknown as ServerWatch, // set in the next line: its callbacks need the member
    links: undefined,
    linksAt: Number.NEGATIVE_INFINITY,
    reading: false,
    standing: 'expected', // until the standings are computed, with the first links that are read
    unnamedSince: undefined,
    otherWayTriedAt: undefined,
    follows: undefined,
    acknowledged: undefined,
    trail: makeOffsetTrail(),
    lagSeconds: undefined,
    couldNotLook: [],
  }
  member.watch = new ServerWatch(watchOptions(member, options))
  return member
}

/** Watches the same server at another address, or with another login, from now on. */
export function moveMember(member: Member, options: MemberOptions): void {
  member.watch.stop()
  member.address = options.address
  member.access = options.access
  member.supervisor = options.supervisor
  member.watch = new ServerWatch(watchOptions(member, options))
}

function watchOptions(member: Member, options: MemberOptions): WatchServerOptions {
  return {
    address: member.address,
    access: member.access,
    clock: options.clock,
    everyMs: options.livenessMs,
    supervisor: options.supervisor,
    phaseMs: phaseOf(member.id, options.livenessMs),
    onAnswer: () => options.onAnswer(member),
    onOpen: () => options.onOpen(member),
    onTick: () => options.onTick(member),
  }
}

/** Its own word while it can be asked; then that of the others, who may have replaced it meanwhile. */
export function roleOf(member: Member): Role {
  const own = member.links?.role
  if (own !== undefined && (member.watch.ask !== undefined || member.namedRole === 'unknown')) return own
  return member.namedRole
}

/**
 * It lets us in and has not said yet who it is: for some milliseconds nobody need know of it. It may be no server at all,
 * but the place where an archive listens.
 */
export function isBeingAsked({ watch, links, couldNotLook, seed }: Member): boolean {
  return !seed && links === undefined && couldNotLook.length === 0 && watch.answer?.id === 'ok'
}

/** Was this server ever reached? */
export function wasReached(member: Member): boolean {
  return member.links !== undefined
}

const UNASKED: Answer = { id: 'unasked', at: 0 }

export function viewOf(member: Member, deployment: string): ServerView {
  const { links, watch } = member
  const replication = links?.replication
  return {
    id: member.id,
    deployment,
    address: member.address,
    role: roleOf(member),
    standing: member.standing,
    answer: watch.answer ?? UNASKED,
    since: watch.since,
    reserved: watch.ask !== undefined,
    version: links?.version,
    flavour: links?.flavour,
    runId: links?.runId,
    primary: replication?.primary,
    linkUp: replication?.linkUp,
    shard: links?.shard ?? member.namedShard,
    shardNode: links?.shardNode,
    lagSeconds: member.lagSeconds,
    archives: member.archives,
    couldNotLook: member.couldNotLook,
  }
}

const watched = new WeakMap<Member, WatchedServer>()

/** The server as others use it: what is known of it now, and the way to ask it. */
export function watchedOf(member: Member, deployment: string): WatchedServer {
  let server = watched.get(member)
  if (server === undefined) {
    server = {
      get view() {
        return viewOf(member, deployment)
      },
      get access() {
        return member.access
      },
      get supervisor() {
        return member.supervisor
      },
      get ask() {
        return member.watch.ask
      },
      noteWrite: (answer) => member.watch.noteWrite(answer),
    }
    watched.set(member, server)
  }
  return server
}
