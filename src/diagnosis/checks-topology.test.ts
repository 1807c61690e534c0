// The checks of replication, Sentinel and Cluster on evidence made by hand: doubts that remain where a log or a second
// vantage point is missing, the words of other versions, and what only looks like a fault.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constructedEvidence, constructedServer, type Constructed } from '../../test/constructed-evidence.ts'
import { diagnose, loadChecks, type Diagnosis } from './diagnose.ts'
import type { ClusterNodeSeen, Evidence, SentinelMasterSeen, ServerEvidence } from './evidence.ts'

const checks = await loadChecks()
const { takenAt: NOW } = constructedEvidence({})

function judged(servers: readonly ServerEvidence[], deployment: Partial<Evidence['deployment']> = {}): Diagnosis {
  return diagnose({ ...constructedEvidence({}, deployment), servers }, checks)
}

function namesOf({ findings }: Diagnosis): string[] {
  return findings.map(({ check, server }) => `${check} on ${server}`)
}

const HISTORY = 'a'.repeat(40)

function primary({ info = {}, ...more }: Constructed = {}): ServerEvidence {
  return constructedServer({ info: { master_replid: HISTORY, connected_slaves: '1', ...info }, ...more })
}

function replica({ info = {}, ...more }: Constructed = {}): ServerEvidence {
  const fields = {
    role: 'slave',
    master_host: 'h',
    master_port: '1',
    master_replid: HISTORY,
    slave_repl_offset: '5000',
  }
  return constructedServer({
    id: 'h:2',
    address: 'h:2',
    role: 'replica',
    primary: 'h:1',
    ...more,
    info: { ...fields, master_link_status: 'up', ...info },
  })
}

const DOWN = { master_link_status: 'down', master_link_down_since_seconds: '30', master_sync_in_progress: '0' }

function logOf(...texts: string[]): NonNullable<ServerEvidence['log']> {
  const entries = texts.map((text, at) => {
    return { at: NOW - 20_000 + at, pid: 1, role: undefined, level: 'warning', text } as const
  })
  return { sources: ['log'], entries }
}

