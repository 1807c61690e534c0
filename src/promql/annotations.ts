// Remarks on a result: it was computed, but somebody should know. A warning says that the result is probably not what was
// meant, an info that it may not be. Each is kept once, with the place in the expression that caused it.

import { lineAndColumn, type Place } from './syntax.ts'

export interface Annotations {
  readonly warnings: readonly string[]
  readonly infos: readonly string[]
}

export class Remarks {
  private readonly text: string
  private readonly found = new Map<string, { kind: 'warning' | 'info'; message: string; place: Place }>()

  constructor(text: string) {
    this.text = text
  }

  warn(place: Place, message: string): void {
    this.add('warning', place, message)
  }

  inform(place: Place, message: string): void {
    this.add('info', place, message)
  }

  toAnnotations(): Annotations {
    const of = (kind: 'warning' | 'info'): string[] =>
      [...this.found.values()]
        .filter((remark) => remark.kind === kind)
        .map(({ message, place }) => `PromQL ${kind}: ${message} (${lineAndColumn(this.text, place.start)})`)
    return { warnings: of('warning'), infos: of('info') }
  }

  private add(kind: 'warning' | 'info', place: Place, message: string): void {
    if (!this.found.has(message)) this.found.set(message, { kind, message, place })
  }
}
