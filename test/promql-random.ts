// Random series and random PromQL over them, the same for the same seed. The samples lie off every edge: 2.x takes a
// sample on the edge of a window in, 3.x does not, and the oracle that Debian has is a 2.x. For the same reason counters
// are far from zero (3.x extrapolates to zero in another order).

export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** From 0 to 1, 1 not included (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }

  chance(share: number): boolean {
    return this.next() < share
  }
}

export const STEP_MS = 17_003 // with whole seconds in expressions no sample lies on an edge for the first 17,003 s
const SAMPLES = 200

/** Series in the notation of rule tests: gauges with gaps and ends, counters with resets, a histogram, an info metric. */
export function randomSeries(random: Random): string[] {
  const series: string[] = []
  for (const job of ['a', 'b'])
    for (const instance of ['1', '2', '3']) {
      const labels = `job="${job}",instance="${instance}"`
      series.push(`gauge{${labels}} ${gauge(random)}`, `limit{${labels}} ${gauge(random)}`)
      series.push(
        `requests_total{${labels},path="/"} ${counter(random)}`,
        `requests_total{${labels},path="/x"} ${counter(random)}`,
      )
      series.push(...histogram(random, labels))
    }
  for (const job of ['a', 'b', 'c']) series.push(`job_info{job="${job}",version="v${random.below(3)}"} _ 1x${SAMPLES}`)
  return series
}

/** Eighths: sums and differences of them are exact, so that equal things are equal here and there. */
function eighths(random: Random, most: number): number {
  return random.below(most * 8) / 8
}

function gauge(random: Random): string {
  const isSparse = random.chance(0.3)
  const endsAt = random.chance(0.3) ? random.below(SAMPLES) : SAMPLES
  const values = ['_']
  for (let at = 1; at < SAMPLES; at += 1) {
    if (at === endsAt) values.push('stale')
    else if (at > endsAt || random.chance(isSparse ? 0.7 : 0.05)) values.push('_')
    else values.push(String(eighths(random, 40) - 10))
  }
  return values.join(' ')
}

function counter(random: Random): string {
  const values = ['_']
  let value = 1e6 + random.below(1000)
  for (let at = 1; at < SAMPLES; at += 1) {
    value = random.chance(0.02) ? 1e6 : value + random.below(30)
    values.push(String(value))
  }
  return values.join(' ')
}

function histogram(random: Random, labels: string): string[] {
  const bounds = ['0.1', '0.5', '1', '2.5', '+Inf']
  const counts = bounds.map(() => 1e6)
  const rows = bounds.map(() => ['_'])
  for (let at = 1; at < SAMPLES; at += 1) {
    let sum = 0
    for (const [index] of bounds.entries()) {
      sum += random.below(8)
      counts[index] = (counts[index] ?? 0) + sum
      rows[index]?.push(String(counts[index]))
    }
  }
  return bounds.map((bound, index) => `latency_bucket{${labels},le="${bound}"} ${rows[index]?.join(' ')}`)
}

/** A random expression that gives an instant vector or a scalar. Some are wrong: the verdict has to be the same, too. */
export function randomExpression(random: Random): string {
  const roll = random.next()
  if (roll < 0.05) return scalar(random, 3)
  if (roll < 0.1) return broken(random)
  return vector(random, 3)
}

function duration(random: Random): string {
  return random.pick(['1m', '90s', '5m', '10m', '2m5s', '20m'])
}

function selector(random: Random): string {
  const name = random.pick(['gauge', 'limit', 'requests_total', 'gauge', 'job_info', 'nothing'])
  const matchers = [
    'job="a"',
    'job!="a"',
    'instance=~"1|2"',
    'instance!~"[23]"',
    'job=~".+"',
    'path="/"',
    'path=""',
    'x=""',
  ]
  const chosen = random.chance(0.5)
    ? []
    : [random.pick(matchers), ...(random.chance(0.3) ? [random.pick(matchers)] : [])]
  const braces = chosen.length === 0 ? '' : `{${chosen.join(',')}}`
  return random.chance(0.05) ? `{__name__=~"gauge|limit"${chosen.length > 0 ? `,${chosen[0]}` : ''}}` : name + braces
}