describe('a replica without a link', () => {
  test('is doubted while its log cannot be seen, and not of its login where the primary wants none', () => {
    const { undecided } = judged([primary({ config: { requirepass: '' } }), replica({ info: DOWN })])
    const [doubt] = undecided
    assert.deepEqual(doubt?.between, ['replication-link-down', 'full-resync-loop', 'sync-timeout'])
  })

  test('was refused, in the words of Valkey too', () => {
    const log = logOf('Unable to AUTH to PRIMARY: -WRONGPASS invalid username-password pair or user is disabled.')
    assert.ok(namesOf(judged([primary(), replica({ info: DOWN, log })])).includes('replica-auth-failed on h:2'))
  })

  test('is known to have no password by the settings of both ends, without a log', () => {
    const ends = [
      primary({ config: { requirepass: '(redacted)' } }),
      replica({ info: DOWN, config: { masterauth: '' } }),
    ]
    assert.ok(namesOf(judged(ends)).includes('replica-auth-failed on h:2'))
  })

  test('whose log cannot be seen may be whom its primary refuses: no other client is blamed', () => {
    const client = { addr: 'h:51234', name: '' }
    const entry = {
      reason: 'auth',
      context: 'toplevel',
      object: 'AUTH',
      username: 'default',
      count: 3,
      ageSeconds: 1,
      client,
    }
    const refusing = primary({ acl: { log: [entry] } as never })
    const { undecided, findings } = judged([refusing, replica({ info: DOWN, config: { masterauth: '(redacted)' } })])
    assert.deepEqual(
      findings.filter(({ check }) => check === 'wrong-password'),
      [],
    )
    assert.ok(undecided.some(({ between }) => between.join() === 'wrong-password,replica-auth-failed'))
  })

  test('has a fault of its own beside another replica that is stopped, and of a stopped primary has not', () => {
    const log = logOf('Timeout connecting to the MASTER...')
    const cutOff = replica({ id: 'h:3', address: 'h:3', info: DOWN, log })
    const stale = { ...cutOff, answer: { id: 'masterdown', forMs: 9_000 } as const }
    const stopped = ({ info: _info, config: _config, ...server }: ServerEvidence): ServerEvidence => {
      return { ...server, asked: false, answer: { id: 'stopped', forMs: 9_000 } }
    }
    const rootsOf = (...servers: ServerEvidence[]): string[] => {
      const { findings } = judged(servers, { kind: 'replicated' })
      return findings.filter(({ root }) => root).map(({ check, server }) => `${check} on ${server}`)
    }
    const beside = rootsOf(primary(), stopped(replica()), cutOff)
    assert.deepEqual(beside.toSorted(), ['process-stopped on h:2', 'replication-link-down on h:3'])
    assert.deepEqual(rootsOf(stopped(primary()), replica(), stale), ['process-stopped on h:1'])
  })

  test('is no fault while its primary makes it a copy, or of a primary that nobody reaches', () => {
    const copying = primary({ info: { slave0: 'ip=h,port=2,state=wait_bgsave,offset=0,lag=0' } })
    const log = logOf('Connection with master lost.')
    assert.deepEqual(namesOf(judged([copying, replica({ info: DOWN, log })])), [])
    const { info: _info, config: _config, ...unreached } = primary({ answer: { id: 'timed-out', forMs: 9_000 } })
    const names = namesOf(judged([{ ...unreached, asked: false }, replica({ info: DOWN, log })]))
    assert.ok(!names.some((name) => name.startsWith('replication-link-down')), names.join())
  })

  test('that is set otherwise than its primary would make another deployment of a failover', () => {
    const ends = [
      primary({ config: { maxmemory: '4294967296', 'maxmemory-policy': 'noeviction', requirepass: '(redacted)' } }),
      replica({ config: { maxmemory: '1073741824', 'maxmemory-policy': 'noeviction', requirepass: '(redacted)' } }),
    ]
    const [drift] = judged(ends).findings.filter(({ check }) => check === 'config-drift')
    assert.deepEqual(
      [drift?.kind, drift?.server, drift?.evidence.map(({ name }) => name)],
      ['advice', 'h:2', ['maxmemory']],
    )
  })

  test('whose log is of an earlier time is not explained by it', () => {
    const old = logOf('Unable to AUTH to MASTER: -WRONGPASS')
    const entries = old.entries.map((entry) => ({ ...entry, at: NOW - 86_400_000 }))
    const names = namesOf(judged([primary(), replica({ info: DOWN, log: { ...old, entries } })]))
    assert.ok(!names.includes('replica-auth-failed on h:2'), names.join())
  })
})

describe('two servers that say that they are the primary', () => {
  const other = (info: Readonly<Record<string, string>>): ServerEvidence =>
    constructedServer({ id: 'h:2', address: 'h:2', info: { master_replid: 'b'.repeat(40), ...info } })

  test('are rivals when both were written to since they parted', () => {
    const promoted = other({ master_replid2: HISTORY, second_repl_offset: '4001', master_repl_offset: '4500' })
    const { findings } = judged([primary(), promoted], { kind: 'replicated' })
    const [first] = findings
    assert.deepEqual([first?.check, first?.server, first?.kind], ['two-primaries', 'h:1', 'fault'])
    assert.match(first?.says ?? '', /1000 B written/)
  })

  test('are a primary and a replica that left it, when nothing was written to that one', () => {
    const left = other({ master_replid2: HISTORY, second_repl_offset: '4001', master_repl_offset: '4000' })
    const [first] = judged([primary(), left], { kind: 'replicated' }).findings
    assert.deepEqual([first?.check, first?.server, first?.kind], ['two-primaries', 'h:2', 'risk'])
  })

  test('are as it should be in a Cluster', () => {
    const promoted = other({ master_replid2: HISTORY, second_repl_offset: '4001', master_repl_offset: '4500' })
    assert.deepEqual(namesOf(judged([primary(), promoted], { kind: 'cluster' })), [])
  })
})

