// What fires, in the lines at the top of the screen: the worst first, each with since when and what it says. A Watchdog
// fires always and is no news.

import { severityOf, severityRank, WATCHDOG } from '../alerts/alert.ts'
import type { AlertView } from '../alerts/alerts.ts'
import { formatDuration } from '../lib/units.ts'
import { printable } from './table.ts'

export interface AlertLine {
  readonly severity: 'critical' | 'warning' | 'info'
  readonly text: string
}

/** At most `most` lines; the last one counts those that did not fit. */
export function alertLines(all: readonly AlertView[], nowMs: number, most: number): AlertLine[] {
  const current = all
    .filter(({ alert: { name, life } }) => name !== WATCHDOG && life.state !== 'resolved')
    .toSorted(worstFirst)
  const shown = current.length > most ? current.slice(0, most - 1) : current
  const lines = shown.map((view): AlertLine => ({ severity: severityOf(view.alert.labels), text: lineOf(view, nowMs) }))
  const hidden = current.length - shown.length
  if (hidden > 0) lines.push({ severity: 'info', text: `… and ${hidden} more: respite alerts` })
  return lines
}

function worstFirst(a: AlertView, b: AlertView): number {
  const rank = ({ alert }: AlertView): number => severityRank(alert.labels) + (alert.life.state === 'pending' ? 0 : 4)
  return rank(b) - rank(a) || a.alert.life.activeAt - b.alert.life.activeAt || a.alert.name.localeCompare(b.alert.name)
}

function lineOf({ alert, ack, muted, cause }: AlertView, nowMs: number): string {
  const { name, labels, annotations, life } = alert
  const state = life.state === 'pending' ? 'pending' : 'fires'
  const since = formatDuration(Math.max(0, nowMs - (life.firedAt ?? life.activeAt)))
  const where = labels['instance'] ?? labels['deployment'] ?? ''
  const held = [
    ...(ack === undefined ? [] : [`acknowledged by ${ack.by}`]),
    ...(muted.silencedBy.length > 0 ? ['silenced'] : []),
    ...(muted.inhibitedBy.length > 0 ? ['explained by another'] : []),
  ]
  const aside = held.length === 0 ? '' : ` (${held.join(', ')})`
  return printable(
    `${name} ${where} ${state} for ${since}${aside}: ${annotations['summary'] ?? annotations['description'] ?? ''}${cause === undefined ? '' : ` — cause: ${cause.check}: ${cause.says}`}`,
  )
}
