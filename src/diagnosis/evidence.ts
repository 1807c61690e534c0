// What was seen of a deployment at one moment: everything that a check may look at, and nothing else. It is gathered
// once, is plain JSON without secrets, and can be saved and looked at again anywhere: the same evidence gives the same
// findings. A part that is absent was not seen, which is never the same as being well: `couldNotLook` says why.

import type { CouldNotLook, DeploymentKind, Role } from '../fleet/server.ts'
import type { AnswerId } from '../redis/answers.ts'
import type { ClientLine } from '../redis/client-list.ts'
import type { LogEntry } from '../redis/server-log.ts'

export interface Evidence {
  readonly version: 1 // of this shape
  readonly takenAt: number // epoch ms
  readonly deployment: DeploymentSeen
  readonly servers: readonly ServerEvidence[]
  readonly alerts: readonly ActiveAlert[]
  readonly history?: HistorySeen | undefined // of the daemon; absent: nobody has watched
  readonly backups?: BackupsSeen | undefined // of the archive, where the deployment has one
  readonly couldNotLook: readonly CouldNotLook[] // of the deployment; each server has its own
}

/** What the configuration says of the deployment, and what was found. */
export interface DeploymentSeen {
  readonly name: string
  readonly kind: DeploymentKind
  readonly dataClass: 'store' | 'cache'
  readonly rpoMs?: number | undefined
  readonly expect: { readonly replicas?: number | undefined; readonly sentinels?: number | undefined }
  readonly missing: readonly string[] // ids that are expected and that nobody names any more
  readonly problems: readonly string[]
  readonly namespaces: readonly {
    readonly name: string
    readonly pattern: string
    readonly loss?: string | undefined
  }[]
}