describe('Sentinels', () => {
  const sentinel = (master: Partial<SentinelMasterSeen>, uptime = '3600'): ServerEvidence => {
    const { config: _config, ...rest } = constructedServer({
      id: 'h:11',
      address: 'h:11',
      role: 'sentinel',
      info: { role: '', uptime_in_seconds: uptime, sentinel_tilt: '0', db0: '' },
    })
    const fields = { ip: 'h', port: '1', flags: 'master', quorum: '2', 'num-slaves': '0' }
    return { ...rest, sentinel: [{ name: 'm', fields, replicas: [], sentinels: [], quorum: 'OK 3', ...master }] }
  }

  test('that have just started and know nobody yet are no lost quorum', () => {
    const alone = { quorum: 'NOQUORUM 1 usable Sentinels' }
    assert.deepEqual(namesOf(judged([primary(), sentinel(alone, '3')], { kind: 'sentinel' })), [])
    const names = namesOf(judged([primary(), sentinel(alone)], { kind: 'sentinel' }))
    assert.deepEqual(names, ['sentinel-no-quorum on h:11'])
  })

  test('that list an address at which nobody ever was are wrong beside a replica that is down', () => {
    const nowhere = { ip: '10.0.0.9', port: '2', flags: 's_down,slave,disconnected', runid: '' }
    const down = { ip: 'h', port: '2', flags: 's_down,slave,disconnected', runid: 'y' }
    const { info: _info, ...gone } = replica({
      id: 'h:2',
      address: 'h:2',
      asked: false,
      answer: { id: 'refused', forMs: 5_000 },
      supervised: { supervisor: 'docker:orders', is: 'stopped', says: 'exited (137)' },
      was: { pid: 7 },
    })
    const servers = [primary(), gone, sentinel({ replicas: [nowhere, down] })]
    const roots = judged(servers, { kind: 'sentinel' }).findings.filter(({ root }) => root)
    assert.deepEqual(
      roots.map(({ check, server }) => `${check} on ${server}`),
      ['process-down on h:2', 'sentinel-ghosts on 10.0.0.9:2'],
    )
  })

  test('a replica that is there and answers nobody is none that they only remember', () => {
    const listed = { ip: 'h', port: '2', flags: 's_down,slave', runid: 'y' }
    const { info: _info, ...paused } = replica({ asked: false, answer: { id: 'paused', forMs: 9_000 } })
    const counting = primary({ info: { slave0: 'ip=h,port=2,state=online,offset=4000,lag=9' } })
    const watched = [counting, sentinel({ replicas: [listed] })]
    assert.ok(
      !namesOf(judged([...watched, paused], { kind: 'sentinel' }))
        .join()
        .includes('sentinel-ghosts'),
    )
    const announced = primary({ info: { slave0: 'ip=10.0.0.9,port=2,state=online,offset=5000,lag=0' } })
    const nat = sentinel({ replicas: [{ ...listed, ip: '10.0.0.9' }] })
    const elsewhere = replica({ id: '10.0.0.9:2', was: { pid: 7 } }) // we reach it at h:2, and they do not
    const names = namesOf(judged([announced, elsewhere, nat], { kind: 'sentinel' }))
    assert.ok(names.includes('sentinel-ghosts on 10.0.0.9:2'), names.join())
  })

  test('a silent server that they have promoted does not lag behind the one that still lists it', () => {
    const stale = primary({ info: { slave0: 'ip=h,port=2,state=online,offset=4000,lag=9' } })
    const {
      info: _info,
      primary: _primary,
      ...promoted
    } = replica({ asked: false, answer: { id: 'noauth', forMs: 9_000 } })
    const lags = (...servers: ServerEvidence[]): boolean =>
      namesOf(judged(servers, { kind: 'sentinel' })).includes('replica-lag on h:2')
    assert.ok(lags(stale, promoted, sentinel({})))
    const fields = { ip: 'h', port: '2', flags: 'master', quorum: '2', 'num-slaves': '1' }
    assert.ok(!lags(stale, promoted, sentinel({ fields })))
  })

  test('a replica that they have missed for long is gone or has failed: nobody can tell', () => {
    const lost = { ip: 'h', port: '9', flags: 's_down,slave,disconnected', runid: 'x', 's-down-time': '600000' }
    const good = {
      ip: 'h',
      port: '2',
      flags: 'slave',
      runid: 'y',
      'slave-priority': '100',
      'master-link-down-time': '0',
    }
    const { findings, undecided } = judged([primary(), replica(), sentinel({ replicas: [lost, good] })], {
      kind: 'sentinel',
    })
    assert.deepEqual(findings, [])
    assert.deepEqual(undecided[0]?.between, ['process-down', 'sentinel-ghosts', 'bind-or-firewall'])
  })
})

