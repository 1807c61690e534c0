// Checks of what a rule takes for granted about the fleet: that there is one primary in all the world, and that a server
// which is gone still has series that say so.

import { COMPARISONS, type Aggregation, type Binary, type Expr } from '../promql/syntax.ts'
import { aggregationsOf, allWithin, constantOf, selectorsOf, textOf } from './expression.ts'
import { labelSetOf, mayHave } from './label-sets.ts'
import type { Complaint, LintContext } from './lint.ts'
import type { Rule } from './rule-file.ts'

// What says something of one dataset, and nothing of several taken together.
const OF_ONE_DATASET =
  /^redis_(?:connected_slaves|master_link_up|master_repl_offset|instance_info|slave_info|slave_repl_offset)$/
// Labels that tell datasets apart. Names of targets (instance, pod) tell servers apart and are no help here.
const TELLS_APART = [
  'deployment',
  'cluster',
  'shard',
  'replicaset',
  'group',
  'service',
  'app',
  'master_name',
  'namespace',
  'job',
]

export function onePrimary({ query, kind }: Rule): Complaint[] {
  if (kind !== 'alert') return []
  const [aggregation] = comparisonsOf(query.expr)
    .flatMap(({ left, right }) => [...aggregationsOf(left), ...aggregationsOf(right)])
    .filter(takesAllTogether)
  if (aggregation === undefined) return []
  return [
    {
      says: `${textOf(query, aggregation)} takes the servers of all deployments together: with a second primary anywhere, the number means nothing`,
      hint: 'Aggregate by (deployment), or by whatever label tells one dataset from another.',
    },
  ]
}

function takesAllTogether(aggregation: Aggregation): boolean {
  const { operator, expr, labels, without } = aggregation
  if (!['count', 'sum', 'min', 'max', 'avg', 'group'].includes(operator)) return false
  const asks = selectorsOf(expr).some(({ name, matchers }) => {
    const chosen = matchers.some(({ label }) => TELLS_APART.includes(label))
    const ofRole =
      name !== 'redis_instance_info' ||
      matchers.some(({ label, value }) => label === 'role' && value.includes('master'))
    return OF_ONE_DATASET.test(name) && ofRole && !chosen
  })
  if (!asks) return false
  if (without) return labels.includes('job') || labels.includes('deployment')
  const set = labelSetOf(aggregation)
  return !TELLS_APART.some((label) => mayHave(set, label))
}

function comparisonsOf(expr: Expr): Binary[] {
  return allWithin(expr).filter((each): each is Binary => each.kind === 'binary' && COMPARISONS.has(each.operator))
}

// With the server these go too: an alert on them falls silent when it is needed.
const GOES_SILENT =
  /^(?:redis_up|up|redis_connected_slaves|redis_instance_info|redis_connected_slave_\w+|redis_master_link_up)$/

export function missingAbsent({ query, kind }: Rule, { rules }: LintContext): Complaint[] {
  if (kind !== 'alert') return []
  const names = new Set(
    comparisonsOf(query.expr)
      .filter(({ left, right }) => isLow(query.expr, left, right))
      .flatMap(({ left }) => selectorsOf(left).map(({ name }) => name))
      .filter((name) => GOES_SILENT.test(name)),
  )
  const [silent] = [...names].filter((name) => !rules.some((rule) => noticesAbsence(rule.query.expr, name)))
  if (silent === undefined) return []
  return [
    {
      says: `no rule notices that ${silent} is gone: a server that is not scraped any more has no series, and this alert is silent (or resolved) exactly then`,
      hint: `Add a rule with absent(${silent}) for each deployment, or one on respite_server_missing and respite_server_answer, which stay.`,
    },
  ]
}

/** Compared so that it fires when there is too little, or a difference of counts. */
function isLow(expr: Expr, left: Expr, right: Expr): boolean {
  const limit = constantOf(right)
  const counts = aggregationsOf(left).some(({ operator }) => operator === 'count')
  const comparison = comparisonsOf(expr).find((each) => each.left === left)
  return counts || (limit !== undefined && ['==', '<', '<='].includes(comparison?.operator ?? ''))
}

function noticesAbsence(expr: Expr, name: string): boolean {
  return allWithin(expr).some((each) => {
    const isAbsent = each.kind === 'call' && (each.name === 'absent' || each.name === 'absent_over_time')
    const isUnless = each.kind === 'binary' && each.operator === 'unless'
    const orZero = each.kind === 'binary' && each.operator === 'or'
    return (isAbsent || isUnless || orZero) && selectorsOf(each).some((selector) => selector.name === name)
  })
}
