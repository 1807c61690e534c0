import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../lib/fault.ts'
import { LoadedStorage } from '../../test/loaded-storage.ts'
import { parseDurationMs } from './literals.ts'
import { askAt, askRange, makeQuery, type QueryOptions, type QueryResult } from './query.ts'
import { RANGE_FUNCTIONS } from './range-functions.ts'
import { SIGNATURES } from './signatures.ts'
import { VECTOR_FUNCTIONS } from './functions.ts'

const MINUTE_MS = 60_000

function loaded(...series: string[]): LoadedStorage {
  const storage = new LoadedStorage()
  storage.load(series, MINUTE_MS)
  return storage
}

/** The result as text, one element after the other: `{a="b"} 1`. */
function show(result: QueryResult): string {
  const labels = (record: Readonly<Record<string, string>>): string =>
    `${record['__name__'] ?? ''}{${Object.keys(record)
      .filter((name) => name !== '__name__')
      .map((name) => `${name}="${record[name]}"`)
      .join(',')}}`
  switch (result.type) {
    case 'scalar':
    case 'string':
      return String(result.value)
    case 'vector':
      return result.samples.map((sample) => `${labels(sample.labels)} ${sample.value}`).join('; ')
    case 'matrix':
      return result.series
        .map(
          (one) =>
            `${labels(one.labels)} ${Array.from(one.timestamps, (ms, at) => `${one.values[at]}@${ms / 1000}`).join(' ')}`,
        )
        .join('; ')
  }
}

function ask(storage: LoadedStorage, expr: string, at = '10m', options: Partial<QueryOptions> = {}): string {
  return show(askAt(makeQuery(expr), parseDurationMs(at) ?? NaN, { storage, ...options }))
}

function whyNot(storage: LoadedStorage, expr: string): string {
  try {
    return ask(storage, expr)
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.why
    throw thrown
  }
}

test('the newest sample holds for the lookback, the edge not included', () => {
  const storage = loaded('a 1 2')
  assert.equal(ask(storage, 'a', '1m'), 'a{} 2')
  assert.equal(ask(storage, 'a', '5m59s'), 'a{} 2')
  assert.equal(ask(storage, 'a', '6m'), '')
  assert.equal(ask(storage, 'a', '6m', { lookbackMs: 10 * MINUTE_MS }), 'a{} 2')
})

test('a series that ended is gone at once, and comes back with its next sample', () => {
  const storage = loaded('a 1 2 stale _ 5')
  assert.equal(ask(storage, 'a', '1m59s'), 'a{} 2')
  assert.equal(ask(storage, 'a', '2m'), '')
  assert.equal(ask(storage, 'a', '3m'), '')
  assert.equal(ask(storage, 'a', '4m'), 'a{} 5')
  assert.equal(ask(storage, 'sum_over_time(a[10m])', '4m'), '{} 8')
})

test('a range is open on the left', () => {
  const storage = loaded('a 1 2 3 4 5 6')
  assert.equal(ask(storage, 'a[2m]', '5m'), 'a{} 5@240 6@300')
  assert.equal(ask(storage, 'count_over_time(a[2m1s])', '5m'), '{} 3')
})

test('offset and @ move the moment; @ start() and end() are those of the query', () => {
  const storage = loaded('a 0+1x20')
  assert.equal(ask(storage, 'a offset 3m'), 'a{} 7')
  assert.equal(ask(storage, 'a offset -3m'), 'a{} 13')
  assert.equal(ask(storage, 'a @ 120 offset 1m'), 'a{} 1')
  assert.equal(ask(storage, 'sum_over_time(a[3m] @ 120)'), '{} 3')
  const times = { startMs: 2 * MINUTE_MS, endMs: 4 * MINUTE_MS, stepMs: MINUTE_MS }
  const range = askRange(makeQuery('a @ end() - a @ start() + a'), times, { storage })
  assert.equal(show(range), '{} 4@120 5@180 6@240')
})

