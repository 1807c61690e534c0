// Checks of memory and load on evidence that is constructed: what a real server (Redis 7.0.15 on Linux, 2,000 keys) said of
// itself, with the fields changed that the story needs. For what one machine cannot do to itself without harm (swap, a fork that
// takes a second, a day of history), and for look-alikes of what the lab makes for real.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { diagnose, loadChecks, type Diagnosis } from './diagnose.ts'
import type { Evidence, HistorySeen, ProcessSeen, ServerEvidence, SlowSeen } from './evidence.ts'

const NOW = Date.parse('2026-11-21T15:26:22Z')
const MB = 1 << 20

const INFO: Readonly<Record<string, string>> = {
  role: 'master',
  uptime_in_seconds: '90000',
  used_memory: '104857600',
  used_memory_rss: '115343360',
  used_memory_overhead: '3010296',
  used_memory_startup: '876080',
  used_memory_dataset: '101847304',
  maxmemory: '0',
  maxmemory_policy: 'noeviction',
  mem_fragmentation_ratio: '1.10',
  mem_clients_normal: '37632',
  mem_not_counted_for_evict: '0',
  evicted_keys: '0',
  expired_keys: '0',
  expired_stale_perc: '0.00',
  expired_time_cap_reached_count: '0',
  expire_cycle_cpu_milliseconds: '0',
  total_connections_received: '6000',
  total_commands_processed: '2700000',
  connected_clients: '1',
  blocked_clients: '0',
  latest_fork_usec: '412',
  total_forks: '1',
  rdb_saves: '1',
  rdb_changes_since_last_save: '0',
  rdb_last_save_time: String(NOW / 1_000 - 7_200),
  rdb_last_bgsave_status: 'ok',
  rdb_bgsave_in_progress: '0',
  aof_enabled: '0',
  aof_rewrite_in_progress: '0',
  used_cpu_user_main_thread: '3.618',
  used_cpu_sys_main_thread: '1.809',
  db0: 'keys=2000,expires=0,avg_ttl=0',
}

const PROCESS: ProcessSeen = {
  pid: 4711,
  command: 'redis-server',
  state: 'S',
  cpuShare: 0,
  startedMs: NOW - 90_000_000,
  uid: 106,
  threads: 5,
  residentBytes: 110 * MB,
  swapBytes: 0,
  hugePageBytes: 0,
  runDelayShare: 0.01,
  throttledPeriods: 0,
  children: [],
}

interface Story {
  readonly info?: Readonly<Record<string, string>>
  readonly before?: Readonly<Record<string, string>> // a second earlier; as now when absent
  readonly process?: Partial<ProcessSeen>
  readonly server?: Partial<ServerEvidence>
  readonly evidence?: Partial<Evidence>
  readonly dataClass?: 'store' | 'cache'
}

function constructed({
  info = {},
  before = {},
  process = {},
  server = {},
  evidence = {},
  dataClass = 'store',
}: Story): Evidence {
  const fields = { ...INFO, ...info }
  const seen: ServerEvidence = {
    id: 'h:1',
    address: 'h:1',
    role: 'primary',
    standing: 'expected',
    answer: { id: 'ok', forMs: 60_000 },
    asked: true,
    local: true,
    ...(server.asked === false
      ? {}
      : {
          info: { fields, before: { ...fields, ...before }, apartMs: 1_000 },
          config: { save: '3600 1', appendonly: 'no' },
          process: { ...PROCESS, ...process },
        }),
    couldNotLook: [],
    ...server,
  }
  return {
    version: 1,
    takenAt: NOW,
    deployment: { name: 'd', kind: 'standalone', dataClass, expect: {}, missing: [], problems: [], namespaces: [] },
    servers: [seen],
    alerts: [],
    couldNotLook: [],
    ...evidence,
  }
}

const checks = await loadChecks()

function told(story: Story): Diagnosis {
  return diagnose(constructed(story), checks)
}

/** "swapping fault", of everything that was found. */
function found(story: Story): string[] {
  return told(story).findings.map(({ check, kind, severity }) => `${check} ${severity} ${kind}`)
}

function roots(story: Story): string[] {
  return told(story)
    .findings.filter(({ root }) => root)
    .map(({ check }) => check)
}

test('of a server that is well nothing is said', () => {
  assert.deepEqual(found({}), [])
})

