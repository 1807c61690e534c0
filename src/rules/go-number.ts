// Numbers as Go's `printf` writes them: `%.2f`, `%e`, `%.4g`. JavaScript rounds a tie away from zero and Go to the even
// digit, and both to the exact binary value, so the digits are computed exactly, on whole numbers of any size.

import { formatPlain, formatValue } from '../promql/format-value.ts'

/** `precision` undefined: as few digits as tell the number from its neighbours. */
export function formatFloat(value: number, verb: 'e' | 'f' | 'g', precision?: number): string {
  if (!Number.isFinite(value)) return formatPlain(value)
  if (precision === undefined) return formatShortest(value, verb)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  if (verb === 'f') return sign + withPoint(scaled(size, precision), precision)
  const significant = verb === 'e' ? precision + 1 : Math.max(1, precision)
  const { digits, exponent } = digitsOf(size, significant)
  if (verb === 'e') return sign + withExponent(digits, exponent)
  const short = digits.replace(/0+$/, '') || '0'
  if (exponent < -4 || exponent >= significant) return sign + withExponent(short, exponent)
  const decimals = Math.max(0, short.length - 1 - exponent)
  return sign + withPoint(scaled(size, decimals), decimals)
}

/** How Go prints a float64 that nobody gave a format: with an exponent from a million on. */
export function formatDefault(value: number): string {
  return formatValue(value, 1e6)
}

function formatShortest(value: number, verb: 'e' | 'f' | 'g'): string {
  if (verb === 'g') return formatDefault(value)
  if (verb === 'f') return formatPlain(value)
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e')
  return mantissa + exponentText(Number(exponent))
}

function digitsOf(size: number, significant: number): { digits: string; exponent: number } {
  if (size === 0) return { digits: '0'.repeat(significant), exponent: 0 }
  const exponent = Number(size.toExponential().split('e')[1])
  const digits = String(scaled(size, significant - 1 - exponent))
  // 9.99 rounded to two digits is 10: one digit more than asked for.
  return digits.length > significant ? { digits: digits.slice(0, -1), exponent: exponent + 1 } : { digits, exponent }
}

/** `size` times ten to the power of `decimals`, rounded half to even. */
function scaled(size: number, decimals: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, size)
  const biased = Number(bits.getBigUint64(0) >> 52n) & 0x7ff
  const fraction = bits.getBigUint64(0) & 0xf_ffff_ffff_ffffn
  const power = biased === 0 ? -1074 : biased - 1075
  let numerator = biased === 0 ? fraction : fraction | 0x10_0000_0000_0000n
  let denominator = 1n
  if (power >= 0) numerator <<= BigInt(power)
  else denominator <<= BigInt(-power)
  if (decimals >= 0) numerator *= 10n ** BigInt(decimals)
  else denominator *= 10n ** BigInt(-decimals)
  const whole = numerator / denominator
  const twice = (numerator % denominator) * 2n
  return twice > denominator || (twice === denominator && whole % 2n === 1n) ? whole + 1n : whole
}

function withPoint(digits: bigint, decimals: number): string {
  const text = String(digits).padStart(decimals + 1, '0')
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`
}

function withExponent(digits: string, exponent: number): string {
  return (digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits) + exponentText(exponent)
}

function exponentText(exponent: number): string {
  return `e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}
