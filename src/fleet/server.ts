// What the fleet knows of one server: the shapes that metrics, the API and the command line read.

import type { Answer } from '../redis/answers.ts'
import type { Ask } from '../redis/ask.ts'
import type { Access, Address } from '../redis/url.ts'
import type { DeploymentOptions } from './watch-deployment.ts'

export type Role = 'primary' | 'replica' | 'sentinel' | 'unknown'
export type DeploymentKind = 'standalone' | 'replicated' | 'sentinel' | 'cluster'

/** Something that could not be asked; never shown as healthy. */
export interface CouldNotLook {
  readonly at: string // "LATENCY HISTOGRAM", "process"
  readonly why: string
  readonly hint: string
}

/** Is the server part of the topology that was confirmed? A missing one is expected and named by nobody any more. */
export type Standing = 'expected' | 'new' | 'missing'

export interface ServerView {
  readonly id: string // announced host:port, or the path of a unix socket
  readonly deployment: string
  readonly address: Address // how we reach it; differs from the id behind NAT
  readonly role: Role
  readonly standing: Standing
  readonly answer: Answer // what a new client meets
  readonly since: number // epoch ms since when `answer.id` is what it is
  readonly reserved: boolean // do we hold our own connection
  readonly version?: string | undefined // "7.0.15"
  readonly flavour?: 'redis' | 'valkey' | undefined
  readonly runId?: string | undefined
  readonly primary?: string | undefined // of a replica: the id of its primary, as it names it
  readonly linkUp?: boolean | undefined // of a replica
  readonly shard?: string | undefined // of a Cluster node: the id of its shard's primary node
  readonly shardNode?: string | undefined // the node id of that primary, 40 hexadecimal digits
  readonly archives?: ReadonlySet<string> | undefined // ids that its primaries name like replicas: archives of Respite's
  readonly lagSeconds?: number | undefined // of a replica: age of the oldest offset that it has not acknowledged
  readonly couldNotLook: readonly CouldNotLook[]
}

/** One and the same object for as long as the server is watched, whatever its name becomes. */
export interface WatchedServer {
  readonly view: ServerView
  readonly access: Access
  readonly supervisor: string | undefined // what starts it, as far as somebody said: `docker:orders`
  /** Asks through the reserved connection; undefined while there is none. */
  readonly ask: Ask | undefined
  /** What a write met (the canary, opt-in); it counts while the door itself is ok. undefined: no longer known. */
  noteWrite(answer: Answer | undefined): void
}

export interface DeploymentView {
  readonly name: string
  readonly kind: DeploymentKind
  readonly servers: readonly ServerView[]
  readonly missing: readonly string[] // ids of servers that are expected and that nobody names any more
  readonly problems: readonly string[] // "expected 2 replicas, found 1": what `expect` asks and is not so
  readonly couldNotLook: readonly CouldNotLook[]
}

/** The fleet under watch. */
export interface Fleet {
  deployments(): readonly DeploymentView[]
  servers(): readonly WatchedServer[]
  onChange(run: (server: ServerView) => void): void // an answer, a role or a standing changed
  onAnswer(run: (server: ServerView) => void): void // every attempt, changed or not
  accept(id: string): boolean // confirms a new server; false: not known
  forget(id: string): boolean // drops a missing one; false: not known
  /** Resolves true when every server that is known has been looked at and asked, false when the time ran out before. */
  settled(withinMs: number): Promise<boolean>
  /** Goes on with these deployments; those that are configured as before are not touched. */
  reconfigure(deployments: readonly DeploymentOptions[]): void
  stop(): void
}
