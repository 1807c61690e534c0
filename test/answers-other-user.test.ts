// Respite under a user of its own, as it should run: the server's process belongs to somebody else, its sockets cannot
// be seen, and still silence is told apart.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startServer, type Server } from '../lab/servers.ts'
import type { Answer } from '../src/redis/answers.ts'
import { nothingLeftAfterwards } from './nothing-left.ts'

nothingLeftAfterwards()

const NOBODY = 65_534

/** One look at the server, by a process of the user nobody; undefined where the test cannot become that user. */
async function lookAsNobody(t: TestContext, server: Server, knownPid?: number): Promise<Answer | undefined> {
  const look = `${import.meta.dirname}/../src/fleet/look-at-answer.ts`
  const program = `import { lookAtAnswer, PATIENT } from ${JSON.stringify(look)}
    console.log(JSON.stringify(await lookAtAnswer(${JSON.stringify(server.address)}, {}, PATIENT, { pid: ${knownPid} })))`
  try {
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      uid: NOBODY,
      gid: NOBODY,
      cwd: '/',
    })
    return JSON.parse((await run).stdout) as Answer
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr || error)
    if (!/EPERM|EACCES|permission denied/i.test(why)) throw error
    t.skip('needs root, and a checkout that other users may read')
    return undefined
  }
}

test('a stopped server of another user is stopped: its title says its port', async (t) => {
  const server = await startServer()
  t.after(() => server.stop())
  await server.kill('SIGSTOP')
  const seen = await lookAsNobody(t, server)
  if (seen === undefined) return
  assert.equal(seen.id, 'stopped', seen.text ?? '')
  assert.match(seen.text ?? '', new RegExp(`pid ${server.pid}\\) is in state T`))
})

test('the same without a title, when it is the process that was asked before', async (t) => {
  const server = await startServer({ conf: ['set-proc-title no'] })
  t.after(() => server.stop())
  await server.kill('SIGSTOP')
  const known = await lookAsNobody(t, server, server.pid)
  if (known === undefined) return
  assert.equal(known.id, 'stopped', known.text ?? '')
  const unknown = await lookAsNobody(t, server)
  assert.equal(unknown?.id, 'silent')
  assert.match(unknown?.text ?? '', /belongs to another user or container/)
})

test('clients that are paused, and a server that is alive and listens elsewhere', async (t) => {
  const server = await startServer()
  t.after(() => server.stop())
  await server.cli('CLIENT', 'PAUSE', '600000', 'ALL') // until the server ends
  const paused = await lookAsNobody(t, server, server.pid)
  if (paused === undefined) return
  assert.equal(paused.id, 'paused', paused.text ?? '')
  const elsewhere = { ...server, address: { host: '127.0.0.2', port: server.port } }
  const refused = await lookAsNobody(t, elsewhere, server.pid)
  assert.equal(refused?.id, 'refused')
  assert.match(refused?.text ?? '', new RegExp(`its process \\(pid ${server.pid}\\) is alive$`))
})