describe('memory on a disk', () => {
  test('is a fault from a hundredth of it on, and explains commands that are slow', () => {
    const slowlog: SlowSeen[] = [slow('KEYS *', 900, 1), slow('KEYS *', 800, 2)]
    const story = { process: { swapBytes: 40 * MB }, server: { slowlog } }
    assert.deepEqual(roots(story), ['swapping'])
    assert.match(told(story).findings[0]?.says ?? '', /40 MiB of the server \(27 %\) are swapped out/)
  })

  test('of a few pages that nobody needs is none', () => {
    assert.deepEqual(found({ process: { swapBytes: 2 * MB } }), [])
  })
})

describe('a fork that takes long', () => {
  const info = { latest_fork_usec: '1200000', used_memory: String(9 * 2 ** 30) }

  test('is a fault while snapshots are taken, a risk when the last is long ago', () => {
    assert.deepEqual(found({ info: { ...info, rdb_last_save_time: String(NOW / 1_000 - 30) } }), [
      'slow-fork warning fault',
    ])
    assert.deepEqual(found({ info }), ['slow-fork warning risk'])
  })

  test('follows from a quota of the processor', () => {
    const process = { throttledPeriods: 3, cpuLimitCores: 0.1 }
    const story = { info: { ...info, rdb_last_save_time: String(NOW / 1_000 - 30) }, process }
    assert.deepEqual(roots(story), ['cpu-starved'])
  })
})

describe('keys that never expire', () => {
  const hours = 6
  const history = (keysAt: (minute: number) => number): HistorySeen => {
    const minutes = Array.from({ length: hours * 60 }, (_, minute) => minute)
    const series = (name: string, valueAt: (minute: number) => number): HistorySeen['series'][number] => ({
      name,
      labels: { instance: 'h:1', ...(name.startsWith('redis_db') ? { db: 'db0' } : {}) },
      points: minutes.map((minute) => [NOW - (hours * 60 - minute) * 60_000, valueAt(minute)] as const),
    })
    return {
      heldMs: hours * 3_600_000,
      series: [
        series('redis_db_keys', (minute) => 1_000 + keysAt(minute)),
        series('redis_db_keys_expiring', () => 1_000),
        series('redis_memory_used_bytes', (minute) => 50 * MB + keysAt(minute) * 1_000),
      ],
    }
  }
  const infoNow = (keys: number): Record<string, string> => {
    const db0 = `keys=${keys},expires=1000,avg_ttl=0`
    return { used_memory: '88428800', maxmemory: '200000000', maxmemory_policy: 'allkeys-lru', db0 }
  }

  test('and become more steadily are a risk, with the time that is left', () => {
    const story = { info: infoNow(36_900), evidence: { history: history((minute) => 100 * minute) } }
    assert.deepEqual(found(story), ['keys-without-ttl warning risk'])
    assert.match(told(story).findings[0]?.says ?? '', /100 more each minute: at this rate memory is full in 18 h/)
  })

  test('and were loaded once, or come and go, are none', () => {
    const once = history((minute) => (minute < 200 ? 10_000 : 40_000))
    const comeAndGo = history((minute) => 10_000 + (minute % 60) * 100)
    assert.deepEqual(
      [
        found({ info: infoNow(41_000), evidence: { history: once } }),
        found({ info: infoNow(16_900), evidence: { history: comeAndGo } }),
      ],
      [[], []],
    )
  })
})

describe('a full memory', () => {
  const full = { maxmemory: '104857600', used_memory: '104857601' }

  test('of a cache that evicts by design is what it is for', () => {
    const info = { ...full, maxmemory_policy: 'allkeys-lru', evicted_keys: '5000' }
    const before = { evicted_keys: '4100' }
    assert.deepEqual(found({ info, before, dataClass: 'cache' }), [])
    assert.deepEqual(roots({ info, before, dataClass: 'store' }), ['eviction-storm'])
  })

  test('of a replica refuses nothing: it does what its primary does', () => {
    assert.deepEqual(found({ info: { ...full, role: 'slave' }, server: { role: 'replica' } }), [])
  })

  test('by what the append-only file and replicas need for a moment is not full', () => {
    const info = { ...full, mem_not_counted_for_evict: '40000000' }
    assert.deepEqual(found({ info }), [])
  })

  test('by a client that does not read has that client as its cause', () => {
    const client = {
      id: '7',
      addr: '10.0.0.7:5',
      name: 'export',
      flags: 'N',
      omem: String(60 * MB),
      age: '30',
      cmd: 'get',
    }
    const info = { ...full, mem_clients_normal: String(60 * MB) }
    assert.deepEqual(roots({ info, server: { clients: [client] } }), ['client-buffer-bloat'])
  })

  test('where the policy finds nothing to evict is another fault than where there is none', () => {
    assert.deepEqual(roots({ info: full }), ['maxmemory-reached'])
    assert.deepEqual(roots({ info: { ...full, maxmemory_policy: 'volatile-lru' } }), ['volatile-policy-no-ttl'])
  })
})

