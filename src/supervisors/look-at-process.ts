// The local process behind a listening address, read from /proc: the second path to a server that does not answer. It
// looks and never acts. A server on another machine, or behind a container's port proxy, cannot be seen from here, and
// that is said, never guessed. Which sockets listen is read in listening.ts.
//
// It reads synchronously, but for the command line: /proc is memory, and on a machine whose processor is short, when this
// is needed most, each asynchronous read waits its turn and together they took seconds. The command line alone can hang
// with the process that it is of.

import { readdirSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setImmediate as yieldOnce } from 'node:timers/promises'
import {
  isLocalHost,
  listeningSocket,
  listeningSockets,
  type ListeningSockets,
  nameOf,
  type Listening,
  type ListeningSocket,
} from './listening.ts'
import { readText } from './proc.ts'

export interface ProcessLook {
  readonly pid: number
  readonly command: string // "redis-server"
  readonly state: string // the letter of /proc/PID/stat, of the main thread: R S D T Z
  readonly cpuShare: number // of one core, over the moment of looking; 1 is a full core
  readonly wakeUps: number // how often the main thread went to sleep meanwhile: an event loop that turns does, ten times a second
  readonly waitsIn: string | undefined // what it sleeps in, by the kernel's name: "ep_poll", "pipe_write"
  readonly acceptQueue: number | undefined // connections that the process has not accepted yet; not shown for a unix socket
}

export type Sight =
  | { readonly seen: 'process'; readonly process: ProcessLook }
  | { readonly seen: 'nobody'; readonly why: string } // this machine, and nobody listens there
  | { readonly seen: 'unknown'; readonly why: string } // could not look

const CPU_WINDOW_MS = 120
const TICKS_PER_SECOND = 100 // USER_HZ, the same on every Linux that Node runs on
const SERVER_NAMES = /redis|valkey|keydb|sentinel/i

/**
 * Looks at the process that listens there. `knownPid` is who did when it was last asked: a shortcut when it still does,
 * and worth a word when it does not. Takes 120 ms (twice that for a unix socket), in which the CPU that the process uses is measured.
 */
export async function lookAtProcess(where: Listening, knownPid?: number): Promise<Sight> {
  if (process.platform !== 'linux') return { seen: 'unknown', why: 'only Linux shows processes in /proc' }
  if ('host' in where && !isLocalHost(where.host)) return { seen: 'unknown', why: 'the server is on another machine' }
  const socket = listeningSocket(where)
  if (socket === undefined) return { seen: 'nobody', why: await nobody(where, knownPid) }
  const pid = (await ownerOf(socket.inode, knownPid)) ?? (await likelyOwner(where, socket, knownPid))
  if (pid === undefined)
    return { seen: 'unknown', why: 'the owner of the listening socket belongs to another user or container' }
  const command = readText(`/proc/${pid}/comm`).trim()
  if (!(await isServer(pid)))
    return { seen: 'unknown', why: `${command} (pid ${pid}) listens on ${nameOf(where)}, not the server itself` }
  return lookAtPid(pid, socket.queue)
}

/** The same for a process that somebody else named: a container's, whose sockets cannot be seen from here. */
export async function lookAtPid(pid: number, acceptQueue?: number): Promise<Sight> {
  const command = readText(`/proc/${pid}/comm`).trim()
  const before = mainThread(pid)
  const started = performance.now()
  const windowMs = acceptQueue === undefined ? 2 * CPU_WINDOW_MS : CPU_WINDOW_MS // here wakeUps must tell more
  await new Promise((resolve) => setTimeout(resolve, windowMs))
  const after = mainThread(pid)
  if (before === undefined || after === undefined) return { seen: 'nobody', why: `process ${pid} has just ended` }
  const cpuShare = (after.ticks - before.ticks) / TICKS_PER_SECOND / ((performance.now() - started) / 1000)
  const { state, waitsIn } = after
  const wakeUps = after.sleeps - before.sleeps
  return { seen: 'process', process: { pid, command, state, cpuShare, wakeUps, waitsIn, acceptQueue } }
}

/** Nobody listens there; is the process that did still alive? Then its address was changed, and nothing has died. */
async function nobody(where: Listening, knownPid: number | undefined): Promise<string> {
  const why = `nobody listens on ${nameOf(where)} on this machine`
  if (knownPid === undefined) return why
  const held = socketsOf(knownPid)
  // One that has let go of all its sockets is on its way out; Z has ended and nobody has asked it how.
  const ended = held?.size === 0 || mainThread(knownPid)?.state === 'Z' || !(await isServer(knownPid))
  if (ended) return `${why}; its process (pid ${knownPid}) has ended`
  const alive = `${why}; its process (pid ${knownPid}) is alive`
  if (held === undefined) return alive
  const names = namesOf(held)
  return `${alive} and listens ${names.length === 0 ? 'nowhere' : `on ${names.join(', ')}`}`
}

