// Real servers on this machine: each on a free loopback port, in a folder of its own, ending with the process that
// started it. Tests, benches and the demo share them. A Cluster is in cluster.ts, certificates in certificates.ts,
// waiting for a condition in until.ts.
//
// SERVERS names the binary when it is not `redis-server` of the PATH: SERVERS=/opt/valkey/bin/valkey-server npm test

import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { reasonOf } from '../src/lib/fault.ts'
import { knock } from '../src/redis/door.ts'
import type { Access, Address, Tls } from '../src/redis/url.ts'
import { tlsOf, type Certificates, type KeyPair } from './certificates.ts'
import { makeFolder, spawnChild, type Child } from './children.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

export interface StartOptions {
  readonly name?: string // stands in the folder's name and in what is printed
  readonly conf?: readonly string[] // lines of redis.conf, after ours: `maxmemory 20mb`
  readonly args?: readonly string[] // of the command line, after the file: `--maxmemory`, `20mb`
  readonly binary?: string
  readonly env?: Record<string, string> // of its process, beside ours
  readonly port?: number // a free one when absent
  readonly password?: string // requirepass and masterauth; `cli` and `access` use it
  readonly debug?: boolean // allow DEBUG, and CONFIG SET of dir and dbfilename (7.0 and later)
  readonly socket?: boolean // listen on a unix socket too
  readonly tls?: {
    readonly certificates: Certificates
    readonly pair?: KeyPair
    readonly clients?: 'yes' | 'no' | 'optional'
  }
  readonly sentinel?: boolean // run as a Sentinel; `startSentinel` is the usual way
  readonly uid?: number | undefined // of another user, whom its folder then belongs to; needs root
}

export interface Server {
  readonly name: string
  readonly port: number // with TLS: the TLS port, there is no other
  readonly pid: number // changes with `restart`
  readonly running: boolean
  readonly exited: Promise<string> // of the process that runs now: "exit 1", "signal SIGKILL"
  readonly dir: string
  readonly confFile: string
  readonly logFile: string
  readonly socketPath: string | undefined
  readonly address: Address
  readonly id: string // host:port
  readonly url: string // without a password
  readonly access: Access // how to log in, for connections of our own
  /** What redis-cli prints; error replies are printed too. Throws when it cannot connect. */
  cli(...args: string[]): Promise<string>
  log(): string
  /** Sends a signal. After SIGKILL and SIGTERM it waits for the end; the folder stays, `restart` goes on with it. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** The same files and port again. */
  restart(): Promise<void>
  /** Ends the process, also a stopped one, and removes the folder. */
  stop(): Promise<void>
}

const run = promisify(execFile)
const HOST = '127.0.0.1'

/** The binary that SERVERS names, or redis-server. */
export function serverBinary(): string {
  const [first] = (process.env['SERVERS'] ?? '').split(',')
  return first === undefined || first === '' ? 'redis-server' : first
}

/** Starts a server and waits until it answers. Fails with the end of its log. */
export async function startServer(options: StartOptions = {}): Promise<Server> {
  const name = options.name ?? (options.sentinel ? 'sentinel' : 'server')
  const dir = makeFolder(name)
  for (let attempt = 1; ; attempt += 1) {
    const server = makeServer(options, name, dir, options.port ?? (await freePort()))
    try {
      await server.restart()
      return server
    } catch (error) {
      await server.kill('SIGKILL')
      // Between our look at the port and the server's, somebody else may have taken it.
      const portTaken = options.port === undefined && /Address already in use/.test(server.log())
      if (!portTaken || attempt === 5) throw error
      rmSync(server.logFile, { force: true })
    }
  }
}

