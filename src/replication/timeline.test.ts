import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseInfo } from '../redis/info.ts'
import { historiesOf, relate } from './timeline.ts'

const [OURS, THEIRS, OTHER] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string]
const before = { replid: OURS, offset: 500 }
const promoted = (secondOffset: number): ReturnType<typeof historiesOf> =>
  historiesOf(
    parseInfo(
      `master_replid:${THEIRS}\r\nmaster_replid2:${OURS}\r\nmaster_repl_offset:900\r\nsecond_repl_offset:${secondOffset}`,
    ),
  )

test('without a position before, a base is the first', () => {
  assert.equal(relate(undefined, { replid: THEIRS, offset: 9 }, undefined).kind, 'first')
})

test('the same history further on is a gap, further back a fork', () => {
  assert.equal(relate(before, { replid: OURS, offset: 900 }, undefined).kind, 'gap')
  const back = relate(before, { replid: OURS, offset: 400 }, undefined)
  assert.deepEqual([back.kind, back.kind === 'fork' && back.divergedAt], ['fork', 400])
})

test('a promoted server that had all of ours left a gap; one that had less forked, and we know where', () => {
  const now = { replid: THEIRS, offset: 900 }
  assert.equal(relate(before, now, promoted(501)).kind, 'gap') // its first own byte is the next one after ours
  const fork = relate(before, now, promoted(481))
  assert.deepEqual([fork.kind, fork.kind === 'fork' && fork.divergedAt], ['fork', 480])
})

test('a server that knows nothing of us is unrelated, and so is one that may not be asked', () => {
  const now = { replid: OTHER, offset: 3 }
  const fresh = historiesOf(
    parseInfo(
      `master_replid:${OTHER}\r\nmaster_replid2:${'0'.repeat(40)}\r\nmaster_repl_offset:3\r\nsecond_repl_offset:-1`,
    ),
  )
  assert.equal(fresh?.earlier, undefined)
  assert.equal(relate(before, now, fresh).kind, 'unrelated')
  assert.equal(relate(before, now, undefined).kind, 'unrelated')
  assert.equal(relate(before, now, promoted(501)).kind, 'unrelated') // it changed between INFO and PSYNC
})
