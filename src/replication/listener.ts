// Answers as a replica does, for as long as we follow a primary. A primary names everybody who follows it to its
// Sentinels, and these never forget a name: one that answers nobody stays in their lists as a ghost, and FAILOVER without
// a target may pick it, which leaves a deployment without a primary (both tried on 7.0.15). So there is somebody who
// answers, and who says the two things that keep us out of it: `slave_priority:0` (never promote) and
// `replica_announced:0` (do not list; 6.2.2 and later). A primary that wants to make us one is refused.
//
// In return Sentinel tells us the new primary after a failover, as any replica. It waits with `+switch-master` until
// every replica says that it follows there and that its link is up, up to failover-timeout, three minutes by default;
// so we say both at once, whatever our link does. Whether the link goes there is the caller's decision: anybody who
// reaches this port can say SLAVEOF, and must not get our password that way.
//
// Which commands come: sentinel.c of Redis 7.0 (sentinelSendPeriodicCommands, sentinelSendSlaveOf, sentinelSendHello).

import { randomBytes } from 'node:crypto'
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { Fault, reasonOf } from '../lib/fault.ts'
import { showAddress, type Address, type Tls } from '../redis/url.ts'
import { RequestReader } from './request-reader.ts'

export interface ListenerOptions {
  readonly host: string // the address that our connection to the primary comes from
  readonly port: number // 0 picks one; the same after a restart keeps Sentinel from learning a new name for us
  readonly tls?: Tls | undefined // with a certificate: Sentinels of servers with tls-replication connect with TLS
  primary(): Address | undefined // whom we follow
  offset(): number // of what we have received
  onPrimary(primary: Address): void // Sentinel says that this is the primary now: not proven, see above
}

export interface Listener {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

const MOST_CONNECTIONS = 64 // a Sentinel has two
const OK = '+OK\r\n'

/** Starts to listen. Throws a Fault when the port is taken. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { host, tls } = options
  const replica = new SeemingReplica(options)
  const sockets = new Set<Socket>()
  const join = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, replica)
  }
  const secured = tls?.cert !== undefined && tls.key !== undefined
  const { cert = '', key = '', ca } = tls ?? {}
  const server = secured ? createTls({ cert, key, ...(ca !== undefined && { ca }) }, join) : createTcp(join)
  server.maxConnections = MOST_CONNECTIONS
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  return {
    host,
    port,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
}

function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const hint = 'A primary is not followed without it. Choose another port, or follow a replica.'
      const target = showAddress({ host, port })
      reject(new Fault({ doing: 'listening as a replica on', target, why: reasonOf(cause), hint, cause }))
    })
    server.listen(port, host, resolve)
  })
}

function serve(socket: Socket, replica: SeemingReplica): void {
  const reader = new RequestReader()
  let queued: string[][] | undefined // between MULTI and EXEC
  const answerOne = (words: string[]): string => {
    const name = words[0]?.toUpperCase()
    if (name === 'MULTI') {
      queued = []
      return OK
    }
    if (name === 'EXEC' && queued !== undefined) {
      const replies = queued.map((queuedWords) => replica.answer(queuedWords))
      queued = undefined
      return `*${replies.length}\r\n${replies.join('')}`
    }
    if (queued === undefined) return replica.answer(words)
    queued.push(words)
    return '+QUEUED\r\n'
  }
  socket.on('data', (bytes: Buffer) => {
    const requests = reader.push(bytes)
    if (requests === undefined) return void socket.end('-ERR Protocol error\r\n')
    socket.write(requests.map(answerOne).join(''))
  })
}

/** The answers. What Sentinel was told last counts until the link follows somebody. */
class SeemingReplica {
  readonly #options: ListenerOptions
  readonly #runId = randomBytes(20).toString('hex')
  #told: { readonly primary: Address; readonly instead: string } | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  answer(words: readonly string[]): string {
    const [name = '', ...rest] = words
    switch (name.toUpperCase()) {
      case 'PING':
        return '+PONG\r\n'
      case 'INFO':
        return bulk(this.#info())
      case 'ROLE':
        return this.#role()
      case 'SLAVEOF':
      case 'REPLICAOF':
        return this.#follow(rest)
      case 'SUBSCRIBE':
        return rest.map((channel, at) => `*3\r\n${bulk('subscribe')}${bulk(channel)}:${at + 1}\r\n`).join('')
      case 'PUBLISH':
        return ':0\r\n'
      case 'CLIENT':
        return rest[0]?.toUpperCase() === 'KILL' ? ':0\r\n' : OK
      case 'AUTH':
      case 'CONFIG': // REWRITE
      case 'REPLCONF': // of a primary that has chosen us and is about to be refused
        return OK
      case 'PSYNC':
      case 'SYNC':
        return '-ERR this is an archive and no server: it has nothing to send and cannot become a primary\r\n'
      default:
        return `-ERR unknown command '${printable(name)}': this is an archive that follows as a replica\r\n`
    }
  }

  #follow(words: readonly string[]): string {
    const [host = '', port = ''] = words
    if (host.toUpperCase() === 'NO' && port.toUpperCase() === 'ONE')
      return '-ERR this is an archive and no server: it cannot become a primary\r\n'
    const number = Number(port)
    if (host === '' || /\s/.test(host) || !Number.isInteger(number) || number < 1 || number > 65_535)
      return '-ERR Invalid master port\r\n'
    const primary = { host, port: number }
    this.#told = { primary, instead: idOf(this.#options.primary()) }
    this.#options.onPrimary(primary)
    return OK
  }

  /** What we were told, until the link has moved from where it was then. */
  #primary(): Address | undefined {
    const followed = this.#options.primary()
    return this.#told !== undefined && this.#told.instead === idOf(followed) ? this.#told.primary : followed
  }

  #info(): string {
    const primary = this.#primary()
    const fields = [
      '# Server',
      `run_id:${this.#runId}`,
      'respite_archive:1', // so that no Respite takes it for a server of the deployment
      '# Replication',
      'role:slave',
      `master_host:${primary?.host ?? ''}`,
      `master_port:${primary?.port ?? 0}`,
      'master_link_status:up',
      `slave_repl_offset:${this.#options.offset()}`,
      'slave_priority:0',
      'slave_read_only:1',
      'replica_announced:0',
      'connected_slaves:0',
    ]
    return fields.join('\r\n') + '\r\n'
  }

  #role(): string {
    const primary = this.#primary()
    const words = [bulk('slave'), bulk(primary?.host ?? ''), `:${primary?.port ?? 0}\r\n`, bulk('connected')]
    return `*5\r\n${words.join('')}:${this.#options.offset()}\r\n`
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}

function printable(text: string): string {
  return text.slice(0, 60).replace(/[^\x20-\x7e]/g, '?')
}

function idOf(address: Address | undefined): string {
  return address === undefined ? '' : showAddress(address)
}
