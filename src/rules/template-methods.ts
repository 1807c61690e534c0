// The methods of moments and durations that a template may call: `{{ (now | toTime).Format "2006-01-02" }}`.

import { GoDuration, GoTime } from './go-time.ts'
import { printValue, type Value } from './template-value.ts'

type Method<T> = (of: T, ...args: readonly Value[]) => Value

const TIME_METHODS: Readonly<Record<string, Method<GoTime>>> = {
  Format: (time, layout) => time.format(printValue(layout)),
  String: (time) => String(time),
  Add: (time, by) => new GoTime(time.ms + (by instanceof GoDuration ? Number(by.ns) / 1e6 : 0)),
  Sub: (time, other) => new GoDuration(BigInt(Math.round((time.ms - msOf(other)) * 1e6))),
  Before: (time, other) => time.ms < msOf(other),
  After: (time, other) => time.ms > msOf(other),
  UTC: (time) => time,
  Unix: (time) => BigInt(Math.floor(time.ms / 1000)),
  UnixMilli: (time) => BigInt(Math.floor(time.ms)),
  Year: (time) => BigInt(new Date(time.ms).getUTCFullYear()),
  Month: (time) => time.format('January'),
  Day: (time) => BigInt(new Date(time.ms).getUTCDate()),
  Weekday: (time) => time.format('Monday'),
  Hour: (time) => BigInt(new Date(time.ms).getUTCHours()),
  Minute: (time) => BigInt(new Date(time.ms).getUTCMinutes()),
  Second: (time) => BigInt(new Date(time.ms).getUTCSeconds()),
}

const DURATION_METHODS: Readonly<Record<string, Method<GoDuration>>> = {
  String: (duration) => String(duration),
  Hours: (duration) => duration.seconds / 3600,
  Minutes: (duration) => duration.seconds / 60,
  Seconds: (duration) => duration.seconds,
  Milliseconds: (duration) => duration.ns / 1_000_000n,
}

/** undefined: there is no such method. */
export function callMethod(of: GoTime | GoDuration, name: string, args: readonly Value[]): Value {
  if (of instanceof GoTime) return Object.hasOwn(TIME_METHODS, name) ? TIME_METHODS[name]?.(of, ...args) : undefined
  return Object.hasOwn(DURATION_METHODS, name) ? DURATION_METHODS[name]?.(of, ...args) : undefined
}

function msOf(value: Value): number {
  return value instanceof GoTime ? value.ms : NaN
}
