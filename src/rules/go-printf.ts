// Go's `printf`, as templates use it: verbs with flags, width and precision. A mistake is no error in Go but a remark in
// the text, `%!d(float64=1.5)`, and the alert goes out all the same.

import { formatDefault, formatFloat } from './go-number.ts'
import { isList, printValue, typeNameOf, type Value } from './template-value.ts'

const DIRECTIVE = /%([-+# 0]*)(\*|\d+)?(\.(?:\*|\d+)?)?(.|$)/gsu

interface Directive {
  readonly verb: string
  readonly flags: string
  readonly precision: number | undefined
}

export function printf(format: string, args: readonly Value[]): string {
  let next = 0
  const take = (): Value => args[next++]
  const text = format.replaceAll(
    DIRECTIVE,
    (_all, flags: string, width: string | undefined, dot: string | undefined, verb: string) => {
      if (verb === '') return '%!(NOVERB)'
      if (verb === '%') return '%'
      const wide = width === '*' ? Number(take()) : Number(width ?? 0)
      const precision = dot === undefined ? undefined : dot === '.*' ? Number(take()) : Number(dot.slice(1))
      if (next >= args.length) return `%!${verb}(MISSING)`
      const left = flags.includes('-') || wide < 0
      return pad(formatOne(take(), { verb, flags, precision }), Math.abs(wide), left, flags.includes('0') && !left)
    },
  )
  if (next >= args.length) return text
  const extra = args.slice(next).map((arg) => (arg === undefined ? '<nil>' : `${typeNameOf(arg)}=${printValue(arg)}`))
  return `${text}%!(EXTRA ${extra.join(', ')})`
}

/** Operands side by side, with a space between two of which neither is a text. */
export function print(args: readonly Value[]): string {
  let text = ''
  for (const [at, arg] of args.entries()) {
    if (at > 0 && typeof arg !== 'string' && typeof args[at - 1] !== 'string') text += ' '
    text += printValue(arg)
  }
  return text
}

function formatOne(value: Value, directive: Directive): string {
  const { verb } = directive
  if (verb === 'v') return typeof value === 'number' ? plus(formatV(value, directive), directive) : printValue(value)
  if (verb === 'T') return typeNameOf(value)
  if (value === undefined) return `%!${verb}(<nil>)`
  const text = formatTyped(value, directive)
  if (text !== undefined) return text
  if (isList(value)) return `[${value.map((each) => formatOne(each, directive)).join(' ')}]`
  // The remark repeats precision and flags, as Go does: `%.2f` of the whole number 3 is `%!f(int=03)`.
  const shown = typeof value === 'bigint' ? formatWhole(value, { ...directive, verb: 'd' }) : printValue(value)
  return `%!${verb}(${typeNameOf(value)}=${shown})`
}

function formatV(value: number, { precision }: Directive): string {
  return precision === undefined ? formatDefault(value) : formatFloat(value, 'g', precision)
}

function formatTyped(value: Value, directive: Directive): string | undefined {
  const { verb, precision } = directive
  if (typeof value === 'boolean') return verb === 't' ? String(value) : undefined
  if (typeof value === 'bigint') return 'dxXobcqU'.includes(verb) ? formatWhole(value, directive) : undefined
  if (typeof value === 'number') return formatNumber(value, directive)
  if (verb === 's' || verb === 'q') {
    if (isList(value)) return undefined
    const text = printValue(value)
    const cut = precision === undefined ? text : Array.from(text).slice(0, precision).join('')
    return verb === 's' ? cut : JSON.stringify(cut)
  }
  if (typeof value !== 'string' || (verb !== 'x' && verb !== 'X')) return undefined
  const hex = Buffer.from(value).toString('hex')
  return verb === 'x' ? hex : hex.toUpperCase()
}

function formatNumber(value: number, directive: Directive): string | undefined {
  const { verb, precision } = directive
  const lower = verb.toLowerCase()
  if (lower !== 'e' && lower !== 'f' && lower !== 'g') return undefined
  const text = formatFloat(value, lower, precision ?? (lower === 'g' ? undefined : 6))
  return plus(verb === lower || !Number.isFinite(value) ? text : text.toUpperCase(), directive)
}

/** A sign in front of positive numbers where the flags ask for it. */
function plus(text: string, { flags }: Directive): string {
  if (/^[+-]/.test(text)) return text // an infinity has its sign already
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
}

function formatWhole(value: bigint, { verb, flags, precision }: Directive): string {
  if (verb === 'c') return String.fromCodePoint(Number(value))
  if (verb === 'q') return `'${String.fromCodePoint(Number(value))}'`
  if (verb === 'U') return `U+${value.toString(16).toUpperCase().padStart(4, '0')}`
  const base = verb === 'd' ? 10 : verb === 'b' ? 2 : verb === 'o' ? 8 : 16
  const size = (value < 0n ? -value : value).toString(base).padStart(precision ?? 0, '0')
  const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  const prefix = flags.includes('#') ? ({ x: '0x', X: '0X', o: '0', b: '0b' }[verb] ?? '') : ''
  return sign + prefix + (verb === 'X' ? size.toUpperCase() : size)
}

function pad(text: string, width: number, left: boolean, zeros: boolean): string {
  if (left) return text.padEnd(width)
  if (!zeros || /^[+-]?(?:Inf|NaN)/.test(text)) return text.padStart(width)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}