function modifiers(random: Random): string {
  const offset = random.chance(0.15) ? ` offset ${random.pick(['1m', '5m', '-2m', '30s'])}` : ''
  const at = random.chance(0.08) ? ` @ ${random.pick(['1207', '2011.5', 'start()', 'end()'])}` : ''
  return random.chance(0.5) ? offset + at : at + offset
}

function range(random: Random, depth: number): string {
  const inner = depth > 0 && random.chance(0.15) ? vector(random, depth - 1) : ''
  // Within a subquery another one would have its points on the edges of the first.
  if (inner !== '' && !/\[[^\]]*:/.test(inner))
    return `(${inner})[${duration(random)}:${random.pick(['30s', '1m', '50s'])}]${modifiers(random)}`
  return `${selector(random)}[${duration(random)}]${modifiers(random)}`
}

function scalar(random: Random, depth: number): string {
  const roll = random.next()
  if (depth === 0 || roll < 0.6) return random.pick(['0', '1', '2', '0.5', '-3', '10', '1e3', '0x10', 'time()', 'pi()'])
  if (roll < 0.8) return `scalar(${vector(random, depth - 1)})`
  if (roll < 0.9) return `(${scalar(random, depth - 1)} ${random.pick(['+', '-', '*'])} ${scalar(random, depth - 1)})`
  return `(${scalar(random, depth - 1)} ${random.pick(['==', '!=', '>', '<='])} bool ${scalar(random, depth - 1)})`
}

type Make = (random: Random, depth: number) => string

const VECTORS: readonly Make[] = [
  (random) => selector(random) + modifiers(random),
  aggregation,
  aggregation,
  vectorWithScalar,
  betweenVectors,
  betweenVectors,
  overTime,
  overTime,
  overTime,
  ofOne,
  ofOne,
  (random, depth) => `-${vector(random, depth - 1)}`,
  (random, depth) =>
    `label_replace(${vector(random, depth - 1)}, "${random.pick(['job', 'new', 'instance'])}", "$1-x", "instance", "(.).*")`,
  (random, depth) => `label_join(${vector(random, depth - 1)}, "joined", "-", "job", "instance", "none")`,
  (random) =>
    `histogram_quantile(${random.pick(['0.5', '0.9', '0.99', '0', '1', '1.5'])}, ` +
    `${random.pick(['sum by (le)', 'sum by (le, job)', ''])}(rate(latency_bucket[${duration(random)}])))`,
  (random, depth) => `absent(${random.chance(0.5) ? 'nothing{job="a",x!="y"}' : vector(random, depth - 1)})`,
  (random, depth) => `vector(${scalar(random, depth - 1)})`,
  (random, depth) => `timestamp(${random.chance(0.5) ? selector(random) : vector(random, depth - 1)})`,
]

function vector(random: Random, depth: number): string {
  return depth <= 0 ? selector(random) + modifiers(random) : random.pick(VECTORS)(random, depth)
}

function grouping(random: Random): string {
  return random.pick([
    '',
    ' by (job)',
    ' by (job, instance)',
    ' without (instance)',
    ' without (job, path)',
    ' by ()',
    ' by (none)',
  ])
}

function aggregation(random: Random, depth: number): string {
  const inner = vector(random, depth - 1)
  const plain = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar']
  if (random.chance(0.7)) return `${random.pick(plain)}${grouping(random)}(${inner})`
  const k = random.pick(['1', '2', '3', '0', '100'])
  // Which of equal values stays hangs on the order of the series, which promtool loads in the order of a Go map.
  const distinct = random.pick([
    'avg_over_time(gauge[20m])',
    'avg_over_time(requests_total[20m])',
    'deriv(limit[20m])',
    'stddev_over_time(requests_total[10m])',
  ])
  return random.pick([
    `topk${grouping(random)}(${k}, ${distinct})`,
    `bottomk${grouping(random)}(${k}, ${distinct})`,
    `quantile${grouping(random)}(${random.pick(['0.5', '0.9', '0', '2'])}, ${inner})`,
    `count_values${grouping(random)}("value", round(${inner}))`,
  ])
}