describe('a large reply', () => {
  test('that is on its way is no client that does not read', () => {
    const client = { id: '7', addr: '10.0.0.7:5', flags: 'N', omem: String(60 * MB), cmd: 'get' }
    const info = { mem_clients_normal: String(60 * MB) }
    assert.deepEqual(found({ info, before: { mem_clients_normal: '37632' }, server: { clients: [client] } }), [])
  })
})

describe('clients that come', () => {
  test('after a restart, all at once, and stay, are no churn', () => {
    const info = { connected_clients: '401', total_connections_received: '6400', total_commands_processed: '2701200' }
    const before = { connected_clients: '1', total_connections_received: '6000', total_commands_processed: '2700000' }
    assert.deepEqual(found({ info, before }), [])
    assert.deepEqual(roots({ info: { ...info, connected_clients: '1' }, before }), ['connection-churn'])
  })
})

describe('a command that was slow', () => {
  test('once is advice, again and again a fault, yesterday nothing', () => {
    assert.deepEqual(found({ server: { slowlog: [slow('KEYS *', 136, 60)] } }), ['slow-command info advice'])
    assert.deepEqual(roots({ server: { slowlog: [slow('KEYS *', 136, 60), slow('KEYS *', 140, 90)] } }), [
      'slow-command',
    ])
    assert.deepEqual(found({ server: { slowlog: [slow('KEYS *', 136, 90_000), slow('KEYS *', 140, 90_001)] } }), [])
  })

  test('though it touches one element is a sign of something else', () => {
    assert.deepEqual(
      found({ server: { slowlog: [slow('GET session:1', 300, 60), slow('SET session:1 x', 200, 61)] } }),
      [],
    )
  })

  test('and runs still cannot be told from others; for ten seconds, it is no script', () => {
    const computing = (forMs: number): Story => ({ server: { answer: { id: 'computing', forMs } } })
    const between = (forMs: number): unknown => told(computing(forMs)).undecided.map((each) => each.between)[0]
    assert.deepEqual(between(2_000), ['slow-command', 'blocking-free', 'busy-script'])
    assert.deepEqual(between(10_000), ['slow-command', 'blocking-free'])
  })
})

/** An entry of the slow log. */
function slow(command: string, ms: number, secondsAgo: number): SlowSeen {
  const words = command.split(' ')
  return {
    id: secondsAgo,
    at: NOW - secondsAgo * 1_000,
    durationUs: ms * 1_000,
    command: words,
    client: '10.0.0.7:5',
    clientName: '',
  }
}

describe('a process that the kernel killed', () => {
  const line =
    '[Sat Nov 21 15:20:00 2026] Memory cgroup out of memory: Killed process 4242 (redis-server) anon-rss:59008kB'
  const entries = [4242, 4711].map(
    (pid) => ({ at: NOW - 1, pid, role: 'primary', level: 'notice', text: 'Ready' }) as const,
  )
  const kernel = { oomKills: [line] }
  const gone = { answer: { id: 'refused', forMs: 1_000 }, asked: false } as const
  const listening = { sockets: [], otherPorts: [] }

  test('is told by its pid in the log', () => {
    const log = { sources: [], entries: entries.slice(0, 1) }
    const [first] = told({ server: { ...gone, kernel, log, listening } }).findings
    assert.equal(first?.check, 'kernel-oom-kill')
    assert.match(first.says, /^The kernel killed the server \(pid 4242\), which held 57.6 MiB/)
  })

  test('before the one that somebody has stopped since is old news', () => {
    const log = { sources: [], entries }
    const names = told({ server: { ...gone, kernel, log, listening } }).findings.map(({ check }) => check)
    assert.equal(names.includes('kernel-oom-kill'), false)
  })
})
