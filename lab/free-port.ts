// Free loopback ports for the servers of the lab. Each process that asks has a stretch of them to itself for as long as
// it lives, and is given none twice: so a server that is down for a while finds its port free when it comes back, and
// where a test wants nobody to listen, nobody does, whatever other tests start at the same time.

import { createServer } from 'node:net'

const HOST = '127.0.0.1'
const FIRST = 11_000
const LENGTH = 400 // of a stretch; the most that one process has is a fleet of two hundred
const STRETCHES = 25 // all of them, and their Cluster bus ports, lie below the range of outgoing connections

const given = new Set<number>()
let stretch: Promise<number> | undefined

/** A free loopback port, its Cluster bus port (+ 10,000) free as well. */
export async function freePort(): Promise<number> {
  const from = FIRST + LENGTH * (await (stretch ??= claimStretch()))
  for (let attempt = 0; attempt < 100 * LENGTH; attempt += 1) {
    if (given.size === LENGTH) given.clear() // a long life: those that are free again go round once more
    const port = from + Math.floor(Math.random() * LENGTH)
    if (given.has(port)) continue
    given.add(port)
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port
  }
  throw new Error(`no free port from ${from} to ${from + LENGTH - 1}`)
}

/**
 * A stretch is claimed by a socket with its number in its name, in Linux' abstract namespace: the system lets go of it
 * when the process ends, in whatever way. Elsewhere, and when all are claimed, processes share.
 */
async function claimStretch(): Promise<number> {
  for (let at = 0; at < STRETCHES; at += 1) {
    const number = (process.pid + at) % STRETCHES
    if (await canListen({ path: `\0respite-lab-ports-${number}` }, 'keep')) return number
  }
  return process.pid % STRETCHES
}

function isFree(port: number): Promise<boolean> {
  return canListen({ host: HOST, port }, 'let go')
}

function canListen(
  where: { path: string } | { host: string; port: number },
  then: 'keep' | 'let go',
): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(where, () => {
      if (then === 'let go') return probe.close(() => resolve(true))
      probe.unref()
      resolve(true)
    })
  })
}