test('a subquery is asked at multiples of its step, by default of the evaluation interval', () => {
  const storage = loaded('a 0+1x20')
  assert.equal(ask(storage, 'a[3m:2m]'), 'a{} 8@480 10@600')
  assert.equal(ask(storage, '(a * 2)[2m:]'), '{} 18@540 20@600')
  assert.equal(ask(storage, 'a[2m:]', '10m', { subqueryStepMs: 30_000 }), 'a{} 8@510 9@540 9@570 10@600')
  assert.equal(ask(storage, 'max_over_time(sum_over_time(a[2m])[4m:1m])'), '{} 19')
  assert.equal(ask(storage, 'a[2m:1m] @ 300 offset 1m'), 'a{} 3@180 4@240')
})

test('a range query gives what the moments give one by one', () => {
  const storage = loaded('a{x="1"} 1 _ _ stale 5 6', 'a{x="2"} 1+1x10')
  const times = { startMs: 0, endMs: 5 * MINUTE_MS, stepMs: MINUTE_MS }
  const expr = 'sum by (x) (a) > 2'
  const whole = askRange(makeQuery(expr), times, { storage })
  assert.equal(show(whole), '{x="1"} 5@240 6@300; {x="2"} 3@120 4@180 5@240 6@300')
  assert.equal(show(askRange(makeQuery('time() / 60'), times, { storage })), '{} 0@0 1@60 2@120 3@180 4@240 5@300')
})

test('rate extrapolates to the edges but not below zero, and counts on after a reset', () => {
  assert.equal(ask(loaded('a_total 0+60x20'), 'rate(a_total[5m])'), '{} 1')
  assert.equal(ask(loaded('a_total 0+60x20'), 'increase(a_total[5m])'), '{} 300')
  assert.equal(ask(loaded('a_total 0 60 0 60 120'), 'resets(a_total[10m])', '4m'), '{} 1')
  assert.equal(ask(loaded('a_total 0 60 0 60 120'), 'increase(a_total[10m])', '4m'), '{} 180')
  assert.equal(ask(loaded('a_total 5'), 'rate(a_total[5m])', '1m'), '')
  assert.equal(ask(loaded('a 10 4'), 'delta(a[3m])', '1m'), '{} -9')
  assert.equal(ask(loaded('a 10 4'), 'idelta(a[3m])', '1m'), '{} -6')
  assert.equal(ask(loaded('a 10 4'), 'irate(a[3m])', '1m').slice(0, 8), '{} 0.066')
})

test('a name is dropped where the value becomes another thing, and kept where it does not', () => {
  const storage = loaded('a{x="1"} 1x20')
  assert.equal(ask(storage, 'a > 0'), 'a{x="1"} 1')
  assert.equal(ask(storage, 'a > bool 0'), '{x="1"} 1')
  assert.equal(ask(storage, '0 < a'), 'a{x="1"} 1')
  assert.equal(ask(storage, 'a + 1'), '{x="1"} 2')
  assert.equal(ask(storage, '-a'), '{x="1"} -1')
  assert.equal(ask(storage, '+a'), 'a{x="1"} 1')
  assert.equal(ask(storage, 'abs(a)'), '{x="1"} 1')
  assert.equal(ask(storage, 'last_over_time(a[5m])'), 'a{x="1"} 1')
  assert.equal(ask(storage, 'topk(1, a)'), 'a{x="1"} 1')
  assert.equal(ask(storage, 'sum by (__name__) (a)'), 'a{} 1')
})

test('series that only their names told apart are refused once these are dropped', () => {
  const storage = loaded('a 1x20', 'b 2x20')
  const same = 'vector cannot contain metrics with the same labelset'
  assert.equal(whyNot(storage, '-{__name__=~"a|b"}'), same)
  assert.equal(whyNot(storage, 'rate({__name__=~"a|b"}[5m])'), same)
  assert.equal(whyNot(storage, 'label_replace({__name__=~"a|b"}, "__name__", "c", "", "")'), same)
  assert.equal(whyNot(storage, 'count({__name__=~"a|b"})'), '{} 2')
  assert.equal(whyNot(storage, '{__name__=~"a|b"} > 1'), 'b{} 2')
})

