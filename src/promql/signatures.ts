// What each function of PromQL takes and gives. The functions themselves are elsewhere; a test holds the two together.

import type { ValueType } from './syntax.ts'

export interface Signature {
  readonly args: readonly ValueType[]
  readonly least: number // how many arguments there must be
  readonly most: number // Infinity: the last type repeats
  readonly gives: ValueType
}

const TYPES: Readonly<Record<string, ValueType>> = {
  v: 'instant vector',
  m: 'range vector',
  s: 'scalar',
  t: 'string',
}

/** `sv?` is a scalar and an instant vector that may be left out; `vttt*` ends in any number of strings, also none. */
const TABLE: readonly (readonly [takes: string, names: string, gives?: ValueType])[] = [
  ['', 'pi time', 'scalar'],
  ['s', 'vector'],
  ['v', 'scalar', 'scalar'],
  ['v', 'abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sort'],
  ['v', 'sort_desc sqrt tan tanh timestamp'],
  ['v?', 'day_of_month day_of_week day_of_year days_in_month hour minute month year'],
  ['vs?', 'round'],
  ['vs', 'clamp_max clamp_min'],
  ['vss', 'clamp'],
  ['m', 'absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate'],
  ['m', 'last_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time'],
  ['m', 'sum_over_time'],
  ['ms', 'predict_linear'],
  ['sm', 'quantile_over_time'],
  ['sv', 'histogram_quantile'],
  ['ssv', 'histogram_fraction'],
  ['vtttt', 'label_replace'],
  ['vttt*', 'label_join'],
]

export const SIGNATURES: ReadonlyMap<string, Signature> = new Map(
  TABLE.flatMap(([takes, names, gives = 'instant vector']) => {
    const args = Array.from(takes.replace(/[?*]/, '')).map((letter) => TYPES[letter] ?? 'scalar')
    const least = args.length - (/[?*]$/.test(takes) ? 1 : 0)
    const signature = { args, least, most: takes.endsWith('*') ? Infinity : args.length, gives }
    return names.split(' ').map((name) => [name, signature] as const)
  }),
)

/** In Prometheus behind a flag, and apt to change from one version to the next. */
export const EXPERIMENTAL_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'double_exponential_smoothing end histogram_quantiles info mad_over_time max_of min_of range sort_by_label ' +
    'sort_by_label_desc start start_timestamp step ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ' +
    'ts_of_min_over_time'
  ).split(' '),
)

/** Redis and its exporters have no native histograms; a rule that needs them would be silent here, which is worse than refused. */
export const NATIVE_HISTOGRAM_FUNCTIONS: ReadonlySet<string> = new Set(
  'histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum'.split(' '),
)

/** What an old name is called today. */
export const RENAMED_FUNCTIONS: Readonly<Record<string, string>> = { holt_winters: 'double_exponential_smoothing' }