describe('a Cluster', () => {
  const node = (name: string, port: number, flags: string, slots = 5_000): ClusterNodeSeen => ({
    id: name,
    address: `h:${port}`,
    flags: flags.split(','),
    primary: undefined,
    pingSentMs: 0,
    linkUp: !/fail/.test(flags),
    slots,
    moving: [],
  })
  const server = (port: number, nodes: readonly ClusterNodeSeen[], state = 'ok'): ServerEvidence =>
    constructedServer({
      id: `h:${port}`,
      address: `h:${port}`,
      shard: `h:${port}`,
      info: { cluster_enabled: '1' },
      cluster: { info: { cluster_state: state, cluster_slots_assigned: '16384', cluster_slots_fail: '0' }, nodes },
    })

  test('one node that one other takes for failed for a moment is no fault', () => {
    const all = [node('a', 1, 'master'), node('b', 2, 'master'), node('c', 3, 'master')] as const
    const [a, b, c] = all
    const views = [
      server(1, [{ ...a, flags: ['myself', 'master'] }, b, { ...c, flags: ['master', 'fail?'] }]),
      server(2, [a, { ...b, flags: ['myself', 'master'] }, c]),
      server(3, [a, b, { ...c, flags: ['myself', 'master'] }]),
    ]
    assert.deepEqual(namesOf(judged(views, { kind: 'cluster' })), [])
  })

  test('a node that is cut off, of which neither a firewall nor a replication link is seen, leaves a doubt', () => {
    const failed = node('c', 3, 'master,fail')
    const views = [
      server(1, [node('a', 1, 'myself,master'), node('b', 2, 'master'), failed], 'fail'),
      server(2, [node('a', 1, 'master'), node('b', 2, 'myself,master'), failed], 'fail'),
      server(3, [node('a', 1, 'master,fail?'), node('b', 2, 'master,fail?'), node('c', 3, 'myself,master')], 'fail'),
    ]
    const { findings, undecided } = judged(views, { kind: 'cluster' })
    assert.deepEqual(findings, [])
    assert.deepEqual(undecided[0]?.between, ['cluster-minority', 'cluster-bus-blocked'])
  })

  test('a node that hears nobody, and that the others take for failed while it sees them well, has a closed bus port', () => {
    const failed = node('c', 3, 'master,fail')
    const views = [
      server(1, [node('a', 1, 'myself,master'), node('b', 2, 'master'), failed]),
      server(2, [node('a', 1, 'master'), node('b', 2, 'myself,master'), failed]),
      server(3, [node('a', 1, 'master'), node('b', 2, 'master'), node('c', 3, 'myself,master')]),
    ]
    assert.deepEqual(namesOf(judged(views, { kind: 'cluster' })), ['cluster-bus-blocked on h:3'])
  })
})
