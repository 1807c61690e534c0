// The collectors that only read INFO, on texts of INFO: every field of redis_exporter 1.88 under its name and type, the
// fields that it leaves out, and lines that are not as they should be.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { InfoReader, NO_TEXT } from '../redis/info.ts'
import type { Collector, Look } from './collector.ts'
import commandstats from './collectors/commandstats.ts'
import errorstats from './collectors/errorstats.ts'
import infoExtra from './collectors/info-extra.ts'
import infoFields from './collectors/info-fields.ts'
import instance from './collectors/instance.ts'
import latencyPercentiles from './collectors/latency-percentiles.ts'
import memoryLimit from './collectors/memory-limit.ts'
import replication from './collectors/replication.ts'
import unsaved from './collectors/unsaved.ts'
import { startCommandTable } from './command-table.ts'
import { Snapshot } from './series.ts'
import { makeSlowLog } from './slow-log.ts'

interface Row {
  readonly field: string
  readonly name: string
  readonly type: string
}

const fixture = new URL('../../test/fixtures/exporter-names.json', import.meta.url)
const { fields } = JSON.parse(readFileSync(fixture, 'utf8')) as { fields: Row[] }

/** A look at a text of INFO, in which nothing may be asked. */
function lookAt(text: string, now: number): Look {
  const ask = (...words: string[]): never => assert.fail(`nothing is asked, but ${words.join(' ')} was`)
  const reader = new InfoReader('Commandstats', 'Latencystats')
  const info = reader.read(text)
  const [commandStats = NO_TEXT, latencyStats = NO_TEXT] = reader.sections
  const commands = startCommandTable()(commandStats)
  const said = { info, commands, latencyStats }
  return { ...said, kind: 'server', cluster: false, ask, now, settings: {}, slowLog: makeSlowLog() }
}

function collect(collector: Collector, text: string, now = 1_700_000_000_000): Snapshot {
  const out = new Snapshot(now)
  void collector.start()(lookAt(text, now), out)
  return out
}

test('every field that redis_exporter 1.88 maps has its name, its type and its value', () => {
  assert.ok(fields.length > 150)
  const out = collect(infoFields, fields.map(({ field }, at) => `${field}:${at + 1}\r\n`).join(''))
  for (const [at, { field, name, type }] of fields.entries()) {
    const series = out.series.find((one) => one.name === name)
    assert.equal(series?.family.type, type, `${field} as ${name}`)
    assert.equal(out.value(name), field === 'latest_fork_usec' ? (at + 1) / 1e6 : at + 1, field)
  }
})

test('states are 1 and 0, and what is no number is left out', () => {
  const out = collect(
    infoFields,
    'rdb_last_bgsave_status:ok\r\naof_last_write_status:err\r\nmem_fragmentation_ratio:inf\r\nused_memory:\r\nmaxmemory:much\r\n',
  )
  assert.equal(out.value('redis_rdb_last_bgsave_status'), 1)
  assert.equal(out.value('redis_aof_last_write_status'), 0)
  assert.equal(out.value('redis_mem_fragmentation_ratio'), Infinity)
  assert.equal(out.series.length, 3)
})

test('a field that nobody has named becomes a gauge of its own name', () => {
  const out = collect(
    infoExtra,
    'brand_new_field:7\r\nbrand_new_text:seven\r\ncmdstat_get:1\r\ndb0:1\r\nused_memory:5\r\n',
  )
  assert.deepEqual(
    out.series.map((series) => series.name),
    ['redis_brand_new_field'],
  )
})

test('fields that redis_exporter leaves out come in base units', () => {
  const text =
    'server_time_usec:1700000000123456\r\nused_memory_peak_perc:99.50%\r\ncurrent_save_keys_processed:10\r\n' +
    'used_active_time_io_thread_3:1.5\r\nmaster_failover_state:no-failover\r\nredis_git_sha1:00000000\r\nmaster_replid2:0000\r\n'
  const out = collect(infoExtra, text)
  assert.equal(out.value('redis_server_time_seconds'), 1_700_000_000.123456)
  assert.equal(out.value('redis_memory_used_peak_ratio'), 0.995)
  assert.equal(out.value('redis_current_save_keys_processed'), 10)
  assert.equal(out.value('redis_active_time_io_thread_seconds_total', 'thread="3"'), 1.5)
  assert.equal(out.value('redis_master_failover_state', 'state="no-failover"'), 1)
  assert.equal(out.value('redis_redis_git_sha1'), undefined)
})

test('commands count with and without the fields that Redis 6.2 added', () => {
  const out = collect(
    commandstats,
    '# Commandstats\r\ncmdstat_config|get:calls=2,usec=3000000,usec_per_call=1.5,rejected_calls=4,failed_calls=5\r\n' +
      'cmdstat_get:calls=1,usec=2,usec_per_call=2.00\r\ncmdstat_odd:nonsense\r\n',
  )
  assert.equal(out.value('redis_commands_duration_seconds_total', 'cmd="config|get"'), 3)
  assert.equal(out.value('redis_commands_rejected_calls_total', 'cmd="config|get"'), 4)
  assert.equal(out.value('redis_commands_failed_calls_total', 'cmd="config|get"'), 5)
  assert.equal(out.value('redis_commands_total', 'cmd="get"'), 1)
  assert.equal(out.series.length, 6)
})

