// One full sample of one server: INFO once, then all collectors at the same moment, so that their commands leave in one
// batch. A collector that is refused (a version without the command, an ACL without the right) becomes *could not
// look*, as data and as a series; the others go on. A lost connection is no sample at all and is thrown.
//
// Of redis_exporter's own series those are kept that mean something here. The time to connect and to PING is not among
// them: Respite keeps its connection. Nor is its build, which is the process's and not the server's.

import { fileURLToPath } from 'node:url'
import type { CouldNotLook } from '../fleet/server.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import { withoutReplicas } from '../redis/topology.ts'
import type { Ask } from '../redis/ask.ts'
import { Lost, Refused } from '../redis/connection.ts'
import { InfoReader, NO_TEXT, type Info } from '../redis/info.ts'
import { askAhead, makeAsked, type Asked } from './asking.ts'
import { isCollector, type Collector, type Look, type SampleSettings } from './collector.ts'
import { startCommandTable } from './command-table.ts'
import { remember } from './series-cache.ts'
import { counter, family, gauge, labelText, seriesOf, Snapshot } from './series.ts'
import { makeSlowLog, type SlowLog } from './slow-log.ts'

export interface Sample {
  readonly snapshot: Snapshot
  readonly info: Info
  readonly couldNotLook: readonly CouldNotLook[]
}

/** The collectors of one server with all that they remember between its samples. */
export interface StartedCollectors {
  readonly collectors: readonly { id: string; on: Collector['on']; collect: ReturnType<Collector['start']> }[]
  readonly asked: Asked
  readonly infoReader: InfoReader
  readonly commandTable: ReturnType<typeof startCommandTable>
  readonly slowLog: SlowLog
  readonly taken: { samples: number; seconds: number; last: Snapshot | undefined }
}

const BUILT_IN = fileURLToPath(new URL('collectors', import.meta.url))

const up = seriesOf(gauge('redis_up', '1 when the server could be sampled.'))
const failed = seriesOf(gauge('redis_exporter_last_scrape_error', '1 when the sample failed.'), labelText({ err: '' }))
const lastSeconds = seriesOf(gauge('redis_exporter_last_scrape_duration_seconds', 'Seconds that the sample took.'))
const samples = seriesOf(counter('redis_exporter_scrapes_total', 'Samples taken of the server.'))
const durations = family('redis_exporter_scrape_duration_seconds', 'summary', 'Seconds that the samples took.')
const [durationSum, durationCount] = [seriesOf(durations, '', '_sum'), seriesOf(durations, '', '_count')]
const notLooked = gauge('respite_could_not_look', '1 when something could not be asked of the server.')
const notLookedAt = remember((at) => seriesOf(notLooked, labelText({ at })), 256)

/** The collectors of these folders, ready for one server. */
export async function startCollectors(...folders: string[]): Promise<StartedCollectors> {
  const units = new Map<string, Collector>()
  for (const folder of [BUILT_IN, ...folders])
    for (const [id, unit] of await loadUnits(folder, isCollector)) units.set(id, unit)
  const collectors = [...units].map(([id, unit]) => ({ id, on: unit.on, collect: unit.start() }))
  return {
    collectors,
    asked: makeAsked(),
    infoReader: new InfoReader('Commandstats', 'Latencystats'),
    commandTable: startCommandTable(),
    slowLog: makeSlowLog(),
    taken: { samples: 0, seconds: 0, last: undefined },
  }
}

/** Samples one server. Throws `Lost` or `Refused` when not even INFO is answered. */
export async function takeSample(
  server: {
    readonly ask: Ask
    readonly kind: 'server' | 'sentinel'
    readonly archives?: ReadonlySet<string> | undefined
  },
  started: StartedCollectors,
  settings: SampleSettings,
  now: number,
): Promise<Sample> {
  const begun = performance.now()
  const infoText = askInfo(server.ask) // sent first, and in the same write as what is asked ahead
  const ask = askAhead(server.ask, started.asked, now)
  const read = started.infoReader.read(await infoText)
  const { archives } = server
  const info = archives === undefined || archives.size === 0 ? read : withoutReplicas(read, archives)
  const [commandStats = NO_TEXT, latencyStats = NO_TEXT] = started.infoReader.sections
  const snapshot = new Snapshot(now, started.taken.last)
  const look: Look = {
    info,
    kind: server.kind,
    cluster: info.get('cluster_enabled') === '1',
    ask,
    commands: started.commandTable(commandStats),
    latencyStats,
    now,
    settings,
    slowLog: started.slowLog,
  }
  const couldNotLook = await collectAll(started, look, snapshot)
  started.infoReader.forgetSections()
  for (const { at } of couldNotLook) snapshot.add(notLookedAt(at), 1)
  const seconds = (performance.now() - begun) / 1_000
  started.taken.last = snapshot
  started.taken.samples += 1
  started.taken.seconds += seconds
  snapshot.add(up, 1)
  snapshot.add(failed, 0)
  snapshot.add(lastSeconds, seconds)
  snapshot.add(samples, started.taken.samples)
  snapshot.add(durationSum, started.taken.seconds)
  snapshot.add(durationCount, started.taken.samples)
  return { snapshot, info, couldNotLook }
}

/** INFO with all sections, or without arguments where that is refused (a proxy, a rented server). */
async function askInfo(ask: Ask): Promise<string> {
  const text = await ask('INFO', 'ALL').catch((error: unknown) => {
    if (error instanceof Refused && error.answer === 'error') return ''
    throw error
  })
  return String((text === '' ? await ask('INFO') : text) ?? '')
}

async function collectAll(started: StartedCollectors, look: Look, out: Snapshot): Promise<CouldNotLook[]> {
  const problems: CouldNotLook[] = []
  const waits: Promise<void>[] = []
  const note = (id: string, error: unknown): void => {
    if (error instanceof Lost) throw error
    const problem = describe(id, error)
    if (!problems.some((known) => known.at === problem.at)) problems.push(problem)
  }
  for (const { id, on, collect } of started.collectors) {
    if (on !== 'both' && on !== look.kind) continue
    try {
      const wait = collect(look, out)
      if (wait !== undefined) waits.push(wait.catch((error: unknown) => note(id, error)))
    } catch (error) {
      note(id, error)
    }
  }
  await Promise.all(waits)
  return problems.toSorted((a, b) => (a.at < b.at ? -1 : 1))
}

function describe(id: string, error: unknown): CouldNotLook {
  if (error instanceof Fault) return { at: error.target, why: error.why, hint: error.hint ?? '' }
  return {
    at: id,
    why: reasonOf(error),
    hint: 'This is a mistake in Respite; please report it with the version of the server.',
  }
}
