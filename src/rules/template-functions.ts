// The functions that every template of Go has: comparisons, index, len, printing. A function says what it takes, so that a
// wrong argument is named before the call.

import { print, printf } from './go-printf.ts'
import {
  GoMap,
  isList,
  isTrue,
  printValue,
  SAMPLE_TYPE,
  typeNameOf,
  type TemplateMoment,
  type Value,
} from './template-value.ts'

export interface TemplateFunction {
  readonly least: number // how many arguments there must be
  readonly most: number
  objection(value: Value, at: number): string | undefined // the type that this argument should have
  call(args: readonly Value[], moment: TemplateMoment): Value // an Error that it throws is told with the name of the function
}

/** `takes`: one word for each argument; `any*` at the end for any number more. */
export function templateFunction(takes: string, call: (...args: readonly Value[]) => Value): TemplateFunction {
  const types = takes === '' ? [] : takes.split(' ')
  const last = types.at(-1)
  const isVariadic = last?.endsWith('*') === true
  return {
    least: types.length - (isVariadic ? 1 : 0),
    most: isVariadic ? Infinity : types.length,
    objection(value, at) {
      const type = (types[at] ?? last ?? 'any').replace('*', '')
      return accepts(type, value) ? undefined : (TYPE_NAMES[type] ?? type)
    },
    call: (args) => call(...args),
  }
}

/** A function that needs to know of which alert at which moment the text is. */
export function momentFunction(
  takes: string,
  call: (moment: TemplateMoment, ...args: readonly Value[]) => Value,
): TemplateFunction {
  return { ...templateFunction(takes, () => undefined), call: (args, moment) => call(moment, ...args) }
}

const TYPE_NAMES: Readonly<Record<string, string>> = { sample: SAMPLE_TYPE, vector: 'template.queryResult' }

function accepts(type: string, value: Value): boolean {
  if (type === 'string') return typeof value === 'string'
  if (type === 'vector') return isList(value)
  return type === 'sample' ? typeNameOf(value) === SAMPLE_TYPE : true
}

export const builtinFunctions: ReadonlyMap<string, TemplateFunction> = new Map(
  Object.entries({
    and: templateFunction('any any*', (value) => value), // evaluated where they are called: they stop at the first that decides
    or: templateFunction('any any*', (value) => value),
    not: templateFunction('any', (value) => !isTrue(value)),
    eq: templateFunction('any any*', (first, ...others) => {
      if (others.length === 0) throw new Error('missing argument for comparison')
      return others.some((other) => isEqual(first, other))
    }),
    ne: templateFunction('any any', (a, b) => !isEqual(a, b)),
    lt: templateFunction('any any', (a, b) => isLess(a, b)),
    le: templateFunction('any any', (a, b) => isLess(a, b) || isEqual(a, b)),
    gt: templateFunction('any any', (a, b) => !isLess(a, b) && !isEqual(a, b)),
    ge: templateFunction('any any', (a, b) => !isLess(a, b)),
    index: templateFunction('any any*', (of, ...keys) => keys.reduce((at: Value, key) => indexOne(at, key), of)),
    slice: templateFunction('any any*', (of, from, to) => sliceOf(of, from, to)),
    len: templateFunction('any', (of) => lengthOf(of)),
    print: templateFunction('any*', (...args) => print(args)),
    println: templateFunction('any*', (...args) => `${args.map(printValue).join(' ')}\n`),
    printf: templateFunction('string any*', (format, ...args) => printf(printValue(format), args)),
    html: templateFunction('any*', (...args) => escapeHtml(print(args))),
    js: templateFunction('any*', (...args) => escapeJs(print(args))),
    urlquery: templateFunction('any*', (...args) => encodeQuery(print(args))),
    call: templateFunction('any any*', () => {
      throw new Error('no functions can be values here')
    }),
  }),
)

function isEqual(a: Value, b: Value): boolean {
  if (a === undefined || b === undefined) return a === b
  const kind = kindOf(a)
  if (kind !== kindOf(b)) throw new Error('incompatible types for comparison')
  if (kind === undefined) throw new Error(`non-comparable type ${printValue(a)}: ${typeNameOf(a)}`)
  return a === b
}

function isLess(a: Value, b: Value): boolean {
  const kind = kindOf(a)
  if (kind === undefined || kind === 'bool') throw new Error('invalid type for comparison')
  if (kind !== kindOf(b)) throw new Error('incompatible types for comparison')
  return (a as number) < (b as number)
}

function kindOf(value: Value): string | undefined {
  const name = typeNameOf(value)
  return ['bool', 'int', 'float64', 'string'].includes(name) ? name : undefined
}

function indexOne(of: Value, key: Value): Value {
  if (of === undefined) throw new Error('index of untyped nil')
  if (of instanceof GoMap) {
    if (typeof key !== 'string') throw new Error(`value has type ${typeNameOf(key)}; should be string`)
    return of.get(key)
  }
  if (!isList(of) && typeof of !== 'string') throw new Error(`can't index item of type ${typeNameOf(of)}`)
  if (typeof key !== 'bigint') throw new Error(`cannot index slice/array with type ${typeNameOf(key)}`)
  const at = Number(key)
  if (at < 0 || at >= of.length) throw new Error(`index out of range: ${at}`)
  return isList(of) ? of[at] : BigInt(Buffer.from(of)[at] ?? 0)
}

function sliceOf(of: Value, from: Value = 0n, to?: Value): Value {
  if (typeof of !== 'string' && !isList(of)) throw new Error(`can't slice item of type ${typeNameOf(of)}`)
  const end = to === undefined ? of.length : Number(to)
  const start = Number(from)
  if (start < 0 || start > end || end > of.length) throw new Error(`index out of range: ${start > end ? start : end}`)
  return of.slice(start, end)
}

function lengthOf(of: Value): bigint {
  if (typeof of === 'string') return BigInt(Buffer.byteLength(of))
  if (isList(of)) return BigInt(of.length)
  if (of instanceof GoMap) return BigInt(of.keys().length)
  throw new Error(`len of ${of === undefined ? 'nil pointer' : `type ${typeNameOf(of)}`}`)
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => HTML[mark] ?? mark)
}

function escapeJs(text: string): string {
  return text.replaceAll(/[\\'"<>&=\n\r\t]/g, (mark) => {
    if ('\\\'"'.includes(mark)) return `\\${mark}`
    return `\\u${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
  })
}

/** As Go's url.QueryEscape: a space is a plus. */
export function encodeQuery(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
