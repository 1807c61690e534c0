// A collector turns replies of one server into series. It is given INFO already parsed, asks what else it needs, and
// never talks to more than the one server. What it could not ask (a command that this version or this user does not
// have) it says by throwing; the sampler turns that into *could not look*, and the other collectors go on.

import type { Ask } from '../redis/ask.ts'
import type { Info, Stretch } from '../redis/info.ts'
import type { CommandTable } from './command-table.ts'
import type { Snapshot } from './series.ts'
import type { SlowLog } from './slow-log.ts'

/** One sample of one server under way. All that the collectors ask in one sample leaves in one batch. */
export interface Look {
  readonly info: Info // INFO ALL, without the sections Commandstats and Latencystats
  readonly commands: CommandTable // Commandstats; other numbers in the next sample
  readonly latencyStats: Stretch // the lines of Latencystats; none before Redis 7
  readonly kind: 'server' | 'sentinel'
  readonly cluster: boolean // INFO says cluster_enabled:1
  readonly ask: Ask
  readonly now: number // epoch milliseconds
  readonly settings: SampleSettings
  readonly slowLog: SlowLog // of this server; outlives the sample
}

/** What the configuration says about sampling one deployment. */
export interface SampleSettings {
  readonly queues?: readonly QueueSetting[] | undefined
  readonly clientList?: boolean | undefined // connected_client_* as redis_exporter's -export-client-list
  readonly configMetrics?: boolean | undefined // config_value, config_key_value as -include-config-metrics
}

export interface QueueSetting {
  readonly pattern: string // a glob of keys, as SCAN MATCH; a pattern without wildcard is one key
  readonly db?: number | undefined
}

export interface Collector {
  readonly asks: string // what it measures, one line for a person
  readonly on: 'server' | 'sentinel' | 'both'
  /** Made once per server, so that what a collector remembers between samples lives in its closure. */
  start(): (look: Look, out: Snapshot) => void | Promise<void>
}

export function isCollector(value: unknown): value is Collector {
  const unit = value as Partial<Collector> | undefined
  return typeof unit?.asks === 'string' && typeof unit.start === 'function' && typeof unit.on === 'string'
}
