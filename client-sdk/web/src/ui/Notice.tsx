import type { ReactNode } from 'react'
import './notice.css'

/** Where there is nothing yet: what this place is for, and what to do. */
export function Empty({
  icon,
  title,
  children,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
}) {
  return (
    <div className="empty">
      {icon}
      <p className="empty-title">{title}</p>
      {children}
    </div>
  )
}

/** A sentence that concerns what stands below it. */
export function Banner({
  tone = 'plain',
  children,
  action,
}: {
  tone?: 'plain' | 'attention' | 'danger' | 'good'
  children: ReactNode
  action?: ReactNode
}) {
  return (
    <div className={`banner banner-${tone}`} role={tone === 'danger' ? 'alert' : 'status'}>
      <div className="banner-words">{children}</div>
      {action}
    </div>
  )
}
