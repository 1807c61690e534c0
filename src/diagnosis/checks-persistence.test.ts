// What the checks of persistence say of evidence that was made by hand: causes that cannot be made real here, a log that
// cannot be read, and servers that are odd and well.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constructedEvidence, constructedServer, type Constructed } from '../../test/constructed-evidence.ts'
import { diagnose, loadChecks, type Diagnosis } from './diagnose.ts'
import type { DiskSeen, Evidence, KernelSeen, LogSeen, ProcessSeen } from './evidence.ts'

const checks = await loadChecks()
const OURS =
  /^(backup-|rdb-|aof-|disk-stall|restore-ignored|appendonly-not|never-saved|save-overdue|ephemeral-dir|primary-restarted)/

const look = (server: Constructed, deployment: Parameters<typeof constructedEvidence>[1] = {}): Diagnosis =>
  diagnose(constructedEvidence(server, deployment), checks)

/** Findings of persistence, as "kind check". */
function told(server: Constructed, deployment: Parameters<typeof constructedEvidence>[1] = {}): string[] {
  const { findings } = look(server, deployment)
  return findings.filter(({ check }) => OURS.test(check)).map(({ kind, check }) => `${kind} ${check}`)
}

const DISK: DiskSeen = {
  path: '/var/lib/redis',
  exists: true,
  freeBytes: 10 * 2 ** 30,
  totalBytes: 20 * 2 ** 30,
  freeInodes: 1_000,
  owner: 103,
  group: 106,
  mode: 0o750,
  serverMayWrite: true,
  readOnly: false,
  mountType: 'ext4',
  mountPoint: '/',
  files: [{ name: 'dump.rdb', bytes: 50 << 20, modifiedMs: Date.parse('2026-01-02T02:54:05Z'), starts: 'REDIS0010' }],
}

const PROCESS: ProcessSeen = {
  pid: 4711,
  command: 'redis-server',
  state: 'S',
  cpuShare: 0,
  startedMs: Date.parse('2026-01-02T02:04:05Z'),
  uid: 103,
  threads: 5,
  residentBytes: 120 << 20,
  swapBytes: 0,
  children: [],
}

const KERNEL: KernelSeen = { overcommitMemory: 1, memoryAvailableBytes: 8 * 2 ** 30, swapFreeBytes: 0, oomKills: [] }

function logOf(...texts: string[]): LogSeen {
  const begin = Date.parse('2026-01-02T02:04:05Z')
  const all = ['oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo', ...texts]
  return {
    sources: ['constructed'],
    entries: all.map((text, at) => ({ at: begin + at * 1_000, pid: 4711, role: 'primary', level: 'warning', text })),
  }
}