test('names dropped at the end only can still be looked at', () => {
  const storage = loaded('a_total 0+60x20', 'b_total 0+120x20')
  const expr = 'label_replace(rate({__name__=~".+_total"}[5m]), "metric", "$1", "__name__", "(.)_total")'
  assert.match(whyNot(storage, expr), /same labelset/)
  assert.equal(ask(storage, expr, '10m', { delaysNames: true }), '{metric="a"} 1; {metric="b"} 2')
})

test('vectors match one to one by all labels, by some, or by all but some', () => {
  const storage = loaded('a{x="1",y="1"} 6x20', 'a{x="2",y="1"} 8x20', 'b{x="1",y="1"} 2x20', 'b{x="2",y="2"} 4x20')
  assert.equal(ask(storage, 'a / b'), '{x="1",y="1"} 3')
  assert.equal(ask(storage, 'a / on(x) b'), '{x="1"} 3; {x="2"} 2')
  assert.equal(ask(storage, 'a / ignoring(y) b'), '{x="1"} 3; {x="2"} 2')
  assert.equal(ask(storage, 'a > on(x) b'), 'a{x="1"} 6; a{x="2"} 8'.replaceAll('a{', '{'))
  assert.equal(ask(storage, 'a == bool on(x) b'), '{x="1"} 0; {x="2"} 0')
  assert.equal(ask(storage, 'a and b'), 'a{x="1",y="1"} 6')
  assert.equal(ask(storage, 'a unless b'), 'a{x="2",y="1"} 8')
  assert.equal(ask(storage, 'a or on(x) b'), 'a{x="1",y="1"} 6; a{x="2",y="1"} 8')
  assert.equal(ask(storage, 'nix or b{x="1"}'), 'b{x="1",y="1"} 2')
  assert.equal(ask(storage, 'a and on() vector(1) > 2'), '')
})

test('many match one with group_left and group_right, which may bring labels along', () => {
  const storage = loaded('a{x="1",y="1"} 6x20', 'a{x="1",y="2"} 8x20', 'info{x="1",v="7.2"} 1x20')
  assert.equal(ask(storage, 'a * on(x) group_left(v) info'), '{v="7.2",x="1",y="1"} 6; {v="7.2",x="1",y="2"} 8')
  assert.equal(ask(storage, 'info - on(x) group_right a'), '{x="1",y="1"} -5; {x="1",y="2"} -7')
  assert.match(whyNot(storage, 'a * on(x) info'), /many-to-one matching must be explicit/)
  assert.equal(
    whyNot(storage, 'info * on(x) a'),
    'found duplicate series for the match group {x="1"} on the right hand-side of the operation: ' +
      '[{__name__="a", x="1", y="1"}, {__name__="a", x="1", y="2"}];' +
      'many-to-many matching not allowed: matching labels must be unique on one side',
  )
  assert.match(whyNot(storage, 'a * on(x) group_left(y) info'), /grouping labels must ensure unique matches/)
})

