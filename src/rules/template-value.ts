// What a template can hold, and how it is printed. Templates come from Go, where 1 and 1.0 are of two types that do not
// compare; so a whole number is a bigint here and a float64 a number. undefined is Go's nil.

import { formatDefault } from './go-number.ts'
import { GoDuration, GoTime } from './go-time.ts'

export type Value =
  undefined | boolean | bigint | number | string | GoTime | GoDuration | GoMap | GoStruct | readonly Value[]

/** `map[string]string` gives '' for a key that it does not have, `map[string]interface {}` gives nothing at all. */
export class GoMap {
  readonly holds: 'string' | 'interface {}'
  readonly entries: Readonly<Record<string, Value>>

  constructor(holds: GoMap['holds'], entries: Readonly<Record<string, Value>>) {
    this.holds = holds
    this.entries = entries
  }

  get(key: string): Value {
    return Object.hasOwn(this.entries, key) ? this.entries[key] : this.holds === 'string' ? '' : undefined
  }

  keys(): string[] {
    return Object.keys(this.entries).toSorted((a, b) => (a < b ? -1 : 1))
  }
}

/** A thing with fixed fields: the data of a template, or a sample of a query. */
export class GoStruct {
  readonly typeName: string // as error messages name it
  readonly fields: Readonly<Record<string, Value>>

  constructor(typeName: string, fields: Readonly<Record<string, Value>>) {
    this.typeName = typeName
    this.fields = fields
  }
}

export const SAMPLE_TYPE = '*template.sample'

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function typeNameOf(value: Value): string {
  if (value === undefined) return 'nil'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float64'
  if (typeof value === 'string') return 'string'
  if (value instanceof GoTime) return '*time.Time'
  if (value instanceof GoDuration) return '*time.Duration'
  if (value instanceof GoMap) return `map[string]${value.holds}`
  return value instanceof GoStruct ? value.typeName : 'template.queryResult'
}

/** `%v`: what `{{ … }}` prints of a value that is not nil. Maps by their keys: `map[instance:i job:j]`. */
export function printValue(value: Value): string {
  if (value === undefined) return '<nil>'
  if (typeof value === 'number') return formatDefault(value)
  if (value instanceof GoMap)
    return `map[${value
      .keys()
      .map((key) => `${key}:${printValue(value.get(key))}`)
      .join(' ')}]`
  if (value instanceof GoStruct) return `{${Object.values(value.fields).map(printValue).join(' ')}}`
  if (isList(value)) return `[${value.map(printValue).join(' ')}]`
  return String(value)
}

/** Whether `if` and `with` take it as true: everything but false, 0, '', nothing, and what is empty. */
export function isTrue(value: Value): boolean {
  if (value instanceof GoMap) return value.keys().length > 0
  if (isList(value)) return value.length > 0
  if (value instanceof GoDuration) return true
  return typeof value === 'number' ? value !== 0 : Boolean(value) // NaN is not 0
}

export interface QueriedSample {
  readonly labels: Readonly<Record<string, string>> // with __name__
  readonly value: number
}

/** What the functions need of the alert whose text is written. */
export interface TemplateMoment {
  readonly nowMs: number
  readonly externalUrl: string
  query(expr: string): readonly QueriedSample[] // throws what went wrong
}
