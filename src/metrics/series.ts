// What a metric is here: a family (name, type, help), and a series of it (one set of labels). A series is interned: the
// same family and labels are the same object everywhere, so that two hundred servers share one copy of each name, a
// snapshot is two flat arrays, and comparing series is comparing references.

export type MetricType = 'gauge' | 'counter' | 'summary' | 'histogram'

export interface Family {
  readonly name: string
  readonly type: MetricType
  readonly help: string
}

export interface Series {
  readonly family: Family
  readonly name: string // the family's name, with `_sum`, `_count` or `_bucket` where the type has them
  readonly labels: string // as in the exposition format, without braces: `cmd="get",quantile="50"`; '' for none
}

const families = new Map<string, { family: Family; series: Map<string, Series> }>()

/** Declares a family. The same name twice must mean the same type. */
export function family(name: string, type: MetricType, help: string): Family {
  const known = families.get(name)
  if (known !== undefined) {
    if (known.family.type !== type) throw new Error(`${name} is declared as ${known.family.type} and as ${type}`)
    return known.family
  }
  const made: Family = { name, type, help }
  families.set(name, { family: made, series: new Map() })
  byName = undefined
  return made
}

export const gauge = (name: string, help: string): Family => family(name, 'gauge', help)
export const counter = (name: string, help: string): Family => family(name, 'counter', help)

let byName: readonly Family[] | undefined

/** All families that were declared so far, by name. */
export function declaredFamilies(): readonly Family[] {
  byName ??= [...families.values()].map((entry) => entry.family).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return byName
}

/** The one series of a family with these labels (see `labelText`). `suffix` is `_sum`, `_count` or `_bucket`. */
export function seriesOf(of: Family, labels = '', suffix = ''): Series {
  const known = families.get(of.name)
  if (known === undefined) throw new Error(`${of.name} was not declared`)
  const key = suffix === '' ? labels : `${suffix} ${labels}`
  let series = known.series.get(key)
  if (series === undefined) {
    series = { family: of, name: of.name + suffix, labels }
    known.series.set(key, series)
  }
  return series
}

/** Forgets an interned series that nothing holds any more; the next `seriesOf` makes a new one. */
export function releaseSeries(series: Series): void {
  const suffix = series.name.slice(series.family.name.length)
  const key = suffix === '' ? series.labels : `${suffix} ${series.labels}`
  const known = families.get(series.family.name)?.series
  // Somebody may still use one that was released before, while a newer one has its place.
  if (known?.get(key) === series) known.delete(key)
}

/** Labels in the order given, as the exposition format writes them. Empty values are kept, as redis_exporter does. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  let text = ''
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`
  return text
}

const parsedLabels = new WeakMap<Series, Readonly<Record<string, string>>>()

/** The labels of a series as a record, parsed once: the reverse of `labelText`. */
export function parseLabels(series: Series): Readonly<Record<string, string>> {
  let labels = parsedLabels.get(series)
  if (labels === undefined) {
    const pairs = series.labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/gs)
    labels = Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, unescapeLabel(value)]))
    parsedLabels.set(series, labels)
  }
  return labels
}

function unescapeLabel(text: string): string {
  return text.includes('\\') ? text.replaceAll(/\\(.)/gs, (_all, mark: string) => (mark === 'n' ? '\n' : mark)) : text
}

/** Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format, label values). */
function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value
}

/**
 * All values of one source at one moment. A source has the same series in the same order nearly every time, so a snapshot
 * that is told of the one before (`like`) shares its list of series until the first that differs.
 */
export class Snapshot {
  readonly at: number // epoch milliseconds
  #series: Series[]
  #values: number[]
  #count = 0
  #isShared: boolean // the lists are those of `like`, and up to #count also what was added here

  constructor(at: number, like?: Snapshot) {
    this.at = at
    this.#isShared = like !== undefined
    this.#series = like === undefined ? [] : like.#series
    this.#values = like === undefined ? [] : like.#values.slice()
  }

  add(series: Series, value: number): void {
    const at = this.#count
    this.#count += 1
    if (this.#isShared) {
      if (this.#series[at] === series) {
        this.#values[at] = value
        return
      }
      this.#part(at)
    }
    this.#series.push(series)
    this.#values.push(value)
  }

  /** The same array as that of the snapshot before, when both have the same series. */
  get series(): readonly Series[] {
    if (this.#isShared && this.#count < this.#series.length) this.#part(this.#count)
    return this.#series
  }

  /** As many, in the same order. */
  get values(): readonly number[] {
    if (this.#isShared && this.#count < this.#series.length) this.#part(this.#count)
    return this.#values
  }

  /** Only the first `count` are those of the snapshot before. */
  #part(count: number): void {
    this.#isShared = false
    this.#series = this.#series.slice(0, count)
    this.#values.length = count
  }

  /** The value of the first series of that name (and labels, when given), or undefined. A linear scan: for screens. */
  value(name: string, labels?: string): number | undefined {
    const { series } = this
    const at = series.findIndex((one) => one.name === name && (labels === undefined || one.labels === labels))
    return at === -1 ? undefined : this.values[at]
  }
}
