// A source looks in one place for one part of the evidence: INFO, the log, the process. It is handed the server and what
// other sources saw before it, and returns what it saw; undefined when there is nothing of the kind (a server that is no
// Sentinel has no `sentinel`). What it cannot see it throws, as a Fault with a hint, or notes while it goes on.

import type { Role, ServerView } from '../fleet/server.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { Refused, type Reply } from '../redis/connection.ts'
import type { Ask } from '../redis/ask.ts'
import type { Access } from '../redis/url.ts'
import type { KnownPlaces } from '../supervisors/supervisor.ts'
import type { Seen } from './evidence.ts'

/** What is known of a server before it is looked at. */
export interface Remembered {
  readonly address?: string | undefined // how it was reached: host:port, or the path of a unix socket
  readonly pid?: number | undefined
  readonly places?: KnownPlaces | undefined // as it said itself when it was last asked
  readonly outputs?: readonly string[] | undefined // files of its standard output and error
  readonly supervisor?: string | undefined // what its process was seen to belong to
  readonly role?: Role | undefined
  readonly replicas?: readonly string[] | undefined // ids
  readonly at?: number | undefined // epoch ms, when it said so
  readonly runId?: string | undefined
  readonly keys?: number | undefined
}

/** What the command line or the configuration says of where to look; it goes before everything else. */
export interface LookOptions {
  readonly conf?: string | undefined
  readonly log?: string | undefined
  readonly dir?: string | undefined
}

export interface ServerAtHand {
  readonly view: ServerView
  readonly access: Access
  readonly supervisor: string | undefined
  readonly options: LookOptions
  readonly remembered: Remembered
  readonly local: boolean
  /** Asks the server; throws a Fault that says which permission is missing. Not to be called by sources that are not `asked`. */
  ask(...words: string[]): Promise<Reply>
  /** Notes a part that cannot be seen, and goes on. */
  couldNot(at: string, why: string, hint: string): void
  /** What is of the machine, and the same for all servers on it, is looked at once for them. */
  once<T>(key: string, look: () => Promise<T>): Promise<T>
}

export interface Source<Id extends keyof Seen = keyof Seen> {
  readonly looksAt: string // one line for the documentation
  readonly asks: boolean // does it need a connection to the server
  readonly after?: readonly (keyof Seen)[] // what it builds on; it also runs where those could not be seen
  readonly withinMs?: number // 2,000 when absent
  look(server: ServerAtHand, seen: Partial<Seen>): Promise<Seen[Id] | undefined>
}

export function isSource(value: unknown): value is Source {
  const unit = value as Partial<Source> | undefined
  return typeof unit?.looksAt === 'string' && typeof unit.asks === 'boolean' && typeof unit.look === 'function'
}

/** Asking with refusals turned into what a person can do about them. */
export function askWithHints(ask: Ask, target: string): ServerAtHand['ask'] {
  return async (...words) => {
    try {
      return await ask(...words)
    } catch (error) {
      const [command = '', sub = ''] = words.map((word) => word.toLowerCase())
      const noPermission = error instanceof Refused && /^NOPERM|permission/i.test(error.message)
      const unknown = error instanceof Refused && /unknown (sub)?command/i.test(error.message)
      throw new Fault({
        doing: `asking ${words.slice(0, 2).join(' ')} of`,
        target,
        why: reasonOf(error),
        hint: noPermission
          ? `permit it: ACL SETUSER <user> +${command}${HAS_SUBCOMMANDS.has(command) ? `|${sub}` : ''}`
          : unknown
            ? 'this server does not have it, or has it under another name; what it would show stays unknown'
            : 'try it by hand: it may have been a moment of load',
        cause: error,
      })
    }
  }
}

const HAS_SUBCOMMANDS = new Set([
  'acl',
  'client',
  'cluster',
  'config',
  'latency',
  'memory',
  'module',
  'pubsub',
  'slowlog',
])
