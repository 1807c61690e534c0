// Makes docs/answers.md from the one table of answers. A test sees to it that the page is current:
// node scripts/make-answers.ts

import { writeFileSync } from 'node:fs'
import { ANSWERS } from '../src/redis/answers.ts'

const HEAD = `# What a server answers, what it means, and what to do first

Every second Respite does what a new client does: it connects, logs in and says PING. What it meets is one of these. The
terminal, \`respite doctor\` and the metric \`respite_server_answer{answer="…"}\` use these words and no others.

<!-- Made by scripts/make-answers.ts from src/redis/answers.ts -->
`

export function answersPage(): string {
  const sections = Object.entries(ANSWERS).map(
    ([id, { says, means, first, severity }]) =>
      `## ${says}\n\n\`${id}\` · ${severity}\n\n${means}\n\n**First:** ${first}\n`,
  )
  return [HEAD, ...sections].join('\n')
}

if (import.meta.main) writeFileSync('docs/answers.md', answersPage())
