// The labels of one series while it is evaluated. Made once for each series and then shared: what is derived from them
// (without the name, as a record, the signature that matching goes by) is kept, since a rule asks for the same every time.
//
// `dropsName` is for delayed name removal, an option of Prometheus: functions then only mark the name, and it is removed
// at the very end, so that label_replace can still see it.

import { quote } from './tokens.ts'

export type LabelRecord = Readonly<Record<string, string>>

// Can be in no label: a lone half of a surrogate pair is not valid text.
const SEPARATOR = '\uD800'

// Speak of the metric and not of the series: what is computed from a metric is another one.
const METADATA = ['__name__', '__type__', '__unit__']

export class Labels {
  readonly names: readonly string[] // sorted
  readonly values: readonly string[]
  readonly dropsName: boolean
  private ownKey: string | undefined
  private nameless: Labels | undefined
  private marked: Labels | undefined
  private record: LabelRecord | undefined

  constructor(names: readonly string[], values: readonly string[], dropsName = false) {
    this.names = names
    this.values = values
    this.dropsName = dropsName
  }

  /** The same for equal labels, whether their name is to be dropped or not. */
  get key(): string {
    return (this.ownKey ??= this.names.join(SEPARATOR) + SEPARATOR + SEPARATOR + this.values.join(SEPARATOR))
  }

  get(name: string): string {
    const at = this.names.indexOf(name)
    return at === -1 ? '' : (this.values[at] as string)
  }

  toRecord(): LabelRecord {
    if (this.record === undefined) {
      const record: Record<string, string> = {}
      for (let at = 0; at < this.names.length; at += 1) record[this.names[at] as string] = this.values[at] as string
      this.record = record
    }
    return this.record
  }

  withoutName(): Labels {
    return (this.nameless ??= this.names.some((name) => METADATA.includes(name))
      ? this.without(METADATA)
      : this.marking(false))
  }

  /** The same labels, their name marked to be dropped at the end or not. */
  marking(dropsName: boolean): Labels {
    if (dropsName === this.dropsName) return this
    return (this.marked ??= new Labels(this.names, this.values, dropsName))
  }

  without(names: readonly string[]): Labels {
    return this.filter((name) => !names.includes(name))
  }

  only(names: readonly string[]): Labels {
    return this.filter((name) => names.includes(name))
  }

  /** An empty value removes the label. */
  with(changes: LabelRecord): Labels {
    return labelsOf({ ...this.toRecord(), ...changes }, this.dropsName)
  }

  private filter(keeps: (name: string) => boolean): Labels {
    const names: string[] = []
    const values: string[] = []
    for (let at = 0; at < this.names.length; at += 1) {
      const name = this.names[at] as string
      if (!keeps(name)) continue
      names.push(name)
      values.push(this.values[at] as string)
    }
    return new Labels(names.slice(), values, this.dropsName && names.includes('__name__'))
  }

  /** `{a="b"}` with the name in front, as messages show a series. */
  toString(withName = true): string {
    const pairs: string[] = []
    for (const [at, name] of this.names.entries())
      if (name !== '__name__' || !withName) pairs.push(`${name}=${quote(this.values[at] as string)}`)
    const name = withName ? this.get('__name__') : ''
    return name !== '' && pairs.length === 0 ? name : `${name}{${pairs.join(', ')}}`
  }
}

export const NO_LABELS = new Labels([], [])

/** Labels of a record; those with an empty value are left out. */
export function labelsOf(record: LabelRecord, dropsName = false): Labels {
  const names: string[] = []
  for (const name in record) if (record[name] !== '') names.push(name)
  names.sort(byCode)
  const values = names.map((name) => record[name] as string)
  return new Labels(names.slice(), values, dropsName) // without the room to grow: there are tens of thousands
}

const known = new WeakMap<LabelRecord, Labels>()

/** Labels of a record that the storage hands out again and again: sorted once, as long as it is the same object. */
export function internedLabels(record: LabelRecord): Labels {
  let labels = known.get(record)
  if (labels === undefined) {
    labels = labelsOf(record)
    known.set(record, labels)
  }
  return labels
}

function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The order in which Prometheus lists series: by the first name or value that differs; fewer labels first. */
export function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.names.length, b.names.length)
  for (let at = 0; at < shared; at += 1) {
    const difference =
      byCode(a.names[at] as string, b.names[at] as string) || byCode(a.values[at] as string, b.values[at] as string)
    if (difference !== 0) return difference
  }
  return a.names.length - b.names.length
}

/** A text that is equal for two series exactly when these labels of theirs are (`on`), or all others but the name are. */
export function signatureOf(labels: Labels, on: boolean, chosen: readonly string[]): string {
  if (on) return chosen.length === 0 ? '' : chosen.map((name) => labels.get(name)).join(SEPARATOR)
  let text = ''
  for (let at = 0; at < labels.names.length; at += 1) {
    const name = labels.names[at] as string
    if (name !== '__name__' && !chosen.includes(name))
      text += name + SEPARATOR + (labels.values[at] as string) + SEPARATOR
  }
  return text
}

/** Signatures of one operator or aggregation, each made once for as long as the labels live. */
export function makeSignatures(on: boolean, chosen: readonly string[]): (labels: Labels) => string {
  const made = new WeakMap<Labels, string>()
  return (labels) => {
    let signature = made.get(labels)
    if (signature === undefined) {
      signature = signatureOf(labels, on, chosen)
      made.set(labels, signature)
    }
    return signature
  }
}
