// The words of `respite doctor` on a terminal: the verdict, the root cause with what proves it, each server and how it
// answers, the alerts, and what could not be looked at.

import type { Finding } from '../diagnosis/diagnose.ts'
import { platformOf } from '../diagnosis/platform.ts'
import type { ServerView } from '../fleet/server.ts'
import { formatBytes, formatDuration } from '../lib/units.ts'
import { ANSWERS } from '../redis/answers.ts'
import { showAddress } from '../redis/url.ts'
import type { RuleAlert } from '../rules/rule-alert.ts'
import type { Examination, HistoryFound } from './examine.ts'
import { MARKS } from './fleet-screen.ts'
import { healthOf, type Health } from './health.ts'
import { printable } from './table.ts'

export function doctorLines(examination: Examination): string[] {
  const { target, verdict, deployment, evidence, alerts, history, atRisk, couldNotLook, tookMs } = examination
  const count = deployment.servers.length
  const lines = [
    `${target}: ${deployment.kind}, ${count} ${count === 1 ? 'server' : 'servers'}, looked at in ${formatDuration(tookMs)}`,
    `verdict: ${verdict}`,
    ...platformLines(examination),
    '',
    ...findingsLines(examination),
  ]
  const seen = new Map(evidence.servers.map((server) => [server.id, server]))
  for (const server of deployment.servers) lines.push(...serverLines(server, healthOf(seen.get(server.id))))
  lines.push(...deployment.problems.map((problem) => `! ${problem}`))
  if (atRisk.says.length > 0) lines.push('', 'at risk now:', ...atRisk.says.map((each) => `  ${printable(each)}`))
  if (alerts.length > 0) lines.push('', 'alerts (their `for` not waited for):', ...alerts.flatMap(alertLines))
  if (history !== undefined) lines.push('', ...historyLines(history))
  if (couldNotLook.length > 0) lines.push('', 'could not look:')
  for (const { at, why, hint } of couldNotLook) lines.push(`  ${at}: ${printable(why)}`, `    ${printable(hint)}`)
  return lines
}

/** On machines of one's own, what to look at first is of use only where something is wrong. */
function platformLines({ evidence, verdict }: Examination): string[] {
  const { id, says, because, first } = platformOf(evidence)
  const where = `runs: ${says} (${printable(because)})`
  return id === 'self-hosted' && verdict === 'healthy' ? [where] : [where, `    → first: ${first}`]
}

/** Roots with all that proves them; what follows from them, risks and advice after it, a line or two each. */
function findingsLines({ findings, undecided }: Examination): string[] {
  const roots = findings.filter(({ root }) => root)
  const others = findings.filter(({ root }) => !root)
  const lines = roots.flatMap(rootLines)
  for (const { between, says, wouldTell } of undecided)
    lines.push(`cannot tell between ${between.join(' and ')}: ${printable(says)}`, `    → ${printable(wouldTell)}`, '')
  if (others.length > 0) lines.push(roots.length > 0 ? 'besides:' : 'found:', ...others.flatMap(otherLines), '')
  return lines
}

function rootLines({ check, severity, server, says, first, evidence, ruledOut, explains, actions }: Finding): string[] {
  const lines = [`root cause: ${check} on ${server} (${severity})`, `    ${printable(says)}`]
  for (const { source, name, value } of evidence) lines.push(`    proof      ${source}: ${name} ${printable(value)}`)
  for (const { check: other, by } of ruledOut) lines.push(`    not        ${other}: ${printable(by)}`)
  if (explains.length > 0) lines.push(`    explains   ${explains.join(', ')}`)
  if (first !== undefined) lines.push(`    → first: ${printable(first)}`)
  for (const { id, why, risk } of actions) lines.push(`    → ${id} (risk: ${risk}): ${printable(why)}`)
  return [...lines, '']
}

