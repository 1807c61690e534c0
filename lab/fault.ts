// What a fault of the lab is: a way in which servers really fail, made real on this machine. A fault is one file in
// faults/, its name is the id of the check that has to find it. It builds a healthy fleet, breaks it, and knows how to
// mend it. What a check gets to see of it carries no name of the lab.
//
// Everything runs in network and mount namespaces of its own where the fault asks for them, so that a firewall or a full
// disk harms nobody else.

import type { Access } from '../src/redis/url.ts'
import type { Server } from './servers.ts'
import type { Random } from './random.ts'

/** What a machine must allow: `root` includes mounts and a network of its own. */
export type Need = 'root' | 'cgroup' | 'iptables' | 'openssl'

/** One way to make the fault: at least three of each, which differ in size, role, login and settings. */
export interface Variant {
  readonly name: string // "with a password"
  readonly keys: number // data to begin with, about; the seed varies it
  readonly password?: boolean
  readonly replicas?: number
  readonly conf?: readonly string[] // lines of redis.conf
  readonly set?: Readonly<Record<string, string | number>> // whatever else this fault varies
}

/** The usual three: a small server alone, a larger one with a password, one with a replica. */
export const USUAL_VARIANTS: readonly Variant[] = [
  { name: 'alone', keys: 1_000 },
  { name: 'with a password', keys: 20_000, password: true },
  { name: 'with a replica', keys: 5_000, replicas: 1 },
]

export interface LabFault {
  readonly says: string // what happens, for a person: "The disk is full when the next snapshot is written."
  readonly needs: readonly Need[]
  readonly variants: readonly Variant[]
  /** Builds the healthy fleet. `random` is seeded: the same seed gives the same sizes and choices. */
  build(variant: Variant, random: Random): Promise<Scene>
}

export interface Scene {
  readonly url: string // what a person would give to `respite doctor`
  readonly access: Access
  readonly supervisor?: string | undefined
  readonly dataClass?: 'store' | 'cache' | undefined // `store` when absent
  readonly rpoMs?: number | undefined
  readonly expect?: { readonly replicas?: number; readonly sentinels?: number } | undefined // as an operator configures it
  readonly watchMs?: number | undefined // how long a daemon has watched before it breaks, for what needs history; 0 when absent
  readonly expects: Expected | Wellness
  readonly replicas?: readonly Server[] | undefined // that are well, for a second fault at once
  /** Breaks it, and returns when the fault can be seen. */
  inject(): Promise<void>
  /** Mends it, as a person would; absent where nothing can be mended. */
  heal?(): Promise<void>
  /** Ends every process and leaves nothing behind; also of a scene that was never broken. */
  stop(): Promise<void>
}

/** What has to be said of it. */
export interface Expected {
  readonly check?: string // when it is not the fault's own id
  readonly server?: string // the server that it is of; any when absent
  readonly kind?: 'fault' | 'risk' | 'advice' // `fault` when absent: named first, and as a root
  readonly also?: readonly string[] // checks that are true of this scene besides, and may be roots of their own
}

/** Of a scene that is odd and well: no root at all, and this verdict. */
export interface Wellness {
  readonly verdict: 'healthy' | 'warning'
}

export function isLabFault(value: unknown): value is LabFault {
  const unit = value as Partial<LabFault> | undefined
  return typeof unit?.says === 'string' && Array.isArray(unit.variants) && typeof unit.build === 'function'
}
