// `respite rules check FILE…` and `respite rules test FILE…`: rule files and their unit tests, as promtool reads them, for
// a person or a pipeline. Beside the verdict stands what is wrong with rules that Prometheus takes without a word.

import type { RulesCheckedDocument, RulesTestedDocument } from '../../api/contract.ts'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { parseDurationMs } from '../../lib/units.ts'
import { knownMetrics } from '../../rules/known-metrics.ts'
import { lintRules, type LintFinding } from '../../rules/lint.ts'
import { readRuleFile, showMistake, type RuleFile } from '../../rules/rule-file.ts'
import { runUnitTests } from '../../rules/run-unit-tests.ts'
import { readUnitTestFile } from '../../rules/unit-test-file.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'

export default {
  usage: '<check|test> <file...>',
  describe: 'check Prometheus rule files, or run their unit tests, as promtool does',
  more:
    'Files are those of promtool. Queries have the semantics of Prometheus 3: a window does not hold its first moment, and\n' +
    'any text may be the name of a label. Native histograms and experimental functions are refused.',
  flags: {
    '--json': 'one JSON document',
    '--lint-fatal': 'check: findings count as mistakes',
    '--no-lint': 'check: look for mistakes only',
    '--scrape-interval <duration>': 'check: how far apart the samples are that the rules look at (1m)',
    '--run <regex>': 'test: only the tests whose name matches',
  },
  exits: { 0: 'all is well', 2: 'a mistake, a test that failed, or a finding with --lint-fatal' },

  async run([action = '', ...files], flags, context) {
    if (action === 'check') return checkFiles(files, flags, context)
    if (action === 'test') return testFiles(files, flags, context)
    const why = `there is no \`rules ${action}\``
    throw new Fault({ doing: 'reading', target: 'the arguments', why, hint: 'It is check or test.', exit: 64 })
  },
} satisfies Command

async function checkFiles(
  files: readonly string[],
  flags: Flags,
  { out, json, printJson }: Context,
): Promise<ExitCode> {
  const read = files.map(readOrSay)
  const findings = flags['lint'] === false ? [] : await lint(read, flags)
  const ofFile = (file: string): LintFinding[] => findings.filter((finding) => finding.file === file)
  const isWrong =
    read.some(({ mistakes }) => mistakes.length > 0) || (flags['lintFatal'] === true && findings.length > 0)
  if (json)
    printJson({
      verdict: isWrong ? 'wrong' : 'ok',
      files: read.map(({ file, groups, mistakes }) => ({
        file,
        rules: countOf(groups),
        mistakes: mistakes.map(({ line, column, says }) => ({ line, column, says })),
        findings: ofFile(file).map(({ file: _file, ...finding }) => finding),
      })),
    } satisfies RulesCheckedDocument)
  else for (const file of read) out.write(textOf(file, ofFile(file.file)))
  return isWrong ? 2 : 0
}

/** A file that cannot be read is one mistake of several files, and not the end of the others. */
function readOrSay(file: string): RuleFile {
  try {
    return readRuleFile(file)
  } catch (error) {
    return { file, groups: [], mistakes: [{ file, line: 0, column: 0, says: reasonOf(error) }], documents: 0 }
  }
}

async function lint(files: readonly RuleFile[], flags: Flags): Promise<LintFinding[]> {
  const interval = textFlag(flags, 'scrapeInterval') ?? '1m'
  const sampleEveryMs = parseDurationMs(interval)
  if (sampleEveryMs === undefined || sampleEveryMs === 0) {
    const why = `${interval} is no duration`
    throw new Fault({ doing: 'reading', target: '--scrape-interval', why, hint: 'Write 15s or 1m.', exit: 64 })
  }
  return lintRules(files, { sampleEveryMs, metrics: await knownMetrics() })
}

function countOf(groups: RuleFile['groups']): number {
  return groups.reduce((sum, { rules }) => sum + rules.length, 0)
}

function textOf({ file, groups, mistakes }: RuleFile, findings: readonly LintFinding[]): string {
  const lines = [`Checking ${file}`]
  if (mistakes.length === 0) lines.push(`  SUCCESS: ${countOf(groups)} rules found`)
  else lines.push('  FAILED:', ...mistakes.map(showMistake))
  for (const { line, column, rule, check, says, hint } of findings)
    lines.push(`  ${file}:${line}:${column}: ${rule === '' ? '' : `${rule}: `}${says} [${check}]`, `    ${hint}`)
  return [...lines, '', ''].join('\n')
}

async function testFiles(files: readonly string[], flags: Flags, { out, json, printJson }: Context): Promise<ExitCode> {
  const only = onlyOf(flags)
  const results: RulesTestedDocument['files'] = []
  for (const file of files) results.push(await testFile(file, only))
  const isWrong = results.some(({ failures }) => failures.length > 0)
  if (json) printJson({ verdict: isWrong ? 'wrong' : 'ok', files: results } satisfies RulesTestedDocument)
  else
    for (const { file, warnings, failures } of results) {
      const verdict = failures.length === 0 ? ['  SUCCESS'] : ['  FAILED:', ...failures]
      out.write([`Unit Testing:  ${file}`, ...warnings, ...verdict, '', ''].join('\n'))
    }
  return isWrong ? 2 : 0
}

async function testFile(file: string, only: RegExp | undefined): Promise<RulesTestedDocument['files'][number]> {
  try {
    const tests = readUnitTestFile(file)
    const warnings = tests.unmatched.map((pattern) => `  WARNING: no file matches ${pattern}`)
    return { file, tests: tests.tests.length, warnings, failures: await runUnitTests(tests, only) }
  } catch (error) {
    return { file, tests: 0, warnings: [], failures: [reasonOf(error)] }
  }
}

function onlyOf(flags: Flags): RegExp | undefined {
  const pattern = textFlag(flags, 'run')
  if (pattern === undefined) return undefined
  try {
    return new RegExp(pattern)
  } catch (error) {
    throw new Fault({ doing: 'reading', target: '--run', why: reasonOf(error), exit: 64, cause: error })
  }
}
