// What a server offers to a backup that reads key after key: which commands its user has, in which form it says when a key
// expires, which RDB its DUMP payloads are of, its functions. All of it is asked before the first key, so that a missing
// permission is said at once and by its name, with the line that grants it.

import type { Clock } from '../lib/clock.ts'
import { parseFunctionDump } from '../rdb/function-dump.ts'
import type { Flavour } from '../rdb/layouts.ts'
import { parseInfo, type Info } from '../redis/info.ts'
import { refused } from '../replication/trouble.ts'
import { MethodRefused } from './base-method.ts'
import { rdbVersionOf } from './rdb-versions.ts'
import { WireError, whyRefused, type ReplyWire, type WireReply } from './reply-wire.ts'

export interface ScanTerms {
  readonly info: Info
  readonly flavour: Flavour // of the RDB's header: Valkey 8 still writes that of Redis
  readonly rdbVersion: number
  readonly serverVersion: string | undefined
  readonly expiry: 'absolute' | 'relative' // PEXPIRETIME, or PTTL beside TIME where that is not to be had
  readonly aux: Readonly<Record<string, string>>
  readonly libraries: readonly Buffer[] // code of functions
}

const PROBE = 'respite:no-such-key'
const ELSEWHERE = /^(MOVED|ASK|CLUSTERDOWN)\b/ // the key that is asked about: in a Cluster it may belong to another shard
const VALKEY_SINCE = 80 // RDB version
/** Asks all of it. Throws MethodRefused with everything that the user lacks. */
export async function askForScan(wire: ReplyWire, clock: Clock): Promise<ScanTerms> {
  const missing = new Missing(wire.target)
  const functions = missing.note('function|dump', await wire.ask('FUNCTION', 'DUMP'))
  const info = missing.note('info', await wire.ask('INFO'))
  missing.note('scan', await wire.ask('SCAN', '0', 'COUNT', '1'))
  const isAbsolute = whyRefused(await wire.ask('PEXPIRETIME', PROBE)) === undefined
  if (!isAbsolute) {
    missing.note('pexpiretime', await wire.ask('PTTL', PROBE))
    missing.note('time', await wire.ask('TIME'))
  }
  missing.note('dump', await wire.ask('DUMP', PROBE))
  const about = parseInfo(String(info ?? ''))
  if (about.names.some((name) => /^db[1-9]/.test(name))) missing.note('select', await wire.ask('SELECT', '0'))
  if (about.get('cluster_enabled') === '1' && about.get('role') === 'slave')
    missing.note('readonly', await wire.ask('READONLY'))
  missing.note('multi', await wire.ask('MULTI'))
  const executed = await wire.ask('EXEC') // last: who may MULTI and not EXEC can do nothing more on this connection
  if (!(executed instanceof WireError && /without MULTI/i.test(executed.text))) missing.note('exec', executed)
  missing.complain()
  return { info: about, expiry: isAbsolute ? 'absolute' : 'relative', ...rdbOf(functions, about, wire.target, clock) }
}

/** What the user lacks. */
class Missing {
  readonly #target: string
  readonly #commands: string[] = []
  #keys = false

  constructor(target: string) {
    this.#target = target
  }

  /** The reply, or undefined for a refusal. A server that has no such command is not one that forbids it. */
  note(command: string, reply: WireReply): Buffer | undefined {
    const why = whyRefused(reply)
    if (reply instanceof WireError && why === undefined && !ELSEWHERE.test(reply.text))
      throw refused(this.#target, reply.text) // LOADING, NOAUTH
    if (why === 'command') this.#commands.push(command)
    if (why === 'key') this.#keys = true
    if (why === 'unknown' && command !== 'function|dump') this.#commands.push(command)
    return reply instanceof Buffer ? reply : undefined
  }

  complain(): void {
    if (this.#commands.length === 0 && !this.#keys) return
    const lacks = [
      ...(this.#commands.length === 0 ? [] : [`may not use ${this.#commands.join(', ')}`]),
      ...(this.#keys ? ['may not read all keys'] : []),
    ]
    const grants = [...(this.#keys ? ['~*'] : []), ...this.#commands.map((command) => `+${command}`)]
    throw new MethodRefused({
      doing: 'reading all keys of',
      target: this.#target,
      why: `the user ${lacks.join(' and ')}, and a backup by SCAN and DUMP cannot be had without`,
      hint: `Grant it: ACL SETUSER <user> ${grants.join(' ')}`,
      exit: 1,
      retryable: false,
    })
  }
}

function rdbOf(
  functions: Buffer | undefined,
  info: Info,
  target: string,
  clock: Clock,
): Pick<ScanTerms, 'flavour' | 'rdbVersion' | 'serverVersion' | 'aux' | 'libraries'> {
  const valkey = info.get('valkey_version')
  const serverVersion = valkey ?? info.get('redis_version')
  const name = valkey === undefined ? 'redis' : 'valkey'
  const { rdbVersion, libraries } =
    functions === undefined
      ? { rdbVersion: olderVersion(name, serverVersion, target), libraries: [] }
      : parseFunctionDump(functions, `the functions of ${target}`)
  const aux = {
    ...(serverVersion === undefined ? {} : { [`${name}-ver`]: serverVersion }),
    'redis-bits': info.get('arch_bits') ?? '64',
    ctime: String(Math.floor(clock.now() / 1_000)),
  }
  return { flavour: rdbVersion >= VALKEY_SINCE ? 'valkey' : 'redis', rdbVersion, serverVersion, aux, libraries }
}

function olderVersion(flavour: 'redis' | 'valkey', version: string | undefined, target: string): number {
  const found = version === undefined ? undefined : rdbVersionOf(flavour, version)
  if (found !== undefined) return found
  throw refused(target, `its version is ${version ?? 'not known'}, and DUMP is older than what can be written here`)
}
