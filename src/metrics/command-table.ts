// The section Commandstats of INFO, read where it stands. With Latencystats it is half of INFO on a busy server, and nearly
// all lines stand where they stood the last time, so a line is compared with the one remembered and only its digits are
// read: no pieces of text are made.

import { ownText } from '../lib/own-text.ts'
import type { Stretch } from '../redis/info.ts'
import { NumberReader } from '../redis/number-reader.ts'

export interface CommandStats {
  readonly cmd: string // "get", "config|get"
  calls: number
  usec: number
  rejected: number | undefined // with `failed` since Redis 6.2
  failed: number | undefined
}

/** The same objects come again with new numbers in the next sample; nobody may keep them. */
export interface CommandTable {
  readonly all: readonly CommandStats[]
  get(cmd: string): CommandStats | undefined
}

interface Line extends CommandStats {
  readonly start: string // `cmdstat_get:calls=`
}

/** For one server. */
export function startCommandTable(): (section: Stretch) => CommandTable {
  const reader = new NumberReader()
  const lines: Line[] = []
  let byCommand = new Map<string, Line>()
  const table: CommandTable = { all: lines, get: (cmd) => byCommand.get(cmd) }
  return ({ text, from: begin, to }) => {
    let [count, moved] = [0, false]
    for (let from = begin; from < to; from = afterLine(text, reader.end)) {
      const known = lines[count]
      const isSame = known !== undefined && text.startsWith(known.start, from)
      const line = isSame ? known : lineAt(text, from, byCommand)
      reader.end = from
      if (line === undefined) continue
      if (!isSame) moved = true
      lines[count] = line
      count += 1
      readNumbers(text, from + line.start.length, line, reader)
    }
    if (moved || count !== lines.length) {
      lines.length = count
      byCommand = new Map(lines.map((line) => [line.cmd, line]))
    }
    return table
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
  const own = ownText(cmd)
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
