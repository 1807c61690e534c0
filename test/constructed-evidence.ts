// Evidence that nobody saw: made by hand for what cannot be made real on one machine, or only at a price. It proves that a
// check reads its evidence as it says, and nothing about servers; it never counts in a score.

import type { Evidence, InfoSeen, ServerEvidence } from '../src/diagnosis/evidence.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')

/** Of a primary of 7.0 that is well: started an hour ago, a thousand keys, save points, a snapshot ten minutes old. */
const WELL: Readonly<Record<string, string>> = {
  redis_version: '7.0.15',
  role: 'master',
  run_id: 'r1',
  config_file: '/etc/redis/redis.conf',
  uptime_in_seconds: '3600',
  server_time_usec: String(NOW * 1_000),
  db0: 'keys=1000,expires=0,avg_ttl=0',
  loading: '0',
  used_memory_dataset: String(100 << 20),
  used_memory_rss: String(120 << 20),
  rdb_changes_since_last_save: '0',
  rdb_bgsave_in_progress: '0',
  rdb_last_save_time: String(NOW / 1_000 - 600),
  rdb_last_bgsave_status: 'ok',
  rdb_last_bgsave_time_sec: '1',
  rdb_last_cow_size: '0',
  rdb_last_load_keys_loaded: '1000',
  aof_enabled: '0',
  aof_rewrites: '0',
  aof_last_bgrewrite_status: 'ok',
  aof_last_write_status: 'ok',
  master_repl_offset: '5000',
  connected_slaves: '0',
}

export interface Constructed extends Partial<Omit<ServerEvidence, 'info'>> {
  readonly info?: Readonly<Record<string, string>> // what differs from a server that is well
}

export function constructedServer({ info = {}, config = {}, ...more }: Constructed = {}): ServerEvidence {
  const fields = { ...WELL, ...info }
  const seen: InfoSeen = { fields, before: fields, apartMs: 1_000 }
  return {
    id: 'h:1',
    address: 'h:1',
    role: 'primary',
    standing: 'expected',
    answer: { id: 'ok', forMs: 60_000 },
    asked: true,
    local: true,
    couldNotLook: [],
    info: seen,
    config: { dir: '/var/lib/redis', dbfilename: 'dump.rdb', save: '3600 1', appendonly: 'no', ...config },
    ...more,
  }
}

export function constructedEvidence(
  server: Constructed | ServerEvidence,
  { dataClass = 'store', ...rest }: Partial<Evidence['deployment'] & Pick<Evidence, 'backups' | 'history'>> = {},
): Evidence {
  const { backups, history, ...deployment } = rest
  return {
    version: 1,
    takenAt: NOW,
    deployment: {
      name: 'd',
      kind: 'standalone',
      dataClass,
      expect: {},
      missing: [],
      problems: [],
      namespaces: [],
      ...deployment,
    },
    servers: [isServer(server) ? server : constructedServer(server)],
    alerts: [],
    couldNotLook: [],
    ...(backups === undefined ? {} : { backups }),
    ...(history === undefined ? {} : { history }),
  }
}

function isServer(server: Constructed | ServerEvidence): server is ServerEvidence {
  return 'couldNotLook' in server && 'asked' in server
}
