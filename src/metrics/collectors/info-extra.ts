// What INFO says and redis_exporter leaves out: the progress of saves, loads and synchronizations, rates, the clock,
// the texts that tell one installation from another. A number of INFO that nobody has named yet becomes a gauge
// `redis_<field>`.

import type { Info } from '../../redis/info.ts'
import type { Collector } from '../collector.ts'
import { addRows, meaningfulFields, type FieldSeries } from '../field-series.ts'
import { EXTRA_COUNTERS, EXTRA_GAUGES, NOT_METRICS } from '../info-table-extra.ts'
import { COUNTER_FIELDS, GAUGE_FIELDS } from '../info-table.ts'
import { startLabels } from '../label-fields.ts'
import { parseState } from '../number.ts'
import { remember } from '../series-cache.ts'
import { counter, declaredFamilies, gauge, labelText, seriesOf, type Snapshot } from '../series.ts'

const PER_CENT = 37 // the character %
const IO_THREAD = 'used_active_time_io_thread_'

const targets = new Map<string, FieldSeries>()
addRows(targets, EXTRA_GAUGES, gauge)
addRows(targets, EXTRA_COUNTERS, counter)
const others = new Set([...GAUGE_FIELDS, ...COUNTER_FIELDS].map(([field]) => field))

/** Fields that are named by their content (`cmdstat_get`, `slave0`); other collectors read them. */
const NAMED_BY_CONTENT =
  /^(db|slave|master|listener|io_thread_)\d|^(cmdstat|errorstat|latency_percentiles_usec|cluster|search)_/

/** A field that stands in no table: declared when it says a number for the first time, `null` when its name is taken. */
interface Unnamed {
  readonly field: string
  target: FieldSeries | null | undefined
}
const unnamed = remember((field): Unnamed => ({ field, target: undefined }))

function meaningOf(field: string): FieldSeries | Unnamed | undefined {
  if (others.has(field)) return undefined
  if (field.startsWith(IO_THREAD)) return { series: ioThread(field), divisor: 1 }
  const isOurs = /^[a-z][a-z0-9_]*$/.test(field) && !NAMED_BY_CONTENT.test(field) && !NOT_METRICS.has(field)
  return targets.get(field) ?? (isOurs ? unnamed(field) : undefined)
}

const ioThreads = counter('redis_active_time_io_thread_seconds_total', 'Seconds an I/O thread was at work (Valkey).')
const ioThread = remember((field) => seriesOf(ioThreads, labelText({ thread: field.slice(IO_THREAD.length) })), 512)
const failoverState = gauge('redis_master_failover_state', 'Always 1; how far a FAILOVER is that was asked for.')
const failover = remember((state) => seriesOf(failoverState, labelText({ state })), 32)
const installations = gauge('redis_installation_info', 'Always 1; how the server was installed.')
const histories = gauge('redis_replication_id_info', 'Always 1; the ids of the histories that the server can continue.')
const pauses = gauge('redis_paused', '1 while clients are paused, and what is held back (Valkey).')
const fieldsOf = meaningfulFields(meaningOf)

export default {
  asks: 'The fields of INFO that redis_exporter leaves out.',
  on: 'both',
  start() {
    const addTexts = startTexts()
    return ({ info }, out) => {
      for (const { at, means } of fieldsOf(info)) {
        if ('series' in means) add(means, info.digitsAt(at) ?? parseShare(info.textAt(at)), out)
        else addUnnamed(means, info.digitsAt(at) ?? parseState(info.textAt(at)), out)
      }
      addTexts(info, out)
    }
  },
} satisfies Collector

function add({ series, divisor }: FieldSeries, value: number | undefined, out: Snapshot): void {
  if (value !== undefined) out.add(series, value / divisor)
}

/** `12.5%` too. */
function parseShare(text: string): number | undefined {
  const last = text.length - 1
  return parseState(text.charCodeAt(last) === PER_CENT ? text.slice(0, last) : text)
}

function addUnnamed(of: Unnamed, value: number | undefined, out: Snapshot): void {
  if (value === undefined || of.target === null) return
  if (of.target === undefined) of.target = declareField(of.field)
  if (of.target !== null) out.add(of.target.series, value)
}

/** A gauge of the field's own name, unless that name is taken. */
function declareField(field: string): FieldSeries | null {
  const name = `redis_${field}`
  const help = `The field ${field} of INFO.`
  if (declaredFamilies().some((known) => known.name === name && known.help !== help)) return null
  return { series: seriesOf(gauge(name, help)), divisor: 1 }
}

/** The texts of INFO, as labels. */
function startTexts(): (info: Info, out: Snapshot) => void {
  const INSTALLATION = ['availability_zone', 'config_file', 'executable', 'mem_allocator', 'process_supervised']
  const HISTORY = ['master_replid', 'master_replid2']
  const PAUSE = ['paused_actions', 'paused_reason']
  const infos = [startLabels(installations, INSTALLATION), startLabels(histories, HISTORY)]
  const pause = startLabels(pauses, PAUSE)
  return (info, out) => {
    for (const labels of infos) {
      const series = labels(info)
      if (series !== undefined) out.add(series, 1)
    }
    const paused = pause(info)
    if (paused !== undefined) out.add(paused, info.get('paused_actions') === 'none' ? 0 : 1)
    const state = info.get('master_failover_state')
    if (state !== undefined) out.add(failover(state), 1)
  }
}
