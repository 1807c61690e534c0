import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, array, integer, property, record, uniqueArray } from 'fast-check'
import type { Stretch } from '../redis/info.ts'
import { NumberReader } from '../redis/number-reader.ts'
import { startCommandTable } from './command-table.ts'

/** The lines in the middle of others. */
const within = (lines: string): Stretch => ({
  text: `a:1\r\n${lines}# B\r\ncmdstat_b:calls=1\r\n`,
  from: 5,
  to: 5 + lines.length,
})

test('numbers are read where they stand, and are those of Number()', () => {
  const reader = new NumberReader()
  check(
    property(integer({ min: 0, max: 2 ** 40 }), integer({ min: 0, max: 999 }), (whole, thousandths) => {
      for (const digits of [`${whole}`, `${whole}.${String(thousandths).padStart(3, '0')}`, `${whole}${whole}.5`]) {
        assert.equal(reader.read(`x=${digits},y`, 2), Number(digits))
        assert.equal(reader.end, 2 + digits.length)
      }
    }),
  )
})

test('commands that come, go and change places keep their own numbers', () => {
  const command = record({ name: integer({ min: 0, max: 12 }), calls: integer({ min: 0 }), usec: integer({ min: 0 }) })
  const sample = uniqueArray(command, { selector: ({ name }) => name })
  check(
    property(array(sample, { maxLength: 6 }), (samples) => {
      const read = startCommandTable()
      for (const commands of samples) {
        const text = commands.map(
          ({ name, calls, usec }) =>
            `cmdstat_c${name}|s:calls=${calls},usec=${usec},usec_per_call=1.25,rejected_calls=${name},failed_calls=7\r\n`,
        )
        const table = read(within(text.join('') + '\r\n'))
        assert.deepEqual(
          table.all.map(({ cmd, calls, usec, rejected, failed }) => [cmd, calls, usec, rejected, failed]),
          commands.map(({ name, calls, usec }) => [`c${name}|s`, calls, usec, name, 7]),
        )
        for (const { name } of commands) assert.equal(table.get(`c${name}|s`)?.cmd, `c${name}|s`)
      }
    }),
  )
})

test('lines that are none are passed over', () => {
  const read = startCommandTable()
  const said = 'nonsense\r\ncmdstat_get:calls=1,usec=2,usec_per_call=2.00\r\ncmdstat_\r\ncmdstat_x:usec=1\r\n'
  const table = read(within(said))
  assert.deepEqual(
    table.all.map(({ cmd, calls, usec, rejected }) => [cmd, calls, usec, rejected]),
    [['get', 1, 2, undefined]],
  )
})
