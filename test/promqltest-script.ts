// The scripts that Prometheus tests its own PromQL with: `load`, `eval`, `clear`, and what to expect. Read into commands
// here; promqltest.test.ts runs them.

import { parseDurationMs } from '../src/promql/literals.ts'

export interface Load {
  readonly kind: 'load'
  readonly stepMs: number
  readonly addsNative: boolean // load_with_nhcb makes native histograms of classic ones, too
  readonly series: readonly string[]
}

export interface Eval {
  readonly kind: 'eval'
  readonly line: number
  readonly expr: string
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number | undefined // undefined: at one moment
  readonly expects: readonly Expectation[]
  readonly series: readonly string[] // what has to come out: a series and its values, or a number alone
}

export interface Expectation {
  readonly type: string // fail, warn, info, no_warn, no_info, ordered, string, range vector
  readonly match: 'msg' | 'regex' | undefined
  readonly text: string
}

export type Command = Load | Eval | { readonly kind: 'clear' }

const INSTANT = /^eval(?:_(fail|warn|info|ordered))?\s+instant\s+(?:at\s+(\S+))?\s*(.*)$/s
const RANGE = /^eval(?:_(fail|warn|info|ordered))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+?)\s+(.*)$/s
const OLD_FAIL = /^expected_fail_(message|regexp)\s+(.*)$/
const EXPECT = /^expect\s+(fail|warn|info|no_warn|no_info|ordered|string|range vector)\b\s*(?:(msg|regex):\s*)?(.*)$/

export function parseScript(text: string): Command[] {
  const commands: Command[] = []
  const lines = text.split('\n').map((line) => line.trim())
  let at = 0
  const block = (): string[] => {
    const from = at + 1
    const end = lines.findIndex((line, index) => index >= from && line === '')
    at = end === -1 ? lines.length : end
    return lines.slice(from, at).filter((line) => !line.startsWith('#'))
  }
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (line === '' || line.startsWith('#')) continue
    const number = at + 1
    if (line === 'clear') commands.push({ kind: 'clear' })
    else if (line.startsWith('load')) commands.push(parseLoad(line, block()))
    else if (line.startsWith('eval')) commands.push(parseEval(line, number, block()))
    else throw new Error(`line ${number}: ${line}`)
  }
  return commands
}

function parseLoad(line: string, series: string[]): Load {
  const [word = '', step = ''] = line.split(/\s+/)
  return { kind: 'load', stepMs: durationMs(step), addsNative: word !== 'load', series }
}

function parseEval(line: string, number: number, rest: string[]): Eval {
  const range = RANGE.exec(line)
  const instant = range === null ? INSTANT.exec(line) : null
  if (range === null && instant === null) throw new Error(`line ${number}: ${line}`)
  const expects: Expectation[] = []
  const old = range?.[1] ?? instant?.[1]
  if (old !== undefined) expects.push({ type: old, match: undefined, text: '' })
  const series: string[] = []
  for (const one of rest) {
    const fail = OLD_FAIL.exec(one)
    const expect = EXPECT.exec(one)
    if (fail !== null)
      expects.push({ type: 'fail', match: fail[1] === 'regexp' ? 'regex' : 'msg', text: fail[2] ?? '' })
    else if (expect !== null)
      expects.push({ type: expect[1] ?? '', match: expect[2] as 'msg' | 'regex' | undefined, text: expect[3] ?? '' })
    else series.push(one)
  }
  const startMs = durationMs(range?.[2] ?? instant?.[2] ?? '0')
  return {
    kind: 'eval',
    line: number,
    expr: (range?.[5] ?? instant?.[3] ?? '').trim(),
    startMs,
    endMs: range === null ? startMs : durationMs(range[3] ?? '0'),
    stepMs: range === null ? undefined : durationMs(range[4] ?? '0'),
    expects,
    series,
  }
}

function durationMs(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const plain = text.replace(/^-/, '')
  const ms = /^[\d.]+$/.test(plain) ? Number(plain) * 1000 : parseDurationMs(plain)
  if (ms === undefined) throw new Error(`${text} is no duration`)
  return sign * ms
}