describe('why the last snapshot failed', () => {
  const failed = { rdb_last_bgsave_status: 'err' }

  test('is one of four where nothing but INFO can be seen, and a root to nobody', () => {
    const { findings, undecided } = look({ info: failed })
    assert.deepEqual(
      findings.filter(({ kind }) => kind === 'fault'),
      [],
    )
    assert.deepEqual(
      undecided.map(({ between }) => between),
      [['rdb-disk-full', 'rdb-fork-failed', 'rdb-dir-not-writable', 'rdb-child-killed']],
    )
  })

  test('is not the disk where there is room and the folder may be written', () => {
    const { undecided } = look({ info: failed, disk: DISK, process: PROCESS })
    assert.deepEqual(undecided[0]?.between, ['rdb-fork-failed', 'rdb-child-killed'])
  })

  test('shows without a log in the room, the folder, the counters, the log of the kernel', () => {
    assert.deepEqual(told({ info: failed, disk: { ...DISK, freeBytes: 1 << 20 } }), ['fault rdb-disk-full'])
    assert.deepEqual(told({ info: failed, disk: { ...DISK, readOnly: true } }), ['fault rdb-dir-not-writable'])
    assert.deepEqual(told({ info: { ...failed, rdb_last_bgsave_time_sec: '-1' } }), ['fault rdb-fork-failed'])
    const oomKills = ['Out of memory: Killed process 4712 (redis-rdb-bgsav) total-vm:12kB']
    assert.deepEqual(told({ info: failed, kernel: { ...KERNEL, oomKills } }), ['fault rdb-child-killed'])
  })

  test('is what the newest line says, in the words of 6.2 and of 8', () => {
    const say = (...texts: string[]): string[] => told({ info: failed, log: logOf(...texts) })
    const opening = 'Failed opening the RDB file dump.rdb (in server root dir /data) for saving: Read-only file system'
    assert.deepEqual(say('Write error saving DB on disk: No space left on device', opening), [
      'fault rdb-dir-not-writable',
    ])
    const writing = 'Write error while saving DB to the disk(fsync): Disk quota exceeded'
    assert.deepEqual(say(opening, writing), ['fault rdb-disk-full'])
    const fork = "Can't save in background: fork: Cannot allocate memory"
    assert.deepEqual(say(writing, fork), ['fault rdb-fork-failed'])
  })

  test('is the one root where the same full disk also holds the append-only file', () => {
    const info = { ...failed, aof_enabled: '1', aof_last_write_status: 'err', aof_last_bgrewrite_status: 'err' }
    const log = logOf('Write error saving DB on disk(rdbSaveRio): No space left on device')
    const { findings } = look({ info, log })
    const named = findings.filter(({ root }) => root).map(({ check }) => check)
    assert.deepEqual(named, ['rdb-disk-full'])
    assert.deepEqual(findings[0]?.explains.includes('aof-write-error'), true)
  })

  test('of an earlier run is old news', () => {
    const log = logOf('Ready to accept connections')
    const before = { ...log.entries[1], text: 'Background saving terminated by signal 9' } as LogSeen['entries'][number]
    const { undecided } = look({ info: failed, log: { ...log, entries: [before, ...log.entries] } })
    assert.equal(undecided[0]?.between.length, 4)
    assert.deepEqual(told({ log: logOf('Background saving terminated by signal 9') }), [])
  })

  test('is a warning on a replica and of a cache, as long as nobody is refused', () => {
    const log = logOf('Background saving terminated by signal 9')
    const severity = (server: Constructed, deployment = {}): string | undefined =>
      look({ info: failed, log, ...server }, deployment).findings.find(({ check }) => check === 'rdb-child-killed')
        ?.severity
    assert.equal(severity({}), 'critical')
    assert.equal(severity({ role: 'replica' }), 'warning')
    assert.equal(severity({}, { dataClass: 'cache' }), 'warning')
    assert.equal(severity({ answer: { id: 'misconf', forMs: 1 } }, { dataClass: 'cache' }), 'critical')
  })
})

describe('before anything breaks', () => {
  test('a disk that the next snapshot may not fit on is a risk', () => {
    assert.deepEqual(told({ disk: { ...DISK, freeBytes: 55 << 20 } }), ['risk rdb-disk-full'])
    assert.deepEqual(told({ disk: { ...DISK, freeBytes: 65 << 20 } }), [])
    assert.deepEqual(told({ disk: { ...DISK, freeBytes: 55 << 20 }, config: { save: '' } }), [])
  })

  test('memory that a fork or its copies may not get is a risk', () => {
    const little = { ...KERNEL, memoryAvailableBytes: 64 << 20 }
    assert.deepEqual(told({ kernel: { ...little, overcommitMemory: 0 } }), ['risk rdb-fork-failed'])
    assert.deepEqual(told({ kernel: little }), [])
    const info = { rdb_last_cow_size: String(60 << 20) }
    assert.deepEqual(told({ kernel: little, info }), ['risk rdb-child-killed'])
    const limited = { ...PROCESS, memoryLimitBytes: 160 << 20 }
    assert.deepEqual(told({ process: limited, info }), ['risk rdb-child-killed'])
  })

  test('a folder in the layer of a container is a risk, and of a cache only worth a word', () => {
    const disk = { ...DISK, mountType: 'overlay' }
    assert.deepEqual(told({ disk }), ['risk ephemeral-dir'])
    assert.deepEqual(told({ disk }, { dataClass: 'cache' }), ['advice ephemeral-dir'])
    assert.deepEqual(told({ disk, config: { save: '' } }), [])
  })

  test('a file that the manifest names and that is not there is a risk while the server runs', () => {
    const manifest = {
      name: 'appendonlydir/appendonly.aof.manifest',
      bytes: 88,
      modifiedMs: 0,
      starts: 'file a.1.base.rdb seq 1 type b\nfile a.0.incr.aof seq 0 type h\nfile a.1.incr.aof seq 1 type i\n',
    }
    const base = { name: 'appendonlydir/a.1.base.rdb', bytes: 89, modifiedMs: 0 }
    const incr = { name: 'appendonlydir/a.1.incr.aof', bytes: 0, modifiedMs: 0 }
    const info = { aof_enabled: '1' }
    assert.deepEqual(told({ info, disk: { ...DISK, files: [manifest, base] } }), ['risk aof-file-missing'])
    assert.deepEqual(told({ info, disk: { ...DISK, files: [manifest, base, incr] } }), [])
  })
})

