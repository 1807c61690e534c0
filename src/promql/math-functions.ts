// Functions that turn one value into another: arithmetic, trigonometry, parts of a date.

export const NUMBER_FUNCTIONS: ReadonlyMap<string, (value: number) => number> = new Map(
  Object.entries({
    abs: Math.abs,
    ceil: Math.ceil,
    floor: Math.floor,
    exp: Math.exp,
    sqrt: Math.sqrt,
    ln: Math.log,
    log2: Math.log2,
    log10: Math.log10,
    sgn: (value: number) => (value > 0 ? 1 : value < 0 ? -1 : value),
    rad: (value: number) => (value * Math.PI) / 180,
    deg: (value: number) => (value * 180) / Math.PI,
    sin: Math.sin,
    cos: Math.cos,
    tan: Math.tan,
    asin: Math.asin,
    acos: Math.acos,
    atan: Math.atan,
    sinh: Math.sinh,
    cosh: Math.cosh,
    tanh: Math.tanh,
    asinh: Math.asinh,
    acosh: Math.acosh,
    atanh: Math.atanh,
  }),
)

/** In UTC. Months are counted from 1, days of the week from Sunday, which is 0. */
export const DATE_FUNCTIONS: ReadonlyMap<string, (date: Date) => number> = new Map(
  Object.entries({
    minute: (date: Date) => date.getUTCMinutes(),
    hour: (date: Date) => date.getUTCHours(),
    day_of_week: (date: Date) => date.getUTCDay(),
    day_of_month: (date: Date) => date.getUTCDate(),
    day_of_year: (date: Date) =>
      (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 0)) /
      86_400_000,
    days_in_month: (date: Date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
    month: (date: Date) => date.getUTCMonth() + 1,
    year: (date: Date) => date.getUTCFullYear(),
  }),
)

/** `least` wins over `most` where they contradict each other; the caller leaves such a pair out. */
export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

/** To the nearest multiple, ties up. By the inverse, so that 0.1 does as well as it can. */
export function roundTo(value: number, nearest: number): number {
  const inverse = 1 / nearest
  return Math.floor(value * inverse + 0.5) / inverse
}

/** The arithmetic of two numbers; undefined for an operator that is none. A comparison gives 1 or 0. */
export function calculate(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    case '%':
      return left % right
    case '^':
      return power(left, right)
    case 'atan2':
      return Math.atan2(left, right)
    default:
      return compare(operator, left, right) ? 1 : 0
  }
}

/** As C's pow and not as JavaScript's: 1 to whatever power is 1, and so is -1 to an infinite one. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1
  return base ** exponent
}

export function compare(operator: string, left: number, right: number): boolean {
  switch (operator) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '>':
      return left > right
    case '<':
      return left < right
    case '>=':
      return left >= right
    case '<=':
      return left <= right
    default:
      throw new Error(`${operator} compares nothing`)
  }
}
