// Which sockets of this machine listen, and on what address, from /proc/net. The same port may be open twice, on two
// addresses and by two servers, so the address counts as much as the port.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/** Where a process listens: a TCP port of this machine, or a unix socket. */
export type Listening = { readonly host: string; readonly port: number } | { readonly path: string }

export interface ListeningSocket {
  readonly name: string // "127.0.0.1:6379", "[::1]:6379", or the path
  readonly inode: string
  readonly uid: number | undefined // of the user who opened it; not shown for a unix socket
  readonly queue: number | undefined // connections made and not accepted yet; the kernel does not show it for a unix socket
}

export interface TcpSocket extends ListeningSocket {
  readonly host: string
  readonly port: number
}

const EVERY_ADDRESS = ['0.0.0.0', '::']

/** Is this address one of this machine's own? */
export function isLocalHost(host: string): boolean {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true
  return Object.values(networkInterfaces()).some((list) => list?.some((entry) => entry.address === host))
}

export function nameOf(where: Listening): string {
  if ('path' in where) return where.path
  return `${where.host.includes(':') ? `[${where.host}]` : where.host}:${where.port}`
}

/** The socket that a connection to `where` meets: the one of that very address goes before one of every address. */
export function listeningSocket(where: Listening, among?: ListeningSockets): ListeningSocket | undefined {
  if ('path' in where) return (among?.unix ?? unixSockets()).find(({ name }) => name === where.path)
  const onPort = (among?.tcp ?? tcpSockets()).filter(({ port }) => port === where.port)
  const hosts = where.host === 'localhost' ? ['127.0.0.1', '::1'] : [where.host]
  return (
    onPort.find(({ host }) => hosts.includes(host)) ??
    onPort.find(({ host }) => EVERY_ADDRESS.includes(host) && (host === '::' || !hosts[0]?.includes(':')))
  )
}

export interface ListeningSockets {
  readonly tcp: readonly TcpSocket[]
  readonly unix: readonly ListeningSocket[]
}

/** All sockets of this machine (of this network namespace) that listen. To ask for them takes the kernel milliseconds. */
export function listeningSockets(): ListeningSockets {
  return { tcp: tcpSockets(), unix: unixSockets() }
}

const STATE_LISTEN = '0A' // Source: Linux Documentation/networking/proc_net_tcp
const FLAG_LISTENS = 0x1_00_00 // __SO_ACCEPTCON of include/linux/net.h

function tcpSockets(): TcpSocket[] {
  const tables = hasTcp6() ? ['/proc/net/tcp', '/proc/net/tcp6'] : ['/proc/net/tcp']
  return tables.flatMap(readListeners).flatMap(tcpSocketOf)
}

/** To find nothing in that table, the kernel goes through all connections that it could have. */
function hasTcp6(): boolean {
  return !readText('/proc/net/sockstat6').startsWith('TCP6: inuse 0\n')
}

function tcpSocketOf(line: string): TcpSocket[] {
  const fields = line.trim().split(/\s+/)
  const [address, hexPort] = (fields[1] ?? '').split(':')
  if (fields[3] !== STATE_LISTEN || address === undefined || hexPort === undefined) return []
  const host = hostOf(address)
  const port = Number.parseInt(hexPort, 16)
  const queue = Number.parseInt(fields[4]?.split(':')[1] ?? '0', 16)
  return [{ host, port, queue, name: nameOf({ host, port }), inode: fields[9] ?? '', uid: Number(fields[7]) }]
}

/** The kernel prints an address as words of four bytes, each in the machine's own order: little endian where Node runs. */
function hostOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed())
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
  const groups = Array.from({ length: 8 }, (_none, at) => `${bytes[2 * at]}${bytes[2 * at + 1]}`.toLowerCase())
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) // the short form: ::1
}

function unixSockets(): ListeningSocket[] {
  const lines = readText('/proc/net/unix')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return lines
    .filter((fields) => fields[7] !== undefined && (Number.parseInt(fields[3] ?? '0', 16) & FLAG_LISTENS) !== 0)
    .map((fields) => ({ name: fields.slice(7).join(' '), inode: fields[6] ?? '', uid: undefined, queue: undefined }))
}

const CHUNK_BYTES = 16_384

/**
 * The lines of those that listen: the kernel prints them first, and then every connection, which on a busy machine are
 * tens of thousands, and are not read.
 */
function readListeners(path: string): string[] {
  let text = ''
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (;;) {
      const bytes = readSync(file, chunk)
      text += chunk.toString('latin1', 0, bytes)
      const lines = text.split('\n').slice(1, bytes === 0 ? undefined : -1) // without the heading, and what is not whole
      const end = lines.findIndex((line) => stateOf(line) !== STATE_LISTEN)
      if (end !== -1 || bytes === 0) return end === -1 ? lines : lines.slice(0, end)
    }
  } catch {
    return [] // no IPv6 on this machine: nothing listens there
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function stateOf(line: string): string | undefined {
  return line.trim().split(/\s+/, 4)[3]
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not Linux as we know it
  }
}