/** Where this process listens; [] also for one of another user, which cannot be looked into. */
export function listeningOf(pid: number, among?: ListeningSockets): string[] {
  return namesOf(socketsOf(pid) ?? new Set(), among)
}

function namesOf(inodes: ReadonlySet<string>, { tcp, unix }: ListeningSockets = listeningSockets()): string[] {
  return [...tcp, ...unix].filter(({ inode }) => inodes.has(inode)).map(({ name }) => name)
}

async function isServer(pid: number): Promise<boolean> {
  return SERVER_NAMES.test(readText(`/proc/${pid}/comm`)) || SERVER_NAMES.test(await commandLine(pid))
}

/** Who holds the socket, in words: "redis-server (pid 4711)"; undefined where its owner may not be seen. */
export async function ownerOfSocket({ inode }: ListeningSocket, knownPid?: number): Promise<string | undefined> {
  const pid = await ownerOf(inode, knownPid)
  return pid === undefined ? undefined : `${readText(`/proc/${pid}/comm`).trim()} (pid ${pid})`
}

async function ownerOf(inode: string, knownPid?: number): Promise<number | undefined> {
  for (const pid of candidates(knownPid)) {
    if (socketsOf(pid)?.has(inode) === true) return pid
    await yieldOnce() // a machine may run thousands of processes
  }
  return undefined
}

/**
 * The sockets of another user's process cannot be seen, but its name, its user and its title can: a server, of the user
 * who opened the socket, that is the one we asked before or that has the address in its title ("redis-server *:6379").
 */
async function likelyOwner(where: Listening, { uid }: ListeningSocket, knownPid?: number): Promise<number | undefined> {
  const address = 'path' in where ? `unixsocket:${where.path}` : `:${where.port}`
  for (const pid of candidates(knownPid)) {
    if (!(await isServer(pid))) continue
    const owner = Number(/^Uid:\s*(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1])
    if (uid !== undefined && uid !== owner) continue
    const title = (await commandLine(pid)).replaceAll('\0', ' ')
    if (pid === knownPid || `${title} `.includes(`${address} `)) return pid
  }
  return undefined
}

/** The known one first, then those with a server's name, then all others; of each the youngest first. */
function* candidates(knownPid: number | undefined): Generator<number> {
  if (knownPid !== undefined) yield knownPid
  const pids = orNothing(() => readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toReversed()
  const named = new Set(pids.filter((pid) => SERVER_NAMES.test(readText(`/proc/${pid}/comm`))))
  yield* named
  yield* pids.filter((pid) => !named.has(pid))
}

/** The inodes of a process' first sockets; undefined for one of another user, which cannot be looked into. */
function socketsOf(pid: number): Set<string> | undefined {
  const descriptors = orNothing(() => readdirSync(`/proc/${pid}/fd`), undefined)
  if (descriptors === undefined) return undefined
  // A server opens its listening sockets before its clients: the first 64 descriptors are enough, and a full
  // server has ten thousand.
  const first = descriptors.toSorted((a, b) => Number(a) - Number(b)).slice(0, 64)
  const links = first.map((fd) => orNothing(() => readlinkSync(`/proc/${pid}/fd/${fd}`), ''))
  return new Set(links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter((inode) => inode !== undefined))
}

interface MainThread {
  readonly state: string
  readonly ticks: number
  readonly sleeps: number
  readonly waitsIn: string | undefined
}

function mainThread(pid: number): MainThread | undefined {
  const dir = `/proc/${pid}/task/${pid}`
  const [text, status, channel] = ['stat', 'status', 'wchan'].map((name) => readText(`${dir}/${name}`))
  if (text === undefined || text === '') return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ') // the name in parentheses may hold spaces
  const [state = '', utime, stime] = [fields[0], fields[11], fields[12]]
  return {
    state,
    ticks: Number(utime) + Number(stime),
    sleeps: Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status ?? '')?.[1] ?? 0),
    waitsIn: channel === undefined || channel === '' || channel === '0' ? undefined : channel,
  }
}

function commandLine(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
}

/** Gone meanwhile, or not ours to read: both mean that nothing is seen. */
function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read()
  } catch {
    return nothing
  }
}
