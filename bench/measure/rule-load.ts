// A fleet's samples and a thousand rules over them, the same for every program that evaluates them: each server has so
// many metrics, a sample every 5 s, gauges that stand still and counters that count.

export const SERVERS = 200
export const STEP_MS = 5_000
export const RULES = 1_000

export interface RuleLoad {
  readonly metrics: number // of each server
  readonly startMs: number
  readonly samples: number // of each series
}

export const metricName = (metric: number): string => `bench_metric_${metric}`

export function labelsOfServer(server: number): Record<string, string> {
  const role = server % 3 === 0 ? 'primary' : 'replica'
  return { instance: `10.0.0.${server}:6379`, deployment: `d${server % 20}`, role, alias: `server-${server}` }
}

/** Servers are not sampled at the same moment. */
const offsetMs = (server: number): number => (server * 17) % 4_000

export const valueAt = (metric: number, server: number, at: number): number => 1_000 + at * (metric % 3) + server

const EXPRESSIONS: readonly ((a: string, b: string) => string)[] = [
  (a) => `${a} == 0`,
  (a) => `rate(${a}[5m]) > 1e9`,
  (a, b) => `${a} / ${b} > 1e9`,
  (a) => `sum by (deployment) (${a}) > 1e12`,
  (a, b) => `${a} * on(instance) group_left(role) ${b} > 1e12`,
  (a) => `max by (instance) (max_over_time(${a}[2m])) > 1e12`,
  (a) => `avg_over_time(${a}{role="primary"}[5m]) > 1e12`,
  (a, b) => `increase(${a}[1m]) and on(instance) ${b} > 1e9`,
]

/** A rule file. No alert of it fires: what is measured is the looking. */
export function ruleFileText({ metrics }: RuleLoad): string {
  const rules = Array.from({ length: RULES }, (_none, at) => {
    const [a, b] = [metricName(at % metrics), metricName((at + 7) % metrics)]
    const make = EXPRESSIONS[at % EXPRESSIONS.length] ?? ((name: string) => name)
    return `  - alert: bench${at}\n    expr: ${make(a, b)}\n`
  })
  return `groups:\n- name: bench\n  interval: 5s\n  rules:\n${rules.join('')}`
}

/** The samples of one metric of all servers in OpenMetrics' text, which promtool makes blocks of. */
export function openMetricsText(metric: number, { startMs, samples }: RuleLoad): string {
  let text = `# TYPE ${metricName(metric)} gauge\n`
  for (let server = 0; server < SERVERS; server += 1) {
    const labels = Object.entries(labelsOfServer(server)).map(([name, value]) => `${name}="${value}"`)
    const series = `${metricName(metric)}{${labels.join(',')}}`
    for (let at = 0; at < samples; at += 1)
      text += `${series} ${valueAt(metric, server, at)} ${(startMs + at * STEP_MS + offsetMs(server)) / 1_000}\n`
  }
  return text
}