function otherLines({ check, kind, severity, server, says, first, actions: [action] }: Finding): string[] {
  const line = `  ${kind === 'advice' ? 'advice' : `${severity} ${kind}`} ${check} on ${server}: ${printable(says)}`
  if (first !== undefined) return [line, `    → first: ${printable(first)}`]
  return action === undefined ? [line] : [line, `    → ${action.id} (risk: ${action.risk}): ${printable(action.why)}`]
}

function historyLines({ dataDir, deployment, heldMs, rules, alerts }: HistoryFound): string[] {
  const held = `the daemon of ${dataDir} (${deployment}, ${formatDuration(heldMs)} of samples)`
  const asked = `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'} with longer windows`
  if (alerts.length === 0) return [`${asked}: ${held} finds nothing`]
  const since = ({ activeAt }: RuleAlert): string => formatDuration(Date.now() - activeAt)
  return [
    `${asked}: ${held} finds`,
    ...alerts.flatMap((alert) => {
      const [first = '', ...more] = alertLines(alert)
      return [`${first} (${alert.state}, for ${since(alert)})`, ...more]
    }),
  ]
}

function alertLines({ name, labels, annotations }: RuleAlert): string[] {
  const { summary = '', first } = annotations
  const lines = [`  ${labels['severity'] ?? 'warning'} ${name}: ${printable(summary)}`]
  return first === undefined ? lines : [...lines, `    → ${printable(first)}`]
}

function serverLines(server: ServerView, health: Health | undefined): string[] {
  const words = ANSWERS[server.answer.id]
  const { connectMs, replyMs, text } = server.answer
  const times =
    replyMs === undefined || words.severity !== 'ok'
      ? ''
      : ` (connected in ${show(connectMs)}, answered in ${show(replyMs)})`
  const reached = showAddress(server.address)
  const lines = [
    `${MARKS[words.severity]} ${server.role} ${server.id}${reached === server.id ? '' : ` at ${reached}`}: ${words.says}${times}`,
  ]
  if (words.severity !== 'ok') {
    if (text !== undefined) lines.push(`    ${printable(text)}`)
    lines.push(`    ${words.means}`, `    → ${words.first}`)
  }
  if (server.role === 'replica') lines.push(`    ${linkText(server)}`)
  if (health !== undefined) lines.push(...healthLines(server, health))
  return lines
}

function show(ms: number | undefined): string {
  return ms === undefined ? '?' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function linkText({ linkUp, primary, lagSeconds }: ServerView): string {
  const link = linkUp === undefined ? 'link not known' : linkUp ? 'link up' : 'link DOWN'
  return (
    `replica of ${primary ?? '?'}, ${link}` +
    (lagSeconds === undefined ? '' : `, ${Number(lagSeconds.toFixed(1))} s behind`)
  )
}

function healthLines(server: ServerView, health: Health): string[] {
  const said = (value: number | undefined): string => (value === undefined ? '?' : String(value))
  const { uptimeSeconds, usedMemoryBytes, maxmemoryBytes, maxmemoryPolicy } = health
  const up = uptimeSeconds === undefined ? '?' : formatDuration(uptimeSeconds * 1000)
  const name = server.flavour === 'valkey' ? 'Valkey' : 'Redis'
  const lines = [`    ${name} ${server.version ?? '?'} on ${health.os ?? '?'}, up ${up}`]
  if (server.role === 'sentinel') return lines
  const limit =
    maxmemoryBytes === undefined
      ? '?'
      : maxmemoryBytes === 0
        ? 'no limit'
        : `${formatBytes(maxmemoryBytes)}, ${maxmemoryPolicy ?? '?'}`
  const memory = usedMemoryBytes === undefined ? '?' : formatBytes(usedMemoryBytes)
  lines.push(`    memory ${memory} (maxmemory: ${limit}); ${said(health.evictedKeys)} keys evicted`)
  lines.push(
    `    ${said(health.clients)} of ${said(health.maxClients)} clients, ${said(health.rejectedConnections)} connections rejected; ${said(health.replicas)} replicas`,
  )
  return lines
}