describe('what the next start would find', () => {
  const conf = { path: '/etc/redis/redis.conf', writable: true, directives: { appendonly: 'no' }, lines: 1 }
  const on = { info: { aof_enabled: '1', aof_rewrites: '1' }, config: { appendonly: 'yes' } }

  test('is less, where the append-only file was switched on at run time alone', () => {
    const log = logOf('Ready to accept connections', 'Background append only file rewriting started by pid 12')
    assert.deepEqual(told({ ...on, conf, log }), ['risk appendonly-not-persisted'])
    const directives = { appendonly: 'yes' }
    assert.deepEqual(told({ ...on, conf: { ...conf, directives }, log }), [])
  })

  test('is the same, where the command line asks for it: it was on when the server started', () => {
    const log = logOf('Creating AOF incr file appendonly.aof.1.incr.aof on server start', 'Ready to accept connections')
    assert.deepEqual(told({ ...on, conf, log }), [])
    assert.deepEqual(told({ ...on, info: { aof_enabled: '1', aof_rewrites: '0' }, conf }), [])
  })

  test('changes no verdict, where neither log nor command line can be seen', () => {
    const [found] = look({ ...on, conf }).findings.filter(({ check }) => check === 'appendonly-not-persisted')
    assert.equal(found?.severity, 'info')
  })

  test('is nothing, where the file asks for an append-only file that there is not', () => {
    const directives = { appendonly: 'yes' }
    assert.deepEqual(told({ conf: { ...conf, directives }, disk: DISK }), ['risk restore-ignored'])
  })
})

describe('what is written down, and what is not', () => {
  const nowhere = {
    config: { save: '' },
    info: { rdb_last_load_keys_loaded: '0', rdb_last_save_time: String(Date.parse('2026-01-02T02:04:05Z') / 1_000) },
  }

  test('keys in memory alone are a risk, but not of a cache, an empty server, or one with an archive', () => {
    const disk = { ...DISK, files: [] }
    assert.deepEqual(told({ ...nowhere, disk }), ['risk never-saved'])
    assert.deepEqual(told({ ...nowhere, disk }, { dataClass: 'cache' }), [])
    assert.deepEqual(told({ ...nowhere, disk, info: { ...nowhere.info, db0: 'keys=0,expires=0' } }), [])
    assert.deepEqual(told({ ...nowhere, disk }, { backups: { lagSeconds: 1, trouble: [] } }), [])
  })

  test('a backup that fails is named, and is the reason that nothing is kept; one that nobody can be followed for is not', () => {
    const disk = { ...DISK, files: [] }
    const trouble = ['the store takes nothing: no space is left; 3 MiB wait here']
    assert.deepEqual(told({ ...nowhere, disk }, { backups: { trouble } }).toSorted(), [
      'fault backup-failing',
      'risk never-saved',
    ])
    const notFollowed = 'the connection was refused'
    assert.deepEqual(told({}, { backups: { lagSeconds: 60, notFollowed, trouble: [] } }), ['fault backup-failing'])
    const down = { answer: { id: 'refused', forMs: 60_000 } } as const
    assert.ok(!told(down, { backups: { notFollowed, trouble: [] } }).includes('fault backup-failing'))
  })

  test('nothing is said where CONFIG may not be asked', () => {
    const { config: _, ...server } = constructedServer(nowhere)
    assert.deepEqual(told({ ...server, info: nowhere.info }), [])
  })

  test('an rpo that the save points cannot keep is said with them in words', () => {
    const [found] = look({}, { rpoMs: 300_000 }).findings.filter(({ check }) => check === 'save-overdue')
    assert.equal(found?.says, 'The declared rpo of 5 min cannot be kept: 1 and more changes: up to 3,600 s lost.')
    assert.deepEqual(told({}, { rpoMs: 3_600_000 }), [])
    assert.deepEqual(told({ info: { aof_enabled: '1' }, config: { appendfsync: 'everysec' } }, { rpoMs: 5_000 }), [])
  })

  test('changes are overdue when a snapshot was due long ago, or after a day', () => {
    const old = (seconds: number): Record<string, string> => ({
      rdb_changes_since_last_save: '7',
      rdb_last_save_time: String(Date.parse('2026-01-02T03:04:05Z') / 1_000 - seconds),
    })
    assert.deepEqual(told({ info: old(3_000) }), [])
    assert.deepEqual(told({ info: old(10_000) }), ['risk save-overdue'])
    assert.deepEqual(told({ info: old(80_000), config: { save: '' }, disk: DISK }), [])
    assert.deepEqual(told({ info: old(90_000), config: { save: '' }, disk: DISK }), ['risk save-overdue'])
    assert.deepEqual(told({ info: { ...old(10_000), rdb_changes_since_last_save: '0' } }), [])
  })
})

