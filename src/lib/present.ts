// Objects whose fields may be undefined, as JSON and exact types want them: without those fields.

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The fields that have a value. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}