/** Starts a replica and waits until it has the data of its primary and the link is up. */
export async function startReplica(primary: Server, options: StartOptions = {}): Promise<Server> {
  const conf = [`replicaof ${HOST} ${primary.port}`, ...(options.conf ?? [])]
  const password = options.password ?? primary.access.password
  const login = password === undefined ? {} : { password }
  const replica = await startServer({ name: 'replica', ...login, ...options, conf })
  await until(`${replica.id} follows ${primary.id}`, async () =>
    (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
  )
  return replica
}

export interface SentinelOptions extends StartOptions {
  readonly watches: readonly { readonly name: string; readonly server: Server }[]
  readonly quorum: number
  readonly downAfterMs?: number // 3 s when absent; `NEVER_DOWN_MS` where there is to be no failover
}

/** For a Sentinel that takes nobody for down, however long a busy machine keeps a server from its processor. */
export const NEVER_DOWN_MS = 600_000

/** Starts one Sentinel. It finds the others by itself, through the servers that it watches. */
export function startSentinel({ watches, quorum, downAfterMs = 3000, ...options }: SentinelOptions): Promise<Server> {
  const conf = watches.flatMap(({ name, server }) => [
    `sentinel monitor ${name} ${HOST} ${server.port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 5000`,
    ...(server.access.password === undefined
      ? []
      : [`sentinel auth-pass ${name} ${JSON.stringify(server.access.password)}`]),
  ])
  return startServer({ ...options, sentinel: true, conf: [...conf, ...(options.conf ?? [])] })
}

function makeServer(options: StartOptions, name: string, dir: string, port: number): Server {
  const confFile = join(dir, options.sentinel ? 'sentinel.conf' : 'redis.conf')
  const logFile = join(dir, 'server.log')
  const socketPath = options.socket ? join(dir, 'redis.sock') : undefined
  const { binary = serverBinary(), uid, env } = options
  const access = accessOf(options)
  const address: Address = { host: HOST, port }
  const id = `${HOST}:${port}`
  writeFileSync(confFile, confLines(options, { port, dir, logFile, socketPath }).join('\n') + '\n')
  handOver(dir, uid)
  let child: Child | undefined

  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '') + outputOf(dir)
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child?.running !== true) return
    child.kill(signal)
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await child.exited
  }
  const restart = async (): Promise<void> => {
    const words = [confFile, ...(options.sentinel ? ['--sentinel'] : []), ...(options.args ?? [])]
    const started = await spawnChild(binary, words, { name: `${name} ${id}`, dir, uid, env })
    child = started
    await until(`${name} answers at ${id}`, () => (started.running ? answers(address, access) : true)).catch(
      (error: unknown) => {
        throw new Error(`${reasonOf(error)}\n${tail(log())}`)
      },
    )
    if (!started.running) throw new Error(`${name} at ${id} ended (${await started.exited})\n${tail(log())}`)
  }

  return {
    name,
    port,
    dir,
    confFile,
    logFile,
    socketPath,
    address,
    id,
    access,
    log,
    kill,
    restart,
    url: `${access.tls === undefined ? 'redis' : 'rediss'}://${id}`,
    get pid() {
      return child?.pid ?? -1
    },
    get running() {
      return child?.running ?? false
    },
    get exited() {
      return child?.exited ?? Promise.resolve('never started')
    },
    cli: (...args) => runCli(binary, options, port, args),
    async stop() {
      await endGently(child)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The folder and what is in it now, to another user; the way to it is opened to everybody. */
function handOver(dir: string, uid: number | undefined): void {
  if (uid === undefined) return
  chmodSync(dirname(dir), 0o711)
  for (const path of [dir, ...readdirSync(dir).map((name) => join(dir, name))]) chownSync(path, uid, uid)
}

function confLines(
  { password, debug, tls, sentinel, conf = [], binary = serverBinary() }: StartOptions,
  { port, dir, logFile, socketPath }: { port: number; dir: string; logFile: string; socketPath: string | undefined },
): string[] {
  const pair = tls?.pair ?? tls?.certificates.server
  const quoted = JSON.stringify(password)
  return [
    `bind ${HOST}`,
    ...(tls === undefined || pair === undefined
      ? [`port ${port}`]
      : [
          'port 0',
          `tls-port ${port}`,
          'tls-replication yes',
          `tls-ca-cert-file ${tls.certificates.caFile}`,
          `tls-cert-file ${pair.certFile}`,
          `tls-key-file ${pair.keyFile}`,
          `tls-auth-clients ${tls.clients ?? 'yes'}`,
        ]),
    `dir ${dir}`,
    `logfile ${logFile}`,
    ...(socketPath === undefined ? [] : [`unixsocket ${socketPath}`]),
    ...(sentinel ? [] : ['save ""', 'repl-diskless-sync-delay 0']),
    ...(password === undefined ? [] : [`requirepass ${quoted}`, ...(sentinel ? [] : [`masterauth ${quoted}`])]),
    ...(debug && hasProtectedCommands(binary) ? ['enable-debug-command yes', 'enable-protected-configs yes'] : []),
    ...conf,
  ]
}

const majors = new Map<string, number>()

/** Before 7.0 DEBUG was always allowed, and the settings that allow it were not known. */
function hasProtectedCommands(binary: string): boolean {
  const known = majors.get(binary)
  const version = known === undefined ? execFileSync(binary, ['--version'], { encoding: 'utf8' }) : ''
  const major = known ?? Number(/v=(\d+)/.exec(version)?.[1] ?? 7)
  majors.set(binary, major)
  return major >= 7
}

function accessOf({ password, tls }: StartOptions): Access {
  const secured: Tls | undefined = tls && tlsOf(tls.certificates.caFile, tls.certificates.client)
  return { ...(password !== undefined && { password }), ...(secured && { tls: secured }) }
}

/** Does something that speaks Redis answer? NOAUTH and LOADING are answers. */
async function answers(address: Address, access: Access): Promise<boolean> {
  const { id } = await knock({ address, access, connectTimeoutMs: 1000, replyTimeoutMs: 1000 })
  return !['refused', 'timed-out', 'reset', 'silent'].includes(id)
}

async function runCli(binary: string, options: StartOptions, port: number, args: string[]): Promise<string> {
  const beside = join(dirname(binary), binary.replace(/^.*\//, '').replace('-server', '-cli'))
  const cli = binary.includes('/') && existsSync(beside) ? beside : 'redis-cli'
  const { certificates } = options.tls ?? {}
  const { certFile = '', keyFile = '' } = certificates?.client ?? {}
  const tls = certificates && ['--tls', '--cacert', certificates.caFile, '--cert', certFile, '--key', keyFile]
  const env = { ...process.env, ...(options.password !== undefined && { REDISCLI_AUTH: options.password }) }
  const { stdout } = await run(cli, ['-h', HOST, '-p', String(port), ...(tls ?? []), ...args], {
    env,
    maxBuffer: 2 ** 28,
  })
  return stdout.replaceAll('\r\n', '\n').trimEnd()
}

const GENTLE_MS = 3000 // a primary waits for its replicas at shutdown, up to 10 s since 7.0: we do not

async function endGently(child: Child | undefined): Promise<void> {
  if (child?.running !== true) return
  child.kill('SIGTERM')
  child.kill('SIGCONT')
  const timer = setTimeout(() => child.kill('SIGKILL'), GENTLE_MS)
  await child.exited
  clearTimeout(timer)
}

function outputOf(dir: string): string {
  const file = join(dir, 'output.log')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n')
}
