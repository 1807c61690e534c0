// A failure that a person can act on: doing what, to what, why, and what now.
// The command line, the API and the screen render it; anything else that reaches the top is a bug
// and is printed with its stack.

export interface FaultParts {
  doing: string // "reading the configuration": what was under way, as a participle
  target: string // "respite.yml:12": what it was done to; never holds a password
  why: string // "port must be a number": what went wrong, without the stack
  hint?: string | undefined // "give the port after a colon": what to do now
  offset?: number | undefined // byte offset in the target, where there is one
  exit?: 1 | 2 | 64 | undefined // 1 a precondition is not met, 2 failed (the default), 64 wrong usage
  retryable?: boolean | undefined // false: trying again cannot help
  cause?: unknown
}

export class Fault extends Error {
  readonly doing: string
  readonly target: string
  readonly why: string
  readonly hint: string | undefined
  readonly offset: number | undefined
  readonly exit: 1 | 2 | 64
  readonly retryable: boolean

  constructor(parts: FaultParts) {
    super(`${parts.doing} ${parts.target}: ${parts.why}`, { cause: parts.cause })
    this.name = 'Fault'
    this.doing = parts.doing
    this.target = parts.target
    this.why = parts.why
    this.hint = parts.hint
    this.offset = parts.offset
    this.exit = parts.exit ?? 2
    this.retryable = parts.retryable ?? true
  }

  /** The contract's JSON of a failure: `{ fault: { doing, target, why, hint, offset? } }`. */
  toJSON(): { fault: { doing: string; target: string; why: string; hint: string; offset?: number } } {
    const { doing, target, why, offset } = this
    return { fault: { doing, target, why, hint: this.hint ?? '', ...(offset === undefined ? {} : { offset }) } }
  }

  /** Two lines for a person: what failed and why, then what to do. */
  toText(): string {
    const at = this.offset === undefined ? '' : ` (byte ${this.offset})`
    return `${this.doing} ${this.target}${at}: ${this.why}` + (this.hint === undefined ? '' : `\n  ${this.hint}`)
  }
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
}

/** Why a file cannot be read, without its path: that is the target of the Fault. */
export function fileReasonOf(thrown: unknown): string {
  return FILE_REASONS[(thrown as NodeJS.ErrnoException | undefined)?.code ?? ''] ?? reasonOf(thrown)
}

/** The message of anything that was thrown, without its stack. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Fault) return thrown.why
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(reasonOf).join('; ')
  return thrown instanceof Error ? thrown.message : String(thrown)
}
