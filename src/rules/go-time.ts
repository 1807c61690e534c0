// Moments and durations as templates know them from Go: `{{ ($value | toTime).Format "15:04" }}`. Always UTC.

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

// The parts of Go's reference moment, Mon Jan 2 15:04:05 MST 2006. The longer ones first.
const LAYOUT =
  /January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|002|_2|01|02|03|04|05|06|15|PM|pm|[.,]0+(?!\d)|[.,]9+(?!\d)|[12345]/g

export class GoTime {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }

  toString(): string {
    return this.format('2006-01-02 15:04:05.999999999 -0700 MST')
  }

  format(layout: string): string {
    const date = new Date(this.ms)
    return layout.replaceAll(LAYOUT, (part) => partOf(date, part))
  }
}

export class GoDuration {
  readonly ns: bigint

  constructor(ns: bigint) {
    this.ns = ns
  }

  get seconds(): number {
    return Number(this.ns) / 1e9
  }

  /** `1h15m30.918s`, `1.5ms`, `0s`. */
  toString(): string {
    if (this.ns === 0n) return '0s'
    const sign = this.ns < 0n ? '-' : ''
    const size = this.ns < 0n ? -this.ns : this.ns
    if (size < 1_000n) return `${sign}${size}ns`
    if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`
    if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`
    const minutes = size / 60_000_000_000n
    const seconds = `${decimal(size % 60_000_000_000n, 9)}s`
    if (minutes === 0n) return sign + seconds
    return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`
  }
}

function decimal(count: bigint, places: number): string {
  const text = String(count).padStart(places + 1, '0')
  return `${text.slice(0, -places)}.${text.slice(-places)}`.replace(/\.?0+$/, '')
}

function partOf(date: Date, part: string): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const hour = date.getUTCHours()
  const fixed: Readonly<Record<string, string>> = {
    January: MONTHS[date.getUTCMonth()] ?? '',
    Jan: (MONTHS[date.getUTCMonth()] ?? '').slice(0, 3),
    Monday: DAYS[date.getUTCDay()] ?? '',
    Mon: (DAYS[date.getUTCDay()] ?? '').slice(0, 3),
    MST: 'UTC',
    '2006': String(date.getUTCFullYear()).padStart(4, '0'),
    '06': two(date.getUTCFullYear() % 100),
    'Z07:00': 'Z',
    Z0700: 'Z',
    '-07:00': '+00:00',
    '-0700': '+0000',
    '-07': '+00',
    '002': String(dayOfYear(date)).padStart(3, '0'),
    _2: String(date.getUTCDate()).padStart(2, ' '),
    '01': two(date.getUTCMonth() + 1),
    '1': String(date.getUTCMonth() + 1),
    '02': two(date.getUTCDate()),
    '2': String(date.getUTCDate()),
    '15': two(hour),
    '03': two(hour % 12 || 12),
    '3': String(hour % 12 || 12),
    '04': two(date.getUTCMinutes()),
    '4': String(date.getUTCMinutes()),
    '05': two(date.getUTCSeconds()),
    '5': String(date.getUTCSeconds()),
    PM: hour < 12 ? 'AM' : 'PM',
    pm: hour < 12 ? 'am' : 'pm',
  }
  return fixed[part] ?? fractionOf(date, part)
}

/** `.000` is three digits; `.999` leaves out zeros at the end, and itself when nothing is left. */
function fractionOf(date: Date, part: string): string {
  const digits = String(date.getUTCMilliseconds())
    .padStart(3, '0')
    .padEnd(part.length - 1, '0')
    .slice(0, part.length - 1)
  if (part[1] === '0') return `${part[0]}${digits}`
  const short = digits.replace(/0+$/, '')
  return short === '' ? '' : `${part[0]}${short}`
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
}