const AGGREGATIONS: readonly (readonly [expr: string, result: string])[] = [
  ['sum(a)', '{} 10'],
  ['avg(a)', '{} 2.5'],
  ['min(a)', '{} 1'],
  ['max(a)', '{} 4'],
  ['count(a)', '{} 4'],
  ['group(a)', '{} 1'],
  ['stdvar(a)', '{} 1.25'],
  ['stddev(a) == bool 1.25 ^ 0.5', '{} 1'],
  ['quantile(0.5, a)', '{} 2.5'],
  ['sum by (x) (a)', '{x="1"} 3; {x="2"} 7'],
  ['sum without (y) (a)', '{x="1"} 3; {x="2"} 7'],
  ['topk(2, a)', 'a{x="2",y="2"} 4; a{x="2",y="1"} 3'],
  ['bottomk by (x) (1, a)', 'a{x="1",y="1"} 1; a{x="2",y="1"} 3'],
  ['topk(0, a)', ''],
  ['count_values("v", a > bool 1)', '{v="0"} 1; {v="1"} 3'],
  ['count_values by (x) ("v", a * 0)', '{v="0",x="1"} 2; {v="0",x="2"} 2'],
  ['sum(nix)', ''],
  ['sum(a * 1e308)', '{} Infinity'],
  ['avg(a * 0.4e308) < bool 1.1e308', '{} 1'],
  [
    'sum(label_replace(vector(1e100), "x", "1", "", "") or vector(1) or label_replace(vector(-1e100), "x", "2", "", ""))',
    '{} 1',
  ],
]

test('aggregations', () => {
  const storage = loaded('a{x="1",y="1"} 1x20', 'a{x="1",y="2"} 2x20', 'a{x="2",y="1"} 3x20', 'a{x="2",y="2"} 4x20')
  for (const [expr, result] of AGGREGATIONS) assert.equal(ask(storage, expr), result, expr)
  assert.equal(whyNot(storage, 'topk(NaN, a)'), 'Parameter value is NaN')
  assert.match(whyNot(storage, 'topk(Inf, a)'), /overflows int64/)
})

const FUNCTIONS: readonly (readonly [expr: string, result: string])[] = [
  ['avg_over_time(a[5m])', '{} 2'],
  ['stddev_over_time(a[2m])', '{} 1'],
  ['quantile_over_time(0.5, a[5m])', '{} 2'],
  ['min_over_time(a[5m]) + max_over_time(a[5m])', '{} 4'],
  ['changes(a[5m])', '{} 4'],
  ['deriv(b[5m]) * 60', '{} 2'],
  ['predict_linear(b[5m], 60)', '{} 22'],
  ['present_over_time(a[5m])', '{} 1'],
  ['absent_over_time(nix{x="1",y=~"z"}[5m])', '{x="1"} 1'],
  ['absent_over_time(a[5m])', ''],
  ['absent(nix{x="1",x="2",y="3"})', '{y="3"} 1'],
  ['absent(sum(nix))', '{} 1'],
  ['absent(a)', ''],
  ['clamp(b, 0, 5)', '{} 5'],
  ['clamp(b, 5, 0)', ''],
  ['round(b / 7)', '{} 3'],
  ['round(b / 7, 0.5)', '{} 3'],
  ['round(vector(-1.5))', '{} -1'],
  ['sgn(vector(-3))', '{} -1'],
  ['scalar(b)', '20'],
  ['scalar(nix)', 'NaN'],
  ['timestamp(a offset 90s)', '{} 480'],
  ['timestamp(a + 1)', '{} 600'],
  ['time()', '600'],
  ['hour(vector(1e9))', '{} 1'],
  ['day_of_week(vector(1e9))', '{} 0'],
  ['day_of_year(vector(1e9))', '{} 252'],
  ['days_in_month(vector(951782400))', '{} 29'],
  ['minute()', '{} 10'],
  ['year()', '{} 1970'],
  ['label_join(a, "j", "-", "x", "__name__")', 'a{j="-a"} 3'],
  ['label_replace(b, "l", "${1}$$", "__name__", "(.)")', 'b{l="b$"} 20'],
  ['vector(1) ^ NaN', '{} 1'],
  ['-7 % vector(3)', '{} -1'],
  ['pi()', String(Math.PI)],
  ['"text"', 'text'],
]

test('functions', () => {
  const storage = loaded('a 1 2 3 1 2 3 1 2 3 1 3 1', 'b 0+2x20')
  const fixed = FUNCTIONS.map(([expr, result]) => [expr, result] as const)
  for (const [expr, result] of fixed) assert.equal(ask(storage, expr), result, expr)
})

