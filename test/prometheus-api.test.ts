// Our /api/v1/query, query_range, rules and alerts beside those of Debian's Prometheus, over the same samples and rules:
// the same documents, types, errors and ways to write a parameter. What is otherwise stands in a list, with its reason, and
// is seen to be otherwise.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { until } from '../lab/until.ts'
import { startBoth, type Beside, type WrittenSeries } from './beside-prometheus.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const isInstalled = ['prometheus', 'promtool'].every((name) =>
  (process.env['PATH'] ?? '').split(delimiter).some((dir) => existsSync(join(dir, name))),
)
const skip = isInstalled ? false : 'prometheus is not installed: scripts/setup test'

const labelsOf = (n: number): Record<string, string> => {
  return { instance: `10.0.0.${n}:6379`, deployment: n < 3 ? 'orders' : 'shop' }
}
const ODD = [NaN, Infinity, -Infinity, 1e21, 1e-7, 0.1 + 0.2, 1.2345678901234568e20]
const SERIES: readonly WrittenSeries[] = [
  ...[1, 2, 3].map((n) => ({ name: 'server_up', labels: labelsOf(n), valueAt: () => (n === 3 ? 0 : 1) })),
  ...[1, 2, 3].map((n) => ({ name: 'commands_total', labels: labelsOf(n), valueAt: (at: number) => at * 10 * n })),
  ...['0.1', '1', '+Inf'].map((le, n) => ({
    name: 'seconds_bucket',
    labels: { instance: 'a', le },
    valueAt: (at: number) => at * (n + 1),
  })),
  { name: 'odd', labels: { text: 'a "quoted" \\ ü\nline' }, valueAt: (at) => ODD[at % ODD.length] ?? NaN },
]

/** An alert of each state; the one that is kept firing is found for twenty seconds. */
const rulesText = (nowMs: number): string => `groups:
- name: redis
  interval: 1s
  rules:
  - record: deployment:server_up:sum
    expr: sum  by(deployment)(server_up)
    labels: { team: db }
  - alert: ServerDown
    expr: server_up == 0
    labels: { severity: critical }
    annotations: { summary: '{{ $labels.instance }} is down', value: '{{ $value }}' }
  - alert: Pending
    expr: server_up == 1
    for: 1h
    keep_firing_for: 5m
  - alert: KeptFiring
    expr: vector(1) and vector(time()) < ${Math.floor(nowMs / 1_000) + 20}
    keep_firing_for: 5m
  - alert: Never
    expr: server_up > 5
  - alert: Broken
    expr: server_up * on (deployment) commands_total
- name: nothing
  rules: []
- name: another
  interval: 1s
  limit: 2
  rules:
  - alert: TooMany
    expr: server_up
  - alert: Infinite
    expr: odd or vector(Inf)
`

type Params = Readonly<Record<string, string>>

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly body: string
}

async function ask(base: string, path: string, params: Params = {}, method = 'GET'): Promise<Answer> {
  const words = new URLSearchParams(params).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const asked = method === 'POST' ? { method, headers, body: words } : { method }
  const response = await fetch(`${base}${path}${method === 'POST' ? '' : `?${words}`}`, asked)
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

interface Element {
  readonly metric?: unknown
}

/** Without what is left to chance: the order of a vector, and that of the series that an error names. */
function settled({ status, type, body }: Answer): unknown {
  if (type !== 'application/json') return { status, body: body.trim() }
  const document = JSON.parse(body) as { error?: string; data?: { resultType?: string; result?: Element[] } }
  const error = document.error?.replace(/: \[.*\];/s, ': […];')
  const { result, ...rest } = document.data ?? {}
  const sorted = rest.resultType === 'vector' ? result?.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1)) : result
  return {
    status,
    type,
    document: { ...document, ...(error && { error }), ...(sorted && { data: { ...rest, sorted } }) },
  }
}

const textOf = ({ metric }: Element): string => JSON.stringify(metric, Object.keys(metric ?? {}).toSorted())

/** The same, but for the last digits of numbers, which depend on the order of a sum. */
function isSame(ours: unknown, theirs: unknown): boolean {
  if (typeof ours === 'string' && typeof theirs === 'string') {
    const [a, b] = [Number(ours), Number(theirs)]
    return ours === theirs || (ours !== '' && Math.abs(a - b) <= 1e-9 * Math.abs(b))
  }
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null)
    return Object.is(ours, theirs)
  const [a, b] = [new Map(Object.entries(ours)), new Map(Object.entries(theirs))]
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && isSame(value, b.get(key)))
}

