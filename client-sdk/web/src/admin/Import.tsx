import type { OrgImportReport } from '@carillon/client'
import { Download, FileUp } from 'lucide-react'
import { type ChangeEvent, useId, useRef, useState } from 'react'
import { Confirm } from '../app/Confirm.tsx'
import { download } from '../app/download.ts'
import { type Meaning, useForm } from '../app/form.tsx'
import { Page, Section } from '../app/Page.tsx'
import { ask } from '../app/session.ts'
import { useText } from '../texts/language.tsx'
import { Button } from '../ui/Button.tsx'
import { Banner } from '../ui/Notice.tsx'
import { Report, summary } from './Report.tsx'
import { decode, TEMPLATE, withCommas } from './table.ts'

const meaning: Meaning = ({ code, field }) => {
  if (code === 'E_TOO_LARGE') return { key: 'import.tooLarge' }
  return code === 'E_BAD_ARG' && field === 'csv' ? { key: 'import.head' } : undefined
}

/** Many people at once, from a table; nothing happens before everybody could see what would. */
export function Import() {
  const t = useText()
  const form = useForm([], meaning)
  const [text, setText] = useState('')
  const [guess, setGuess] = useState<string>()
  const [report, setReport] = useState<OrgImportReport>()
  const [asking, setAsking] = useState(false)
  const take = (text: string, encoding = 'utf-8') => {
    setText(text)
    setGuess(encoding === 'utf-8' ? undefined : encoding)
    setReport(undefined)
  }
  const check = (csv: string) =>
    form.run(async () => setReport(await ask('org.import.check', { csv })))
  const read = async (file: File) => {
    const { text, encoding } = decode(new Uint8Array(await file.arrayBuffer()))
    const csv = withCommas(text)
    take(csv, encoding)
    await check(csv)
  }
  const apply = async () => setReport(await ask('org.import.apply', { csv: text }))
  const ready = report && !report.applied && summary(report).errors === 0
  return (
    <Page title={t('admin.import')} phoneBack="/admin">
      <Section title={t('import.table')} hint={t('import.table.hint')}>
        <Columns />
        <Source text={text} onText={text => take(withCommas(text))} onFile={read} />
        {guess && <Banner tone="attention">{t('import.guess', { encoding: guess })}</Banner>}
        {form.rest && <Banner tone="danger">{form.rest}</Banner>}
        <div className="form-actions">
          <Button
            look={report ? 'plain' : 'primary'}
            busy={form.busy}
            disabled={!text.trim()}
            onClick={() => check(text)}
          >
            {t('import.check')}
          </Button>
        </div>
      </Section>
      {report && (
        <Section title={t(report.applied ? 'import.done' : 'import.preview')}>
          <Report report={report} />
          {ready && (
            <div className="form-actions">
              <Button look="primary" onClick={() => setAsking(true)}>
                {t('import.apply')}
              </Button>
            </div>
          )}
        </Section>
      )}
      {asking && report && (
        <Confirm
          title={t('import.apply')}
          action={t('import.apply')}
          look="primary"
          onConfirm={apply}
          onClose={() => setAsking(false)}
        >
          <p>{t('import.apply.words', { ...summary(report) })}</p>
        </Confirm>
      )}
    </Page>
  )
}

/** What the columns are called and what belongs in them. */
function Columns() {
  const t = useText()
  return (
    <details>
      <summary>{t('import.columns')}</summary>
      <dl className="columns">
        {(
          [
            ['login', 'import.column.login'],
            ['name', 'import.column.name'],
            ['title', 'import.column.title'],
            ['department', 'import.column.department'],
            ['manager', 'import.column.manager'],
            ['locale', 'import.column.locale'],
            ['tz', 'import.column.tz'],
          ] as const
        ).map(([column, words]) => (
          <div key={column}>
            <dt>
              <code>{column}</code>
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

function Source({
  text,
  onText,
  onFile,
}: {
  text: string
  onText: (text: string) => void
  onFile: (file: File) => Promise<void>
}) {
  const t = useText()
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  const chosen = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0]
    // The same file, once more corrected, is another choice.
    event.target.value = ''
    if (file) void onFile(file)
  }
  return (
    <>
      <div className="form-actions">
        <Button icon={<FileUp />} onClick={() => input.current?.click()}>
          {t('import.file')}
        </Button>
        <Button
          look="quiet"
          icon={<Download />}
          onClick={() => download('people.csv', 'text/csv', TEMPLATE)}
        >
          {t('import.template')}
        </Button>
        <input ref={input} type="file" accept=".csv,.tsv,.txt,text/csv" hidden onChange={chosen} />
      </div>
      <div className="field">
        <label htmlFor={id}>{t('import.paste')}</label>
        <textarea
          id={id}
          className="input csv"
          rows={6}
          spellCheck={false}
          value={text}
          onChange={event => onText(event.target.value)}
        />
      </div>
    </>
  )
}
