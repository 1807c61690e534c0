// Random rule files, right and wrong, and random unit tests of rules, from a seed.

import { stringify } from 'yaml'

export type Random = (below: number) => number

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random(from.length))] as T
const chance = (random: Random, share: number): boolean => random(1) < share

const EXPRESSIONS = [
  'used > 50',
  'used{server="a"} > 20',
  'sum by (zone) (used) > 120',
  'max without (server) (used) < 40',
  'rate(total[4m]) > 0.1',
  'used > on (server, zone) group_left limits',
  'used unless limits',
  'absent(used{server="c"})',
  'count(used) < 4',
  'used offset 2m >= 60',
  'avg_over_time(used[5m]) > bool 50',
  'max_over_time(used[5m30s:1m7s]) > 70',
  'quantile(0.5, used) > 40',
  '(used > 80) or (used < 10)',
  'changes(used[10m]) > 3',
  'scalar(max(used)) - 50',
  'job:used:sum > 100',
]
const TEXTS = [
  '{{ $labels.server }} has {{ $value }}',
  '{{ $value | humanize }} of {{ $labels }}',
  '{{ printf "%.1f" $value }}',
  '{{ with query "limits" }}{{ . | first | value }}{{ end }}',
  '{{ if gt $value 60.0 }}much{{ else }}little{{ end }}',
  '{{ range query "used" | sortByLabel "server" }}{{ .Labels.server }}={{ .Value }} {{ end }}',
  '{{ $value | humanizeDuration }} {{ $externalLabels.site }}',
  'plain',
]

interface Yaml {
  [key: string]: unknown
}

/** Each has a name of its own: two rules that write the same series are an error of their own in Prometheus. */
function randomRule(random: Random, number: number): Yaml {
  if (chance(random, 0.2))
    return {
      record: number === 0 ? 'job:used:sum' : `job:used:sum${number}`,
      expr: pick(random, ['sum(used)', 'sum by (zone) (used)']),
      labels: { kind: 'sum' },
    }
  const rule: Yaml = { alert: `Alert${number}`, expr: pick(random, EXPRESSIONS) }
  if (chance(random, 0.6)) rule['for'] = pick(random, ['0s', '1m', '3m', '10m'])
  if (chance(random, 0.3)) rule['keep_firing_for'] = pick(random, ['2m', '5m'])
  if (chance(random, 0.6)) rule['labels'] = { severity: pick(random, ['page', 'info', '{{ $labels.zone }}', '']) }
  if (chance(random, 0.7)) rule['annotations'] = { says: pick(random, TEXTS), more: pick(random, TEXTS) }
  return rule
}

export function randomGroups(random: Random): { groups: Yaml[] } {
  const count = 1 + Math.floor(random(3))
  let number = -1
  const groups = Array.from({ length: count }, (_none, at) => {
    const rules = Array.from({ length: 1 + Math.floor(random(4)) }, () => randomRule(random, (number += 1)))
    return { name: `g${at}`, ...(chance(random, 0.2) ? { limit: 3 } : {}), rules }
  })
  return { groups }
}

/** One thing wrong with the file, or something that only looks wrong. */
export function mutate(random: Random, file: { groups: Yaml[] }): string {
  const group = pick(random, file.groups)
  const rules = group['rules'] as Yaml[]
  const rule = pick(random, rules)
  const changes: readonly (() => void)[] = [
    () => void (rule['fro'] = '5m'),
    () => void (group['name'] = file.groups[0]?.['name']),
    () => void delete group['name'],
    () => void delete rule['expr'],
    () =>
      void (rule['expr'] = pick(random, [
        'up ==',
        'sum(',
        'rate(used)',
        'used > "a"',
        'foo bar',
        'sum by (x) used',
        '{}',
        'used[5m]',
        '1',
        '"text"',
        '',
      ])),
    () => void (rule['for'] = pick(random, ['5', '-1m', '1.5m', '1s5m', '', '0', 5, '1h30m', 'forever', '1y'])),
    () => void (rule['record'] = pick(random, ['a:b', 'job:used:sum', '{x}', ''])),
    () => void delete rule['alert'],
    () =>
      void (rule['annotations'] = {
        a: pick(random, [
          '{{ $label.x }}',
          '{{ foo }}',
          '{{ if }}',
          '{{',
          '{{ end }}',
          '}}',
          '{{ $labels.x.y }}',
          '{{ 1 | 2 }}',
          '{{ . }}',
          '{{ $value * 2 }}',
          '{{ template "x" }}',
        ]),
      }),
    () =>
      void (rule['labels'] = pick(random, [
        { __name__: 'x' },
        { ok: 1 },
        { ok: true },
        { ok: null },
        { ok: [1] },
        [],
        'text',
        null,
        { ok: { deep: 1 } },
      ])),
    () => void (group['interval'] = pick(random, ['1m', '0s', '', 'x', 60])),
    () => void (group['limit'] = pick(random, [1, 0, -1, '2', 'two', 1.5])),
    () => void (group['rules'] = pick(random, [[], null, 'x', {}, [null], ['x']])),
    () => void (rule['keep_firing_for'] = pick(random, ['5m', 'x', '0s'])),
    () => void ((file as Yaml)['more'] = 1),
  ]
  pick(random, changes)()
  return stringify(file, { lineWidth: 0 })
}

export interface RandomTest {
  readonly input: readonly { readonly series: string; readonly values: string }[]
  readonly evalTimes: readonly string[]
}

/** Samples every 47 s that begin with none, so that no sample lies on the edge of a window. */
export function randomTest(random: Random): RandomTest {
  const values = (): string => {
    const parts = Array.from({ length: 12 }, () =>
      pick(random, [
        '_',
        'stale',
        `${Math.floor(random(100))}x${Math.floor(random(5))}`,
        `${Math.floor(random(50))}+7x4`,
        '90x3',
        '5x3',
      ]),
    )
    return `_ ${parts.join(' ')}`
  }
  const series = [
    'used{server="a",zone="x"}',
    'used{server="b",zone="x"}',
    'used{server="c",zone="y"}',
    'limits{server="a",zone="x"}',
  ]
  const input = series.map((name) => ({ series: name, values: values() }))
  input.push({ series: 'total{server="a"}', values: `_ 0+${Math.floor(random(30))}x50` })
  return { input, evalTimes: ['3m', '7m', '12m', '19m', '26m'] }
}
