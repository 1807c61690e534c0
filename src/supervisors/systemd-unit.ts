// A unit of systemd as `systemctl show` describes it, and what the journal keeps of it. The names of properties are those of
// org.freedesktop.systemd1(5); times are taken from the monotonic ones, since the others are written for people.

import type { LogLine } from '../redis/server-log.ts'
import { runProgram } from './run-program.ts'
import { Fault } from '../lib/fault.ts'
import { NOT_KNOWN, type Resources, type SupervisedState } from './supervisor.ts'
import { redactArguments } from '../redis/redact.ts'

export type UnitProperties = ReadonlyMap<string, string>

const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'FreezerState',
  'Result',
  'MainPID',
  'ExecMainCode',
  'ExecMainStatus',
  'ExecMainExitTimestampMonotonic',
  'ActiveEnterTimestampMonotonic',
  'InactiveEnterTimestampMonotonic',
  'StateChangeTimestampMonotonic',
  'ExecStart',
  'WorkingDirectory',
  'NRestarts',
  'Restart',
  'MemoryMax',
  'MemoryCurrent',
  'CPUQuotaPerSecUSec',
  'LimitNOFILESoft',
] as const

/** Throws a Fault where systemd does not run. A unit that it does not know has the LoadState `not-found`. */
export async function showUnit(unit: string): Promise<UnitProperties> {
  const target = `systemd:${unit}`
  const { exit, out, err } = await runProgram(
    'systemctl',
    ['show', unitName(unit), `--property=${PROPERTIES.join(',')}`],
    target,
  )
  if (exit === 0 && out.includes('LoadState=')) return parseUnit(out)
  const why = err.trim().split('\n')[0] ?? ''
  throw new Fault({
    doing: 'asking systemd about',
    target,
    why: why === '' ? `systemctl ended with ${exit}` : why,
    hint: 'Where another program starts the server, name that: docker:NAME, process:PID.',
  })
}

/** Units of servers, without their type; none where systemd does not run. */
export async function serverUnits(): Promise<string[]> {
  const words = ['list-units', '--type=service', '--all', '--plain', '--no-legend', 'redis*', 'valkey*']
  return runProgram('systemctl', words, 'its units').then(
    ({ exit, out }) => (exit === 0 ? parseUnits(out) : []),
    () => [], // no systemd here
  )
}

export function parseUnits(text: string): string[] {
  return text.split('\n').flatMap((line) => /^\s*(\S+)\.service\s/.exec(line)?.[1] ?? [])
}

/** A name without a type is a service, as for systemctl. */
export function unitName(unit: string): string {
  return /\.[a-z]+$/.test(unit) ? unit : `${unit}.service`
}

export function parseUnit(text: string): UnitProperties {
  const pairs = text.split('\n').map((line): [string, string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  return new Map(pairs.filter(([name]) => name !== ''))
}

/** `bootMs`: when the monotonic clock stood at zero, in epoch milliseconds. */
export function stateOfUnit(unit: UnitProperties, bootMs: number): SupervisedState {
  const of = (name: (typeof PROPERTIES)[number]): string => unit.get(name) ?? ''
  if (of('LoadState') === 'not-found') return { ...NOT_KNOWN, is: 'absent', says: 'not-found' }
  const is = wordOf(of('ActiveState'), of('SubState'), of('FreezerState'))
  const hasEnded = Number(of('ExecMainExitTimestampMonotonic')) > 0 && is !== 'running'
  const status = Number(of('ExecMainStatus'))
  const since = is === 'running' ? of('ActiveEnterTimestampMonotonic') : of('InactiveEnterTimestampMonotonic')
  const changed = Number(since) > 0 ? since : of('StateChangeTimestampMonotonic')
  const pid = Number(of('MainPID'))
  return {
    is,
    says: `${of('ActiveState')} (${of('SubState')})${is === 'running' ? '' : `, result ${of('Result')}`}`,
    sinceMs: Number(changed) > 0 ? bootMs + Number(changed) / 1_000 : undefined,
    pid: pid > 0 ? pid : undefined,
    exitCode: hasEnded ? (of('ExecMainCode') === '1' ? status : 128 + status) : undefined, // 1: CLD_EXITED, else by a signal
    outOfMemory: hasEnded ? of('Result') === 'oom-kill' : undefined,
    restarts: numberOf(of('NRestarts')),
    restartPolicy: of('Restart') || undefined,
    command: redactArguments(commandOfUnit(unit)),
  }
}

function wordOf(active: string, sub: string, freezer: string): SupervisedState['is'] {
  if (freezer === 'frozen') return 'paused'
  if (sub === 'auto-restart' || sub === 'auto-restart-queued') return 'restarting'
  return active === 'inactive' || active === 'failed' ? 'stopped' : 'running' // activating: it loads; deactivating: it saves
}

/** The words of `{ path=… ; argv[]=/usr/bin/redis-server /etc/redis/redis.conf ; ignore_errors=no ; … }`. */
export function commandOfUnit(unit: UnitProperties): string[] {
  const words = /argv\[\]=(.*?) ; ignore_errors=/.exec(unit.get('ExecStart') ?? '')?.[1]
  return words === undefined ? [] : words.split(' ')
}

export function limitsOfUnit(unit: UnitProperties): Resources {
  const cpuMs = spanMs(unit.get('CPUQuotaPerSecUSec') ?? '')
  return {
    memoryLimitBytes: numberOf(unit.get('MemoryMax')),
    memoryUsedBytes: numberOf(unit.get('MemoryCurrent')),
    cpuLimitCores: cpuMs === undefined ? undefined : cpuMs / 1_000,
    openFiles: undefined,
    openFilesLimit: numberOf(unit.get('LimitNOFILESoft')),
  }
}

const NOT_SET = 2n ** 64n - 1n // how older versions write "[not set]"

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text) || BigInt(text) === NOT_SET) return undefined
  return Number(text)
}

const SPANS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000 }

/** `1s 500ms`; undefined for infinity. */
function spanMs(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|min)\b/g)]
  return parts.length === 0
    ? undefined
    : parts.reduce((sum, [, count, name = '']) => sum + Number(count) * (SPANS_MS[name] ?? 0), 0)
}

interface JournalEntry {
  readonly __REALTIME_TIMESTAMP?: string
  readonly MESSAGE?: string | readonly number[] | null // numbers: its bytes, where they are no text
  readonly PRIORITY?: string
  readonly _PID?: string
  readonly _TRANSPORT?: string
}

/** One line of `journalctl --output=json`; undefined when it holds no message. */
export function lineOfJournal(json: string): LogLine | undefined {
  const entry = JSON.parse(json) as JournalEntry
  const { MESSAGE: message, __REALTIME_TIMESTAMP: stamp } = entry
  if (message === undefined || message === null) return undefined
  const text = typeof message === 'string' ? message : Buffer.from(message).toString('utf8')
  const at = stamp === undefined ? undefined : Number(stamp) / 1_000
  const isOfSystemd = entry._PID === '1' && entry._TRANSPORT === 'journal'
  if (!isOfSystemd) return { text, at }
  return { text: `systemd: ${text}`, at, level: Number(entry.PRIORITY ?? 6) <= 4 ? 'warning' : 'notice' } // 4: LOG_WARNING
}