/** At `at`, a moment between two samples, and in the minute before it. */
function requests(at: number): readonly [path: 'query' | 'query_range', params: Params, method?: 'POST'][] {
  const time = String(at)
  const iso = new Date(at * 1_000).toISOString()
  const range = { start: String(at - 60), end: time, step: '15' }
  const clock = (text: string): ['query', Params] => ['query', { query: 'time()', time: text }]
  const now = (query: string): ['query', Params] => ['query', { query, time }]
  const over = (changes: Params): ['query_range', Params] => [
    'query_range',
    { query: 'server_up', ...range, ...changes },
  ]
  const without = (name: string): ['query_range', Params] => {
    const params = { query: 'server_up', ...range }
    return ['query_range', Object.fromEntries(Object.entries(params).filter(([key]) => key !== name))]
  }
  return [
    ...['server_up', 'odd', 'nothing', '1 + 1', '-1e30', '"text"', 'odd[3m]', 'server_up[1m]', 'nothing[1m]'].map(now),
    ...['rate(commands_total[2m])', 'sum by (deployment) (commands_total)', 'sort_desc(commands_total)'].map(now),
    ...['topk(2, commands_total)', 'max_over_time(rate(commands_total[1m])[5m:])', 'count_values("v", odd)'].map(now),
    ...['histogram_quantile(0.9, rate(seconds_bucket[5m]))', 'server_up offset 5m', 'absent(nothing{a="b"})'].map(now),
    ...['', 'sum(', 'foo{', '1 + "a"', 'rate(server_up)', 'nosuch(x)', 'server_up{', 'sum by', '{}', 'a b'].map(now),
    now('server_up * on (deployment) commands_total'),
    now('label_replace(server_up, "instance", "x", "instance", ".*")'),
    ['query', { query: 'server_up', time: iso }],
    ['query', { query: 'server_up', time }, 'POST'],
    ['query', { query: 'sum(', time }, 'POST'],
    ['query', { query: 'server_up', time, timeout: '10s' }],
    ['query', { query: 'server_up', time, timeout: 'nonsense' }],
    ['query', {}],
    ...['1e9', '1700000000.1239', '-5', '+5', '.5', '0'].map(clock),
    ...['2024-02-03T00:00:00Z', '2024-02-03T00:00:00.5+02:00', '2024-02-29T23:59:59-08:00'].map(clock),
    over({}),
    ['query_range', { query: 'server_up', ...range }, 'POST'],
    over({ start: iso, end: iso, step: '15s' }),
    ...['1', 'odd', 'nothing', 'rate(commands_total[1m])', 'server_up * on (deployment) commands_total'].map((query) =>
      over({ query }),
    ),
    ...['7.5', '1m30s', '1e1', '30', '0', '-1', 'x', '', '0.5s', '0.0001', '9223372037'].map((step) => over({ step })),
    over({ start: String(at - 11_000), step: '1' }),
    over({ start: String(at - 11_001), step: '1' }),
    over({ end: String(at - 61) }),
    over({ timeout: 'x' }),
    ...['start', 'end', 'step'].map(without),
  ]
}

interface Difference {
  readonly path: 'query' | 'query_range'
  readonly params: Params
  readonly method?: 'PUT'
  readonly why: string
}

const PREFIX = 'Debian has 2.42; since 2.44 a range says as an instant does which parameter it is about'
const NAMED = "2.42 puts the parameter's name into the sentence twice; 3.x does not"
const NO_TIME = 'Prometheus answers for a time of which it lost the larger part'

const differences = (at: number): readonly Difference[] => {
  const time = String(at) // without it the answers would differ by the moment
  const range = { start: String(at - 60), end: time, step: '15' }
  const clock = (text: string, why: string): Difference => ({
    path: 'query',
    params: { query: 'time()', time: text },
    why,
  })
  return [
    ...['now', '0x10', ' 5', '2024-02-03', '2024-02-03T00:00:00', '2024-02-30T00:00:00Z'].map((text) =>
      clock(text, NAMED),
    ),
    ...['Inf', 'NaN', '1e30', '-292273086-05-16T16:47:06Z'].map((text) => clock(text, NO_TIME)),
    clock('1_000', 'numbers as Go writes them in source code are none of the documented ways to write a time'),
    { path: 'query', params: { query: 'server_up', time, timeout: '0' }, why: 'no query is cut off here' },
    {
      path: 'query',
      params: { query: 'server_up', time, stats: 'all' },
      why: 'there are no statistics of queries here',
    },
    {
      path: 'query',
      params: { query: 'server_up', time },
      method: 'PUT',
      why: 'what is not served is 404 here, also by its method',
    },
    ...['sum(', '', '"a"', 'server_up[5m]'].map((query): Difference => ({
      path: 'query_range',
      params: { ...range, query },
      why: PREFIX,
    })),
  ]
}

