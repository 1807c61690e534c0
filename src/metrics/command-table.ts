// The section Commandstats of INFO, read where it stands. With Latencystats it is half of INFO on a busy server, and nearly
// all lines stand where they stood the last time, so a line is compared with the one remembered and only its digits are
// read: no pieces of text are made.

export interface CommandStats {
  readonly cmd: string // "get", "config|get"
  calls: number
  usec: number
  rejected: number | undefined // with `failed` since Redis 6.2
  failed: number | undefined
}

/** Reads numbers where they stand; `end` is behind the last one that was read. */
export class NumberReader {
  end = 0

  /** A number without sign or exponent; its value is that of Number() on the same digits. */
  read(text: string, from: number): number {
    let at = from
    let digits = 0
    let point = -1
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (code === POINT && point === -1) point = at
      else if (code >= ZERO && code <= NINE) digits = digits * 10 + (code - ZERO)
      else break
    }
    this.end = at
    if (digits > Number.MAX_SAFE_INTEGER) return Number(text.slice(from, at))
    return point === -1 ? digits : digits / (POWERS[at - point - 1] ?? NaN) // both exact, so the quotient is the nearest double
  }
}

const POWERS = Array.from({ length: 23 }, (_none, at) => 10 ** at)
const POINT = 46
const ZERO = 48
const NINE = 57

interface Line extends CommandStats {
  readonly start: string // `cmdstat_get:calls=`
}

/** For one server. The same objects come again with new numbers in the next sample; nobody may keep them. */
export function startCommandTable(): (section: string) => ReadonlyMap<string, CommandStats> {
  const reader = new NumberReader()
  const lines: Line[] = []
  let byCommand = new Map<string, Line>()
  return (section) => {
    let [count, moved] = [0, false]
    for (let from = 0; from < section.length; from = afterLine(section, reader.end)) {
      const known = lines[count]
      const isSame = known !== undefined && section.startsWith(known.start, from)
      const line = isSame ? known : lineAt(section, from, byCommand)
      reader.end = from
      if (line === undefined) continue
      if (!isSame) moved = true
      lines[count] = line
      count += 1
      readNumbers(section, from + line.start.length, line, reader)
    }
    if (moved || count !== lines.length) {
      lines.length = count
      byCommand = new Map(lines.map((line) => [line.cmd, line]))
    }
    return byCommand
  }
}

export function afterLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end + 1
}

function lineAt(section: string, from: number, byCommand: ReadonlyMap<string, Line>): Line | undefined {
  const match = /^cmdstat_([^:\r\n]+):calls=/.exec(section.slice(from, afterLine(section, from)))
  const cmd = match?.[1]
  if (match === null || cmd === undefined) return undefined
  const own = Buffer.from(cmd).toString() // a piece would keep the whole INFO in memory
  const fresh = { cmd: own, start: `cmdstat_${own}:calls=`, calls: 0, usec: 0, rejected: undefined, failed: undefined }
  return byCommand.get(own) ?? fresh
}

/** `21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0` */
function readNumbers(text: string, from: number, line: Line, reader: NumberReader): void {
  line.calls = reader.read(text, from)
  if (!text.startsWith(USEC, reader.end)) return
  line.usec = reader.read(text, reader.end + USEC.length)
  if (!text.startsWith(PER_CALL, reader.end)) return
  reader.read(text, reader.end + PER_CALL.length)
  if (!text.startsWith(REJECTED, reader.end)) return
  line.rejected = reader.read(text, reader.end + REJECTED.length)
  if (text.startsWith(FAILED, reader.end)) line.failed = reader.read(text, reader.end + FAILED.length)
}

const USEC = ',usec='
const PER_CALL = ',usec_per_call='
const REJECTED = ',rejected_calls='
const FAILED = ',failed_calls='