function vectorWithScalar(random: Random, depth: number): string {
  const operator = random.pick(['+', '-', '*', '/', '%', '^', '>', '<', '>=', '==', '!= bool', '> bool'])
  const parts = [vector(random, depth - 1), scalar(random, operator === '^' ? 0 : depth - 1)]
  const [left, right] = random.chance(0.7) ? parts : parts.toReversed()
  return `(${left} ${operator} ${right})`
}

function betweenVectors(random: Random, depth: number): string {
  const [left, right] = [vector(random, depth - 1), vector(random, depth - 1)]
  const labels = random.pick(['(job, instance)', '(job)', '()', '(instance)', '(path)'])
  const by = random.pick(['', '', ` on${labels}`, ` ignoring${labels}`])
  if (random.chance(0.3)) return `(${left} ${random.pick(['and', 'or', 'unless'])}${by} ${right})`
  const operator = random.pick(['+', '-', '*', '/', '>', '<=', '== bool', '%'])
  if (random.chance(0.25)) return `(requests_total ${operator} on(job) group_left(version) job_info)`
  const group = by === '' || random.chance(0.5) ? '' : random.pick([' group_left', ' group_right', ' group_left(path)'])
  return `(${left} ${operator}${by}${group} ${right})`
}

function overTime(random: Random, depth: number): string {
  const inner = range(random, depth)
  if (random.chance(0.2))
    return `${random.pick(['rate', 'increase'])}(requests_total[${duration(random)}]${modifiers(random)})`
  const names = (
    'delta irate idelta avg_over_time sum_over_time count_over_time min_over_time max_over_time ' +
    'last_over_time present_over_time stddev_over_time stdvar_over_time changes resets deriv absent_over_time'
  ).split(' ')
  const roll = random.next()
  if (roll < 0.08) return `quantile_over_time(${random.pick(['0.5', '0.95', '0', '-1'])}, ${inner})`
  if (roll < 0.16) return `predict_linear(${inner}, ${random.pick(['3600', '60', '-60'])})`
  return `${random.pick(names)}(${inner})`
}

function ofOne(random: Random, depth: number): string {
  const inner = vector(random, depth - 1)
  const names = (
    'abs ceil floor exp sqrt ln log2 log10 sgn sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh deg rad sort ' +
    'sort_desc'
  ).split(' ')
  const dates = 'hour minute month year day_of_week day_of_month day_of_year days_in_month'.split(' ')
  // A date of NaN or Inf is whatever the processor makes of it.
  if (random.chance(0.15))
    return `${random.pick(dates)}(${random.pick(['gauge * 1e7', 'timestamp(limit)', 'requests_total * 333', ''])})`
  return random.pick([
    `${random.pick(names)}(${inner})`,
    `${random.pick(names)}(${inner})`,
    `round(${inner}, ${random.pick(['0.5', '10', '0.1', '3'])})`,
    `clamp(${inner}, ${random.pick(['-1', '0', '5'])}, ${random.pick(['2', '10'])})`,
    `clamp_min(${inner}, 1)`,
    `clamp_max(${inner}, 1)`,
  ])
}

function broken(random: Random): string {
  const whole = vector(random, 2)
  return random.pick([
    whole.slice(0, random.below(whole.length) + 1),
    `rate(${whole})`,
    `${whole} + "text"`,
    `sum(${whole}[5m])`,
    `${whole} and 1`,
    '1 == 2',
    `${whole} + bool ${whole}`,
    `topk(${whole}, gauge)`,
    `gauge offset 5m offset 1m`,
    `sum_over_time(gauge)`,
    `${whole}${random.pick([')', '(', ']', '{', ',', '"'])}`,
    'gauge{}[5m]',
    `{job=~".*"}`,
  ])
}
