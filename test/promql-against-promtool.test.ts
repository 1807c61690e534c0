// Debian's promtool and we answer random expressions alike; `npm run long -- promql` asks two thousand.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareWithPromtool } from './promql-comparison.ts'

test('200 random expressions have the values and the verdicts that promtool gives them', () => {
  const { asked, values, refused, undecided, differences } = compareWithPromtool(20, 200)
  assert.equal(differences.join('\n'), '')
  assert.ok(values > asked, `only ${values} values of ${asked} expressions were compared`)
  assert.ok(refused > 0 && refused < asked / 4, `${refused} of ${asked} were refused`)
  assert.ok(undecided < asked / 50, `${undecided} of ${asked} differ by version`)
})
