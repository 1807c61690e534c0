// The life of one alert, from what its rule says of it and from time passing. Pure functions; who is told of it is
// another matter (due.ts).
//
//              pending            firing
//     (none) ──────────▶ pending ────────▶ firing ◀──────────────────┐ firing again
//        │                  │ ▲              │                       │
//        │ firing           │ └─ pending ────┼───── (resolved) ◀──┐  │
//        └──────────────────┼───────────────▶│                    │  │
//                           │ resolved       │ resolved           │ quiet for CALM_MS
//                           ▼                ├── it flaps ──▶ calming
//                         (none)             └── it does not ───▶ resolved ── all told, FLAP_WINDOW_MS ──▶ (none)
//
// It flaps when it fired FLAPS times within FLAP_WINDOW_MS: then its end is believed only after a quiet time, and a
// new firing within that time is the same one, of which nobody is told again.

export interface Life {
  readonly state: 'pending' | 'firing' | 'calming' | 'resolved'
  readonly activeAt: number // what the rule says, for people
  readonly firedAt?: number | undefined
  readonly resolvedAt?: number | undefined
  readonly fires: readonly number[] // when it last began to fire, on the steady clock; at most FLAPS
  readonly calmUntil?: number | undefined // steady
}

export interface Seen {
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly activeAt: number
  readonly firedAt?: number | undefined
  readonly resolvedAt?: number | undefined
}

const FLAPS = 3
const FLAP_WINDOW_MS = 15 * 60_000
const CALM_MS = 5 * 60_000

/**
 * What it becomes when the rule says `seen`; undefined: there is nothing (more) to know. `owed`: somebody has still to be
 * told of its end. `nowMs` is steady.
 */
export function lifeAfter(life: Life | undefined, seen: Seen, owed: boolean, nowMs: number): Life | undefined {
  switch (seen.state) {
    case 'firing':
      return fires(life, seen, nowMs)
    case 'resolved':
      return ends(life, seen, nowMs)
    case 'pending':
      // It fired, and the rule counts anew without having said that it ended.
      if (life?.state === 'firing' || life?.state === 'calming') return ends(life, seen, nowMs)
      if (life?.state === 'resolved' && owed) return life
      return { state: 'pending', activeAt: seen.activeAt, fires: life?.fires ?? [] }
  }
}

/** What it becomes when nothing is said of it. */
export function lifeLater(life: Life, nowMs: number): Life {
  return life.state === 'calming' && nowMs >= (life.calmUntil ?? 0) ? { ...life, state: 'resolved' } : life
}

/** Does nothing of it matter any more, once everybody was told? Until then it is known how often it fired. */
export function isForgotten(life: Life, nowMs: number): boolean {
  return life.state === 'resolved' && nowMs - (life.fires.at(-1) ?? 0) > FLAP_WINDOW_MS
}

export function isFlapping(life: Life, nowMs: number): boolean {
  return life.fires.length >= FLAPS && nowMs - (life.fires[0] ?? 0) <= FLAP_WINDOW_MS
}

function fires(life: Life | undefined, { activeAt, firedAt }: Seen, nowMs: number): Life {
  if (life?.state === 'firing') return life
  const begins = [...(life?.fires ?? []), nowMs].slice(-FLAPS)
  if (life?.state === 'calming') return { ...life, state: 'firing', fires: begins, calmUntil: undefined }
  return { state: 'firing', activeAt, firedAt: firedAt ?? nowMs, fires: begins }
}

function ends(life: Life | undefined, { resolvedAt }: Seen, nowMs: number): Life | undefined {
  if (life === undefined || (life.state === 'pending' && life.fires.length === 0)) return undefined
  if (life.state === 'pending') return { ...life, state: 'resolved' } // it did not come back
  if (life.state !== 'firing') return life
  const over = { ...life, resolvedAt: resolvedAt ?? nowMs }
  return isFlapping(life, nowMs)
    ? { ...over, state: 'calming', calmUntil: nowMs + CALM_MS }
    : { ...over, state: 'resolved' }
}