/** A moment as Go writes it. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const MOMENTS = new Set(['activeAt', 'keepFiringSince', 'lastEvaluation'])

/** A document about rules without what differs between two processes, each such thing checked by itself. */
function comparable(key: string, value: unknown): unknown {
  if (MOMENTS.has(key)) {
    assert.match(String(value), MOMENT)
    return 'a moment'
  }
  if (key === 'evaluationTime') return typeof value
  if (key === 'file') return basename(String(value))
  if (key === 'lastError') return String(value).replace(/: \[.*\];/s, ': […];')
  // Prometheus prints the expression anew, here it stands as it was written.
  if (key === 'query') {
    const plain = (number: string): string => String(Number(number))
    return String(value)
      .replaceAll(/\s/g, '')
      .replace('+Inf', 'Inf')
      .replace(/[\d.]+e\+\d+/, plain)
  }
  if (Array.isArray(value)) {
    // 2.42 lists groups of which no rule is wanted; 3.x does not.
    const kept = key === 'groups' ? value.filter(({ rules }: { rules: unknown[] }) => rules.length > 0) : value
    const items = kept.map((item) => comparable('', item))
    return key === 'alerts' ? items.toSorted((a, b) => (sortedText(a) < sortedText(b) ? -1 : 1)) : items
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, comparable(name, item)]))
}

/** The same text for the same document, whatever the order of its keys. */
function sortedText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(sortedText).join()}]`
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([name, item]) => `${name}:${sortedText(item)}`).join()}}`
}

suite('beside Prometheus', { skip }, () => {
  let both: Beside
  before(async () => void (both = await startBoth(SERIES, rulesText)))
  after(() => both.stop())

  const askBoth = (path: string, params?: Params, method?: string): Promise<[Answer, Answer]> =>
    Promise.all([ask(both.ours, path, params, method), ask(both.theirs, path, params, method)])

  test('queries: the same answer to every request, right or wrong', async () => {
    const at = (both.sampledMs + 3_456) / 1_000
    const otherwise: string[] = []
    for (const [path, params, method] of requests(at)) {
      const [ours, theirs] = await askBoth(`/api/v1/${path}`, params, method)
      // 2.42 names the parameter twice, see the list of differences.
      const plain = { ...theirs, body: theirs.body.replace(/Invalid time value for '\w+': /, '') }
      if (isSame(settled(ours), settled(plain))) continue
      otherwise.push(
        `${path} ${JSON.stringify(params)}\n  ${ours.status} ${ours.body}\n  ${theirs.status} ${theirs.body}`,
      )
    }
    assert.deepEqual(otherwise, [], otherwise.join('\n'))
  })

  test('queries: what is on the list of differences is otherwise', async () => {
    for (const { path, params, method, why } of differences((both.sampledMs + 3_456) / 1_000)) {
      const [ours, theirs] = await askBoth(`/api/v1/${path}`, params, method)
      assert.ok(!isSame(settled(ours), settled(theirs)), `${JSON.stringify(params)} is not otherwise any more: ${why}`)
      if (why === NAMED || why === PREFIX) assert.deepEqual([ours.status, ours.type], [theirs.status, theirs.type])
    }
  })

  test('rules and alerts: the same documents, each state, error and parameter', async () => {
    const isKept = async (base: string): Promise<boolean> => {
      const { body } = await ask(base, '/api/v1/alerts')
      return ['keepFiringSince', 'Pending', 'ServerDown', 'Infinite'].every((word) => body.includes(word))
    }
    for (const base of [both.ours, both.theirs])
      await until('an alert is kept firing', () => isKept(base), { timeoutMs: 120_000, everyMs: 200 })
    const paths = ['alerts', 'rules', 'rules?type=alert', 'rules?type=RECORD', 'rules?type=', 'rules?type=x']
    for (const path of paths) {
      const [ours, theirs] = await Promise.all([both.ours, both.theirs].map((base) => get(`${base}/api/v1/${path}`)))
      assert.ok(ours !== undefined && theirs !== undefined)
      assert.deepEqual([ours.status, ours.type], [theirs.status, theirs.type], path)
      assert.deepEqual(comparable('', JSON.parse(ours.body)), comparable('', JSON.parse(theirs.body)), path)
    }
  })

  test('rules: parameters that came after 2.42 answer as the source of 3.x says', async () => {
    const names = async (words: string): Promise<string[]> => {
      const { body } = await get(`${both.ours}/api/v1/rules?${words}`)
      const { data } = JSON.parse(body) as { data: { groups: { rules: { name: string; alerts?: unknown[] }[] }[] } }
      return data.groups.flatMap(({ rules }) => rules.map(({ name, alerts = [] }) => `${name} ${alerts.length}`))
    }
    assert.deepEqual(await names('rule_name[]=Never&rule_name[]=Pending'), ['Pending 2', 'Never 0'])
    assert.deepEqual(await names('rule_group[]=another&exclude_alerts=T'), ['TooMany 0', 'Infinite 0'])
    assert.deepEqual(await names('file[]=other.yml'), [])
    const { status, body } = await get(`${both.ours}/api/v1/rules?exclude_alerts=x`)
    assert.equal(status, 400)
    assert.match(body, /"error":"invalid parameter \\"exclude_alerts\\": error converting exclude_alerts: strconv/)
  })
})

const get = async (url: string): Promise<Answer> => {
  const response = await fetch(url)
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}