export interface ActiveAlert {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** One server: who it is, how it answers a new client, and what each source saw, under the source's name. */
export interface ServerEvidence extends Partial<Seen> {
  readonly id: string // announced host:port, or the path of a unix socket
  readonly address: string // how we reach it
  readonly role: Role
  readonly standing: 'expected' | 'new' | 'missing'
  readonly answer: { readonly id: AnswerId; readonly text?: string | undefined; readonly forMs: number }
  readonly asked: boolean // had we a connection of our own to ask it through
  readonly local: boolean // is it on this machine, so that its process and files may be looked at
  readonly ownAddress?: string | undefined // of our connection, as the server sees it: ours among its clients
  readonly version?: string | undefined
  readonly flavour?: 'redis' | 'valkey' | undefined
  readonly primary?: string | undefined // of a replica: the id of whom it follows
  readonly linkUp?: boolean | undefined // of a replica
  readonly lagSeconds?: number | undefined // of a replica
  readonly shard?: string | undefined // of a Cluster node: the id of its shard's primary node
  readonly supervisor?: string | undefined // `systemd:redis-server`, as configured
  readonly was?: WasSeen | undefined // what was remembered of it
  readonly couldNotLook: readonly CouldNotLook[]
}

/** What it said of itself when it last answered; kept for the time when it no longer does. */
export interface WasSeen {
  readonly pid?: number | undefined
  readonly role?: Role | undefined
  readonly replicas?: readonly string[] | undefined // ids of those that followed it
  readonly at?: number | undefined // epoch ms, when it said so
  readonly runId?: string | undefined // another one since: it was started again
  readonly keys?: number | undefined // of all databases
}

/** What the sources see; a source is a file of sources/, and its name is the name here. */
export interface Seen {
  readonly info: InfoSeen
  readonly config: Readonly<Record<string, string>> // CONFIG GET *, secrets as `(redacted)`, '' where none is set
  readonly clients: readonly ClientLine[] // CLIENT LIST, of the first thousand
  readonly slowlog: readonly SlowSeen[] // newest first
  readonly latency: readonly LatencySeen[] // LATENCY LATEST
  readonly memory: Readonly<Record<string, number>> // MEMORY STATS, inner maps as `db.0.overhead.hashtable.main`
  readonly acl: AclSeen
  readonly sentinel: readonly SentinelMasterSeen[] // of a Sentinel: what it watches
  readonly cluster: ClusterSeen // of a Cluster node: its own view
  readonly pubsub: PubSubSeen
  readonly process: ProcessSeen
  readonly supervised: SupervisedSeen
  readonly places: PlacesSeen
  readonly log: LogSeen
  readonly disk: DiskSeen // where `dir` is
  readonly conf: ConfSeen // the configuration file
  readonly kernel: KernelSeen
  readonly listening: ListeningSeen
  readonly firewall: FirewallSeen
  readonly certificate: CertificateSeen
  readonly script: ScriptSeen // of a server that answers BUSY
  readonly keyspace: KeyspaceSeen // of a primary
}

/** The names of all sources. */
export const SOURCES = {
  info: true,
  config: true,
  clients: true,
  slowlog: true,
  latency: true,
  memory: true,
  acl: true,
  sentinel: true,
  cluster: true,
  pubsub: true,
  process: true,
  supervised: true,
  places: true,
  log: true,
  disk: true,
  conf: true,
  kernel: true,
  listening: true,
  firewall: true,
  certificate: true,
  script: true,
  keyspace: true,
} as const satisfies Record<keyof Seen, true>

export interface InfoSeen {
  readonly fields: Readonly<Record<string, string>> // INFO everything; `db0`, `cmdstat_get`, `errorstat_OOM` too
  readonly before: Readonly<Record<string, string>> // the same, `apartMs` earlier: what counts gives a rate
  readonly apartMs: number
  readonly askedAt?: number | undefined // epoch ms by our clock, of `fields`: its clock may differ
  readonly answeredAt?: number | undefined
}

export interface SlowSeen {
  readonly id: number
  readonly at: number // epoch ms
  readonly durationUs: number
  readonly command: readonly string[] // as the server cut it, without secrets
  readonly client: string
  readonly clientName: string
}

export interface LatencySeen {
  readonly event: string // "aof-write-alone", "fork", "command"
  readonly at: number // epoch ms, of the latest
  readonly latestMs: number
  readonly maxMs: number
}

export interface AclSeen {
  readonly whoami: string
  readonly users: readonly string[] // ACL LIST without password hashes; [] where we may not
  readonly log: readonly AclLogSeen[] // newest first
}

export interface AclLogSeen {
  readonly count: number
  readonly reason: string // auth, command, key, channel
  readonly context: string
  readonly object: string
  readonly username: string
  readonly ageSeconds: number
  readonly client: ClientLine
}

/** What one Sentinel says of one primary that it watches. */
export interface SentinelMasterSeen {
  readonly name: string
  readonly fields: Readonly<Record<string, string>> // SENTINEL MASTER
  readonly replicas: readonly Readonly<Record<string, string>>[] // SENTINEL REPLICAS
  readonly sentinels: readonly Readonly<Record<string, string>>[] // SENTINEL SENTINELS
  readonly quorum: string // CKQUORUM: "OK …" or "NOQUORUM …"
}

export interface ClusterSeen {
  readonly info: Readonly<Record<string, string>> // CLUSTER INFO
  readonly nodes: readonly ClusterNodeSeen[] // CLUSTER NODES
  readonly keysMoving?: Readonly<Record<number, number>> | undefined // keys that it holds of slots that move, by slot
}

export interface ClusterNodeSeen {
  readonly id: string
  readonly address: string // host:port of clients
  readonly flags: readonly string[] // myself, master, slave, fail, fail?, handshake, noaddr
  readonly primary: string | undefined // node id, of a replica
  readonly pingSentMs: number
  readonly linkUp: boolean
  readonly slots: number // how many it owns
  readonly ranges?: readonly string[] | undefined // which: "0-5460", "9000"
  readonly moving: readonly string[] // "[100->-NODE]": slots that migrate or are imported
}

export interface PubSubSeen {
  readonly probe: 'ok' | 'lost' | 'refused' // published on our own channel and heard
  readonly why?: string | undefined
  readonly channels: readonly { readonly channel: string; readonly subscribers: number }[] // of the first hundred
  readonly patterns: number
}

export interface ProcessSeen {
  readonly pid: number
  readonly command: string
  readonly state: string // R S D T Z
  readonly cpuShare: number // 1: a full core
  readonly waitsIn?: string | undefined
  readonly acceptQueue?: number | undefined // connections that are not accepted yet
  readonly startedMs: number // epoch
  readonly uid: number
  readonly threads: number
  readonly openFiles?: number | undefined
  readonly openFilesLimit?: number | undefined // soft
  readonly processesLimit?: number | undefined // soft, of its user
  readonly residentBytes: number
  readonly swapBytes: number
  readonly hugePageBytes?: number | undefined // AnonHugePages of smaps_rollup
  readonly memoryLimitBytes?: number | undefined // of its control group
  readonly memoryUsedBytes?: number | undefined
  readonly oomKills?: number | undefined // counted by its control group
  readonly cpuLimitCores?: number | undefined
  readonly throttledPeriods?: number | undefined // of its control group, while we looked a moment
  readonly runDelayShare?: number | undefined // of wall time it was ready to run and had no processor
  readonly outputs?: readonly string[] | undefined // files that its standard output and error go to
  readonly children: readonly ChildSeen[] // what writes a snapshot or an append-only file
}

export interface ChildSeen {
  readonly pid: number
  readonly command: string
  readonly state: string
  readonly cpuShare?: number | undefined // 1: a full core, while we looked a moment
  readonly waitsIn?: string | undefined // by the kernel's name: "hrtimer_nanosleep", "pipe_write"
}

export interface SupervisedSeen {
  readonly supervisor: string
  readonly is: string // running, paused, restarting, stopped, absent
  readonly says: string
  readonly exitCode?: number | undefined
  readonly outOfMemory?: boolean | undefined
  readonly restarts?: number | undefined
  readonly restartPolicy?: string | undefined
  readonly sinceMs?: number | undefined
}

/** Where its files are; `from` says who said so. */
export interface PlacesSeen {
  readonly dir?: PlaceSeen | undefined
  readonly log?: PlaceSeen | undefined
  readonly conf?: PlaceSeen | undefined
}

export interface PlaceSeen {
  readonly inside: string // the path as the server names it
  readonly here?: string | undefined // the same on this machine; absent: it cannot be reached
  readonly from: 'option' | 'server' | 'configuration' | 'memory' | 'usual place' | 'process' | 'supervisor'
}

export interface LogSeen {
  readonly sources: readonly string[] // that were read
  readonly entries: readonly (Pick<LogEntry, 'at' | 'pid' | 'role' | 'level' | 'text'> & { readonly more?: string })[] // oldest first, the last ones
}

export interface DiskSeen {
  readonly path: string // of `dir`
  readonly exists: boolean
  readonly freeBytes: number // for a user who is not root
  readonly totalBytes: number
  readonly freeInodes: number
  readonly owner: number // uid
  readonly group: number
  readonly mode: number // 0o750
  readonly serverMayWrite?: boolean | undefined // by owner, mode and the server's user; absent: the user is not known
  readonly readOnly: boolean // the mount
  readonly mountType: string // ext4, tmpfs, overlay
  readonly mountPoint: string
  readonly files: readonly FileSeen[] // of `dir` and of its append-only folder: `appendonlydir/…`
}

export interface FileSeen {
  readonly name: string
  readonly bytes: number
  readonly modifiedMs: number
  readonly starts?: string | undefined // of an RDB: its first nine bytes, "REDIS0010"; of a manifest: its text
}

export interface ConfSeen {
  readonly path: string
  readonly writable: boolean // by the server's user, as far as that is known
  readonly directives: Readonly<Record<string, string>> // the last of each name, without secrets; `save` lines joined as CONFIG GET shows them
  readonly lines: number
}

export interface KernelSeen {
  readonly overcommitMemory?: number | undefined
  readonly hugePages?: string | undefined // always, madvise, never
  readonly somaxconn?: number | undefined
  readonly swappiness?: number | undefined
  readonly clocksource?: string | undefined
  readonly memoryTotalBytes?: number | undefined
  readonly memoryAvailableBytes?: number | undefined
  readonly swapTotalBytes?: number | undefined
  readonly swapFreeBytes?: number | undefined
  readonly listenOverflows?: number | undefined // TcpExt of this network namespace, since boot
  readonly listenDrops?: number | undefined
  readonly stealShare?: number | undefined // of all processor time while we looked
  readonly oomKills: readonly string[] // the kernel's own lines, where they may be read
}

/** Some keys of each database, as SCAN gives them, and those that slow commands named: no values. */
export interface KeyspaceSeen {
  readonly databases: readonly { readonly db: number; readonly keys: number; readonly expiring: number }[]
  readonly sample: readonly KeySeen[] // at most three hundred, of the largest databases
  readonly named: readonly KeySeen[] // by the slow log, at most twenty
}

export interface KeySeen {
  readonly db: number
  readonly key: string
  readonly type: string // string, list, set, zset, hash, stream, or a module's
  readonly bytes: number // MEMORY USAGE with five samples: of a collection an estimate
  readonly ttlSeconds: number // -1: it does not expire
  readonly elements?: number | undefined // of a list, a set, a hash, a sorted set, a stream
}

/** Who listens on the server's port on this machine. */
export interface ListeningSeen {
  readonly sockets: readonly { readonly name: string; readonly queue?: number | undefined }[] // on that port, on any address
  readonly otherPorts: readonly string[] // where the process that is known listens instead
  readonly meets?: string | undefined // the one of the sockets that a connection to the server's address meets
  readonly owner?: string | undefined // of that one: "python3 (pid 4711)", where it may be seen
}

export interface FirewallSeen {
  readonly rules: readonly string[] // that name the server's port or bus port, as iptables-save or nft prints them
}

export interface CertificateSeen {
  readonly subject: string
  readonly issuer: string
  readonly notBefore: number // epoch ms
  readonly notAfter: number
  readonly authorityNotAfter?: number | undefined // the earliest of the chain
  readonly unasked?: boolean | undefined // we speak plain text to the port that served it
  readonly at?: string | undefined // where it was served, when that is not the server's address as we have it
  readonly distrust?: string | undefined // why it does not hold against our CA and the server's name
  readonly own?: { readonly subject: string; readonly notAfter: number } | undefined // the certificate that we show
}

/** The script or function that keeps a server busy, as far as it lets anybody ask. */
export interface ScriptSeen {
  readonly kind: 'script' | 'function' // EVAL, or FCALL
  readonly hasWritten?: boolean | undefined // then it cannot be killed; absent: the server does not say
  readonly fromPrimary?: boolean | undefined // it came over the replication link
  readonly command?: string | undefined // of a function: "fcall_ro report 1 orders"
  readonly runsForMs?: number | undefined // of a function
}

/** Samples of the last minutes, as the daemon kept them. */
export interface HistorySeen {
  readonly heldMs: number
  readonly series: readonly {
    readonly name: string // redis_exporter's name, or ours
    readonly labels: Readonly<Record<string, string>> // instance is the server's id
    readonly points: readonly (readonly [atMs: number, value: number])[] // oldest first
  }[]
}

/** What the configuration declares of a deployment. */
export type Declared = Pick<DeploymentSeen, 'dataClass' | 'rpoMs' | 'expect' | 'namespaces'>

/** What the archive of the deployment knows. */
export interface BackupsSeen {
  readonly lastBaseAt?: number | undefined // epoch ms
  readonly verifiedAt?: number | undefined
  readonly lagSeconds?: number | undefined
  readonly notFollowed?: string | undefined // why its stream is followed at no server, and has not been for a while
  readonly trouble: readonly string[] // Respite's own errors about the store and its bases
}
