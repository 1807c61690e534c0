// After the tests of a file nothing may be left: no process of the lab, no socket, no listener, no timer. A leak is a
// failure of the file. Call it once at the top; a test stops what it started, for example with `t.after`.

import assert from 'node:assert/strict'
import { after } from 'node:test'
import { killAll, livingChildren } from '../lab/children.ts'
import { until } from '../lab/until.ts'

// What keeps a process alive because somebody opened it. Pipes to the test runner are not ours.
const OURS = /^(TCPSocketWrap|TCPServerWrap|TLSWrap|PipeWrap|PipeServerWrap|Timeout|ProcessWrap|FSEvent|StatWatcher)/

export function nothingLeftAfterwards(): void {
  const before = openHandles()
  after(async () => {
    const children = livingChildren().map((child) => `${child.name} (pid ${child.pid})`)
    await killAll()
    // A socket that was closed a moment ago may still be on its way out.
    await until('closing handles are gone', () => leftOver(before).length === 0, { timeoutMs: 10_000 }).catch(
      () => undefined,
    )
    assert.deepEqual(children, [], 'servers are still running: a test did not stop them')
    assert.deepEqual(leftOver(before), [], 'handles are still open')
  })
}

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => OURS.test(name))
}

/** What is open now and was not before; the timer of our own waiting does not run while we look. */
function leftOver(before: readonly string[]): string[] {
  const rest = [...before]
  return openHandles().filter((name) => {
    const at = rest.indexOf(name)
    if (at !== -1) rest.splice(at, 1)
    return at === -1
  })
}