test('percentiles keep their percent numbers, and come with sum and count', () => {
  const text =
    '# Commandstats\r\ncmdstat_get:calls=5,usec=10,usec_per_call=2\r\n\r\n# Latencystats\r\nlatency_percentiles_usec_get:p50=0.001,p99=1.003,p99.9=4.015\r\n' +
    'latency_percentiles_usec_unheard:p50=1\r\n'
  const out = collect(latencyPercentiles, text)
  assert.equal(out.value('redis_latency_percentiles_usec', 'cmd="get",quantile="99.9"'), 4.015)
  assert.equal(out.value('redis_latency_percentiles_usec_sum', 'cmd="get"'), 10)
  assert.equal(out.value('redis_latency_percentiles_usec_count', 'cmd="get"'), 5)
  assert.equal(out.series.length, 5)
})

test('errors count by their first word', () => {
  const out = collect(errorstats, 'errorstat_ERR:count=4\r\nerrorstat_WRONGTYPE:count=2\r\n')
  assert.equal(out.value('redis_errors_total', 'err="WRONGTYPE"'), 2)
})

test('a primary lists its replicas, also one at an IPv6 address', () => {
  const out = collect(
    replication,
    'role:master\r\nslave0:ip=::1,port=6380,state=online,offset=77,lag=1\r\nslave1:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\r\n',
  )
  const labels = 'slave_ip="::1",slave_port="6380",slave_state="online"'
  assert.equal(out.value('redis_connected_slave_offset_bytes', labels), 77)
  assert.equal(out.value('redis_connected_slave_lag_seconds', labels), 1)
  assert.equal(out.series.length, 4)
})

test('the start time does not jitter with the second at which it is asked', () => {
  const collectInstance = instance.start()
  const at = (now: number, uptime: number): number | undefined => {
    const out = new Snapshot(now)
    collectInstance(lookAt(`uptime_in_seconds:${uptime}\r\n`, now), out)
    return out.value('redis_start_time_seconds')
  }
  assert.equal(at(1_000_999, 100), 900)
  assert.equal(at(1_006_001, 105), 900)
  assert.equal(at(1_010_000, 3), 1_007, 'a restart is seen')
})

test('the memory limit that binds is the smallest that is none of 0', () => {
  const limit = (text: string): string[] => {
    const out = collect(memoryLimit, text)
    return out.series.map((series, at) => `${series.labels} ${out.values[at]}`)
  }
  assert.deepEqual(limit('maxmemory:100\r\ntotal_system_memory:1000\r\n'), ['limit="maxmemory" 100'])
  assert.deepEqual(limit('maxmemory:0\r\ntotal_system_memory:1000\r\n'), ['limit="host" 1000'])
  assert.deepEqual(limit('maxmemory:2000\r\ntotal_system_memory:1000\r\n'), ['limit="host" 1000'])
  assert.deepEqual(limit('maxmemory:0\r\n'), [], 'a rented server may hide its host')
})

interface Saving {
  readonly at: number // seconds, of the server's clock
  readonly saved: number
  readonly changes: number
  readonly more?: string
  readonly run?: string
}

function unsavedSeconds(samples: readonly Saving[]): (number | undefined)[] {
  const collectOne = unsaved.start()
  return samples.map(({ at, saved, changes, more = '', run = 'a' }) => {
    const text = `run_id:${run}\r\nserver_time_usec:${at * 1e6}\r\nrdb_last_save_time:${saved}\r\nrdb_changes_since_last_save:${changes}\r\n${more}`
    const out = new Snapshot(at * 1000)
    collectOne(lookAt(text, at * 1000), out)
    return out.value('respite_unsaved_seconds')
  })
}

test('what is unsaved is as old as the first change that no snapshot holds', () => {
  const quiet = { at: 5_000, saved: 1_000, changes: 0 }
  assert.deepEqual(unsavedSeconds([quiet, { ...quiet, at: 90_000 }]), [0, 0], 'nobody writes: nothing to lose')
  assert.deepEqual(unsavedSeconds([{ ...quiet, changes: 3 }]), [4_000], 'at first: at most since the last save')
  const written = [quiet, { ...quiet, at: 5_005, changes: 1 }, { ...quiet, at: 5_010, changes: 9 }]
  assert.deepEqual(unsavedSeconds(written), [0, 5, 10])
  const saving = 'rdb_current_bgsave_time_sec:2\r\n'
  assert.deepEqual(
    unsavedSeconds([
      ...written,
      { at: 5_015, saved: 1_000, changes: 9, more: saving },
      { at: 5_020, saved: 5_018, changes: 2, more: 'rdb_last_bgsave_time_sec:5\r\n' },
      { at: 5_025, saved: 5_024, changes: 0 },
    ]).slice(3),
    [15, 7, 0],
    'what came while the snapshot was written is not in it',
  )
  assert.deepEqual(
    unsavedSeconds([...written, { at: 5_015, saved: 5_014, changes: 1, run: 'b' }]).at(-1),
    1,
    'restarted',
  )
})

test('an append-only file that is written holds every change', () => {
  const aof = (status: string): Saving => ({
    at: 5_000,
    saved: 1_000,
    changes: 3,
    more: `aof_enabled:1\r\naof_last_write_status:${status}\r\n`,
  })
  assert.deepEqual(unsavedSeconds([aof('ok')]), [0])
  assert.deepEqual(unsavedSeconds([aof('err')]), [4_000])
})
