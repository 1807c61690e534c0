// /api/v1/query and /api/v1/query_range as Prometheus answers them, over the samples in memory.
// Source: https://prometheus.io/docs/prometheus/latest/querying/api/

import type { Context, Hono } from 'hono'
import { Fault } from '../lib/fault.ts'
import { formatValue } from '../promql/format-value.ts'
import { parseDurationMs } from '../promql/literals.ts'
import { askAt, askRange, makeQuery, rangeMistake, type Query, type QueryResult } from '../promql/query.ts'
import type { Storage } from '../promql/storage.ts'

const MOST_POINTS = 11_000 // of one series, as Prometheus
const EVERY_MS = 5_000 // the step of a subquery that names none: the interval of rules

type Parameter = (name: string) => string

/** A request that was understood. What goes wrong from here on lies in the samples. */
interface Asked {
  readonly atMs: number // of a scalar, a string or a vector
  run(): QueryResult
}

/** Forms are accepted as well as query strings, as by Prometheus. */
export function addQueryRoutes(app: Hono, storage: Storage, now: () => number): void {
  const options = { storage, subqueryStepMs: EVERY_MS }
  app.on(['GET', 'POST'], '/api/v1/query', (context) =>
    answer(context, (value) => {
      const atMs = value('time') === '' ? now() : timeOf('time', value('time'))
      checkTimeout(value('timeout'))
      const query = queryOf(value('query'))
      return { atMs, run: () => askAt(query, atMs, options) }
    }),
  )
  app.on(['GET', 'POST'], '/api/v1/query_range', (context) =>
    answer(context, (value) => {
      const times = timesOf(value)
      checkTimeout(value('timeout'))
      const query = queryOf(value('query'))
      const mistake = rangeMistake(query)
      if (mistake !== undefined) throw wrong('query', mistake)
      return { atMs: times.endMs, run: () => askRange(query, times, options) }
    }),
  )
}

async function answer(context: Context, understand: (value: Parameter) => Asked): Promise<Response> {
  const form = context.req.method === 'POST' ? await context.req.parseBody() : {}
  const value: Parameter = (name) => {
    const given = form[name] ?? context.req.query(name)
    return typeof given === 'string' ? given : ''
  }
  const asked = attempt(() => understand(value))
  if (asked instanceof Fault) return refuse(context, 'bad_data', asked)
  const result = attempt(() => asked.run())
  if (result instanceof Fault) return refuse(context, 'execution', result)
  return context.json(documentOf(result, asked.atMs))
}

function attempt<T>(work: () => T): T | Fault {
  try {
    return work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

const STATUS = { bad_data: 400, execution: 422 } as const

/** The errors of Prometheus' API, in its own words where it is about a parameter. */
export function refuse(context: Context, errorType: keyof typeof STATUS, { why }: Pick<Fault, 'why'>): Response {
  return context.json({ status: 'error', errorType, error: why }, STATUS[errorType])
}

export function wrong(name: string, why: string): Fault {
  return new Fault({
    doing: 'reading the parameter',
    target: name,
    why: `invalid parameter "${name}": ${why}`,
    exit: 64,
  })
}

function queryOf(text: string): Query {
  const query = attempt(() => makeQuery(text))
  if (query instanceof Fault) throw wrong('query', query.why)
  return query
}

function timesOf(value: Parameter): { startMs: number; endMs: number; stepMs: number } {
  const [startMs, endMs] = [timeOf('start', value('start')), timeOf('end', value('end'))]
  if (endMs < startMs) throw wrong('end', 'end timestamp must not be before start time')
  const stepMs = durationOf('step', value('step'))
  if (stepMs <= 0)
    throw wrong('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer')
  if ((endMs - startMs) / stepMs > MOST_POINTS) {
    const why = `exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)`
    throw new Fault({ doing: 'reading the parameter', target: 'step', why, exit: 64 })
  }
  return { startMs, endMs, stepMs: Math.max(1, Math.round(stepMs)) }
}

/** No query is cut off here; that a timeout is none is said all the same. */
function checkTimeout(text: string): void {
  if (text !== '') durationOf('timeout', text)
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const RFC3339 = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)$/
const FARTHEST_MS = 8.64e15 // what a Date can say

/** Seconds since the epoch, or RFC 3339. */
function timeOf(name: string, text: string): number {
  const ms = NUMBER.test(text) ? Number(text) * 1_000 : parseRfc3339(text)
  if (Math.abs(ms) <= FARTHEST_MS) return Math.round(ms)
  throw wrong(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`)
}

/** NaN where it is none; Date itself would take the 30th of February for the 1st of March. */
function parseRfc3339(text: string): number {
  const [, date = '', day] = RFC3339.exec(text) ?? []
  return new Date(date).getUTCDate() === Number(day) ? Date.parse(text.replace(',', '.')) : NaN
}

const LONGEST_MS = 9_223_372_036_854 // what fits into 64 bits of nanoseconds

/** Seconds, or 1m30s, in milliseconds. */
function durationOf(name: string, text: string): number {
  const ms = NUMBER.test(text) ? Number(text) * 1_000 : parseDurationMs(text)
  const cannot = `cannot parse ${JSON.stringify(text)} to a valid duration`
  if (ms === undefined) throw wrong(name, cannot)
  if (Math.abs(ms) > LONGEST_MS) throw wrong(name, `${cannot}. It overflows int64`)
  return ms
}

type Point = [number, string]

function documentOf(result: QueryResult, atMs: number): unknown {
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