test('every function that is parsed is evaluated, and the other way round', () => {
  const special = ['time', 'pi', 'scalar', 'timestamp', 'absent']
  const evaluated = [...RANGE_FUNCTIONS.keys(), ...VECTOR_FUNCTIONS.keys(), ...special]
  assert.deepEqual(evaluated.toSorted(), [...SIGNATURES.keys()].toSorted())
})

test('quantiles of classic histograms, and what is said of odd ones', () => {
  const storage = loaded(
    'h_bucket{le="1"} 10x20',
    'h_bucket{le="2"} 20x20',
    'h_bucket{le="+Inf"} 20x20',
    'odd_bucket{le="1"} 10x20',
    'odd_bucket{le="2"} 5x20',
    'odd_bucket{le="+Inf"} 20x20',
    'wrong_bucket{le="x"} 1x20',
  )
  assert.equal(ask(storage, 'histogram_quantile(0.75, h_bucket)'), '{} 1.5')
  assert.equal(ask(storage, 'histogram_quantile(0.25, h_bucket)'), '{} 0.5')
  assert.equal(ask(storage, 'histogram_quantile(2, h_bucket)'), '{} Infinity')
  assert.equal(ask(storage, 'histogram_fraction(0, 1.5, h_bucket)'), '{} 0.75')
  const remarks = (expr: string): string[] => {
    const { infos, warnings } = askAt(makeQuery(expr), 10 * MINUTE_MS, { storage })
    return [...infos, ...warnings]
  }
  assert.match(
    remarks('histogram_quantile(0.5, odd_bucket)').join(),
    /fixed for monotonicity.* from buckets 2 to 2, .* 5 \(1:25\)/,
  )
  assert.match(remarks('histogram_quantile(0.5, wrong_bucket)').join(), /malformed value of "x" \(1:25\)/)
  assert.deepEqual(remarks('histogram_quantile(2, h_bucket)'), [
    'PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)',
  ])
  assert.match(remarks('rate(h[5m]) or rate(h_bucket[5m])').join(), /^$/)
})

test('rate of what is no counter by its name is remarked upon', () => {
  const { infos } = askAt(makeQuery('rate(a[5m])'), 10 * MINUTE_MS, { storage: loaded('a 0+1x20') })
  assert.deepEqual(infos, [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:6)',
  ])
})

test('a question that would take minutes is refused', () => {
  assert.match(whyNot(loaded('a 1'), 'max_over_time(a[1y:1s])'), /too many samples/)
  assert.equal(ask(loaded('a 1x20'), Array(400).fill('a').join(' + ')), '{} 400')
})

test('only an instant vector or a scalar is asked over a range', () => {
  const times = { startMs: 0, endMs: 1, stepMs: 1 }
  assert.throws(
    () => askRange(makeQuery('a[5m]'), times, { storage: loaded() }),
    /invalid expression type "range vector"/,
  )
})

test('the storage is asked for the time that is needed, and for the newest sample alone where that is enough', () => {
  const asked: string[] = []
  const storage = {
    select(_matchers: unknown, { fromMs, toMs, onlyLast }: { fromMs: number; toMs: number; onlyLast: boolean }) {
      asked.push(`${fromMs}..${toMs}${onlyLast ? ' last' : ''}`)
      return []
    },
  }
  askAt(makeQuery('a + rate(a[1m] offset 1m) + a @ 10 + sum_over_time(a[2m:1m])'), 600_000, { storage })
  assert.deepEqual(asked, ['300001..600000 last', '480001..540000', '-289999..10000 last', '240001..600000'])
  asked.length = 0
  askRange(makeQuery('a'), { startMs: 600_000, endMs: 900_000, stepMs: 60_000 }, { storage })
  assert.deepEqual(asked, ['300001..900000'])
})
