// A time-out that does not blame the other end for a stall of our own. Timers run before sockets are read, so a process
// that was busy, stopped, or without the processor finds that the time is up while the answer lies unread in the socket.

import type { Timer } from './clock.ts'

const STALL_MS = 100

/**
 * Rings when the time is up and what had arrived by then was read, which takes the event loop one turn; after a stall as
 * long as this there may be more steps to go (a handshake, half an answer), and it waits once more.
 */
export function startAlarm(delayMs: number, ring: () => void): Timer {
  const dueAt = performance.now() + delayMs
  let turn: NodeJS.Immediate | undefined
  let timer = setTimeout(() => {
    if (performance.now() - dueAt < STALL_MS) turn = setImmediate(ring)
    else timer = setTimeout(() => (turn = setImmediate(ring)), STALL_MS)
  }, delayMs)
  return {
    stop() {
      clearTimeout(timer)
      clearImmediate(turn)
    },
  }
}
