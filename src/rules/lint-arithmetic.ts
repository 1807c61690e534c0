// Checks of what an expression computes: divisions by what may be 0, windows that hold one sample, comparisons that are
// never true, counters that are compared as they are.

import { COMPARISONS, unwrapParens, type Binary, type Call, type Expr } from '../promql/syntax.ts'
import { durationText } from './duration-text.ts'
import { allWithin, constantOf, guardsAgainstZero, selectorsOf, textOf } from './expression.ts'
import type { Complaint, LintContext } from './lint.ts'
import type { Rule } from './rule-file.ts'

// 0 means "not set" or "none", which is common.
const MAY_BE_ZERO: Readonly<Record<string, string>> = {
  redis_memory_max_bytes: 'maxmemory is 0 where no limit is set',
  redis_config_maxmemory: 'maxmemory is 0 where no limit is set',
  redis_connected_clients: 'a server may have no clients',
  redis_connected_slaves: 'a server may have no replicas',
  redis_db_keys: 'a database may be empty',
  redis_cluster_known_nodes: 'outside of Cluster there are none',
  redis_replication_backlog_bytes: 'there is no backlog before the first replica',
  redis_total_system_memory_bytes: 'in some containers it is not known',
}
const CAN_BE_NOTHING = new Set(['rate', 'irate', 'increase', 'delta', 'idelta', 'count_over_time', 'changes'])

export function divisionByZero({ query }: Rule): Complaint[] {
  return allWithin(query.expr)
    .filter((expr): expr is Binary => expr.kind === 'binary' && (expr.operator === '/' || expr.operator === '%'))
    .flatMap(({ right }) => {
      const divisor = unwrapParens(right)
      const why = whyZero(divisor)
      if (why === undefined || guardsAgainstZero(query.expr, divisor)) return []
      const text = textOf(query, divisor)
      return [
        {
          says: `divides by ${text}, which may be 0 (${why}): the result is then +Inf, which is above every threshold, or NaN, which is none`,
          hint: `Divide by (${text} > 0).`,
        },
      ]
    })
}

function whyZero(expr: Expr): string | undefined {
  if (expr.kind === 'binary' && COMPARISONS.has(expr.operator) && !expr.bool) return undefined // a filter
  if (expr.kind === 'call' && expr.name === 'clamp_min') return undefined
  for (const { name } of selectorsOf(expr)) if (MAY_BE_ZERO[name] !== undefined) return MAY_BE_ZERO[name]
  const nothing = allWithin(expr).find((each) => each.kind === 'call' && CAN_BE_NOTHING.has(each.name))
  return nothing === undefined ? undefined : 'nothing may have happened in that time'
}

const NEEDS_TWO = new Set('rate irate increase delta idelta deriv predict_linear changes resets'.split(' '))

export function shortWindow({ query }: Rule, { sampleEveryMs }: LintContext): Complaint[] {
  const every = durationText(sampleEveryMs)
  return allWithin(query.expr)
    .filter((expr): expr is Call => expr.kind === 'call' && NEEDS_TWO.has(expr.name))
    .flatMap(({ name, args }) => {
      const range = args.map(unwrapParens).find((arg) => arg.kind === 'matrix')
      if (range?.kind !== 'matrix' || range.rangeMs >= 2 * sampleEveryMs) return []
      const held = Math.floor(range.rangeMs / sampleEveryMs)
      const result = name === 'changes' || name === 'resets' ? 'is then 0' : 'then finds nothing'
      return [
        {
          says: `${name}() over ${durationText(range.rangeMs)} needs two samples, and with one every ${every} it holds ${held}: it ${result}, and the rule never fires`,
          hint: `Make the window at least ${durationText(4 * sampleEveryMs)}, so that one lost sample does no harm; --scrape-interval says it when samples are closer than ${every}.`,
        },
      ]
    })
}

export function neverTrue({ query, kind }: Rule): Complaint[] {
  if (kind !== 'alert') return []
  return allWithin(query.expr)
    .filter((expr): expr is Binary => expr.kind === 'binary' && COMPARISONS.has(expr.operator))
    .flatMap(({ operator, left, right }) => {
      const counted = unwrapParens(left)
      const limit = constantOf(right)
      const isCount = counted.kind === 'aggregation' && counted.operator === 'count'
      if (!isCount || limit === undefined) return []
      const wantsNone = (limit === 0 && (operator === '==' || operator === '<=')) || (limit <= 1 && operator === '<')
      if (!wantsNone) return []
      const text = textOf(query, counted)
      return [
        {
          says: `${text} is never 0: where there is nothing to count there is no result, and the rule is silent exactly then`,
          hint: `Write absent(${textOf(query, counted.expr)}), or (${text} or vector(0)).`,
        },
      ]
    })
}

const OVER_TIME = /^(?:rate|irate|increase|resets|changes|delta|idelta|deriv|predict_linear)$/

export function rawCounter({ query, kind }: Rule, { metrics }: LintContext): Complaint[] {
  if (kind !== 'alert') return []
  return allWithin(query.expr)
    .filter((expr): expr is Binary => expr.kind === 'binary' && COMPARISONS.has(expr.operator))
    .flatMap(({ left, right }) => {
      const limit = constantOf(right)
      const isAsIs = allWithin(left).every((each) => each.kind !== 'call' || !OVER_TIME.test(each.name))
      const [counter, other] = selectorsOf(left)
      if (limit === undefined || !isAsIs || counter === undefined || other !== undefined) return []
      if (metrics.get(counter.name) !== 'counter') return []
      return [
        {
          says: `${counter.name} only ever grows: once it is over ${limit} the alert fires until the server is restarted`,
          hint: `Ask what was added lately: increase(${counter.name}[5m]) > 0.`,
        },
      ]
    })
}
