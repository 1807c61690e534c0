// One archive's replica of one dataset: chooses whom to follow as the deployment changes, listens where a primary has to
// have somebody to name, and keeps the link. What the deployment looks like comes from the caller as plain data.

import type { Socket } from 'node:net'
import { systemClock, type Clock } from '../lib/clock.ts'
import { showAddress, type Address, type Tls } from '../redis/url.ts'
import { chooseSource, type Attach, type Candidate } from './choose-source.ts'
import type { Announce, Announced, ServerFacts } from './handshake.ts'
import { startLink, type Link, type LinkOptions } from './link.ts'
import { startListener, type Listener } from './listener.ts'

export interface ReplicaOptions extends Omit<LinkOptions, 'source' | 'announce' | 'receipts'> {
  readonly attach: Attach
  /** All servers of the dataset as they are known now. Does not throw. */
  candidates(): readonly Candidate[]
  readonly listen?: ListenOptions | undefined
}

export interface ListenOptions {
  readonly host?: string | undefined // the address that our connection comes from, when absent
  readonly port?: number | undefined // a free one when absent
  readonly lastPort?: number | undefined // of last time: taken instead of a free one if nobody else has it now
  readonly announceHost?: string | undefined // where Sentinels reach us when that is another address (NAT, containers)
}

export interface Replica {
  readonly link: Link
  readonly listening: { readonly host: string; readonly port: number } | undefined // once a primary was followed
  /** The deployment has changed: is somebody else to be followed now? */
  changed(): void
  stop(): Promise<void>
}

const TOLD_MS = 60_000 // for so long what Sentinel told counts for more than what the caller knows

/** Begins at once. */
export function startReplica(options: ReplicaOptions): Replica {
  const told = new Told(options.clock ?? systemClock)
  let current: Candidate | undefined
  const source = (avoided: ReadonlySet<string>): Candidate | undefined => {
    const all = told.correct(options.candidates())
    const preferred = all.filter(({ address }) => !avoided.has(showAddress(address)))
    const last = current && showAddress(current.address)
    current = chooseSource(preferred, options.attach, last) ?? chooseSource(all, options.attach, last)
    return current
  }
  const listening = new Listening({
    ...options.listen,
    tls: () => current?.access.tls,
    primary: () => current?.address,
    offset: () => link.receivedOffset ?? 0,
    onPrimary(primary) {
      told.note(primary)
      link.reconsider()
    },
  })
  const announce: Announce = (role, socket) => listening.announce(role, socket)
  const link = startLink({ ...options, source, announce, receipts: options.attach === 'primary' })
  return {
    link,
    get listening() {
      return listening.where
    },
    changed: () => link.reconsider(),
    async stop() {
      await link.stop()
      await listening.close()
    },
  }
}

/** What Sentinel said last about who is primary. It counts only for servers that the caller knows. */
class Told {
  readonly #clock: Clock
  #primary: string | undefined
  #untilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(primary: Address): void {
    this.#primary = showAddress(primary)
    this.#untilMs = this.#clock.monotonic() + TOLD_MS
  }

  correct(candidates: readonly Candidate[]): readonly Candidate[] {
    if (this.#clock.monotonic() > this.#untilMs) return candidates
    const isTold = ({ address }: Candidate): boolean => showAddress(address) === this.#primary
    const known = candidates.find(isTold)
    if (known === undefined || known.role === 'primary') return candidates
    return candidates.map((candidate) => {
      if (isTold(candidate)) return { ...candidate, role: 'primary', answers: true }
      return candidate.role === 'primary' ? { ...candidate, role: 'unknown' } : candidate
    })
  }
}

interface ListeningOptions extends ListenOptions {
  tls(): Tls | undefined
  primary(): Address | undefined
  offset(): number
  onPrimary(primary: Address): void
}

/** Listens from the first primary on that is followed, and then until the end: Sentinels do not forget us either. */
class Listening {
  readonly #options: ListeningOptions
  #listener: Listener | undefined

  constructor(options: ListeningOptions) {
    this.#options = options
  }

  get where(): Replica['listening'] {
    return this.#listener && { host: this.#listener.host, port: this.#listener.port }
  }

  /** Only a replica has no Sentinel that reads its list; of whom we may not ask INFO, we do not know what it is. */
  async announce(role: ServerFacts['role'], { localAddress }: Socket): Promise<Announced | undefined> {
    if (role === 'replica') return undefined
    const { host, port, lastPort = 0, announceHost, ...rest } = this.#options
    const here = host ?? localAddress?.replace(/^::ffff:/, '') ?? LOOPBACK
    if (this.#listener?.host !== here) {
      const before = this.#listener
      const start = (on: number): Promise<Listener> => startListener({ ...rest, host: here, port: on, tls: rest.tls() })
      const wanted = before?.port ?? port
      this.#listener = await (wanted === undefined ? start(lastPort).catch(() => start(0)) : start(wanted))
      await before?.close()
    }
    // A unix socket has no address that a primary could name.
    return { port: this.#listener.port, host: announceHost ?? (localAddress === undefined ? here : undefined) }
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }
}

const LOOPBACK = '127.0.0.1'
