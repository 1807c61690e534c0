// A sink that keeps all that a link hands it, and lays it out as the files that redis-server loads by itself: one base
// and behind it the stream, exactly as they came.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { restartAndLoad } from '../lab/saving.ts'
import { startServer, type Server } from '../lab/servers.ts'
import type { Fault } from '../src/lib/fault.ts'
import { encodeCommand } from '../src/redis/resp.ts'
import type { BaseStart, BaseWriter, Resumed, Sink } from '../src/replication/sink.ts'
import type { Frame, Wipe } from '../src/replication/stream-framer.ts'

/** One base and the stream behind it. */
export interface Captured {
  readonly start: BaseStart
  readonly rdb: Buffer[]
  isWhole: boolean
  aborted: Fault | undefined
  readonly stream: Buffer[]
  streamEnd: number // offset
  safe: number
}

export class Capture implements Sink {
  readonly timelines: Captured[] = []
  readonly resumed: Resumed[] = []
  readonly wipes: Wipe[] = []
  commands = 0
  getAcks = 0
  /** Called with each piece of the stream once it is kept. */
  onKept: ((frame: Frame) => Promise<void> | void) | undefined

  get latest(): Captured {
    const latest = this.timelines.at(-1)
    assert.ok(latest, 'no base came yet')
    return latest
  }

  onBase(start: BaseStart): BaseWriter {
    const { offset } = start
    const captured: Captured = {
      start,
      rdb: [],
      isWhole: false,
      aborted: undefined,
      stream: [],
      streamEnd: offset,
      safe: offset,
    }
    this.timelines.push(captured)
    return {
      write: (bytes) => void captured.rdb.push(Buffer.from(bytes)),
      end: () => void (captured.isWhole = true),
      abort: (why) => void (captured.aborted = why),
    }
  }

  onResume(resumed: Resumed): void {
    this.resumed.push(resumed)
    const { latest } = this
    assert.equal(resumed.offset, latest.safe, 'a link goes on behind the last whole transaction')
    const kept = Buffer.concat(latest.stream).subarray(0, resumed.offset - latest.start.offset)
    latest.stream.splice(0, latest.stream.length, kept)
    latest.streamEnd = resumed.offset
  }

  onStream(bytes: Buffer, frame: Frame): Promise<void> | void {
    const { latest } = this
    assert.equal(frame.start, latest.streamEnd, 'pieces of a stream follow each other without a hole')
    latest.stream.push(Buffer.from(bytes))
    latest.streamEnd = frame.end
    latest.safe = frame.safe
    this.wipes.push(...frame.wipes)
    this.commands += frame.commands
    if (frame.getAck !== undefined) this.getAcks += 1
    return this.onKept?.(frame)
  }
}

/** The stream up to its last whole transaction. */
export function streamOf({ start, stream, safe }: Captured): Buffer {
  return Buffer.concat(stream).subarray(0, safe - start.offset)
}

/** Starts a stock server on the captured bytes. Each file begins in database 0, so the stream's own is selected first. */
export async function loadCaptured(t: TestContext, captured: Captured): Promise<Server> {
  const server = await startServer({ name: 'loaded', debug: true, conf: ['appendonly yes', 'databases 32'] })
  t.after(() => server.stop())
  await server.kill('SIGKILL')
  const dir = join(server.dir, 'appendonlydir')
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
  const select = Buffer.from(encodeCommand(['SELECT', String(captured.start.db)]))
  writeFileSync(join(dir, 'appendonly.aof.1.base.rdb'), Buffer.concat(captured.rdb))
  writeFileSync(join(dir, 'appendonly.aof.1.incr.aof'), Buffer.concat([select, streamOf(captured)]))
  const manifest = 'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n'
  writeFileSync(join(dir, 'appendonly.aof.manifest'), manifest)
  await restartAndLoad(server)
  return server
}