test('a replica that follows and writes an append-only file holds what the primary does not save', () => {
  const primary = constructedServer({ config: { save: '60 10000' } })
  const follows = { id: 'h:2', address: 'h:2', role: 'replica', primary: 'h:1', linkUp: true } as const
  const replica = constructedServer({
    ...follows,
    info: { role: 'slave', aof_enabled: '1' },
    config: { appendfsync: 'everysec' },
  })
  const overdue = (servers: Evidence['servers']): number =>
    diagnose({ ...constructedEvidence(primary, { rpoMs: 5_000 }), servers }, checks).findings.filter(
      ({ check }) => check === 'save-overdue',
    ).length
  assert.equal(overdue([primary]), 1)
  assert.equal(overdue([primary, replica]), 0)
  assert.equal(overdue([primary, { ...replica, linkUp: false }]), 1)
})

describe('a primary that begins empty', () => {
  const primary = constructedServer({
    config: { save: '' },
    info: { uptime_in_seconds: '20', run_id: 'r2', db0: 'keys=3,expires=0', rdb_last_load_keys_loaded: '0' },
  })
  const of = (evidence: Evidence): string[] =>
    diagnose(evidence, checks)
      .findings.filter(({ check }) => check === 'primary-restarted-empty')
      .map(({ kind, says }) => `${kind}: ${says}`)

  test('is told by the samples of before, or by what was remembered', () => {
    const points: [number, number][] = [[Date.parse('2026-01-02T03:00:00Z'), 41_000]]
    const series = [{ name: 'redis_db_keys', labels: { instance: 'h:1', db: 'db0' }, points }]
    const says = ['fault: h:1 was started 20 s ago and began empty; before that there were 41 K keys, now 3.']
    assert.deepEqual(of(constructedEvidence(primary, { history: { heldMs: 600_000, series } })), says)
    const was = { role: 'primary', runId: 'r1', keys: 41_000 } as const
    assert.deepEqual(of(constructedEvidence({ ...primary, was })), says)
  })

  test('is none where nobody knows of keys before, or where it is the same run', () => {
    assert.deepEqual(of(constructedEvidence(primary)), [])
    assert.deepEqual(of(constructedEvidence({ ...primary, was: { role: 'primary', runId: 'r2', keys: 41_000 } })), [])
  })

  test('could come to be, and is critical where something starts it again by itself', () => {
    const supervised = { supervisor: 'systemd:redis', is: 'running', says: '', restartPolicy: 'always' } as const
    const server = constructedServer({ config: { save: '' }, info: { connected_slaves: '2' }, supervised })
    const risk = (evidence: Evidence): string[] =>
      diagnose(evidence, checks)
        .findings.filter(({ check }) => check === 'primary-restarted-empty')
        .map(({ kind, severity }) => `${kind} ${severity}`)
    assert.deepEqual(risk(constructedEvidence(server)), ['risk critical'])
    const { supervised: _, ...byHand } = server
    assert.deepEqual(risk(constructedEvidence(byHand)), ['risk warning'])
    assert.deepEqual(risk(constructedEvidence({ ...server, disk: DISK })), [])
    assert.deepEqual(risk(constructedEvidence(server, { dataClass: 'cache' })), [])
  })
})
