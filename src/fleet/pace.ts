// How long to wait at a server's door: short where the server is near, so that silence is seen within two seconds, and
// four times the usual where it is far. After a first attempt that failed the server may just be far away, and there is
// no change to be missed: the next attempts are patient.

import type { Answer } from '../redis/answers.ts'
import { PATIENT, type Patience } from './look-at-answer.ts'

const FAR: Patience = { connectMs: 4_000, replyMs: 2_000 }
const NEAREST: Patience = { connectMs: 700, replyMs: 450 }

export interface Pace {
  patience(): Patience
  note(answer: Answer): void // of each attempt
}

export function makePace(): Pace {
  let usual: Patience | undefined
  let first = PATIENT
  return {
    patience() {
      if (usual === undefined) return first
      return {
        connectMs: Math.max(NEAREST.connectMs, 4 * usual.connectMs),
        replyMs: Math.max(NEAREST.replyMs, 4 * usual.replyMs),
      }
    },
    note({ id, connectMs, replyMs }) {
      first = FAR
      if (id !== 'ok' || connectMs === undefined || replyMs === undefined) return
      usual = { connectMs: blend(usual?.connectMs, connectMs), replyMs: blend(usual?.replyMs, replyMs) }
    },
  }
}

function blend(old: number | undefined, now: number): number {
  return old === undefined ? now : old * 0.8 + now * 0.2
}
