// The texts of an alert: labels and annotations of a rule, written anew for each series that it finds. A template that
// cannot be written says so in its own place, and the alert fires all the same: a typing mistake must not silence a page.

import { reasonOf } from '../lib/fault.ts'
import { builtinFunctions } from './template-functions.ts'
import { parseTemplate } from './template-parse.ts'
import { prometheusFunctions } from './template-prometheus.ts'
import type { Template } from './template-syntax.ts'
import { runTemplate } from './template-run.ts'
import { GoMap, GoStruct, type TemplateMoment } from './template-value.ts'

type LabelRecord = Readonly<Record<string, string>>

export interface AlertMoment extends TemplateMoment {
  readonly labels: LabelRecord // of the series, with its name
  readonly value: number
  readonly externalLabels: LabelRecord
}

export type AlertText = (moment: AlertMoment) => string // never throws

const PREAMBLE =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}'
const DATA_TYPE =
  'struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }'

const NAMES: ReadonlySet<string> = new Set([...builtinFunctions.keys(), ...prometheusFunctions.keys()])

/** The template as it is parsed, for those who look into it; undefined for plain text and for what cannot be parsed. */
export function templateOf(text: string, alertName: string): Template | undefined {
  if (!text.includes('{{') || templateMistake(text, alertName) !== undefined) return undefined
  return parseTemplate(PREAMBLE + text, nameOf(alertName), NAMES)
}

/** What is wrong with a template, before it is needed; undefined when nothing is. */
export function templateMistake(text: string, alertName: string): string | undefined {
  if (!text.includes('{{')) return undefined
  try {
    parseTemplate(PREAMBLE + text, nameOf(alertName), NAMES)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** Parses once, for all alerts of the rule. */
export function compileText(text: string, alertName: string): AlertText {
  if (!text.includes('{{')) return () => text
  const name = nameOf(alertName)
  const failed = (doing: string, error: unknown): string =>
    `<error expanding template: error ${doing} template ${name}: ${reasonOf(error)}>`
  try {
    const template = parseTemplate(PREAMBLE + text, name, NAMES)
    return (moment) => {
      try {
        return runTemplate(template, dataOf(moment), moment)
      } catch (error) {
        return failed('executing', error)
      }
    }
  } catch (error) {
    return () => failed('parsing', error)
  }
}

function nameOf(alertName: string): string {
  return `__alert_${alertName}`
}

function dataOf({ labels, externalLabels, externalUrl, value }: AlertMoment): GoStruct {
  return new GoStruct(DATA_TYPE, {
    Labels: new GoMap('string', labels),
    ExternalLabels: new GoMap('string', externalLabels),
    ExternalURL: externalUrl,
    Value: value,
  })
}
