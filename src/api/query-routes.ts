// /api/v1/query and /api/v1/query_range as Prometheus answers them, over the samples in memory.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/

import type { Context, Hono } from 'hono'
import { Fault, reasonOf } from '../lib/fault.ts'
import { parseDurationMs } from '../lib/units.ts'
import { formatValue } from '../promql/format-value.ts'
import { askAt, askRange, makeQuery, type QueryResult } from '../promql/query.ts'
import type { Storage } from '../promql/storage.ts'

const MOST_POINTS = 11_000 // of one series, as Prometheus
const EVERY_MS = 5_000 // the step of a subquery that names none: the interval of rules

type Parameter = (name: string) => string | undefined

interface Answer {
  readonly result: QueryResult
  readonly atMs: number // of a scalar, a string or a vector
}

/** Forms are accepted as well as query strings, as by Prometheus. */
export function addQueryRoutes(app: Hono, storage: Storage, now: () => number): void {
  const answer = async (context: Context, ask: (value: Parameter) => Answer): Promise<Response> => {
    const form = context.req.method === 'POST' ? await context.req.parseBody() : {}
    const value: Parameter = (name) => {
      const given = form[name] ?? context.req.query(name)
      return typeof given === 'string' ? given : undefined
    }
    try {
      return context.json(documentOf(ask(value)))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return context.json({ status: 'error', errorType: 'bad_data', error: reasonOf(error) }, 400)
    }
  }
  const options = { storage, subqueryStepMs: EVERY_MS }
  app.on(['GET', 'POST'], '/api/v1/query', (context) =>
    answer(context, (value) => {
      const atMs = timeOf('time', value('time'), now())
      return { atMs, result: askAt(makeQuery(value('query') ?? ''), atMs, options) }
    }),
  )
  app.on(['GET', 'POST'], '/api/v1/query_range', (context) =>
    answer(context, (value) => {
      const startMs = timeOf('start', value('start'))
      const endMs = timeOf('end', value('end'))
      const stepMs = stepOf(value('step'))
      if (endMs < startMs) throw bad('end', 'it is before start')
      if ((endMs - startMs) / stepMs > MOST_POINTS)
        throw bad('step', `it gives more than ${MOST_POINTS} points a series`)
      return { atMs: endMs, result: askRange(makeQuery(value('query') ?? ''), { startMs, endMs, stepMs }, options) }
    }),
  )
}

const bad = (name: string, why: string): Fault =>
  new Fault({ doing: 'reading the parameter', target: name, why: `invalid parameter "${name}": ${why}`, exit: 64 })

/** Seconds since the epoch, or RFC 3339. */
function timeOf(name: string, text: string | undefined, otherwise?: number): number {
  if (text === undefined || text === '') {
    if (otherwise !== undefined) return otherwise
    throw bad(name, 'it is missing')
  }
  const ms = /^-?[\d.]+(?:e[+-]?\d+)?$/i.test(text) ? Number(text) * 1_000 : Date.parse(text)
  if (!Number.isFinite(ms)) throw bad(name, `cannot parse "${text}" to a valid timestamp`)
  return Math.round(ms)
}

function stepOf(text: string | undefined): number {
  const ms = text === undefined ? undefined : /^[\d.]+$/.test(text) ? Number(text) * 1_000 : parseDurationMs(text)
  if (ms === undefined || !(ms > 0)) throw bad('step', `cannot parse "${text ?? ''}" to a valid duration above zero`)
  return Math.max(1, Math.round(ms))
}

type Point = [number, string]

function documentOf({ result, atMs }: Answer): unknown {
  const { warnings, infos } = result
  return {
    status: 'success',
    data: { resultType: result.type, result: resultOf(result, atMs) },
    ...(warnings.length > 0 && { warnings }),
    ...(infos.length > 0 && { infos }),
  }
}

function resultOf(result: QueryResult, atMs: number): unknown {
  const point = (value: number): Point => [atMs / 1_000, formatValue(value)]
  switch (result.type) {
    case 'scalar':
      return point(result.value)
    case 'string':
      return [atMs / 1_000, result.value]
    case 'vector':
      return result.samples.map(({ labels, value }) => ({ metric: labels, value: point(value) }))
    case 'matrix':
      return result.series.map(({ labels, timestamps, values }) => ({
        metric: labels,
        values: Array.from(values, (value, at): Point => [(timestamps[at] ?? 0) / 1_000, formatValue(value)]),
      }))
  }
}
