import type { OrgImportLine, OrgImportReport } from '@carillon/client'
import { useState } from 'react'
import { VList } from 'virtua'
import { type Key, useText } from '../texts/language.tsx'
import { Choice } from '../ui/Choice.tsx'
import { Banner } from '../ui/Notice.tsx'

/** How many lines there are of each kind. */
export function summary({ lines, departments }: OrgImportReport) {
  const count = (action: OrgImportLine['action']) =>
    lines.filter(line => line.action === action).length
  return {
    added: count('add'),
    changed: count('change'),
    same: count('same'),
    errors: count('error'),
    departments: departments.length,
  }
}

/** Of more lines only those on the screen are drawn. */
const DRAWN_MAX = 50

type Shown = 'all' | 'changes' | 'errors'

const ACTIONS: Record<OrgImportLine['action'], Key> = {
  add: 'import.add',
  change: 'import.change',
  same: 'import.same',
  error: 'import.error',
}

/** What belongs into a column, for a line that has something else there. */
const WRONG: Record<string, Key> = {
  login: 'import.wrong.login',
  name: 'wrong.name',
  title: 'wrong.title',
  department: 'import.wrong.department',
  manager: 'import.wrong.manager',
  locale: 'import.wrong.locale',
  tz: 'wrong.tz',
}

/** What becomes of a table, line by line. */
export function Report({ report }: { report: OrgImportReport }) {
  const t = useText()
  const counts = summary(report)
  const [shown, setShown] = useState<Shown>(counts.errors > 0 ? 'errors' : 'all')
  const lines = report.lines.filter(({ action }) => {
    if (shown === 'all') return true
    return shown === 'errors' ? action === 'error' : action === 'add' || action === 'change'
  })
  return (
    <>
      <Verdict report={report} />
      {report.departments.length > 0 && (
        <div>
          <h3>{t('import.departments', { count: report.departments.length })}</h3>
          <p className="soft">{report.departments.join(' · ')}</p>
        </div>
      )}
      {!report.applied && (
        <Choice<Shown>
          label={t('import.show')}
          value={shown}
          options={[
            { value: 'all', label: t('import.show.all', { count: report.lines.length }) },
            {
              value: 'changes',
              label: t('import.show.changes', { count: counts.added + counts.changed }),
            },
            { value: 'errors', label: t('import.show.errors', { count: counts.errors }) },
          ]}
          onChange={setShown}
        />
      )}
      {lines.length > 0 && <Lines lines={lines} />}
    </>
  )
}

function Lines({ lines }: { lines: readonly OrgImportLine[] }) {
  const t = useText()
  const rows = lines.map(line => <Line key={line.line} line={line} />)
  const list = { role: 'list', 'aria-label': t('import.lines') }
  if (lines.length > DRAWN_MAX) {
    return (
      <div className="report report-long">
        <VList className="rows-on-screen" {...list}>
          {rows}
        </VList>
      </div>
    )
  }
  return (
    <div className="report" {...list}>
      {rows}
    </div>
  )
}

function Verdict({ report }: { report: OrgImportReport }) {
  const t = useText()
  const counts = summary(report)
  if (report.applied) return <Banner tone="good">{t('import.applied', { ...counts })}</Banner>
  if (counts.errors > 0) {
    return <Banner tone="danger">{t('import.hasErrors', { count: counts.errors })}</Banner>
  }
  return <Banner tone="good">{t('import.ready', { ...counts })}</Banner>
}

function Line({ line }: { line: OrgImportLine }) {
  const t = useText()
  const { action, field, msg, changes = [] } = line
  const wrong = field === undefined ? undefined : WRONG[field]
  return (
    // biome-ignore lint/a11y/useSemanticElements: the list draws elements of its own around it
    <div role="listitem" className={`report-line report-${action}`}>
      <span className="report-number">{t('import.line', { line: line.line })}</span>
      <span className="report-action">{t(ACTIONS[action])}</span>
      <span className="report-who">
        <span>{[line.name, line.login].filter(Boolean).join(' · ')}</span>
        {action === 'change' && <span className="soft">{changes.join(', ')}</span>}
        {action === 'error' && (
          <span className="report-why">
            {field && <code>{field}</code>} {wrong && t(wrong)}{' '}
            <span className="soft" lang="en">
              {msg?.replaceAll('`', '')}
            </span>
          </span>
        )}
      </span>
    </div>
  )
}
