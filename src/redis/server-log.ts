// The lines that a server writes about itself, put together to entries: `pid:role date level text`, and what belongs to
// an entry without such a beginning. Raw text is common where it matters most (a crash report, a configuration that
// could not be read, which comes on standard error before there is a log), so it is kept and given a level, never lost.
//
// Format: serverLogRaw of Redis src/server.c (2.6 to 8), and of Valkey 8.1, where `log-format logfmt` and
// `log-timestamp-format iso8601|milliseconds` change it.

import { redactConfigLine } from './redact.ts'

/** From the least to the most important; `debug` and `verbose` are not written by default. */
export const LOG_LEVELS = ['debug', 'verbose', 'notice', 'warning'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One line as it was found. */
export interface LogLine {
  readonly text: string
  readonly at?: number | undefined // epoch milliseconds, from whoever collected the line
  readonly level?: LogLevel | undefined // of a line that is an entry by itself: a word of the supervisor's own
}

export interface LogEntry {
  readonly at: number | undefined // epoch milliseconds; of raw text the time of the line, or of the entry before
  readonly pid: number | undefined
  readonly role: 'primary' | 'replica' | 'sentinel' | 'child' | undefined // child: writes an RDB or an AOF
  readonly level: LogLevel // raw text is a warning, but for the logo
  readonly text: string // of the first line, without what stands before it
  readonly lines: readonly string[] // all of it, as it was written
}

const ROLES = { M: 'primary', S: 'replica', X: 'sentinel', C: 'child' } as const
const ROLE_WORDS = { primary: 'primary', replica: 'replica', sentinel: 'sentinel', 'RDB/AOF': 'child' } as const
const SIGNS = { '.': 'debug', '-': 'verbose', '*': 'notice', '#': 'warning' } as const
const LEVEL_WORDS = { debug: 'debug', info: 'verbose', notice: 'notice', warning: 'warning' } as const

const USUAL =
  /^(\d+):([XCSM]) (\d{1,2} [A-Z][a-z]{2} (?:\d{4} )?\d\d:\d\d:\d\d\.\d{3}|\d{4}-\d\d-\d\dT\S+|\d{13}) ([.*#-]) (.*)$/
const LOGFMT = /^pid=(\d+) role=(\S+) timestamp="([^"]*)" level=(\w+) message="(.*)"$/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

interface Head {
  readonly at: number | undefined // as a clock of this machine's zone would mean it
  readonly pid: number
  readonly role: LogEntry['role']
  readonly level: LogLevel
  readonly text: string
  readonly zoneIsKnown: boolean
}

// A crash report tests memory and shows its progress without an end of line; whoever writes next goes on in that line.
const PROGRESS = /^[.OE]+(?=\d+:[XCSM] )/

function headOf(line: string): Head | undefined {
  const usual = USUAL.exec(line.replace(PROGRESS, ''))
  if (usual !== null) {
    const [, pid, role = '', date = '', sign = '', text = ''] = usual
    const level = SIGNS[sign as keyof typeof SIGNS]
    return { ...timeOf(date), pid: Number(pid), role: ROLES[role as keyof typeof ROLES], level, text }
  }
  const [, pid, role = '', date = '', word = '', text = ''] = LOGFMT.exec(line) ?? []
  const level = LEVEL_WORDS[word as keyof typeof LEVEL_WORDS] as LogLevel | undefined
  if (pid === undefined || level === undefined) return undefined
  return { ...timeOf(date), pid: Number(pid), role: ROLE_WORDS[role as keyof typeof ROLE_WORDS], level, text }
}

/** The usual date names no zone: it is the local time of the server's process. */
function timeOf(date: string): { at: number | undefined; zoneIsKnown: boolean } {
  if (/^\d{13}$/.test(date)) return { at: Number(date), zoneIsKnown: true }
  const usual = /^(\d+) (\w{3}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)\.(\d{3})$/.exec(date)
  if (usual === null) {
    const at = Date.parse(date)
    return { at: Number.isNaN(at) ? undefined : at, zoneIsKnown: true }
  }
  const [day = 0, hour = 0, minute = 0, second = 0, ms = 0] = [1, 4, 5, 6, 7].map((group) => Number(usual[group]))
  const year = Number(usual[3] ?? new Date().getFullYear()) // Redis 3 wrote none
  const at = new Date(year, MONTHS.indexOf(usual[2] ?? ''), day, hour, minute, second, ms).getTime()
  return { at, zoneIsKnown: false }
}

/** The time that a line carries, as a clock of this machine's zone would mean it; undefined for one without. */
export function timeOfLine(text: string): number | undefined {
  return headOf(text)?.at
}

const QUARTER_MS = 15 * 60_000 // every zone of the world is whole quarters of an hour apart

/** How far the zone of a log is from this machine's: of a time in the log and the moment at which it was truly written. */
export function zoneShiftMs(logged: number, written: number): number {
  const shift = Math.round((written - logged) / QUARTER_MS) * QUARTER_MS
  const rest = Math.abs(written - logged - shift)
  return Math.abs(shift) <= 26 * 4 * QUARTER_MS && rest < QUARTER_MS / 5 ? shift : 0
}

const CRASH_BEGINS = /^=== (?:REDIS|VALKEY) BUG REPORT START/
const FAILED_START = /^\*\*\* FATAL /
const CRASH_ENDS = /^=== (?:REDIS|VALKEY) BUG REPORT END/
const LOGO_BEGINS = /^\s+(?:_\._|\.\+\^\+\.)\s*$/ // Redis' and Valkey's; src/asciilogo.h

/**
 * Entries of lines, in their order. A crash report is many entries, all of them warnings; raw text behind an entry belongs
 * to it. `shiftMs` is added to times without a zone of lines that nobody else gave a time.
 */
export async function* entriesOf(lines: AsyncIterable<LogLine>, shiftMs = 0): AsyncGenerator<LogEntry> {
  let open: { entry: LogEntry; lines: string[] } | undefined
  let lastAt: number | undefined
  let inCrash = false
  const begin = (entry: Omit<LogEntry, 'lines'>, line: string): LogEntry | undefined => {
    const before = open?.entry
    const all = [line]
    lastAt = entry.at ?? lastAt
    open = { entry: { ...entry, lines: all }, lines: all }
    return before
  }
  for await (const { text, at, level: ownLevel } of lines) {
    const line = redactConfigLine(text)
    const head = headOf(line)
    let done: LogEntry | undefined
    if (ownLevel !== undefined) {
      done = begin({ at: at ?? lastAt, ...RAW, level: ownLevel, text: line }, line)
    } else if (head !== undefined) {
      const shift =
        head.zoneIsKnown || head.at === undefined ? 0 : at === undefined ? shiftMs : zoneShiftMs(head.at, at)
      const moment = head.at === undefined ? at : head.at + shift
      const level = inCrash ? 'warning' : head.level
      done = begin({ at: moment, pid: head.pid, role: head.role, level, text: head.text }, line)
    } else if (LOGO_BEGINS.test(line)) {
      done = begin({ at: at ?? lastAt, ...RAW, level: 'notice', text: line.trim() }, line)
    } else if (open === undefined || CRASH_BEGINS.test(line) || FAILED_START.test(line)) {
      if (line.trim() === '') continue // stands before the text of a failed start
      done = begin({ at: at ?? lastAt, ...RAW, level: 'warning', text: line }, line)
    } else open.lines.push(line)
    if (CRASH_BEGINS.test(line)) inCrash = true
    if (CRASH_ENDS.test(line)) inCrash = false
    if (done !== undefined) yield trimmed(done)
  }
  if (open !== undefined) yield trimmed(open.entry)
}

/** Without the empty lines at its end, which stand before what comes next. */
function trimmed(entry: LogEntry): LogEntry {
  const last = entry.lines.findLastIndex((line) => line.trim() !== '')
  return { ...entry, lines: entry.lines.slice(0, last + 1) }
}

const RAW = { pid: undefined, role: undefined } as const

/** Is it at least as important as `level`, and not older than `sinceMs` (epoch)? What has no time is not thrown away. */
export function passes({ at, level }: LogEntry, wanted: { sinceMs?: number | undefined; level: LogLevel }): boolean {
  if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(wanted.level)) return false
  return wanted.sinceMs === undefined || at === undefined || at >= wanted.sinceMs
}
