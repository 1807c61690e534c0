// The fleet: all deployments under watch, as one thing to ask. What counts as a deployment's kind, and what its
// configuration expects and is not so, is decided here.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { isBeingAsked, roleOf, viewOf, watchedOf, type Member } from './member.ts'
import type { DeploymentKind, DeploymentView, Fleet, ServerView, WatchedServer } from './server.ts'
import { makeStandings, type ExpectedServers, type Standings } from './standing.ts'
import { DeploymentWatch, type DeploymentOptions } from './watch-deployment.ts'

export interface FleetOptions {
  readonly deployments: readonly DeploymentOptions[]
  readonly expected: ExpectedServers
  readonly clock: Clock
  readonly log: Log
}

interface Watched {
  readonly options: DeploymentOptions
  readonly watch: DeploymentWatch
  readonly standings: Standings
}

export function watchFleet({ deployments, expected, clock, log }: FleetOptions): Fleet {
  const changeHearers: ((server: ServerView) => void)[] = []
  const answerHearers: ((server: ServerView) => void)[] = []
  const shown = new WeakMap<Member, string>() // the last state that hearers were told

  const start = (options: DeploymentOptions): Watched => {
    const tellIfChanged = (member: Member): void => {
      if (member.watch.answer === undefined || isBeingAsked(member)) return // only just heard of
      const view = viewOf(member, options.name)
      const state = `${view.id} ${view.answer.id} ${view.role} ${view.standing} ${view.linkUp} ${view.reserved}`
      if (shown.get(member) === state) return
      shown.set(member, state)
      for (const hear of changeHearers) hear(view)
    }
    const watch = new DeploymentWatch(options, {
      clock,
      log,
      onAnswer(member) {
        if (isBeingAsked(member)) return
        for (const hear of answerHearers) hear(viewOf(member, options.name))
        tellIfChanged(member)
      },
      onLinks() {
        watched.standings.update(watch.isSettled(), clock.monotonic())
        for (const member of watch.shown) tellIfChanged(member)
      },
      onRename: (from, to) => watched.standings.rename(from, to),
    })
    const watched = { options, watch, standings: makeStandings(options.name, watch, expected) }
    return watched
  }

  let all = deployments.map(start)
  const find = (id: string): Watched | undefined =>
    all.find(({ watch }) => watch.members.has(id)) ??
    all.find(({ options }) => expected.list(options.name).some((entry) => entry.id === id))

  return {
    deployments: () => all.map(viewDeployment),
    servers: () =>
      all.flatMap(({ watch, options }): WatchedServer[] =>
        watch.shown.map((member) => watchedOf(member, options.name)),
      ),
    onChange: (run) => void changeHearers.push(run),
    onAnswer: (run) => void answerHearers.push(run),
    accept: (id) => change(find(id), (standings) => standings.accept(id)),
    forget: (id) => change(find(id), (standings) => standings.forget(id)),
    settled: (withinMs) => settled(all, clock, withinMs),
    reconfigure(next) {
      const kept = all.filter((old) => next.some((one) => isDeepStrictEqual(one, old.options)))
      for (const old of all) if (!kept.includes(old)) old.watch.stop()
      all = next.map((one) => kept.find((old) => isDeepStrictEqual(one, old.options)) ?? start(one))
    },
    stop() {
      for (const { watch } of all) watch.stop()
    },
  }

  function change(watched: Watched | undefined, run: (standings: Standings) => boolean): boolean {
    if (watched === undefined || !run(watched.standings)) return false
    watched.standings.update(watched.watch.isSettled(), clock.monotonic())
    return true
  }
}

function settled(all: readonly Watched[], clock: Clock, withinMs: number): Promise<boolean> {
  const until = clock.monotonic() + withinMs
  return new Promise((resolve) => {
    const look = (): void => {
      if (all.every(({ watch }) => watch.isSettled())) resolve(true)
      else if (clock.monotonic() >= until) resolve(false)
      else clock.after(20, look)
    }
    look()
  })
}

function viewDeployment({ options, watch }: Watched): DeploymentView {
  const members = watch.shown
  const servers = members.map((member) => viewOf(member, options.name)).toSorted(byRoleThenId)
  return {
    name: options.name,
    kind: kindOf(members),
    servers,
    missing: servers.filter((server) => server.standing === 'missing').map((server) => server.id),
    problems: [...watch.trouble, ...shortages(options, servers)],
    couldNotLook: members.flatMap((member) =>
      member.couldNotLook.map((entry) => ({ ...entry, at: `${member.id} ${entry.at}` })),
    ),
  }
}

function kindOf(members: readonly Member[]): DeploymentKind {
  if (members.some((member) => member.links?.cluster === true)) return 'cluster'
  if (members.some((member) => roleOf(member) === 'sentinel')) return 'sentinel'
  return members.length > 1 ? 'replicated' : 'standalone'
}

const ORDER = ['primary', 'replica', 'unknown', 'sentinel']

/** Shard by shard, the primary first; Sentinels last. */
function byRoleThenId(a: ServerView, b: ServerView): number {
  const key = (server: ServerView): string =>
    `${server.role === 'sentinel' ? '1' : '0'} ${server.shard ?? ''} ${ORDER.indexOf(server.role)} ${server.id}`
  return key(a).localeCompare(key(b), 'en', { numeric: true })
}

/** What `expect` asks for and is not so, in words. */
function shortages({ expect }: DeploymentOptions, servers: readonly ServerView[]): string[] {
  const replicas = servers.filter(
    (server) => server.role === 'replica' && server.answer.id === 'ok' && server.linkUp !== false,
  )
  const sentinels = servers.filter((server) => server.role === 'sentinel' && server.answer.id === 'ok')
  const short = (name: string, wanted: number | undefined, found: number): string[] =>
    wanted === undefined || found >= wanted ? [] : [`expected ${wanted} ${name}, found ${found} in order`]
  return [
    ...short('replicas', expect.replicas, replicas.length),
    ...short('Sentinels', expect.sentinels, sentinels.length),
  ]
}
