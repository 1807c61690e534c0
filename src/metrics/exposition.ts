// What /metrics and `respite metrics` print: Prometheus' text format 0.0.4. Families stand in the order of their names,
// each with its HELP and TYPE once, then the series of all sources; a source's own labels follow those of the series.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/

import { declaredFamilies, type Family, type Series, type Snapshot } from './series.ts'

export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface ExposedSource {
  readonly snapshot: Snapshot
  readonly labels?: string | undefined // appended to each series, as `labelText` writes them: `deployment="orders"`
}

/** A label that a series and its source both have would make the text invalid. */
export function renderExposition(sources: readonly ExposedSource[]): string {
  const texts = new Map<Family, string>()
  for (const source of sources) addSource(texts, source)
  let text = ''
  for (const family of inOrder(texts)) text += header(family) + (texts.get(family) ?? '')
  return text
}

/** The heads of the lines are kept and only joined: a fleet renders a hundred thousand lines for each scrape. */
function addSource(texts: Map<Family, string>, { snapshot, labels = '' }: ExposedSource): void {
  const { series: all, values } = snapshot
  const tail = labels === '' ? ' ' : `${labels}} `
  let family: Family | undefined
  let text = ''
  for (let at = 0; at < all.length; at += 1) {
    const series = all[at] as Series
    if (series.family !== family) {
      if (family !== undefined) texts.set(family, text)
      family = series.family
      text = texts.get(family) ?? ''
    }
    // Joined from the right: short pieces are copied at once, and the engine has half as many to join in the end.
    const head = labels === '' ? ownHead(series) : openHead(series)
    text += head + (tail + (formatValue(values[at] ?? NaN) + '\n'))
  }
  if (family !== undefined) texts.set(family, text)
}

const openHeads = new WeakMap<Series, string>()

/** `name{cmd="get",`: a line up to where the labels of the source follow. */
function openHead(series: Series): string {
  let head = openHeads.get(series)
  if (head === undefined) {
    head = flat(`${series.name}{${series.labels}${series.labels === '' ? '' : ','}`)
    openHeads.set(series, head)
  }
  return head
}

/** The same text as one piece of memory: the engine keeps a joined text as a tree, and would walk it in every page. */
function flat(text: string): string {
  return Buffer.from(text).toString()
}

function ownHead({ name, labels }: Series): string {
  return labels === '' ? name : `${name}{${labels}}`
}

let sorted: readonly Family[] = []

/** The families of the page by name. Which families there are hardly ever changes, so they are sorted once. */
function inOrder(texts: ReadonlyMap<Family, string>): Family[] {
  const found = sorted.filter((family) => texts.has(family))
  if (found.length === texts.size) return found
  sorted = declaredFamilies()
  return sorted.filter((family) => texts.has(family))
}

const headers = new WeakMap<Family, string>()

function header(of: Family): string {
  let text = headers.get(of)
  if (text === undefined) {
    const help = of.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
    text = flat(`# HELP ${of.name} ${help}\n# TYPE ${of.name} ${of.type}\n`)
    headers.set(of, text)
  }
  return text
}

/** Go's ParseFloat reads JavaScript's notation of all finite numbers; only the infinities are written otherwise. */
function formatValue(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : `${value}`
}
